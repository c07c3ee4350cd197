/* SPDX-License-Identifier: Apache-2.0 */
/* batch.h - for watchers: events that are gathered and handed over in order, and the rounds in
 * which a watcher goes on until it is stopped. */
#ifndef WATCH_BATCH_H
#define WATCH_BATCH_H

#include "base/arena.h"
#include "watch/watch.h"

enum { BATCH_EVENTS = 256, BATCH_SOURCE = 512 };

struct batch {
	const struct watch_opts *opts;
	struct arena arena; /* texts of the events until they are handed over */
	struct event events[BATCH_EVENTS];
	size_t n;
	char source[BATCH_SOURCE];
	uint64_t epoch, seq;
};

void batch_init(struct batch *b, const struct watch_opts *opts);
void batch_done(struct batch *b);

/* Room for n events more: those that are there are handed over where it takes that. */
MUST enum rmg_rc batch_room(struct batch *b, size_t n, struct rmg_err *err);

/* The next event, of which batch_room() was asked; at_ms 0: now. */
struct event *batch_next(struct batch *b, enum event_type type, int64_t at_ms);
void batch_label(struct batch *b, struct event *e, const struct event_label *labels, size_t n);

/* Hands them over. All texts of the arena are gone after it. */
MUST enum rmg_rc batch_flush(struct batch *b, struct rmg_err *err);
void batch_drop(struct batch *b);

/* A watcher's rounds: rounds_good() once all was listed, rounds_bad() where it could not be, which
 * pauses, longer each time. The trouble is told once, and its end. */
struct rounds {
	const struct watch_opts *opts;
	const char *who; /* "the engine" */
	unsigned failed;
};

bool rounds_over(const struct rounds *r);
void rounds_good(struct rounds *r);
void rounds_bad(struct rounds *r, enum rmg_rc rc, const struct rmg_err *why);

#endif
