/* SPDX-License-Identifier: Apache-2.0 */
/* ctrd_held.h - the containers that containerd has now, as it described them when they were made:
 * one that is gone when its start is told is known from here. */
#ifndef WATCH_CTRD_HELD_H
#define WATCH_CTRD_HELD_H

#include "base/map.h"
#include "base/vec.h"
#include "runtime/ctrd_read.h"

struct held {
	struct arena arena; /* of its texts */
	struct span ns;
	struct ctrd_container c; /* without its spec */
	struct span id;          /* among all namespaces: "default/web", or the id that is unique */
	struct span ref;         /* the image as somebody asked for it */
	struct span name;        /* that somebody gave it; "" nobody did */
	bool running;
	bool told_over;    /* it was told from its begin to its end, as the process of pid */
	uint32_t pid;      /* of its first process, while it runs; 0 not known */
	int64_t began_ms;  /* 0 not known */
	int64_t exited_ms; /* of one that was found ended, and not taken away yet; 0 not known */
};

struct held_table {
	VEC(struct held *) all;
	struct map by_id;
};

void held_done(struct held_table *t);
void held_clear(struct held_table *t);
struct held *held_find(const struct held_table *t, struct span ns, struct span id);

/* A copy of c, in the place of the one that had its id; it is as running as that was. */
MUST enum rmg_rc held_put(struct held_table *t, struct span ns, const struct ctrd_container *c,
			  struct held **out, struct rmg_err *err);
void held_drop(struct held_table *t, struct held *h);

#endif
