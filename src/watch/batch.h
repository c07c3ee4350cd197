/* SPDX-License-Identifier: Apache-2.0 */
/* batch.h - for watchers: events that are gathered and handed over in order. */
#ifndef WATCH_BATCH_H
#define WATCH_BATCH_H

#include "base/arena.h"
#include "watch/watch.h"

enum { BATCH_EVENTS = 256, BATCH_SOURCE = 512 };

struct batch {
	const struct watch_opts *opts;
	struct arena arena; /* texts of the events until they are handed over */
	struct event events[BATCH_EVENTS], *large; /* large: of batch_enlarge(), else NULL */
	size_t n, cap;
	char source[BATCH_SOURCE];
	uint64_t epoch, seq;
};

void batch_init(struct batch *b, const struct watch_opts *opts);
void batch_done(struct batch *b);

/* Takes so many events at once from here on: who lists by the ten thousand pays for each handing
 * over. RMG_E_NOMEM. */
MUST enum rmg_rc batch_enlarge(struct batch *b, size_t n);

/* Room for n events more: those that are there are handed over where it takes that, and all texts
 * of the arena are gone then. */
MUST enum rmg_rc batch_room(struct batch *b, size_t n, struct rmg_err *err);

/* The next event, of which batch_room() was asked; at_ms 0: now. */
struct event *batch_next(struct batch *b, enum event_type type, int64_t at_ms);
void batch_label(struct batch *b, struct event *e, const struct event_label *labels, size_t n);

/* Hands them over. All texts of the arena are gone after it. */
MUST enum rmg_rc batch_flush(struct batch *b, struct rmg_err *err);
void batch_drop(struct batch *b);

#endif
