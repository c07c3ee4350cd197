/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/admit.h"

#include <stdio.h>

#include "base/rfc3339.h"
#include "hub/alerts.h"
#include "hub/judge.h"
#include "model/ref.h"

enum { USES_ASKED = 1000, TAGS_ASKED = 10000 };

/* What a rule has to say of one advisory. */
struct taken {
	uint32_t advisory, component;
	const struct rule *rule;
	struct world_finding finding;
};

struct admission {
	struct hub *hub;
	const struct world *w;
	struct advdb *db;
	const struct policy *policy;
	const struct event *would;
	int64_t now_ms;
	uint32_t image;
	VEC(struct taken) taken;
	bool failed; /* no memory */
};

static bool takes_place(const struct admission *a, const struct rule *r)
{
	return !r->dormant_only && where_takes(&r->where, a->would);
}

static int64_t age_of(const struct admission *a, uint32_t component, uint32_t advisory)
{
	struct verdict *v;
	const struct finding *f = judge_one(a->w, a->db, component, advisory, &v);
	int64_t published, age_ms = -1;

	if (f && rfc3339_parse(f->published, &published))
		age_ms = a->now_ms - published;
	verdict_free(v);
	return age_ms;
}

static const struct rule *rule_for(const struct admission *a, uint32_t component,
				   const struct world_finding *f)
{
	for (size_t i = 0; i < a->policy->n_rules; i++) {
		const struct rule *r = &a->policy->rules[i];

		if (r->kind != RULE_FINDING || !policy_takes(r, f, INT64_MAX) || !takes_place(a, r))
			continue;
		if (r->age_days && !policy_takes(r, f, age_of(a, component, f->advisory)))
			continue;
		return r;
	}
	return NULL;
}

static void take(struct admission *a, uint32_t component, const struct world_finding *f)
{
	const struct rule *r = rule_for(a, component, f);

	if (r == NULL || r->admit == ADMIT_ALLOW ||
	    alerts_excepted(hub_alerts(a->hub), a->w, a->now_ms, a->image,
			    a->w->advisories.v[f->advisory].id, a->w->components.v[component].purl,
			    a->would))
		return;
	if (!VEC_PUSH(&a->taken, ((struct taken){f->advisory, component, r, *f})))
		a->failed = true;
}

static int by_advisory(const void *x, const void *y)
{
	const struct taken *a = x, *b = y;

	if (a->advisory != b->advisory)
		return a->advisory > b->advisory ? 1 : -1;
	if (finding_is_worse(&a->finding, &b->finding))
		return -1;
	return finding_is_worse(&b->finding, &a->finding);
}

/* One advisory counts once, by the component that has it worst. */
static void keep_worst(struct admission *a)
{
	size_t n = 0;

	if (a->taken.n == 0)
		return;
	qsort(a->taken.v, a->taken.n, sizeof *a->taken.v, by_advisory);
	VEC_EACH (it, &a->taken)
		if (n == 0 || a->taken.v[n - 1].advisory != it->advisory)
			a->taken.v[n++] = *it;
	a->taken.n = n;
}

static void take_all(struct admission *a)
{
	const struct world_image *im = &a->w->images.v[a->image];

	for (uint32_t i = 0; i < im->n_components; i++) {
		const struct world_component *c = &a->w->components.v[im->components[i]];

		for (uint32_t j = 0; j < c->n_findings; j++)
			take(a, im->components[i], &c->findings[j]);
	}
	keep_worst(a);
}

/* What denies first; then known-exploited, the worst, what became known here last. */
static int by_weight(const void *x, const void *y)
{
	const struct taken *a = x, *b = y;
	bool a_denies = a->rule->admit == ADMIT_DENY, b_denies = b->rule->admit == ADMIT_DENY;

	if (a_denies != b_denies)
		return a_denies ? -1 : 1;
	if (a->finding.kev != b->finding.kev)
		return a->finding.kev ? -1 : 1;
	if (a->finding.severity != b->finding.severity)
		return a->finding.severity > b->finding.severity ? -1 : 1;
	return a->advisory > b->advisory ? -1 : 1;
}

