/* SPDX-License-Identifier: Apache-2.0 */
/* ver_generic.c - for versions of which nothing is known: runs of digits are numbers, all other
 * bytes text, and where one is used up the other is newer. */
#include "vuln/ver.h"

static struct span text_run(struct span *s)
{
	size_t n = 0;
	struct span run;

	while (n < s->n && !is_digit(s->p[n]))
		n++;
	run = span_head(*s, n);
	*s = span_from(*s, n);
	return run;
}

int ver_generic(struct span a, struct span b)
{
	a = span_trim(a);
	b = span_trim(b);
	while (a.n || b.n) {
		int order = ver_sign(span_cmp(text_run(&a), text_run(&b)));

		if (order)
			return order;
		if (a.n == 0 || b.n == 0)
			return (a.n != 0) - (b.n != 0);
		order = ver_number_cmp(ver_digits(&a), ver_digits(&b));
		if (order)
			return order;
	}
	return 0;
}
