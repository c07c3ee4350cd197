/* SPDX-License-Identifier: Apache-2.0 */
/* repeat.h - what fires, told to a sink again and again: rounds of small batches, spread over the
 * time of a round, so that a hundred thousand alerts are no flood.
 *
 * Batches take up three quarters of a round's time, and a sink that failed is tried again within a
 * quarter: one that forgot everything has heard of everything within one round. Times are those of
 * a clock that only goes forward, given by the caller. Nothing is kept: what is due follows from
 * the alerts. */
#ifndef SERVE_REPEAT_H
#define SERVE_REPEAT_H

#include "alert/sink.h"
#include "hub/hub.h"

struct repeat {
	struct hub *hub;
	const char *sink;
	uint32_t every_s;  /* 0: never */
	struct ids ids;    /* of this round */
	size_t told;       /* so many of them */
	int64_t round_ms;  /* when it began; 0: none has */
	int64_t next_ms;   /* when the next batch is due, or the next round */
	uint32_t slow_s;   /* how long a round takes where that is longer than asked for; else 0 */
	unsigned failures; /* in a row */
	bool failed;       /* in this round: how long it takes says nothing */
};

/* Begins anew, with the next call: a hub that begins to lead tells all. */
void repeat_reset(struct repeat *r);
void repeat_done(struct repeat *r);

/* How long nothing is due, at most max_ms. */
int64_t repeat_wait_ms(const struct repeat *r, int64_t now_ms, int64_t max_ms);

/* What is due now as a message; nothing where that is nothing. st is the caller's own. */
MUST enum rmg_rc repeat_next(struct repeat *r, struct store *st, int64_t now_ms, struct strbuf *out,
			     struct rmg_err *err);
/* How telling it went. */
void repeat_went(struct repeat *r, enum rmg_rc rc, const struct sink_retry *retry, int64_t now_ms);

#endif
