/* SPDX-License-Identifier: Apache-2.0 */
/* ver_gem.c - Gem::Version: segments are runs of digits and of letters, a hyphen stands for
 * ".pre.". Zeros before the first letters and at the end do not count; a missing segment is 0;
 * letters come before numbers. Other bytes only part segments, where RubyGems would refuse the
 * version. */
#include "vuln/ver.h"

struct segment {
	struct span text;
	bool letters, end;
};

struct cursor {
	struct span s;
	struct segment held; /* what follows the zeros that are still to be given */
	size_t zeros;
	bool holds, has_letters;
};

static struct segment raw_segment(struct cursor *c)
{
	while (c->s.n && !is_alnum(c->s.p[0])) {
		bool hyphen = c->s.p[0] == '-';

		c->s = span_from(c->s, 1);
		if (hyphen)
			return (struct segment){.text = S("pre"), .letters = true};
	}
	if (c->s.n == 0)
		return (struct segment){.end = true};
	if (is_digit(c->s.p[0]))
		return (struct segment){.text = ver_digits(&c->s)};
	return (struct segment){.text = ver_letters(&c->s), .letters = true};
}

static bool is_zero(const struct segment *s)
{
	return !s->end && !s->letters && ver_number_cmp(s->text, (struct span){0}) == 0;
}

/* Zeros are counted until it is known whether they matter. */
static struct segment next_segment(struct cursor *c)
{
	struct segment s;

	if (!c->holds) {
		c->held = raw_segment(c);
		while (is_zero(&c->held)) {
			c->zeros++;
			c->held = raw_segment(c);
		}
		c->holds = true;
		if (c->held.end || (c->held.letters && !c->has_letters))
			c->zeros = 0;
	}
	if (c->zeros) {
		c->zeros--;
		return (struct segment){0};
	}
	s = c->held;
	c->holds = s.end;
	c->has_letters |= s.letters;
	return s;
}

int ver_gem(struct span a, struct span b)
{
	struct cursor x = {.s = span_trim(a)}, y = {.s = span_trim(b)};

	for (;;) {
		struct segment l = next_segment(&x), r = next_segment(&y);
		int order;

		if (l.end && r.end)
			return 0;
		if (l.letters != r.letters)
			return l.letters ? -1 : 1;
		order =
		    l.letters ? ver_sign(span_cmp(l.text, r.text)) : ver_number_cmp(l.text, r.text);
		if (order)
			return order;
	}
}
