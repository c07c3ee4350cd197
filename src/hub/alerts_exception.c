/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/alerts_inside.h"

/* Loading. */

static enum rmg_rc keep_excuse(void *user, const struct exception_row *row)
{
	struct call *c = user;
	struct alerts *a = c->a;
	struct arena *in = &a->excuse_arena;
	struct excuse e = {.row = *row};
	struct span *texts[] = {&e.row.owner,    &e.row.reason,     &e.row.advisory,
				&e.row.purl,     &e.row.image,      &e.row.ns,
				&e.row.workload, &e.row.vex_status, &e.row.justification};
	uint32_t at = (uint32_t)a->excuses.n;

	if (row->until_ms && row->until_ms <= c->env->now_ms)
		return RMG_OK; /* it has ended, and stays in the store for the auditor */
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		*texts[i] = arena_dup(in, *texts[i]);
	e.somewhere = e.row.ns.n || e.row.workload.n;
	a->excuses_somewhere |= e.somewhere;
	if (row->until_ms && (a->next_excuse_end == 0 || row->until_ms < a->next_excuse_end))
		a->next_excuse_end = row->until_ms;
	if (arena_rc(in) != RMG_OK || !VEC_PUSH(&a->excuses, e))
		return call_no_memory(c);
	if (e.row.advisory.n == 0 || span_ends(e.row.advisory, S("*")))
		return VEC_PUSH(&a->excuses_of_any, at) ? RMG_OK : call_no_memory(c);
	return map_add_another(&a->excuse_of, hash_span(e.row.advisory), at) ? RMG_OK
									     : call_no_memory(c);
}

enum rmg_rc excuses_load(struct call *c)
{
	struct alerts *a = c->a;

	a->excuses.n = a->excuses_of_any.n = 0;
	a->excuses_read++;
	a->excuses_somewhere = false;
	a->next_excuse_end = 0;
	map_clear(&a->excuse_of);
	arena_reset(&a->excuse_arena);
	return store_exception_each(c->env->store, keep_excuse, c, c->err);
}

/* What they cover. */

/* A digest of any kind, a reference, or a prefix of either. */
static bool covers_image(const struct world *w, const struct excuse *e, uint32_t image)
{
	const struct world_image *im = &w->images.v[image];
	struct span want = e->row.image;

	return want.n == 0 || where_glob(want, im->digest) || where_glob(want, im->ref) ||
	       world_digest_means(w, want, image);
}

/* The next byte of a package URL, decoded: "%2B" is "+". */
static int next_byte(struct span *s)
{
	uint8_t byte;

	if (s->n == 0)
		return -1;
	byte = s->p[0];
	if (byte == '%' && s->n >= 3 && span_unhex(span_of(s->p + 1, 2), &byte, 1))
		*s = span_from(*s, 2);
	*s = span_from(*s, 1);
	return byte;
}

/* Without qualifiers. It ends where one of its parts does: "pkg:npm/a" is not "pkg:npm/ab@1". */
static bool begins(struct span have, struct span want)
{
	while (want.n) {
		if (next_byte(&want) != next_byte(&have))
			return false;
	}
	return have.n == 0 || strchr("@#", have.p[0]) != NULL;
}

static struct span qualifier(struct span qualifiers, struct span key)
{
	struct span one, name, value;

	while (span_next(&qualifiers, '&', &one)) {
		if (span_cut(one, '=', &name, &value) && span_is(name, key))
			return value;
	}
	return (struct span){0};
}

/* Qualifiers that both have are the same. */
static bool agree(struct span want, struct span have)
{
	struct span one, name, value;

	while (span_next(&want, '&', &one)) {
		struct span other;

		if (!span_cut(one, '=', &name, &value))
			continue;
		other = qualifier(have, name);
		if (other.n && !span_is(other, value))
			return false;
	}
	return true;
}

static bool covers_component(const struct excuse *e, struct span purl)
{
	struct span want = e->row.purl, have = purl, want_rest = {0}, have_rest = {0};

	if (want.n == 0 || want.p[want.n - 1] == '*')
		return where_glob(want, purl);
	(void)span_cut(want, '?', &want, &want_rest);
	(void)span_cut(have, '?', &have, &have_rest);
	return begins(have, want) && agree(want_rest, have_rest);
}

