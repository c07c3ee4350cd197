/* SPDX-License-Identifier: Apache-2.0 */
#include "vuln/match_rule.h"

/* "nodejs:18:8090020231208:rhel9" begins with "nodejs:18". */
static bool has_stream(struct span label, struct span stream)
{
	return span_starts(label, stream) && (label.n == stream.n || label.p[stream.n] == ':');
}

/* A fix that was built for a module says so in its release. */
static bool is_modular(struct advdb *db, const struct adv_rule *rule)
{
	struct adv_event e;

	for (uint32_t i = 0; advdb_event(db, rule, i, &e); i++)
		if (span_has(e.version, S(".module")))
			return true;
	return false;
}

/* A module's package is judged by advisories on its stream, or on a module whose stream is not
 * said; a package outside modules by those that speak of none. Where lists lack the label, the
 * release tells that there is one. */
static bool fits_module(struct advdb *db, const struct adv_rule *rule, const struct subject *s)
{
	bool modular = s->module.n || span_has(s->version, S(".module"));

	if (rule->module.n)
		return s->module.n ? has_stream(s->module, rule->module) : modular;
	if (s->cmp != ver_rpm && s->cmp != ver_rpm_no_epoch)
		return true;
	return modular == is_modular(db, rule);
}

static bool is_within(const struct subject *s, const struct adv_event *e)
{
	switch (e->kind) {
	case EV_INTRODUCED:
		return span_is(e->version, S("0")) || s->cmp(s->version, e->version) >= 0;
	case EV_FIXED:
	case EV_LIMIT:
		return s->cmp(s->version, e->version) < 0;
	case EV_LAST_AFFECTED:
		return s->cmp(s->version, e->version) <= 0;
	}
	return false;
}

/* The first interval that holds the version: events from one EV_INTRODUCED to the next. */
static bool in_interval(struct advdb *db, const struct adv_rule *rule, const struct subject *s,
			struct rule_match *out)
{
	struct rule_match m = {0};
	struct adv_event e;
	bool within = false;

	for (uint32_t i = 0; advdb_event(db, rule, i, &e); i++) {
		if (e.kind == EV_INTRODUCED) {
			if (within)
				break;
			m = (struct rule_match){.first = i};
			within = is_within(s, &e);
		} else {
			within = within && is_within(s, &e);
			if (e.kind == EV_FIXED)
				m.fixed = e.version;
		}
		m.n++;
	}
	if (within)
		*out = m;
	return within;
}

static struct span next_fix(struct advdb *db, const struct adv_rule *rule, const struct subject *s)
{
	struct span next = {0};
	struct adv_event e;

	for (uint32_t i = 0; advdb_event(db, rule, i, &e); i++) {
		if (e.kind == EV_FIXED && s->cmp(e.version, s->version) > 0 &&
		    (next.n == 0 || s->cmp(e.version, next) < 0))
			next = e.version;
	}
	return next;
}

static bool is_listed(struct advdb *db, const struct adv_rule *rule, const struct subject *s)
{
	struct span version;

	for (uint32_t i = 0; advdb_version(db, rule, i, &version); i++)
		if (s->cmp(s->version, version) == 0)
			return true;
	return false;
}

enum rule_says rule_judge(struct advdb *db, const struct adv_rule *rule, const struct subject *s,
			  struct rule_match *out)
{
	if (!fits_module(db, rule, s))
		return RULE_NOTHING;
	if (in_interval(db, rule, s, out))
		return rule->status == ADV_NOT_AFFECTED ? RULE_CLEAR : RULE_AFFECTED;
	if (is_listed(db, rule, s)) {
		*out = (struct rule_match){.listed = true, .fixed = next_fix(db, rule, s)};
		return rule->status == ADV_NOT_AFFECTED ? RULE_CLEAR : RULE_AFFECTED;
	}
	return RULE_CLEAR;
}
