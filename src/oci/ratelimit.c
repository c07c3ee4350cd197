/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/ratelimit.h"

enum { DAY_S = 86400, MOMENTS_S = 1000000000 /* more seconds than that are since 1970 */ };

static bool number(struct span s, uint64_t *out)
{
	return span_u64(span_trim(s), 10, UINT32_MAX, out);
}

/* The value of NAME= among what stands behind the first of "a;b=1;c=2". */
static bool parameter(struct span field, struct span name, uint64_t *out)
{
	struct span part, key, value;

	while (span_next(&field, ';', &part))
		if (span_cut(span_trim(part), '=', &key, &value) && span_is(span_trim(key), name))
			return number(value, out);
	return false;
}

/* Of "a=1, b=2". */
static bool member(struct span field, struct span name, uint64_t *out)
{
	struct span part, key, value;

	while (span_next(&field, ',', &part))
		if (span_cut(part, '=', &key, &value) && span_is(span_trim(key), name))
			return number(value, out);
	return false;
}

/* Of several policies, or limits, the first. */
static struct span first(struct span list)
{
	struct span one = {0};

	return span_next(&list, ',', &one) ? one : (struct span){0};
}

static unsigned until(uint64_t reset, int64_t now_ms)
{
	uint64_t now_s = (uint64_t)(now_ms > 0 ? now_ms : 0) / 1000;

	if (reset > MOMENTS_S)
		reset = reset > now_s ? reset - now_s : 0;
	return (unsigned)MIN_OF(reset, (uint64_t)DAY_S);
}

struct ratelimit ratelimit_of(const struct ratelimit_fields *f, int64_t now_ms)
{
	struct ratelimit r = {0};
	struct span one = first(f->together), left = {0};
	uint64_t n = 0;

	if (span_next(&(struct span){f->remaining.p, f->remaining.n}, ';', &left) &&
	    number(left, &r.left))
		r.known = true;
	else if (parameter(one, S("r"), &r.left) || member(f->together, S("remaining"), &r.left))
		r.known = true;
	if (parameter(first(f->remaining), S("w"), &n) || parameter(first(f->limit), S("w"), &n) ||
	    parameter(first(f->policy), S("w"), &n))
		r.window_s = (unsigned)MIN_OF(n, (uint64_t)DAY_S);
	if (number(f->reset, &n) || parameter(one, S("t"), &n) ||
	    member(f->together, S("reset"), &n))
		r.reset_s = until(n, now_ms);
	return r;
}
