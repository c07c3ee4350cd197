/* SPDX-License-Identifier: Apache-2.0 */
/* alerts_unknown.c - uses of which nobody knows the image: the runtime, or who declared the
 * workload, named a reference alone, and nobody has resolved it.
 *
 * There are none or few of them, so they are looked for now and then. One alert is for all that is
 * named by one reference; of containers without even that, for all of their source. */
#include "base/limits.h"
#include "hub/alerts_inside.h"

enum { ROUND_MS = 5000 };

struct looking {
	struct call *c;
	VEC(struct unknown) v;
	struct map of; /* hash of the subject, to v */
	bool ok;
};

/* Begins to count when this hub first sees it, or when a clock went back since. */
static int64_t since(const struct call *c, struct span subject)
{
	uint32_t i = map_find(&c->a->unknown_of, hash_span(subject));
	int64_t now = c->env->now_ms, was = i == MAP_NONE ? now : c->a->unknown.v[i].since_ms;

	return MIN_OF(was, now);
}

static struct unknown *entry_of(struct looking *l, struct span subject)
{
	uint64_t hash = hash_span(subject);
	uint32_t i = map_find(&l->of, hash);
	struct unknown *fresh;

	if (i != MAP_NONE)
		return &l->v.v[i];
	fresh = VEC_ADD(&l->v);
	if (fresh == NULL || !map_set(&l->of, hash, (uint32_t)l->v.n - 1))
		return NULL;
	*fresh = (struct unknown){.rule = NO_RULE, .since_ms = since(l->c, subject)};
	fresh->text = span_dup(subject);
	fresh->subject = span_cstr(fresh->text);
	return fresh->text ? fresh : NULL;
}

/* The first rule that holds for any of its uses decides. */
static void see(struct looking *l, struct span subject, bool is_ref, uint32_t workload,
		uint32_t place, bool dormant)
{
	const struct policy *p = l->c->env->policy;
	struct unknown *u = entry_of(l, subject);

	l->ok = l->ok && u;
	if (u == NULL)
		return;
	u->is_ref = is_ref;
	u->many |= u->seen && u->workload != workload;
	u->seen = true;
	u->workload = workload;
	for (size_t i = 0; i < MIN_OF(p->n_rules, u->rule); i++)
		if (p->rules[i].kind == RULE_INCOMPLETE &&
		    policy_applies(&p->rules[i], l->c->w, workload, place, dormant))
			u->rule = i;
}

static void see_uses(struct looking *l)
{
	const struct world *w = l->c->w;

	for (uint32_t slot = w->images.v[0].first_use; slot && l->ok; slot = w->uses.v[slot].next) {
		const struct world_use *u = &w->uses.v[slot];
		struct span ref = world_use_ref(w, u);

		see(l, ref.n ? ref : w->sources.v[u->source].name, ref.n != 0, u->workload,
		    u->place, false);
	}
}

struct sleeper {
	struct looking *l;
	uint32_t workload;
};

static bool see_ref(void *user, struct span ref)
{
	struct sleeper *s = user;

	see(s->l, ref, true, s->workload, 0, true);
	return s->l->ok;
}

static void see_dormant(struct looking *l)
{
	struct sleeper s = {l, 1};

	for (; s.workload < l->c->w->workloads.n && l->ok; s.workload++)
		if (world_dormant(l->c->w, s.workload))
			l->ok = world_unmet_refs(l->c->w, s.workload, see_ref, &s);
}

static enum rmg_rc tell(struct call *c, const struct unknown *u, bool over)
{
	struct wording t = {.title = strbuf_of(KIB(16)), .text = strbuf_of(KIB(1))};
	struct happening x = {
	    .kind = RULE_INCOMPLETE,
	    .workload = u->many ? 0 : u->workload,
	    .subject = u->subject,
	    .over = over,
	};

