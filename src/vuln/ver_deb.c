/* SPDX-License-Identifier: Apache-2.0 */
/* ver_deb.c - deb-version(7): [epoch:]upstream[-revision]. */
#include "vuln/ver.h"

/* Where the two differ before the next digit: '~' sorts before the end, the end before letters,
 * letters before all else. */
static int weight(struct span s, size_t i)
{
	if (i >= s.n || is_digit(s.p[i]))
		return 0;
	if (s.p[i] == '~')
		return -1;
	return is_alpha(s.p[i]) ? s.p[i] : s.p[i] + 256;
}

static bool ends(struct span s, size_t i)
{
	return i >= s.n || is_digit(s.p[i]);
}

static int part_cmp(struct span a, struct span b)
{
	while (a.n || b.n) {
		size_t i = 0;
		int order;

		for (; !ends(a, i) || !ends(b, i); i++)
			if (weight(a, i) != weight(b, i))
				return weight(a, i) > weight(b, i) ? 1 : -1;
		a = span_from(a, i);
		b = span_from(b, i);
		order = ver_number_cmp(ver_digits(&a), ver_digits(&b));
		if (order)
			return order;
	}
	return 0;
}

struct parts {
	struct span epoch, upstream, revision;
};

/* dpkg refuses an epoch that is not a number; here such a colon belongs to the version. */
static struct parts parts_of(struct span s)
{
	struct parts v = {.upstream = span_trim(s)};
	struct span epoch, rest;

	if (span_cut(v.upstream, ':', &epoch, &rest) && ver_all_digits(epoch)) {
		v.epoch = epoch;
		v.upstream = rest;
	}
	(void)span_rcut(v.upstream, '-', &v.upstream, &v.revision);
	return v;
}

int ver_deb(struct span a, struct span b)
{
	struct parts x = parts_of(a), y = parts_of(b);
	int order = ver_number_cmp(x.epoch, y.epoch);

	if (order == 0)
		order = part_cmp(x.upstream, y.upstream);
	return order ? order : part_cmp(x.revision, y.revision);
}
