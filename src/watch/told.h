/* SPDX-License-Identifier: Apache-2.0 */
/* told.h - for watchers that have to ask again and again: what has been told to be there, so that
 * only what has changed is told. */
#ifndef WATCH_TOLD_H
#define WATCH_TOLD_H

#include <rummage.h>

#include "base/map.h"
#include "base/span.h"
#include "base/vec.h"

struct told_row {
	char *id, *means; /* means: what the id stood for; "" */
	uint32_t round;
};

struct told {
	VEC(struct told_row) rows;
	struct map by_id;
	uint32_t round;
};

void told_done(struct told *t);
void told_clear(struct told *t);

/* A round of asking begins: what is not seen until its end is gone. */
void told_begin(struct told *t);

enum told_news { TOLD_KNOWN, TOLD_NEW, TOLD_CHANGED /* it stands for something else now */ };

/* Is there. RMG_E_NOMEM. */
MUST enum rmg_rc told_see(struct told *t, struct span id, struct span means, enum told_news *out);

/* What an id stands for, until the next call; NULL: it is not known. */
const char *told_means(const struct told *t, struct span id);

/* Takes one away that was not seen in this round: its id is the caller's to free; NULL where all
 * were seen. */
char *told_take_gone(struct told *t);

/* Forgets one; false where it was not known. */
bool told_drop(struct told *t, struct span id);

#endif