	if (u->is_ref)
		strbuf_printf(&t.title, "nobody knows which image " SPAN_FMT " is",
			      SPAN_ARG(u->subject));
	else
		strbuf_printf(&t.title, SPAN_FMT " does not say which images run",
			      SPAN_ARG(u->subject));
	strbuf_puts(&t.text,
		    "It is in use, and what is in it is not known: no digest was told, and "
		    "no registry has resolved the reference.");
	if (u->rule < c->env->policy->n_rules)
		x.rule = &c->env->policy->rules[u->rule];
	return wording_end(c, &x, &t);
}

static enum rmg_rc hold(struct call *c, struct unknown *u)
{
	const struct policy *p = c->env->policy;
	bool waited = u->rule < p->n_rules &&
		      c->env->now_ms - u->since_ms >= (int64_t)p->rules[u->rule].seconds * 1000;
	uint32_t was = map_find(&c->a->unknown_of, hash_span(u->subject));

	u->told = was != MAP_NONE && c->a->unknown.v[was].told;
	if (u->rule == NO_RULE) {
		u->told = false;
		return tell(c, u, true);
	}
	if (u->told || !waited)
		return RMG_OK;
	u->told = true;
	return tell(c, u, false);
}

/* After a start, what is over is found in the alerts that are open. */
static enum rmg_rc resolve_left(struct call *c, const struct looking *l)
{
	struct strbuf key = strbuf_of(KIB(64));
	struct map there = {0};
	enum rmg_rc rc = RMG_OK;

	for (size_t i = 0; i < l->v.n && rc == RMG_OK; i++) {
		happening_key(RULE_INCOMPLETE, l->v.v[i].subject, &key);
		if (strbuf_rc(&key) != RMG_OK || !map_set(&there, hash_span(strbuf_span(&key)), 0))
			rc = call_no_memory(c);
	}
	strbuf_clear(&key);
	strbuf_printf(&key, "%s:", rule_kind_name(RULE_INCOMPLETE));
	for (size_t i = c->a->v.n; i > 0 && rc == RMG_OK; i--) {
		struct alert *x = &c->a->v.v[i - 1];

		if (x->image == 0 && span_starts(span_cstr(x->key), strbuf_span(&key)) &&
		    !map_has(&there, hash_span(span_cstr(x->key))))
			rc = alert_resolve(c, x, "it is over");
	}
	strbuf_done(&key);
	map_done(&there);
	return rc;
}

static enum rmg_rc resolve_known(struct call *c, const struct looking *l)
{
	enum rmg_rc rc = c->a->unknown_begun ? RMG_OK : resolve_left(c, l);

	for (size_t i = 0; i < c->a->unknown.n && rc == RMG_OK; i++)
		if (!map_has(&l->of, hash_span(c->a->unknown.v[i].subject)))
			rc = tell(c, &c->a->unknown.v[i], true);
	c->a->unknown_begun = true;
	return rc;
}

void unknown_free(struct alerts *a)
{
	VEC_EACH (u, &a->unknown)
		free(u->text);
	VEC_DONE(&a->unknown);
	map_done(&a->unknown_of);
}

enum rmg_rc look_at_unknown(struct call *c)
{
	struct alerts *a = c->a;
	struct looking l = {.c = c, .ok = true};
	enum rmg_rc rc = RMG_OK;

	if (!has_come(a->next_unknown_ms, c->env->now_ms, ROUND_MS))
		return RMG_OK;
	a->next_unknown_ms = c->env->now_ms + ROUND_MS;
	see_uses(&l);
	see_dormant(&l);
	if (!l.ok)
		rc = call_no_memory(c);
	for (size_t i = 0; i < l.v.n && rc == RMG_OK; i++)
		rc = hold(c, &l.v.v[i]);
	if (rc == RMG_OK)
		rc = resolve_known(c, &l);
	unknown_free(a);
	a->unknown.v = l.v.v;
	a->unknown.n = l.v.n;
	a->unknown.cap = l.v.cap;
	a->unknown_of = l.of;
	return rc;
}