static void put_finding(const struct admission *a, const struct taken *t,
			char line[static ADMIT_LINE])
{
	const struct world_component *c = &a->w->components.v[t->component];
	struct verdict *v;
	const struct finding *f = judge_one(a->w, a->db, t->component, t->advisory, &v);
	struct span fixed = f && f->n_fixed ? f->fixed[0] : (struct span){0};

	snprintf(line, ADMIT_LINE,
		 SPAN_FMT " %s%s in " SPAN_FMT " " SPAN_FMT "%s" SPAN_FMT " (rule " SPAN_FMT ")",
		 SPAN_ARG(span_head(a->w->advisories.v[t->advisory].id, 40)),
		 severity_name((enum adv_severity)t->finding.severity),
		 t->finding.kev ? ", known to be exploited," : "", SPAN_ARG(span_head(c->name, 60)),
		 SPAN_ARG(span_head(c->version, 40)), fixed.n ? ", fixed in " : ", no fix yet",
		 SPAN_ARG(span_head(fixed, 40)), SPAN_ARG(span_head(t->rule->name, 40)));
	verdict_free(v);
}

static void decide(struct admit_answer *out, const struct rule *r)
{
	if (r->admit == ADMIT_DENY && out->admit != ADMIT_DENY) {
		out->admit = ADMIT_DENY;
		out->rule = r->name;
	} else if (r->admit == ADMIT_WARN && out->admit == ADMIT_ALLOW) {
		out->admit = ADMIT_WARN;
		out->rule = r->name;
	}
	out->n_denied += r->admit == ADMIT_DENY;
	out->n_warned += r->admit == ADMIT_WARN;
}

static void tell_findings(struct admission *a, struct admit_answer *out)
{
	size_t told = 0;

	if (a->taken.n)
		qsort(a->taken.v, a->taken.n, sizeof *a->taken.v, by_weight);
	VEC_EACH (it, &a->taken) {
		decide(out, it->rule);
		if (out->n_lines >= ADMIT_FINDINGS - 1)
			continue;
		put_finding(a, it, out->lines[out->n_lines++]);
		told++;
	}
	if (told < a->taken.n && out->n_lines < ADMIT_FINDINGS)
		snprintf(out->lines[out->n_lines++], ADMIT_LINE, "and %zu more", a->taken.n - told);
}

/* Ways out. */

static void tell_base(const struct admission *a, struct admit_answer *out)
{
	for (uint32_t id = a->w->images.v[a->image].first_base; id; id = a->w->bases.v[id].next) {
		const struct world_base *b = &a->w->bases.v[id];

		if (b->now.n == 0)
			continue;
		snprintf(out->lines[out->n_lines++], ADMIT_LINE,
			 "its base " SPAN_FMT " was pushed anew since: build it again",
			 SPAN_ARG(span_head(b->ref, 120)));
		return;
	}
}

static bool has_less(const struct world_image *x, const struct world_image *than)
{
	for (int s = SEV_CRITICAL; s >= SEV_LOW; s--)
		if (x->counts.by_severity[s] != than->counts.by_severity[s])
			return x->counts.by_severity[s] < than->counts.by_severity[s];
	return false;
}

/* Of the same repository, not older, whole, and with less: the best that is known. */
static void tell_tag(const struct admission *a, struct span ref, struct admit_answer *out)
{
	const struct world_image *own = &a->w->images.v[a->image], *best = own;
	uint32_t found = 0;
	struct span repository, tag, other;

	ref_cut(ref, &repository, &tag);
	for (uint32_t id = 1; id < a->w->tags.n && id < TAGS_ASKED && repository.n; id++) {
		const struct world_tag *t = &a->w->tags.v[id];
		const struct world_image *im;

		if (!span_starts(t->ref, repository))
			continue;
		ref_cut(t->ref, &other, &tag);
		im = &a->w->images.v[world_image_choose(a->w, t->digest)];
		if (!span_is(other, repository) || im->read_ms == 0 || !im->complete ||
		    im->created_ms < own->created_ms || !has_less(im, best))
			continue;
		best = im;
		found = id;
	}
	if (found)
		snprintf(out->lines[out->n_lines++], ADMIT_LINE,
			 SPAN_FMT " has less: %u critical, %u high",
			 SPAN_ARG(span_head(a->w->tags.v[found].ref, 160)),
			 best->counts.by_severity[SEV_CRITICAL],
			 best->counts.by_severity[SEV_HIGH]);
}

