/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/alerts_inside.h"

#include "base/limits.h"

/* Conditions on the place do not depend on the finding: they are asked once an image, over its uses
 * and the workloads that would run it, until every rule has found one. */

/* Rules that a use does not satisfy yet; gives how many are left. */
static size_t ask_rules(struct call *c, uint32_t workload, uint32_t place, bool dormant)
{
	const struct policy *p = c->env->policy;
	size_t left = 0;

	for (size_t i = 0; i < p->n_rules; i++) {
		uint8_t *holds = &c->a->rules.v[i];

		if (!*holds && policy_applies(&p->rules[i], c->w, workload, place, dormant))
			*holds = 1;
		left += !*holds;
	}
	return left;
}

/* Whether this workload was asked already; a bare container never was. */
static bool asked(struct alerts *a, uint32_t workload)
{
	bool was = workload && a->workload_stamp.v[workload] == a->workload_stamp_now;

	if (workload)
		a->workload_stamp.v[workload] = a->workload_stamp_now;
	return was;
}

static bool stamps_grow(struct alerts *a, const struct world *w)
{
	size_t n = a->workload_stamp.n, want = w->workloads.n + 1;

	if (n < want) {
		if (!VEC_RESERVE(&a->workload_stamp, want))
			return false;
		memset(a->workload_stamp.v + n, 0, (want - n) * sizeof(uint32_t));
		a->workload_stamp.n = want;
	}
	a->workload_stamp_now++;
	return true;
}

enum rmg_rc image_rules(struct call *c, uint32_t image)
{
	const struct world_image *im = &c->w->images.v[image];
	struct alerts *a = c->a;
	size_t n = c->env->policy->n_rules, left = n;
	uint32_t at = 0, workload, last_place = 0;

	if (!VEC_RESERVE(&a->rules, n + 1) || !stamps_grow(a, c->w))
		return call_no_memory(c);
	a->rules.n = n;
	memset(a->rules.v, 0, n + 1);
	a->in_use = im->first_use != 0;
	for (uint32_t u = im->first_use; u && left; u = c->w->uses.v[u].next) {
		const struct world_use *use = &c->w->uses.v[u];

		if (asked(a, use->workload) || (!use->workload && use->place == last_place))
			continue;
		if (!use->workload)
			last_place = use->place;
		left = ask_rules(c, use->workload, use->place, false);
	}
	while ((left || !a->in_use) && (workload = world_would_next(c->w, image, &at)) != 0) {
		if (!world_dormant(c->w, workload))
			continue;
		a->in_use = true;
		left = ask_rules(c, workload, 0, true);
	}
	a->rules_of = image;
	return RMG_OK;
}

size_t image_rule_of(const struct call *c, enum rule_kind kind)
{
	const struct policy *p = c->env->policy;

	for (size_t i = 0; i < p->n_rules; i++) {
		if (p->rules[i].kind == kind && c->a->rules.v[i])
			return i;
	}
	return NO_RULE;
}

/* Findings. */

static size_t rule_for(struct call *c, uint32_t image, const struct world_finding *f)
{
	const struct policy *p = c->env->policy;
	int64_t age_ms = INT64_MAX;

	for (size_t i = 0; i < p->n_rules; i++) {
		const struct rule *r = &p->rules[i];

		if (r->kind != RULE_FINDING || !c->a->rules.v[i] || !policy_takes(r, f, age_ms))
			continue;
		if (r->age_days && age_ms == INT64_MAX) { /* only now: it costs a look-up */
			int64_t published = finding_published(c, image, f->advisory);

			age_ms = published ? c->env->now_ms - published : -1;
			if (!policy_takes(r, f, age_ms))
				continue;
		}
		return i;
	}
	return NO_RULE;
}

/* f: what the advisory is for the image; NULL: nothing. */
static enum rmg_rc decide(struct call *c, uint32_t image, uint32_t advisory,
			  const struct world_finding *f)
{
	struct alert *x = alerts_find(c->a, image, advisory);
	size_t rule = f ? rule_for(c, image, f) : NO_RULE;
	struct alert fresh;

	if (x && rule != NO_RULE)
		return alert_compare(c, x, f, rule);
	if (x)
		return alert_resolve(c, x,
				     f ? "no rule asks for it any more" : "the finding is gone");
	if (rule == NO_RULE)
		return RMG_OK;
	fresh = (struct alert){
	    .image = image,
	    .advisory = advisory,
	    .rule = (uint16_t)rule,
	    .severity = f->severity,
	    .kev = f->kev,
	    .fixable = f->fixable,
	    .epss_permille = f->epss_permille,
	};
	return alert_open(c, &fresh, NULL);
}

