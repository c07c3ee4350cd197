/* SPDX-License-Identifier: Apache-2.0 */
/* ver_cran.c - lists of numbers, where a longer list is newer ("1.0" < "1.0.0"): R's
 * package_version, parted by dots or hyphens, and Cabal's Version, parted by dots. A part that is
 * no number comes after those that are. */
#include "vuln/ver.h"

static struct span next_part(struct span *s, bool hyphens)
{
	size_t n = 0;
	struct span part;

	while (n < s->n && s->p[n] != '.' && !(hyphens && s->p[n] == '-'))
		n++;
	part = span_head(*s, n);
	*s = span_from(*s, n + 1);
	return part;
}

static int list_cmp(struct span a, struct span b, bool hyphens)
{
	while (a.n && b.n) {
		struct span x = next_part(&a, hyphens), y = next_part(&b, hyphens);
		bool number_x = ver_all_digits(x), number_y = ver_all_digits(y);
		int order;

		if (number_x != number_y)
			return number_x ? -1 : 1;
		order = number_x ? ver_number_cmp(x, y) : ver_sign(span_cmp(x, y));
		if (order)
			return order;
	}
	return (a.n != 0) - (b.n != 0);
}

int ver_cran(struct span a, struct span b)
{
	return list_cmp(span_trim(a), span_trim(b), true);
}

int ver_hackage(struct span a, struct span b)
{
	return list_cmp(span_trim(a), span_trim(b), false);
}
