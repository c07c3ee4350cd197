/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/repeat.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/vec.h"

enum { FIRST_PAUSE_MS = 1000, PAUSES = 16 };

static int64_t round_of(const struct repeat *r)
{
	return (int64_t)r->every_s * 1000;
}

void repeat_reset(struct repeat *r)
{
	r->ids.n = r->told = 0;
	r->round_ms = r->next_ms = 0;
	r->slow_s = 0;
	r->failures = 0;
}

void repeat_done(struct repeat *r)
{
	VEC_DONE(&r->ids);
}

int64_t repeat_wait_ms(const struct repeat *r, int64_t now_ms, int64_t max_ms)
{
	if (r->every_s == 0)
		return max_ms;
	return MAX_OF(MIN_OF(r->next_ms - now_ms, max_ms), INT64_C(0));
}

static size_t batch_of(const struct repeat *r)
{
	return MIN_OF(r->ids.n - r->told, (size_t)MESSAGE_ITEMS);
}

/* When so many of the round's are due. */
static int64_t due_at(const struct repeat *r, size_t told)
{
	if (told >= r->ids.n)
		return r->round_ms + round_of(r);
	return r->round_ms +
	       (int64_t)((double)round_of(r) * 3 / 4 * (double)told / (double)r->ids.n);
}

enum rmg_rc repeat_next(struct repeat *r, struct store *st, int64_t now_ms, struct strbuf *out,
			struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;
	char id[64];
	int n;

	strbuf_clear(out);
	if (r->every_s == 0 || now_ms < r->next_ms)
		return RMG_OK;
	if (r->told == r->ids.n) {
		rc = hub_firing(r->hub, r->sink, &r->ids, err);
		r->told = 0;
		r->failed = false;
		r->round_ms = now_ms;
	}
	n = snprintf(id, sizeof id, "firing/%" PRId64 "/%zu", r->round_ms, r->told);
	if (rc == RMG_OK && r->ids.n)
		rc = hub_firing_message(r->hub, st, r->ids.v + r->told, batch_of(r),
					span_of(id, (size_t)n), out, err);
	if (rc == RMG_OK && out->n == 0)
		repeat_went(r, RMG_OK, NULL, now_ms); /* none of these fires any more */
	return rc;
}

static void onward(struct repeat *r, int64_t now_ms)
{
	int64_t took_s = (now_ms - r->round_ms + 999) / 1000;

	r->failures = 0;
	r->told += batch_of(r);
	r->next_ms = due_at(r, r->told);
	if (r->told == r->ids.n && !r->failed)
		r->slow_s = took_s > r->every_s ? (uint32_t)MIN_OF(took_s, INT64_C(86400)) : 0;
}

void repeat_went(struct repeat *r, enum rmg_rc rc, const struct sink_retry *retry, int64_t now_ms)
{
	int64_t pause_ms;

	/* What is refused for good is not said twice in a round. */
	if (rc == RMG_OK || !retry->again) {
		onward(r, now_ms);
		return;
	}
	pause_ms = (int64_t)FIRST_PAUSE_MS << MIN_OF(r->failures, (unsigned)PAUSES);
	pause_ms = MIN_OF(pause_ms, round_of(r) / 4);
	r->failures++;
	r->failed = true;
	r->next_ms = now_ms + MAX_OF(pause_ms, (int64_t)retry->after_s * 1000);
}