enum rmg_rc alerts_delta(struct alerts *a, const struct alerts_env *env, const struct delta *d,
			 struct rmg_err *err)
{
	struct call c = call_of(a, env, err);
	enum rmg_rc rc = alerts_take_policy(&c);

	if (rc == RMG_OK && a->rules_of != d->image)
		rc = image_rules(&c, d->image);
	/* Without a use nothing opens, and while one may come back only the finding's end is an
	 * end. */
	if (rc != RMG_OK || (d->is && !a->in_use))
		return rc;
	return decide(&c, d->image, d->advisory, d->is);
}

static bool advisories_grow(struct alerts *a, const struct world *w)
{
	size_t n = a->stamp.n, want = w->advisories.n + 1;

	if (n < want) {
		if (!VEC_RESERVE(&a->stamp, want) || !VEC_RESERVE(&a->worst, want))
			return false;
		memset(a->stamp.v + n, 0, (want - n) * sizeof(uint32_t));
		a->stamp.n = a->worst.n = want;
	}
	a->stamp_now++;
	a->found.n = 0;
	return true;
}

/* What each advisory is for the image: the worst of its components' findings. */
static bool find_worst(struct alerts *a, const struct world_component *in)
{
	for (uint32_t i = 0; i < in->n_findings; i++) {
		const struct world_finding *f = &in->findings[i];
		struct world_finding *worst = &a->worst.v[f->advisory];

		if (a->stamp.v[f->advisory] == a->stamp_now) {
			if (finding_is_worse(f, worst))
				*worst = *f;
			continue;
		}
		a->stamp.v[f->advisory] = a->stamp_now;
		*worst = *f;
		if (!VEC_PUSH(&a->found, f->advisory))
			return false;
	}
	return true;
}

/* Alerts of an image about what is not in it any more. Each that is resolved leaves its place to
 * another, so the list is begun anew after it. */
static enum rmg_rc resolve_gone(struct call *c, uint32_t image)
{
	const struct alert *at = alerts_of_image(c->a, image, NULL);

	while (at) {
		enum rmg_rc rc;

		if (at->advisory == 0 || c->a->stamp.v[at->advisory] == c->a->stamp_now) {
			at = alerts_of_image(c->a, image, at);
			continue;
		}
		rc =
		    alert_resolve(c, alerts_find(c->a, image, at->advisory), "the finding is gone");
		if (rc != RMG_OK)
			return rc;
		at = alerts_of_image(c->a, image, NULL);
	}
	return RMG_OK;
}

static enum rmg_rc hold_findings(struct call *c, uint32_t image)
{
	const struct world_image *im = &c->w->images.v[image];
	enum rmg_rc rc = RMG_OK;

	/* Without a database nothing is known, which ends nothing. */
	if (c->env->db == NULL)
		return RMG_OK;
	if (!advisories_grow(c->a, c->w))
		return call_no_memory(c);
	for (uint32_t i = 0; i < im->n_components; i++)
		if (!find_worst(c->a, &c->w->components.v[im->components[i]]))
			return call_no_memory(c);
	for (size_t i = 0; i < c->a->found.n && rc == RMG_OK; i++) {
		uint32_t advisory = c->a->found.v[i];

		rc = decide(c, image, advisory, &c->a->worst.v[advisory]);
	}
	return rc == RMG_OK ? resolve_gone(c, image) : rc;
}

/* What could not be read, or was not yet. */

/* The title is head, the image, tail. */
static enum rmg_rc tell_unread(struct call *c, uint32_t image, const char *head, const char *tail,
			       const char *text, bool over)
{
	const struct world_image *im = &c->w->images.v[image];
	struct strbuf line = strbuf_of(KIB(64));
	struct happening x = {.kind = RULE_INCOMPLETE,
			      .image = image,
			      .subject = im->digest,
			      .text = span_cstr(text),
			      .over = over};
	enum rmg_rc rc;

	strbuf_printf(&line, "%s" SPAN_FMT "%s", head, SPAN_ARG(im->ref.n ? im->ref : im->digest),
		      tail);
	x.title = strbuf_span(&line);
	rc = alerts_happened(c->a, c->env, &x, c->err);
	strbuf_done(&line);
	return rc;
}

