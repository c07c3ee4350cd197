/* SPDX-License-Identifier: Apache-2.0 */
/* ver.h - what the version orders share. Numbers are compared as runs of digits, of any length. */
#ifndef VULN_VER_H
#define VULN_VER_H

#include "vuln/vercmp.h"

static inline int ver_sign(int order)
{
	return (order > 0) - (order < 0);
}

/* Takes the leading run of digits (letters) off *s. */
static inline struct span ver_digits(struct span *s)
{
	size_t n = 0;
	struct span run;

	while (n < s->n && is_digit(s->p[n]))
		n++;
	run = span_head(*s, n);
	*s = span_from(*s, n);
	return run;
}

static inline struct span ver_letters(struct span *s)
{
	size_t n = 0;
	struct span run;

	while (n < s->n && is_alpha(s->p[n]))
		n++;
	run = span_head(*s, n);
	*s = span_from(*s, n);
	return run;
}

/* Runs of digits as numbers; the empty run is 0. */
int ver_number_cmp(struct span a, struct span b);

/* Numbers between dots, a missing one is 0: 1.2 = 1.2.0 < 1.10. */
int ver_dotted_cmp(struct span a, struct span b);

/* As span_cmp, ASCII letters of either case alike. */
int ver_icase_cmp(struct span a, struct span b);

bool ver_all_digits(struct span s); /* and not empty */

/* [epoch:]version[-release], as rpm and pacman cut it: digits before a colon are the epoch (none:
 * "0"), what follows the last hyphen is the release. */
struct ver_evr {
	struct span epoch, version, release;
	bool has_release;
};
struct ver_evr ver_evr_of(struct span s);

#endif
