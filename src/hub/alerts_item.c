/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rfc3339.h"
#include "hub/alerts_inside.h"
#include "hub/judge_match.h"

/* What the database says of an advisory for an image, by its component that has it worst: that one
 * alone is matched again, which costs microseconds. */
struct matched {
	struct inventory inv;
	struct component component;
	struct verdict *verdict;
	const struct finding *finding; /* NULL: the database does not say it any more */
};

static const struct world_finding *finding_in(const struct world_component *in, uint32_t advisory)
{
	for (uint32_t i = 0; i < in->n_findings; i++) {
		if (in->findings[i].advisory == advisory)
			return &in->findings[i];
	}
	return NULL;
}

static uint32_t worst_component(const struct world *w, uint32_t image, uint32_t advisory)
{
	const struct world_image *im = &w->images.v[image];
	const struct world_finding *worst = NULL;
	uint32_t id = 0;

	for (uint32_t i = 0; i < im->n_components; i++) {
		const struct world_finding *f =
		    finding_in(&w->components.v[im->components[i]], advisory);

		if (f && (worst == NULL || f->severity > worst->severity)) {
			worst = f;
			id = im->components[i];
		}
	}
	return id;
}

/* False where there is nothing to say; end it either way. */
static bool match_one(struct call *c, uint32_t image, uint32_t advisory, struct matched *m)
{
	uint32_t component = worst_component(c->w, image, advisory);
	struct span id = c->w->advisories.v[advisory].id;

	*m = (struct matched){0};
	if (component == 0)
		return false;
	component_of_world(c->w, component, &m->component);
	m->inv = (struct inventory){
	    .complete = true,
	    .os = c->w->oses.v[c->w->components.v[component].os],
	    .components = &m->component,
	    .n_components = 1,
	};
	if (c->env->db == NULL || match_inventory(&m->inv, c->env->db, &m->verdict, NULL) != RMG_OK)
		return true;
	for (size_t i = 0; i < m->verdict->n_findings; i++) {
		if (span_is(m->verdict->findings[i].id, id))
			m->finding = &m->verdict->findings[i];
	}
	return true;
}

int64_t finding_published(struct call *c, uint32_t image, uint32_t advisory)
{
	struct matched m;
	int64_t ms = 0;

	if (!match_one(c, image, advisory, &m) || m.finding == NULL ||
	    !rfc3339_parse(m.finding->published, &ms))
		ms = 0;
	verdict_free(m.verdict);
	return ms;
}

static struct span joined(struct arena *a, const struct span *parts, size_t n)
{
	struct strbuf text = strbuf_of(MESSAGE_TEXT_BYTES);
	struct span s;

	for (size_t i = 0; i < n; i++)
		strbuf_printf(&text, "%s" SPAN_FMT, i ? ", " : "", SPAN_ARG(parts[i]));
	s = arena_dup(a, strbuf_span(&text));
	strbuf_done(&text);
	return s;
}

static void put_finding(struct call *c, const struct notice *n, struct message_item *item)
{
	struct arena *a = c->items;
	struct matched m;

	if (match_one(c, n->image, n->advisory, &m)) {
		item->component = arena_dup(a, m.component.purl);
		if (m.finding) {
			item->summary = arena_dup(a, m.finding->summary);
			item->url = arena_dup(a, m.finding->url);
			item->fixed = joined(a, m.finding->fixed, m.finding->n_fixed);
		}
	}
	verdict_free(m.verdict);
}

/* Uses: those that the rule is about. */

static struct span time_of(struct arena *a, int64_t ms)
{
	char buf[RFC3339_BYTES];

	return arena_dup(a, span_cstr(ms ? rfc3339_text(ms, buf) : ""));
}

static void put_place(struct arena *a, const struct world *w, uint32_t place, uint32_t workload,
		      struct message_use *use)
{
	const struct place *p = &w->places.v[place].place;

	use->cluster = p->cluster;
	use->node = p->node;
	use->ns = p->ns;
	if (workload) {
		const struct world_workload *x = &w->workloads.v[workload];

		use->ns = w->places.v[x->place].place.ns;
		use->workload = ARENA_JOIN(a, x->kind, S("/"), x->name);
	}
}

