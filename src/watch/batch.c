/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/batch.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"

void batch_init(struct batch *b, const struct watch_opts *opts)
{
	b->opts = opts;
	b->n = 0;
	b->seq = 0;
	b->epoch = (uint64_t)clock_ms();
	arena_init(&b->arena, LIMIT_JSON_BYTES);
	snprintf(b->source, sizeof b->source, SPAN_FMT "/%s", SPAN_ARG(opts->place.node),
		 opts->kind);
}

void batch_done(struct batch *b)
{
	arena_done(&b->arena);
}

void batch_drop(struct batch *b)
{
	b->n = 0;
	arena_reset(&b->arena);
}

enum rmg_rc batch_flush(struct batch *b, struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;

	if (b->n)
		rc = b->opts->events(b->opts->user, b->events, b->n, err);
	batch_drop(b);
	return rc;
}

enum rmg_rc batch_room(struct batch *b, size_t n, struct rmg_err *err)
{
	return b->n + n > BATCH_EVENTS ? batch_flush(b, err) : RMG_OK;
}

struct event *batch_next(struct batch *b, enum event_type type, int64_t at_ms)
{
	struct event *e;

	CHECK(b->n < BATCH_EVENTS);
	e = &b->events[b->n++];
	*e = (struct event){.type = type,
			    .source = span_cstr(b->source),
			    .epoch = b->epoch,
			    .seq = ++b->seq,
			    .at_ms = at_ms > 0 ? at_ms : clock_ms(),
			    .place = b->opts->place,
			    .runtime = span_cstr(b->opts->kind)};
	return e;
}

void batch_label(struct batch *b, struct event *e, const struct event_label *labels, size_t n)
{
	n = MIN_OF(n, (size_t)EVENT_LABELS);
	e->labels = n ? ARENA_ARRAY(&b->arena, n, struct event_label) : NULL;
	if (e->labels == NULL)
		return;
	memcpy(e->labels, labels, n * sizeof *labels);
	e->n_labels = n;
}

bool rounds_over(const struct rounds *r)
{
	return r->opts->stop && r->opts->stop(r->opts->user);
}

void rounds_good(struct rounds *r)
{
	char text[64];

	snprintf(text, sizeof text, "%s answers again", r->who);
	if (r->failed && r->opts->warn)
		r->opts->warn(r->opts->user, text);
	r->failed = 0;
}

void rounds_bad(struct rounds *r, enum rmg_rc rc, const struct rmg_err *why)
{
	if (r->failed == 0 && r->opts->warn && rc != RMG_E_STOPPED)
		r->opts->warn(r->opts->user, why->msg);
	r->failed++;
	(void)clock_rest(MIN_OF(r->failed * 500, 10000u), r->opts->stop, r->opts->user);
}
