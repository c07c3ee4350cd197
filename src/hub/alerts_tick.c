/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "base/rfc3339.h"
#include "hub/lineage_inside.h"

enum { HEARD, SILENT, NOT_SAID }; /* of a source */
enum { DAY_MS = 86400000, AGE_ROUND_MS = 3600000, FEED_ROUND_MS = 30000, GAP_MS = 60000 };

static enum rmg_rc close_images(struct call *c)
{
	struct alerts *a = c->a;
	int64_t now = c->env->now_ms;
	enum rmg_rc rc = RMG_OK;
	size_t kept = 0;

	for (size_t i = 0; i < a->closing.n; i++) {
		struct due due = a->closing.v[i];
		struct image_alerts *of = &a->images.v[due.image];

		if (rc != RMG_OK || !has_come(due.at_ms, now, ALERTS_GRACE_MS)) {
			a->closing.v[kept++] = due;
		} else if (of->closing_ms == due.at_ms) { /* and not used since */
			of->closing_ms = 0;
			rc = image_close(c, due.image);
		}
	}
	a->closing.n = kept;
	return rc;
}

static enum rmg_rc look_at_waiting(struct call *c)
{
	struct alerts *a = c->a;
	enum rmg_rc rc = RMG_OK;
	size_t kept = 0;

	for (size_t i = 0; i < a->waiting.n; i++) {
		struct due due = a->waiting.v[i];

		if (rc != RMG_OK || !has_come(due.at_ms, c->env->now_ms, INT64_C(100) * DAY_MS)) {
			a->waiting.v[kept++] = due;
			continue;
		}
		a->images.v[due.image].waiting = false;
		rc = image_rules(c, due.image);
		if (rc == RMG_OK && a->in_use)
			rc = image_unread(c, due.image, true);
	}
	a->waiting.n = kept;
	return rc;
}

/* Escalations and ends of suppressions. */

static size_t steps_reached(const struct rule *r, int64_t open_ms)
{
	size_t n = 0;

	while (n < r->n_escalate && open_ms >= (int64_t)r->escalate_days[n] * DAY_MS)
		n++;
	return n;
}

static const struct rule *rule_of(const struct call *c, const struct alert *x)
{
	const struct policy *p = c->env->policy;

	return x->rule < p->n_rules ? &p->rules[x->rule] : NULL;
}

static enum rmg_rc age_alert(struct call *c, struct alert *x)
{
	static const struct turn again = {
	    .to = ALERT_FIRING,
	    .what = "fires again",
	    .reason = S("the time for which it was suppressed is over"),
	    .told = true,
	};
	const struct rule *r = rule_of(c, x);
	int64_t now = c->env->now_ms;
	enum rmg_rc rc = RMG_OK;
	size_t steps;

	if (x->state == ALERT_SUPPRESSED && !x->excepted && x->until_ms && x->until_ms <= now)
		rc = alert_turn(c, x, &again);
	if (rc != RMG_OK || r == NULL || x->state == ALERT_SUPPRESSED)
		return rc;
	steps = steps_reached(r, now - x->opened_ms);
	return steps > x->escalation ? alert_escalate(c, x, steps, r->escalate_days[steps - 1])
				     : RMG_OK;
}

/* When something will next be due for it. */
static int64_t next_of(const struct call *c, const struct alert *x)
{
	const struct rule *r = rule_of(c, x);

	if (x->state == ALERT_SUPPRESSED)
		return x->until_ms && !x->excepted ? x->until_ms : INT64_MAX;
	if (r == NULL || x->escalation >= r->n_escalate)
		return INT64_MAX;
	return x->opened_ms + (int64_t)r->escalate_days[x->escalation] * DAY_MS;
}

static enum rmg_rc age_alerts(struct call *c)
{
	int64_t next = INT64_MAX;
	enum rmg_rc rc = RMG_OK;

	if (c->env->now_ms < c->a->next_due_ms)
		return RMG_OK;
	VEC_EACH (x, &c->a->v) {
		rc = age_alert(c, x);
		if (rc != RMG_OK)
			return rc;
		next = MIN_OF(next, next_of(c, x));
	}
	c->a->next_due_ms = next;
	return RMG_OK;
}

static enum rmg_rc end_exceptions(struct call *c)
{
	enum rmg_rc rc;

	if (c->a->next_excuse_end == 0 || c->env->now_ms < c->a->next_excuse_end)
		return RMG_OK;
	rc = excuses_load(c);
	return rc == RMG_OK ? excuses_apply(c) : rc;
}

/* What nobody says. */

static const struct rule *first_rule(const struct policy *p, enum rule_kind kind)
{
	for (size_t i = 0; i < p->n_rules; i++) {
		if (p->rules[i].kind == kind)
			return &p->rules[i];
	}
	return NULL;
}

static bool refuses(const struct policy *p)
{
	bool any = false;

	for (size_t i = 0; i < p->n_execs; i++)
		any |= p->execs[i].enforce;
	return any;
}

static enum rmg_rc tell_source(struct call *c, const struct world_source *s, bool silent)
{
	struct wording t = {.title = strbuf_of(KIB(16)), .text = strbuf_of(KIB(1))};
	struct happening x = {.kind = RULE_SILENT, .subject = s->name, .over = !silent};
	char time[RFC3339_BYTES];