/* What nobody has read, or could not be read whole, has a rule of its own. */
static void tell_doubt(struct admission *a, struct admit_answer *out, const char *what)
{
	for (size_t i = 0; i < a->policy->n_rules; i++) {
		const struct rule *r = &a->policy->rules[i];

		if (r->kind != RULE_INCOMPLETE || !takes_place(a, r))
			continue;
		decide(out, r);
		if (r->admit != ADMIT_ALLOW && out->n_lines < ADMIT_LINES)
			snprintf(out->lines[out->n_lines++], ADMIT_LINE, "%s (rule " SPAN_FMT ")",
				 what, SPAN_ARG(span_head(r->name, 40)));
		return;
	}
}

/* What is asked for by digest, or the tag means. */
static uint32_t image_of(const struct world *w, const struct admit_ask *ask)
{
	uint32_t tag;

	if (ask->digest.n)
		return world_image_choose(w, ask->digest);
	tag = world_tag_of(w, ask->ref);
	return tag ? world_image_choose(w, w->tags.v[tag].digest) : 0;
}

/* Of what an index is of, too. */
static bool is_denied(const struct admission *a, struct span digest)
{
	uint32_t image;

	for (size_t nth = 0; (image = world_image_of(a->w, digest, nth)) != 0; nth++)
		if (a->w->images.v[image].denied)
			return true;
	return a->w->images.v[a->image].denied;
}

static void tell_denied(struct admit_answer *out)
{
	out->admit = ADMIT_DENY;
	out->n_denied++;
	if (out->n_lines < ADMIT_LINES)
		snprintf(out->lines[out->n_lines++], ADMIT_LINE,
			 "the cluster says that nobody is to run it "
			 "(images.openshift.io/deny-execution of its Image)");
}

/* digest: that it was asked for by, or the tag means; ref: as it was asked for, "" not said. */
static void judge(struct admission *a, struct span digest, struct span ref,
		  struct admit_answer *out)
{
	const struct world_image *im = &a->w->images.v[a->image];

	out->known = a->image != 0;
	out->read = a->image && im->read_ms;
	out->complete = out->read && im->complete;
	if (a->image)
		snprintf(out->digest, sizeof out->digest, SPAN_FMT, SPAN_ARG(im->digest));
	if (a->image && is_denied(a, digest))
		tell_denied(out);
	if (!out->read) {
		tell_doubt(a, out, "nobody has read what is in it");
		return;
	}
	take_all(a);
	tell_findings(a, out);
	if (a->taken.n && out->n_lines && out->n_lines <= ADMIT_FINDINGS) {
		tell_base(a, out);
		tell_tag(a, ref, out);
	}
	if (!im->complete)
		tell_doubt(a, out, "part of it could not be read");
}

enum rmg_rc hub_admit(struct hub *h, const struct admit_ask *ask, struct admit_answer *out,
		      struct rmg_err *err)
{
	struct admission a = {.hub = h, .would = ask->would, .now_ms = hub_now_ms(h)};
	enum rmg_rc rc = hub_read_lock(h, &a.w, &a.db, err);

	*out = (struct admit_answer){.admit = ADMIT_ALLOW};
	if (rc != RMG_OK)
		return rc;
	a.policy = hub_policy(h);
	a.image = image_of(a.w, ask);
	snprintf(out->means, sizeof out->means, SPAN_FMT,
		 SPAN_ARG(a.w->tags.v[world_tag_of(a.w, ask->ref)].digest));
	judge(&a, ask->digest.n ? ask->digest : span_cstr(out->means), ask->ref, out);
	hub_read_unlock(h);
	VEC_DONE(&a.taken);
	return a.failed ? err_set(err, RMG_E_NOMEM, "no memory to judge an image") : RMG_OK;
}

enum rmg_rc hub_admit_workload(struct hub *h, const struct event *would, struct admit_answer *out,
			       struct rmg_err *err)
{
	struct admission a = {.hub = h, .would = would, .now_ms = hub_now_ms(h)};
	enum rmg_rc rc = hub_read_lock(h, &a.w, &a.db, err);
	const struct world_workload *x;

	*out = (struct admit_answer){.admit = ADMIT_ALLOW};
	if (rc != RMG_OK)
		return rc;
	a.policy = hub_policy(h);
	x = &a.w->workloads.v[world_workload_at(a.w, would->place.cluster, would->place.ns,
						would->workload_kind, would->workload_name)];
	for (uint32_t i = 0; i < x->n_would_run; i++) {
		a.image = x->would_run[i];
		a.taken.n = 0;
		judge(&a, a.w->images.v[a.image].digest, a.w->images.v[a.image].ref, out);
	}
	hub_read_unlock(h);
	VEC_DONE(&a.taken);
	return a.failed ? err_set(err, RMG_E_NOMEM, "no memory to judge a workload") : RMG_OK;
}