enum rmg_rc image_unread(struct call *c, uint32_t image, bool waited)
{
	const struct world_image *im = &c->w->images.v[image];
	struct image_alerts *of = &c->a->images.v[image];
	size_t rule = image_rule_of(c, RULE_INCOMPLETE);
	struct due due = {image, c->env->now_ms};

	if (rule == NO_RULE || (im->read_ms && im->complete)) /* what is over was open */
		return of->first ? tell_unread(c, image, "", "", "", true) : RMG_OK;
	if (im->read_ms)
		return tell_unread(c, image, "", " could not be read completely",
				   "What could not be read may be vulnerable: see the image's "
				   "notes.",
				   false);
	if (waited)
		return tell_unread(c, image, "nobody has read ", "",
				   "It is in use, and what is in it is not known.", false);
	if (of->waiting)
		return RMG_OK;
	of->waiting = true;
	due.at_ms += (int64_t)c->env->policy->rules[rule].seconds * 1000;
	return VEC_PUSH(&c->a->waiting, due) ? RMG_OK : call_no_memory(c);
}

/* Uses. */

static enum rmg_rc begin_closing(struct call *c, struct image_alerts *of, uint32_t image)
{
	struct due due = {image, c->env->now_ms + ALERTS_GRACE_MS};

	if (of->first == 0 || of->closing_ms)
		return RMG_OK;
	of->closing_ms = due.at_ms;
	return VEC_PUSH(&c->a->closing, due) ? RMG_OK : call_no_memory(c);
}

/* An alert about one workload, of which nothing runs any more while others use the image. */
static bool is_orphan(const struct world *w, const struct alert *x)
{
	return x->workload && x->advisory == 0 && w->workloads.v[x->workload].n_uses == 0;
}

static const struct alert *orphan_of(const struct call *c, uint32_t image)
{
	const struct alert *at = NULL;

	while ((at = alerts_of_image(c->a, image, at)) != NULL && !is_orphan(c->w, at))
		;
	return at;
}

enum rmg_rc image_close(struct call *c, uint32_t image)
{
	const struct alert *at;
	enum rmg_rc rc = image_rules(c, image);

	while (rc == RMG_OK && (at = c->a->in_use ? orphan_of(c, image)
						  : alerts_of_image(c->a, image, NULL)) != NULL)
		rc = alert_resolve(c, &c->a->v.v[at - c->a->v.v], "the last use ended");
	return rc;
}

static enum rmg_rc hold_image(struct call *c, uint32_t image)
{
	struct alerts *a = c->a;
	struct image_alerts *of = image_alerts(a, image);
	int64_t read_ms = c->w->images.v[image].read_ms;
	uint64_t rules;
	enum rmg_rc rc;

	if (of == NULL)
		return call_no_memory(c);
	rc = image_rules(c, image);
	if (rc != RMG_OK)
		return rc;
	rules = hash_span(span_of(a->rules.v, a->rules.n));
	if (!a->in_use) { /* of who uses it from now on is told when that begins */
		of->read_ms = read_ms;
		of->judged_ms = c->env->db ? read_ms : of->judged_ms;
		of->settled = false;
		return begin_closing(c, of, image);
	}
	of->closing_ms = orphan_of(c, image) ? of->closing_ms : 0;
	if (orphan_of(c, image) && (rc = begin_closing(c, of, image)) != RMG_OK)
		return rc;
	rc = image_unlisted(c, image);
	if (rc == RMG_OK)
		rc = image_behind(c, image);
	if (rc != RMG_OK)
		return rc;
	of = &a->images.v[image];
	if (of->settled && of->rules == rules && of->read_ms == read_ms && !a->excuses_somewhere)
		return RMG_OK;
	if (of->read_ms != read_ms)
		rc = ref_read(c, image);
	if (rc == RMG_OK && a->images.v[image].judged_ms != read_ms && c->env->db)
		rc = line_read(c, image);
	if (rc != RMG_OK)
		return rc;
	of = &a->images.v[image];
	of->settled = c->env->db != NULL;
	of->rules = rules;
	of->read_ms = read_ms;
	of->judged_ms = c->env->db ? read_ms : of->judged_ms;
	rc = image_unread(c, image, false);
	return rc == RMG_OK ? hold_findings(c, image) : rc;
}

enum rmg_rc alerts_image(struct alerts *a, const struct alerts_env *env, uint32_t image,
			 struct rmg_err *err)
{
	struct call c = call_of(a, env, err);
	enum rmg_rc rc = alerts_take_policy(&c);

