/* SPDX-License-Identifier: Apache-2.0 */
/* ver_rpm.c - [epoch:]version[-release] in the order of rpm: runs of digits and of letters, any
 * other bytes only part them, '~' before the end, '^' after it but before anything more. */
#include "vuln/ver.h"

static bool parts_nothing(uint8_t c)
{
	return is_alnum(c) || c == '~' || c == '^';
}

static struct span skip_parting(struct span s)
{
	while (s.n && !parts_nothing(s.p[0]))
		s = span_from(s, 1);
	return s;
}

static bool take(struct span *s, uint8_t c)
{
	if (s->n == 0 || s->p[0] != c)
		return false;
	*s = span_from(*s, 1);
	return true;
}

/* Both begin with a letter or a digit. A number beats letters. */
static int run_cmp(struct span *a, struct span *b)
{
	bool number = is_digit(a->p[0]);

	if (number != is_digit(b->p[0]))
		return number ? 1 : -1;
	if (number)
		return ver_number_cmp(ver_digits(a), ver_digits(b));
	return ver_sign(span_cmp(ver_letters(a), ver_letters(b)));
}

static int part_cmp(struct span a, struct span b)
{
	for (;;) {
		bool x, y;
		int order;

		a = skip_parting(a);
		b = skip_parting(b);
		x = take(&a, '~');
		y = take(&b, '~');
		if (x != y)
			return x ? -1 : 1;
		if (x)
			continue;
		if (a.n == 0 || b.n == 0)
			return (a.n != 0) - (b.n != 0);
		x = take(&a, '^');
		y = take(&b, '^');
		if (x != y)
			return x ? -1 : 1;
		if (x)
			continue;
		order = run_cmp(&a, &b);
		if (order)
			return order;
	}
}

int ver_rpm_no_epoch(struct span a, struct span b)
{
	struct ver_evr x = ver_evr_of(a), y = ver_evr_of(b);
	int order = part_cmp(x.version, y.version);

	if (order)
		return order;
	if (x.has_release != y.has_release)
		return x.has_release ? 1 : -1;
	return part_cmp(x.release, y.release);
}

int ver_rpm(struct span a, struct span b)
{
	int order = ver_number_cmp(ver_evr_of(a).epoch, ver_evr_of(b).epoch);

	return order ? order : ver_rpm_no_epoch(a, b);
}
