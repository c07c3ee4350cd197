/* SPDX-License-Identifier: Apache-2.0 */
/* ver_alpm.c - pacman's vercmp(8): rpm's order of old, where the number of parting bytes counts and
 * a rest of letters is older than none. A release is compared only where both have one, which makes
 * "1-1", "1" and "1-2" alike in pairs only; installed packages and advisories always have it. */
#include "vuln/ver.h"

static size_t parting(struct span s)
{
	size_t n = 0;

	while (n < s.n && !is_alnum(s.p[n]))
		n++;
	return n;
}

static int rest_cmp(struct span a, struct span b)
{
	bool a_alpha = a.n && is_alpha(a.p[0]), b_alpha = b.n && is_alpha(b.p[0]);

	if (a.n == 0 && b.n == 0)
		return 0;
	return (a.n == 0 && !b_alpha) || a_alpha ? -1 : 1;
}

static int part_cmp(struct span a, struct span b)
{
	while (a.n && b.n) {
		size_t x = parting(a), y = parting(b);
		bool number;
		int order;

		a = span_from(a, x);
		b = span_from(b, y);
		if (a.n == 0 || b.n == 0)
			break;
		if (x != y)
			return x < y ? -1 : 1;
		number = is_digit(a.p[0]);
		if (number != is_digit(b.p[0]))
			return number ? 1 : -1;
		order = number ? ver_number_cmp(ver_digits(&a), ver_digits(&b))
			       : ver_sign(span_cmp(ver_letters(&a), ver_letters(&b)));
		if (order)
			return order;
	}
	return rest_cmp(a, b);
}

int ver_alpm(struct span a, struct span b)
{
	struct ver_evr x = ver_evr_of(a), y = ver_evr_of(b);
	int order = ver_number_cmp(x.epoch, y.epoch);

	if (order == 0)
		order = part_cmp(x.version, y.version);
	if (order == 0 && x.has_release && y.has_release)
		order = part_cmp(x.release, y.release);
	return order;
}