static void put_use(struct call *c, uint32_t slot, struct message_item *item)
{
	const struct world_use *u = &c->w->uses.v[slot];
	struct arena *a = c->items;
	char buf[WORLD_CONTAINER];
	struct message_use *use;

	item->n_uses++;
	if (item->uses_listed == MESSAGE_USES || item->uses == NULL)
		return;
	use = &item->uses[item->uses_listed++];
	put_place(a, c->w, u->place, u->workload, use);
	use->container = arena_dup(a, world_use_container(u, buf));
	use->name = world_use_name(c->w, u);
	use->since = time_of(a, u->began_ms);
}

static void put_dormant(struct call *c, uint32_t workload, struct message_item *item)
{
	struct message_use *use;

	item->n_uses++;
	if (item->uses_listed == MESSAGE_USES || item->uses == NULL)
		return;
	use = &item->uses[item->uses_listed++];
	put_place(c->items, c->w, c->w->workloads.v[workload].place, workload, use);
	use->dormant = true;
}

static bool is_about(const struct call *c, const struct notice *n, uint32_t workload,
		     uint32_t place, bool dormant)
{
	const struct policy *p = c->env->policy;

	if (n->workload && n->workload != workload)
		return false;
	return n->rule >= p->n_rules ||
	       policy_applies(&p->rules[n->rule], c->w, workload, place, dormant);
}

static void put_uses(struct call *c, const struct notice *n, struct message_item *item)
{
	const struct world *w = c->w;
	const struct policy *p = c->env->policy;
	bool all =
	    n->workload == 0 && (n->rule >= p->n_rules || !policy_asks_where(&p->rules[n->rule]));
	uint32_t at = 0, workload;

	item->uses = ARENA_ARRAY(c->items, MESSAGE_USES, struct message_use);
	for (uint32_t u = w->images.v[n->image].first_use; u; u = w->uses.v[u].next) {
		if (all && item->uses_listed == MESSAGE_USES) {
			item->n_uses = w->images.v[n->image].n_uses;
			break;
		}
		if (is_about(c, n, w->uses.v[u].workload, w->uses.v[u].place, false))
			put_use(c, u, item);
	}
	while ((workload = world_would_next(w, n->image, &at)) != 0) {
		if (world_dormant(w, workload) && is_about(c, n, workload, 0, true))
			put_dormant(c, workload, item);
	}
}

static void put_texts(struct call *c, const struct notice *n, struct message_item *item)
{
	struct arena *a = c->items;
	const struct world_image *im = &c->w->images.v[n->image];

	if (n->text) {
		item->key = n->text->key;
		item->title = n->text->title;
		item->text = n->text->text;
		item->before = n->text->before;
		item->after = n->text->after;
		return;
	}
	item->key = ARENA_JOIN(a, S("vuln:"), im->digest, S(":"), item->advisory);
	item->title = ARENA_JOIN(a, item->advisory, S(" in "), im->ref.n ? im->ref : im->digest);
}

struct message_item *notice_item(struct call *c, const struct notice *n)
{
	const struct policy *p = c->env->policy;
	struct arena *a = c->items;
	struct message_item *item;

	item = ARENA_NEW(a, struct message_item);
	if (item == NULL)
		return NULL;
	*item = (struct message_item){
	    .alert = n->alert,
	    .severity = span_cstr(severity_name((enum adv_severity)n->severity)),
	    .kev = n->kev,
	    .fixable = n->fixable,
	    .is_new = n->is_new,
	    .epss = n->epss_permille / 1000.0,
	    .days = n->days,
	    .opened = time_of(a, n->opened_ms),
	};
	if (n->rule < p->n_rules)
		item->rule = p->rules[n->rule].name;
	if (n->advisory)
		item->advisory = c->w->advisories.v[n->advisory].id;
	put_texts(c, n, item);
	if (n->image) {
		item->image = c->w->images.v[n->image].ref;
		item->digest = c->w->images.v[n->image].digest;
		put_uses(c, n, item);
	}
	if (n->advisory)
		put_finding(c, n, item);
	return arena_rc(a) == RMG_OK ? item : NULL;
}
