/* SPDX-License-Identifier: Apache-2.0 */
/* ver_semver.c - semver.org 2.0 and the ecosystems that order as it does: npm, cargo, hex, Go; with
 * a difference each NuGet and Pub.
 *
 * All are read loosely, as node-semver's loose mode does: a leading "v" or "=", missing or further
 * numbers, a pre-release without its hyphen. What is no version at all is a pre-release of 0. */
#include "vuln/ver.h"

struct version {
	struct span core, pre, build;
	bool attached; /* the pre-release follows a number without a hyphen: "1.21rc2" */
};

static struct span strip_head(struct span s)
{
	s = span_trim(s);
	while (s.n > 1 && (s.p[0] == '=' || s.p[0] == ' '))
		s = span_from(s, 1);
	if (s.n > 1 && (s.p[0] == 'v' || s.p[0] == 'V') && is_digit(s.p[1]))
		s = span_from(s, 1);
	return s;
}

static struct version version_of(struct span s)
{
	struct version v = {0};
	size_t n = 0;

	s = strip_head(s);
	while (n < s.n && (is_digit(s.p[n]) || s.p[n] == '.'))
		n++;
	v.core = span_head(s, n);
	v.pre = span_from(s, n);
	(void)span_cut(v.pre, '+', &v.pre, &v.build);
	v.attached = v.pre.n && v.pre.p[0] != '-';
	if (v.pre.n && !v.attached)
		v.pre = span_from(v.pre, 1);
	return v;
}

/* Takes an identifier off; split also parts letters from digits that follow. */
static struct span next_id(struct span *s, bool split)
{
	struct span id = {0}, head = *s;

	if (split && ver_letters(&head).n && head.n && is_digit(head.p[0])) {
		id = span_head(*s, s->n - head.n);
		*s = head;
		return id;
	}
	(void)span_next(s, '.', &id);
	return id;
}

/* Numbers before text; the shorter list first. */
static int ids_cmp(struct span a, bool split_a, struct span b, bool split_b,
		   int (*text_cmp)(struct span, struct span))
{
	while (a.n && b.n) {
		struct span x = next_id(&a, split_a), y = next_id(&b, split_b);
		bool number_x = ver_all_digits(x), number_y = ver_all_digits(y);
		int order;

		if (number_x != number_y)
			return number_x ? -1 : 1;
		order = number_x ? ver_number_cmp(x, y) : ver_sign(text_cmp(x, y));
		if (order)
			return order;
	}
	return (a.n != 0) - (b.n != 0);
}

static int precedence(const struct version *x, const struct version *y, bool split,
		      int (*text_cmp)(struct span, struct span))
{
	int order = ver_dotted_cmp(x->core, y->core);

	if (order)
		return order;
	if (x->pre.n == 0 || y->pre.n == 0)
		return (x->pre.n == 0) - (y->pre.n == 0);
	return ids_cmp(x->pre, split && x->attached, y->pre, split && y->attached, text_cmp);
}

int ver_semver(struct span a, struct span b)
{
	struct version x = version_of(a), y = version_of(b);

	return precedence(&x, &y, false, span_cmp);
}

int ver_npm(struct span a, struct span b)
{
	return ver_semver(a, b);
}

/* Build metadata does not count: "111.25.0+1.1.1t" is what an advisory calls 111.25.0. */
int ver_cargo(struct span a, struct span b)
{
	return ver_semver(a, b);
}

int ver_hex(struct span a, struct span b)
{
	return ver_semver(a, b);
}

/* Case does not count; a fourth number does. */
int ver_nuget(struct span a, struct span b)
{
	struct version x = version_of(a), y = version_of(b);

	return precedence(&x, &y, false, ver_icase_cmp);
}

/* Pub orders by build metadata where all else is equal. */
int ver_pub(struct span a, struct span b)
{
	struct version x = version_of(a), y = version_of(b);
	int order = precedence(&x, &y, false, span_cmp);

	return order ? order : ids_cmp(x.build, false, y.build, false, span_cmp);
}

/* Module versions, and the toolchain's own: "go1.21rc2" is what advisories call 1.21.0-rc.2. */
int ver_golang(struct span a, struct span b)
{
	struct version x, y;

	if (span_starts(a, S("go")))
		a = span_from(a, 2);
	if (span_starts(b, S("go")))
		b = span_from(b, 2);
	x = version_of(a);
	y = version_of(b);
	return precedence(&x, &y, true, span_cmp);
}
