/* SPDX-License-Identifier: Apache-2.0 */
/* ver_pypi.c - PEP 440, all of it. What it does not allow is older than any version, in the order
 * of its bytes. */
#include "vuln/ver.h"

enum pre { PRE_NONE_BUT_DEV, PRE_ALPHA, PRE_BETA, PRE_RC, PRE_NONE };

struct version {
	struct span epoch, release, local;
	struct span pre_number, post_number, dev_number;
	enum pre pre;
	bool has_post, has_dev, has_local;
};

static bool is_parting(uint8_t c)
{
	return c == '-' || c == '_' || c == '.';
}

static bool take_word(struct span *s, struct span word)
{
	if (!span_starts_icase(*s, word))
		return false;
	*s = span_from(*s, word.n);
	return true;
}

static struct span skip_parting(struct span s)
{
	return s.n && is_parting(s.p[0]) ? span_from(s, 1) : s;
}

/* The number of a word that was just taken: digits, perhaps after one more separator. */
static struct span take_number(struct span *s)
{
	*s = skip_parting(*s);
	return ver_digits(s);
}

static void take_pre(struct span *s, struct version *v)
{
	static const struct {
		const char *word;
		enum pre pre;
	} words[] = {
	    {"alpha", PRE_ALPHA}, {"a", PRE_ALPHA}, {"beta", PRE_BETA}, {"b", PRE_BETA},
	    {"preview", PRE_RC},  {"pre", PRE_RC},  {"c", PRE_RC},      {"rc", PRE_RC},
	};
	struct span rest = skip_parting(*s);

	for (size_t i = 0; i < COUNT_OF(words); i++) {
		if (!take_word(&rest, span_cstr(words[i].word)))
			continue;
		v->pre = words[i].pre;
		v->pre_number = take_number(&rest);
		*s = rest;
		return;
	}
}

static void take_post(struct span *s, struct version *v)
{
	struct span rest = *s;

	if (rest.n > 1 && rest.p[0] == '-' && is_digit(rest.p[1])) {
		rest = span_from(rest, 1);
		v->post_number = ver_digits(&rest);
	} else {
		rest = skip_parting(rest);
		if (!take_word(&rest, S("post")) && !take_word(&rest, S("rev")) &&
		    !take_word(&rest, S("r")))
			return;
		v->post_number = take_number(&rest);
	}
	v->has_post = true;
	*s = rest;
}

static void take_dev(struct span *s, struct version *v)
{
	struct span rest = skip_parting(*s);

	if (!take_word(&rest, S("dev")))
		return;
	v->dev_number = take_number(&rest);
	v->has_dev = true;
	*s = rest;
}

/* "1.2.3": digits with single dots between; the dot is left where no digit follows. */
static struct span take_release(struct span *s)
{
	struct span start = *s, rest = *s;

	if (ver_digits(&rest).n == 0)
		return (struct span){0};
	while (rest.n > 1 && rest.p[0] == '.' && is_digit(rest.p[1])) {
		rest = span_from(rest, 1);
		(void)ver_digits(&rest);
	}
	*s = rest;
	return span_head(start, start.n - rest.n);
}

static bool is_local(struct span s)
{
	bool parting = true;

	for (size_t i = 0; i < s.n; i++) {
		if (is_parting(s.p[i]) ? parting : !is_alnum(s.p[i]))
			return false;
		parting = is_parting(s.p[i]);
	}
	return !parting;
}

static bool parse(struct span s, struct version *v)
{
	struct span rest;

	*v = (struct version){.pre = PRE_NONE};
	s = span_trim(s);
	(void)take_word(&s, S("v"));
	rest = s;
	v->epoch = ver_digits(&rest);
	if (v->epoch.n && rest.n && rest.p[0] == '!')
		s = span_from(rest, 1);
	else
		v->epoch = (struct span){0};
	v->release = take_release(&s);
	if (v->release.n == 0 || s.n == 0) /* most are nothing else */
		return v->release.n != 0;
	take_pre(&s, v);
	take_post(&s, v);
	take_dev(&s, v);
	if (v->pre == PRE_NONE && !v->has_post && v->has_dev)
		v->pre = PRE_NONE_BUT_DEV;
	if (s.n && s.p[0] == '+') {
		v->local = span_from(s, 1);
		v->has_local = true;
		return is_local(v->local);
	}
	return s.n == 0;
}

static struct span local_part(struct span *s)
{
	size_t n = 0;
	struct span part;

	while (n < s->n && !is_parting(s->p[n]))
		n++;
	part = span_head(*s, n);
	*s = span_from(*s, n + 1);
	return part;
}

/* Numbers after text; the shorter list first; none before any. */
static int local_cmp(const struct version *x, const struct version *y)
{
	struct span a = x->local, b = y->local;

	while (a.n && b.n) {
		struct span l = local_part(&a), r = local_part(&b);
		bool number_l = ver_all_digits(l), number_r = ver_all_digits(r);
		int order;

		if (number_l != number_r)
			return number_l ? 1 : -1;
		order = number_l ? ver_number_cmp(l, r) : ver_icase_cmp(l, r);
		if (order)
			return order;
	}
	return (a.n != 0) - (b.n != 0);
}

/* absent says on which side of the others a version without the part belongs. */
static int part_cmp(bool has_x, struct span x, bool has_y, struct span y, int absent)
{
	if (has_x != has_y)
		return has_x ? -absent : absent;
	return has_x ? ver_number_cmp(x, y) : 0;
}

int ver_pypi(struct span a, struct span b)
{
	struct version x, y;
	bool good_x = parse(a, &x), good_y = parse(b, &y);
	int order;

	if (!good_x || !good_y)
		return good_x != good_y ? (good_x ? 1 : -1) : ver_sign(span_cmp(a, b));
	order = ver_number_cmp(x.epoch, y.epoch);
	if (order == 0)
		order = ver_dotted_cmp(x.release, y.release);
	if (order == 0)
		order = (x.pre > y.pre) - (x.pre < y.pre);
	if (order == 0)
		order = ver_number_cmp(x.pre_number, y.pre_number);
	if (order == 0)
		order = part_cmp(x.has_post, x.post_number, y.has_post, y.post_number, -1);
	if (order == 0)
		order = part_cmp(x.has_dev, x.dev_number, y.has_dev, y.dev_number, 1);
	return order ? order : local_cmp(&x, &y);
}