static bool runs(const struct world *w, uint32_t workload, uint32_t image)
{
	size_t left = USES_ASKED;

	for (uint32_t u = w->workloads.v[workload].first_use; u && left;
	     u = w->uses.v[u].next_of_workload, left--)
		if (w->uses.v[u].image == image)
			return true;
	return false;
}

bool hub_admit_is_another(struct hub *h, const struct event *asked)
{
	const struct world *w;
	struct rmg_err err;
	uint32_t workload;
	bool another = false;

	if (hub_read_lock(h, &w, NULL, &err) != RMG_OK)
		return true;
	workload = world_workload_at(w, asked->place.cluster, asked->place.ns, asked->workload_kind,
				     asked->workload_name);
	for (size_t i = 0; workload && !another && i < asked->n_images; i++) {
		const struct event_image *e = &asked->images[i];
		struct admit_ask ask = {.ref = e->ref};
		uint32_t image;

		if (e->n_digests)
			ask.digest = e->digests[0];
		image = image_of(w, &ask);
		another = image && !runs(w, workload, image);
	}
	hub_read_unlock(h);
	return another;
}

/* Everywhere. */

static bool asks_place(const struct rule *r)
{
	return r->where.n_namespaces || r->where.n_workloads || r->where.n_labels;
}

/* true: nothing that a later rule says holds everywhere. */
static bool decides(const struct rule *r, bool *denied)
{
	if (r->admit == ADMIT_DENY && asks_place(r))
		return false; /* elsewhere another may deny it, too */
	*denied = r->admit == ADMIT_DENY;
	return true;
}

static bool finding_denies(const struct admission *a, uint32_t component,
			   const struct world_finding *f)
{
	bool denied = false;

	for (size_t i = 0; i < a->policy->n_rules; i++) {
		const struct rule *r = &a->policy->rules[i];

		if (r->kind != RULE_FINDING || r->dormant_only || !policy_takes(r, f, INT64_MAX))
			continue;
		if (r->age_days && !policy_takes(r, f, age_of(a, component, f->advisory)))
			continue;
		if (decides(r, &denied))
			break;
	}
	return denied && !alerts_excepted_somewhere(hub_alerts(a->hub), a->w, a->now_ms, a->image,
						    a->w->advisories.v[f->advisory].id,
						    a->w->components.v[component].purl);
}

static bool doubt_denies(const struct admission *a)
{
	bool denied = false;

	for (size_t i = 0; i < a->policy->n_rules; i++) {
		const struct rule *r = &a->policy->rules[i];

		if (r->kind == RULE_INCOMPLETE && !r->dormant_only && decides(r, &denied))
			break;
	}
	return denied;
}

bool hub_admit_denies(struct hub *h, const struct world *w, struct advdb *db, uint32_t image)
{
	const struct admission a = {.hub = h,
				    .w = w,
				    .db = db,
				    .policy = hub_policy(h),
				    .now_ms = hub_now_ms(h),
				    .image = image};
	const struct world_image *im = &w->images.v[image];

	for (uint32_t i = 0; i < im->n_components; i++) {
		const struct world_component *c = &w->components.v[im->components[i]];

		for (uint32_t j = 0; j < c->n_findings; j++)
			if (finding_denies(&a, im->components[i], &c->findings[j]))
				return true;
	}
	return im->read_ms && !im->complete && doubt_denies(&a);
}

enum admit hub_admit_entering(struct hub *h, const struct event *would, struct span command)
{
	const struct world *w;
	const struct policy *p;
	enum admit admit = ADMIT_ALLOW;
	struct rmg_err err;

	if (hub_read_lock(h, &w, NULL, &err) != RMG_OK)
		return ADMIT_WARN;
	p = hub_policy(h);
	for (size_t i = 0; i < p->n_rules; i++) {
		const struct rule *r = &p->rules[i];

		if (r->kind != RULE_ENTERED || !where_takes(&r->where, would) ||
		    policy_excepts(r, command))
			continue;
		admit = r->admit;
		break;
	}
	hub_read_unlock(h);
	return admit;
}