static bool covers_place(const struct world *w, const struct excuse *e, uint32_t workload,
			 uint32_t place)
{
	const struct world_workload *x = workload ? &w->workloads.v[workload] : NULL;
	struct span want = e->row.workload, kind, name;
	struct span ns = w->places.v[x ? x->place : place].place.ns;

	if (!where_glob(e->row.ns, ns))
		return false;
	if (want.n == 0)
		return true;
	if (x == NULL)
		return false;
	if (!span_cut(want, '/', &kind, &name))
		return where_glob(want, x->name);
	return span_is_icase(kind, x->kind) && where_glob(name, x->name);
}

/* The exceptions that are about an advisory and an image. */
struct candidates {
	VEC(const struct excuse *) v;
	bool failed;
};

struct search {
	const struct alerts *a;
	const struct world *w;
	int64_t now_ms;
	uint32_t image;
	struct span advisory;
};

static void consider(const struct search *s, struct candidates *found, uint32_t at)
{
	const struct excuse *e = &s->a->excuses.v[at];
	int64_t until = e->row.until_ms;

	if ((until == 0 || until > s->now_ms) && where_glob(e->row.advisory, s->advisory) &&
	    covers_image(s->w, e, s->image) && !VEC_PUSH(&found->v, e))
		found->failed = true;
}

static void collect(const struct search *s, struct candidates *found)
{
	const struct alerts *a = s->a;
	size_t at = 0;
	uint32_t i;

	while ((i = map_next(&a->excuse_of, hash_span(s->advisory), &at)) != MAP_NONE)
		consider(s, found, i);
	for (size_t j = 0; j < a->excuses_of_any.n; j++)
		consider(s, found, a->excuses_of_any.v[j]);
}

/* One use of one component: the exception that covers it. */
static const struct excuse *covering(const struct world *w, const struct candidates *found,
				     struct span purl, uint32_t workload, uint32_t place)
{
	for (size_t i = 0; i < found->v.n; i++) {
		const struct excuse *e = found->v.v[i];

		if (covers_component(e, purl) && covers_place(w, e, workload, place))
			return e;
	}
	return NULL;
}

/* All uses that the rule is about. */
static const struct excuse *covering_all(struct call *c, const struct candidates *found,
					 const struct rule *r, uint32_t image, struct span purl)
{
	const struct world *w = c->w;
	const struct excuse *e = NULL;
	uint32_t at = 0, workload;

	for (uint32_t u = w->images.v[image].first_use; u; u = w->uses.v[u].next) {
		const struct world_use *use = &w->uses.v[u];

		if (!policy_applies(r, w, use->workload, use->place, false))
			continue;
		e = covering(w, found, purl, use->workload, use->place);
		if (e == NULL)
			return NULL;
	}
	while ((workload = world_would_next(w, image, &at)) != 0) {
		if (!world_dormant(w, workload) || !policy_applies(r, w, workload, 0, true))
			continue;
		e = covering(w, found, purl, workload, 0);
		if (e == NULL)
			return NULL;
	}
	return e;
}

static bool has_finding(const struct world_component *in, uint32_t advisory)
{
	for (uint32_t i = 0; i < in->n_findings; i++) {
		if (in->findings[i].advisory == advisory)
			return true;
	}
	return false;
}

static const struct excuse *cover(struct call *c, const struct candidates *found, uint32_t image,
				  uint32_t advisory, const struct rule *r)
{
	const struct world_image *im = &c->w->images.v[image];
	const struct excuse *e = NULL;

	for (size_t i = 0; i < found->v.n; i++) {
		e = found->v.v[i];
		if (e->row.purl.n == 0 && !e->somewhere)
			return e;
	}
	e = NULL;
	for (uint32_t i = 0; i < im->n_components; i++) {
		const struct world_component *in = &c->w->components.v[im->components[i]];

		if (!has_finding(in, advisory))
			continue;
		e = covering_all(c, found, r, image, in->purl);
		if (e == NULL)
			return NULL;
	}
	return e;
}

