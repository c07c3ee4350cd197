/* SPDX-License-Identifier: Apache-2.0 */
/* catalog_select.c - which catalogers want a path, over the globs of all of them.
 *
 * Most globs end in a plain name ("status"), in a plain extension ("*.jar"), or stand in a folder
 * with a plain name ("status.d/"): these are found by one look-up each. The few others are tried
 * one by one. The whole glob decides in the end. */
#include "base/hash.h"
#include "base/map.h"
#include "base/vec.h"
#include "catalog/catalog.h"

struct rule {
	struct span glob;
	unsigned cataloger;
};

struct catalog_select {
	VEC(struct rule) rules;
	VEC(uint32_t) others;            /* rules that no map finds */
	struct map names, exts, parents; /* hash to rule */
	uint64_t always;                 /* catalogers without globs */
};

static bool is_plain(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '*' || s.p[i] == '?' || s.p[i] == '[')
			return false;
	return s.n != 0;
}

/* ".jar" of "x.jar"; "" where there is no dot. */
static struct span extension(struct span name)
{
	size_t dot = span_rchr(name, '.');

	return dot == SIZE_MAX ? (struct span){0} : span_from(name, dot);
}

static bool add(struct catalog_select *s, struct span glob, unsigned cataloger)
{
	uint32_t rule = (uint32_t)s->rules.n;
	struct span name = span_basename(glob), ext = extension(name);
	struct span parent = span_basename(span_dirname(glob));

	if (!VEC_PUSH(&s->rules, (struct rule){glob, cataloger}))
		return false;
	if (is_plain(name))
		return map_add_another(&s->names, hash_span(name), rule);
	if (is_plain(ext))
		return map_add_another(&s->exts, hash_span(ext), rule);
	if (is_plain(parent) && !span_is(name, S("**")))
		return map_add_another(&s->parents, hash_span(parent), rule);
	return VEC_PUSH(&s->others, rule);
}

static bool fill(struct catalog_select *s)
{
	for (unsigned i = 0; catalogers[i] != NULL; i++) {
		const char *const *glob = catalogers[i]->globs;

		if (glob == NULL)
			s->always |= UINT64_C(1) << i;
		for (; glob != NULL && *glob != NULL; glob++)
			if (!add(s, span_cstr(*glob), i))
				return false;
	}
	return true;
}

enum rmg_rc catalog_select_new(struct catalog_select **out)
{
	struct catalog_select *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return RMG_E_NOMEM;
	if (!fill(s)) {
		catalog_select_free(s);
		return RMG_E_NOMEM;
	}
	*out = s;
	return RMG_OK;
}

void catalog_select_free(struct catalog_select *s)
{
	if (s == NULL)
		return;
	VEC_DONE(&s->rules);
	VEC_DONE(&s->others);
	map_done(&s->names);
	map_done(&s->exts);
	map_done(&s->parents);
	free(s);
}

static uint64_t try(const struct catalog_select *s, uint32_t rule, struct span path)
{
	const struct rule *r = &s->rules.v[rule];

	return span_glob(r->glob, path) ? UINT64_C(1) << r->cataloger : 0;
}

static uint64_t look_up(const struct catalog_select *s, const struct map *m, struct span key,
			struct span path)
{
	uint64_t found = 0;
	size_t at = 0;
	uint32_t rule;

	if (key.n == 0 || m->n == 0)
		return 0;
	while ((rule = map_next(m, hash_span(key), &at)) != MAP_NONE)
		found |= try(s, rule, path);
	return found;
}

uint64_t catalog_select(const struct catalog_select *s, struct span path)
{
	struct span name = span_basename(path);
	uint64_t found = s->always;

	found |= look_up(s, &s->names, name, path);
	found |= look_up(s, &s->exts, extension(name), path);
	found |= look_up(s, &s->parents, span_basename(span_dirname(path)), path);
	for (size_t i = 0; i < s->others.n; i++)
		found |= try(s, s->others.v[i], path);
	return found;
}