	strbuf_printf(&t.title, "nothing is heard of " SPAN_FMT, SPAN_ARG(s->name));
	strbuf_printf(&t.text,
		      "It was last heard of at %s. What runs there may have changed since.",
		      rfc3339_text(s->heard_ms, time));
	if (span_ends(s->name, S("/execs")) && refuses(c->env->policy))
		strbuf_puts(&t.text, " Where it refused programs, all are let run meanwhile.");
	return wording_end(c, &x, &t);
}

/* Silence counts from when the hub itself was there to hear. */
static enum rmg_rc listen(struct call *c)
{
	const struct rule *r = first_rule(c->env->policy, RULE_SILENT);
	struct alerts *a = c->a;
	enum rmg_rc rc = RMG_OK;

	if (r == NULL)
		return RMG_OK;
	while (a->silent.n < c->w->sources.n) {
		if (!VEC_PUSH(&a->silent, NOT_SAID))
			return call_no_memory(c);
	}
	for (size_t i = 1; i < c->w->sources.n && rc == RMG_OK; i++) {
		const struct world_source *s = &c->w->sources.v[i];
		int64_t since = MAX_OF(s->heard_ms, a->listening_ms);
		uint8_t is = c->env->now_ms - since >= (int64_t)r->seconds * 1000 ? SILENT : HEARD;

		/* Just started, it cannot tell yet whether one that was silent still is. */
		if (is == a->silent.v[i] || (is == HEARD && s->heard_ms < a->listening_ms))
			continue;
		rc = tell_source(c, s, is == SILENT);
		a->silent.v[i] = is;
	}
	return rc;
}

static enum rmg_rc tell_feed(struct call *c, struct span feed, struct span fetched, bool old)
{
	struct wording t = {.title = strbuf_of(KIB(16)), .text = strbuf_of(KIB(1))};
	struct happening x = {.kind = RULE_FEED_AGE, .subject = feed, .over = !old};

	strbuf_printf(&t.title, "the advisories of " SPAN_FMT " are old", SPAN_ARG(feed));
	strbuf_printf(&t.text,
		      "They are of " SPAN_FMT ". What was disclosed since is not known here.",
		      SPAN_ARG(fetched));
	return wording_end(c, &x, &t);
}

static enum rmg_rc look_at_feed(struct call *c, const struct rule *r, struct span feed,
				struct span fetched)
{
	int64_t at = 0;

	if (!rfc3339_parse(fetched, &at))
		return RMG_OK;
	at = MAX_OF(at, c->env->feeds_checked_ms);
	return tell_feed(c, feed, fetched, c->env->now_ms - at > (int64_t)r->seconds * 1000);
}

static enum rmg_rc no_database(struct call *c, bool over)
{
	struct happening x = {
	    .kind = RULE_FEED_AGE,
	    .subject = S("no database"),
	    .title = S("there is no advisory database"),
	    .text = S("Nothing can be judged until one is there."),
	    .over = over || c->env->now_ms - c->a->listening_ms < 300000,
	};

	return alerts_happened(c->a, c->env, &x, c->err);
}

static enum rmg_rc look_at_feeds(struct call *c)
{
	const struct rule *r = first_rule(c->env->policy, RULE_FEED_AGE);
	struct advdb *db = c->env->db;
	struct adv_source s;
	bool any = false;
	enum rmg_rc rc;

	if (r == NULL || !has_come(c->a->next_feed_ms, c->env->now_ms, FEED_ROUND_MS))
		return RMG_OK;
	c->a->next_feed_ms = c->env->now_ms + FEED_ROUND_MS;
	rc = no_database(c, db != NULL);
	for (uint32_t i = 0; db && rc == RMG_OK && i < db->n_sources; i++) {
		if (!advdb_source(db, i, &s) || s.fetched.n == 0)
			continue;
		any = true;
		rc = look_at_feed(c, r, s.name, s.fetched);
	}
	if (db && rc == RMG_OK && !any)
		rc = look_at_feed(c, r, S("the database"), db->built);
	return rc;
}

/* Rules about an advisory's age begin to hold by themselves. */
static enum rmg_rc look_at_ages(struct call *c)
{
	const struct policy *p = c->env->policy;
	bool any = false;

	if (!has_come(c->a->next_age_ms, c->env->now_ms, AGE_ROUND_MS))
		return RMG_OK;
	c->a->next_age_ms = c->env->now_ms + AGE_ROUND_MS;
	for (size_t i = 0; i < p->n_rules; i++)
		any |= p->rules[i].age_days != 0;
	return any ? alerts_all(c->a, c->env, c->err) : RMG_OK;
}

/* A clock that jumped, or a hub that slept: what it has not heard meanwhile says nothing. */
static void notice_gap(struct call *c)
{
	int64_t passed = c->env->now_ms - c->a->last_tick_ms;

	if (passed < 0 || passed > GAP_MS) {
		c->a->listening_ms = c->env->now_ms;
		c->a->next_due_ms = 0;
	}
	c->a->last_tick_ms = c->env->now_ms;
}

enum rmg_rc alerts_tick(struct alerts *a, const struct alerts_env *env, struct rmg_err *err)
{
	static enum rmg_rc (*const parts[])(struct call * c) = {
	    close_images,  look_at_waiting, look_at_unknown, end_exceptions, age_alerts,
	    look_at_feeds, listen,          look_at_ages,    look_at_asked,  held_release,
	};
	struct call c = call_of(a, env, err);
	enum rmg_rc rc = alerts_take_policy(&c);

	notice_gap(&c);
	for (size_t i = 0; i < COUNT_OF(parts) && rc == RMG_OK; i++)
		rc = parts[i](&c);
	return rc == RMG_OK ? alerts_flush(a, env, err) : rc;
}