const struct excuse *excuse_for(struct call *c, uint32_t image, uint32_t advisory, size_t rule)
{
	const struct policy *p = c->env->policy;
	struct candidates found = {0};
	const struct excuse *e = NULL;

	if (c->a->excuses.n == 0 || rule >= p->n_rules)
		return NULL;
	collect(
	    &(struct search){c->a, c->w, c->env->now_ms, image, c->w->advisories.v[advisory].id},
	    &found);
	/* Without memory to tell, the alert fires: that is the side to err on. */
	if (found.v.n && !found.failed)
		e = cover(c, &found, image, advisory, &p->rules[rule]);
	VEC_DONE(&found.v);
	return e;
}

static bool covers_would(const struct excuse *e, const struct event *would)
{
	struct span ns = e->row.ns, workload = e->row.workload;
	struct where where = {.namespaces = &ns, .n_namespaces = ns.n != 0};

	where.workloads = &workload;
	where.n_workloads = workload.n != 0;
	return would ? where_names(&where, would->place.ns, would->workload_kind,
				   would->workload_name)
		     : !e->somewhere;
}

bool alerts_have_exceptions(const struct alerts *a)
{
	return a->excuses.n != 0;
}

uint64_t alerts_exceptions_read(const struct alerts *a)
{
	return a->excuses_read;
}

bool alerts_excepted(const struct alerts *a, const struct world *w, int64_t now_ms, uint32_t image,
		     struct span advisory, struct span purl, const struct event *would)
{
	struct candidates found = {0};
	bool covered = false;

	collect(&(struct search){a, w, now_ms, image, advisory}, &found);
	for (size_t i = 0; i < found.v.n && !found.failed; i++)
		covered |=
		    covers_would(found.v.v[i], would) && covers_component(found.v.v[i], purl);
	VEC_DONE(&found.v);
	return covered;
}

bool alerts_excepted_somewhere(const struct alerts *a, const struct world *w, int64_t now_ms,
			       uint32_t image, struct span advisory, struct span purl)
{
	struct candidates found = {0};
	bool covered = false;

	if (a->excuses.n == 0)
		return false;
	collect(&(struct search){a, w, now_ms, image, advisory}, &found);
	for (size_t i = 0; i < found.v.n; i++)
		covered |= covers_component(found.v.v[i], purl);
	covered |= found.failed;
	VEC_DONE(&found.v);
	return covered;
}

/* Applying. */

static enum rmg_rc apply_to(struct call *c, struct alert *x)
{
	const struct excuse *e = excuse_for(c, x->image, x->advisory, x->rule);
	struct turn t = {.to = ALERT_FIRING, .what = "fires again", .told = true};

	if (e == NULL && !x->excepted)
		return RMG_OK;
	if (e && x->state == ALERT_SUPPRESSED)
		return RMG_OK; /* by it, or by a person */
	if (e == NULL)
		t.reason = S("the exception has ended");
	else
		t = (struct turn){.to = ALERT_SUPPRESSED,
				  .until_ms = e->row.until_ms,
				  .what = "suppressed",
				  .by = e->row.owner,
				  .reason = e->row.reason,
				  .excepted = true};
	return alert_turn(c, x, &t);
}

enum rmg_rc excuses_apply_to_image(struct call *c, uint32_t image)
{
	const struct alert *at = NULL;
	enum rmg_rc rc = RMG_OK;

	while (rc == RMG_OK && (at = alerts_of_image(c->a, image, at)) != NULL) {
		if (at->advisory)
			rc = apply_to(c, &c->a->v.v[at - c->a->v.v]);
	}
	return rc;
}

enum rmg_rc excuses_apply(struct call *c)
{
	enum rmg_rc rc = RMG_OK;

	for (size_t i = 0; i < c->a->v.n && rc == RMG_OK; i++) {
		if (c->a->v.v[i].advisory)
			rc = apply_to(c, &c->a->v.v[i]);
	}
	return rc;
}

enum rmg_rc alerts_exceptions(struct alerts *a, const struct alerts_env *env, struct rmg_err *err)
{
	struct call c = call_of(a, env, err);
	enum rmg_rc rc = alerts_take_policy(&c);

	if (rc == RMG_OK)
		rc = excuses_load(&c);
	return rc == RMG_OK ? excuses_apply(&c) : rc;
}
