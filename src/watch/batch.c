/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/batch.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"

void batch_init(struct batch *b, const struct watch_opts *opts)
{
	b->opts = opts;
	b->n = 0;
	b->large = NULL;
	b->cap = BATCH_EVENTS;
	b->seq = 0;
	b->epoch = (uint64_t)clock_ms();
	arena_init(&b->arena, LIMIT_JSON_BYTES);
	snprintf(b->source, sizeof b->source, SPAN_FMT "/%s", SPAN_ARG(opts->place.node),
		 opts->kind);
}

void batch_done(struct batch *b)
{
	arena_done(&b->arena);
	free(b->large);
}

enum rmg_rc batch_enlarge(struct batch *b, size_t n)
{
	CHECK(b->n == 0 && b->large == NULL);
	b->large = calloc(n, sizeof *b->large);
	if (b->large == NULL)
		return RMG_E_NOMEM;
	b->cap = n;
	return RMG_OK;
}

static struct event *events_of(struct batch *b)
{
	return b->large ? b->large : b->events;
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
		rc = b->opts->events(b->opts->user, events_of(b), b->n, err);
	batch_drop(b);
	return rc;
}

enum rmg_rc batch_room(struct batch *b, size_t n, struct rmg_err *err)
{
	return b->n + n > b->cap ? batch_flush(b, err) : RMG_OK;
}

struct event *batch_next(struct batch *b, enum event_type type, int64_t at_ms)
{
	struct event *e;

	CHECK(b->n < b->cap);
	e = &events_of(b)[b->n++];
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