	if (rc != RMG_OK || image == 0)
		return rc;
	rc = hold_image(&c, image);
	if (rc == RMG_OK && a->excuses_somewhere)
		rc = excuses_apply_to_image(&c, image);
	return rc;
}

/* Alerts of rules that another policy does not have. */
static enum rmg_rc resolve_without_rule(struct call *c)
{
	enum rmg_rc rc = RMG_OK;

	for (size_t i = c->a->v.n; i > 0 && rc == RMG_OK; i--) {
		struct alert *x = &c->a->v.v[i - 1];

		if (x->rule == ALERT_NO_RULE && x->advisory == 0)
			rc = alert_resolve(c, x, "the policy has no rule for it any more");
	}
	return rc;
}

enum rmg_rc alerts_all(struct alerts *a, const struct alerts_env *env, struct rmg_err *err)
{
	struct call c = call_of(a, env, err);
	enum rmg_rc rc = alerts_take_policy(&c);

	if (rc == RMG_OK)
		rc = resolve_without_rule(&c);
	VEC_EACH (of, &a->images)
		of->settled = false;
	for (uint32_t i = 1; i < env->world->images.n && rc == RMG_OK; i++)
		rc = hold_image(&c, i);
	return rc == RMG_OK ? excuses_apply(&c) : rc;
}

/* Happenings. */

static size_t rule_of_happening(struct call *c, const struct happening *x, enum rmg_rc *rc)
{
	const struct policy *p = c->env->policy;

	*rc = RMG_OK;
	if (x->rule)
		return (size_t)(x->rule - p->rules);
	if (x->image && !x->workload) {
		if (c->a->rules_of != x->image)
			*rc = image_rules(c, x->image);
		return *rc == RMG_OK ? image_rule_of(c, x->kind) : NO_RULE;
	}
	for (size_t i = 0; i < p->n_rules; i++) {
		const struct rule *r = &p->rules[i];

		if (r->kind == x->kind && policy_applies(r, c->w, x->workload, 0, false))
			return i;
	}
	return NO_RULE;
}

static enum rmg_rc happen(struct call *c, const struct happening *x, char *key)
{
	const struct opening said = {x->title, x->text, x->before, x->after, x->details};
	struct alert *open = alerts_find_key(c->a, span_cstr(key));
	struct alert fresh = {.image = x->image, .workload = x->workload, .key = key};
	enum adv_severity severity = x->severity;
	enum rmg_rc rc;
	size_t rule;

	if (x->over)
		return open ? alert_resolve(c, open, "it is over") : RMG_OK;
	rule = rule_of_happening(c, x, &rc);
	if (rc != RMG_OK || rule == NO_RULE)
		return rc;
	if (severity == SEV_UNKNOWN)
		severity = c->env->policy->rules[rule].severity;
	if (open)
		return alert_say(c, open, &said, severity);
	fresh.rule = (uint16_t)rule;
	fresh.severity = (uint8_t)severity;
	return alert_open(c, &fresh, &said);
}

void happening_key(enum rule_kind kind, struct span subject, struct strbuf *out)
{
	strbuf_clear(out);
	strbuf_printf(out, "%s:" SPAN_FMT, rule_kind_name(kind), SPAN_ARG(subject));
	for (size_t i = 0; i < out->n; i++) /* texts of keys are C's, and shown */
		out->p[i] = out->p[i] == '\0' ? '?' : out->p[i];
	key_fit(out);
}

enum rmg_rc alerts_happened(struct alerts *a, const struct alerts_env *env,
			    const struct happening *x, struct rmg_err *err)
{
	struct call c = call_of(a, env, err);
	struct strbuf key = strbuf_of(KIB(64));
	enum rmg_rc rc = alerts_take_policy(&c);

	happening_key(x->kind, x->subject, &key);
	if (rc == RMG_OK && strbuf_rc(&key) != RMG_OK)
		rc = call_no_memory(&c);
	if (rc == RMG_OK)
		rc = happen(&c, x, key.p);
	strbuf_done(&key);
	return rc;
}

enum rmg_rc wording_end(struct call *c, struct happening *x, struct wording *t)
{
	enum rmg_rc rc;

	if (t->subject.n)
		x->subject = strbuf_span(&t->subject);
	if (t->title.n)
		x->title = strbuf_span(&t->title);
	if (t->text.n)
		x->text = strbuf_span(&t->text);
	rc = alerts_happened(c->a, c->env, x, c->err);
	strbuf_done(&t->subject);
	strbuf_done(&t->title);
	strbuf_done(&t->text);
	return rc;
}
