/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/policy_read.h"

#include "base/limits.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "format/yamlr.h"
#include "model/how.h"

enum { NAME_BYTES = 100, LIST_ENTRIES = 1000 };

struct loader {
	struct yamlr *yaml;
	struct policy *policy;
	VEC(struct rule) rules;
	struct rmg_err *err;
};

static enum rmg_rc bad(struct loader *l, unsigned line, const char *what)
{
	return err_set(l->err, RMG_E_FORMAT, "line %u: %s", line, what);
}

static enum rmg_rc next(struct loader *l, struct yamlr_item *item)
{
	return yamlr_next(l->yaml, item, l->err);
}

/* Values. */

static enum rmg_rc check_text(struct loader *l, const struct yamlr_item *item)
{
	if (item->kind != YAMLR_SCALAR)
		return bad(l, item->line, "a text was expected here");
	if (item->text.n == 0 || yamlr_is_null(item))
		return bad(l, item->line, "the value is empty");
	if (item->text.n > LIMIT_TEXT_BYTES)
		return bad(l, item->line, "the text is too long");
	return utf8_is_clean(item->text) ? RMG_OK : bad(l, item->line, "control bytes in a text");
}

static enum rmg_rc read_scalar(struct loader *l, struct yamlr_item *item)
{
	enum rmg_rc rc = next(l, item);

	return rc == RMG_OK ? check_text(l, item) : rc;
}

static enum rmg_rc read_bool(struct loader *l, bool *out)
{
	struct yamlr_item item;
	enum rmg_rc rc = read_scalar(l, &item);

	if (rc != RMG_OK)
		return rc;
	*out = span_is(item.text, S("true"));
	if (!*out && !span_is(item.text, S("false")))
		return bad(l, item.line, "true or false was expected");
	return RMG_OK;
}

/* "30s", "5m", "24h", "7d". */
static enum rmg_rc as_seconds(struct loader *l, const struct yamlr_item *item, uint32_t *out)
{
	static const struct {
		uint8_t unit;
		uint32_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	struct span number = span_head(item->text, item->text.n - 1);
	uint64_t n;

	for (size_t i = 0; i < COUNT_OF(units); i++) {
		if (item->text.p[item->text.n - 1] == units[i].unit &&
		    span_u64(number, 10, 36500UL * 86400 / units[i].seconds, &n)) {
			*out = (uint32_t)n * units[i].seconds;
			return RMG_OK;
		}
	}
	return bad(l, item->line, "a duration was expected: 30s, 5m, 24h, 7d");
}

static enum rmg_rc read_seconds(struct loader *l, uint32_t *out)
{
	struct yamlr_item item;
	enum rmg_rc rc = read_scalar(l, &item);

	return rc == RMG_OK ? as_seconds(l, &item, out) : rc;
}

/* "0.5", "1", ".25" in thousandths. */
static enum rmg_rc as_permille(struct loader *l, const struct yamlr_item *item, uint32_t *out)
{
	struct span whole = item->text, part = {0};
	uint64_t n = 0, m = 0, unit = 1000;

	(void)span_cut(item->text, '.', &whole, &part);
	if (part.n > 3 || (whole.n && !span_u64(whole, 10, 1, &n)) ||
	    (part.n && !span_u64(part, 10, 999, &m)) || whole.n + part.n == 0)
		return bad(l, item->line, "a share was expected: 0 to 1, three digits at most");
	for (size_t i = 0; i < part.n; i++)
		unit /= 10;
	n = n * 1000 + m * unit;
	if (n > 1000)
		return bad(l, item->line, "a share above 1");
	*out = (uint32_t)n;
	return RMG_OK;
}

typedef enum rmg_rc element_fn(struct loader *l, const struct yamlr_item *item, void *user);

/* A list of texts, each handed to fn. */
static enum rmg_rc read_list(struct loader *l, element_fn *fn, void *user)
{
	struct yamlr_item item;
	enum rmg_rc rc = next(l, &item);

	if (rc != RMG_OK)
		return rc;
	if (item.kind != YAMLR_LIST)
		return bad(l, item.line, "a list was expected here: [a, b]");
	for (size_t n = 0;; n++) {
		rc = next(l, &item);
		if (rc != RMG_OK)
			return rc;
		if (item.kind == YAMLR_ENDED)
			return n ? RMG_OK : bad(l, item.line, "the list is empty");
		if (n == LIST_ENTRIES)
			return bad(l, item.line, "the list is too long");
		rc = check_text(l, &item);
		if (rc == RMG_OK)
			rc = fn(l, &item, user);
		if (rc != RMG_OK)
			return rc;
	}
}

typedef VEC(struct span) texts_t;

static enum rmg_rc keep_text(struct loader *l, const struct yamlr_item *item, void *user)
{
	texts_t *texts = user;
	struct span text = arena_dup(&l->policy->arena, span_trim(item->text));

	return VEC_PUSH(texts, text) ? RMG_OK : err_set(l->err, RMG_E_NOMEM, "no memory");
}

static enum rmg_rc read_texts(struct loader *l, struct span **out, size_t *n)
{
	texts_t texts = {0};
	enum rmg_rc rc = read_list(l, keep_text, &texts);

	*out = ARENA_ARRAY(&l->policy->arena, texts.n, struct span);
	if (rc == RMG_OK && *out && texts.n) {
		memcpy(*out, texts.v, texts.n * sizeof **out);
		*n = texts.n;
	}
	VEC_DONE(&texts);
	return rc;
}

struct steps {
	uint32_t *v;
	size_t n;
};

static enum rmg_rc keep_step(struct loader *l, const struct yamlr_item *item, struct steps *steps,
			     uint32_t value)
{
	if (steps->n == POLICY_STEPS)
		return bad(l, item->line, "8 steps are the most");
	if (value == 0 || (steps->n && value <= steps->v[steps->n - 1]))
		return bad(l, item->line, "each step is above the one before");
	steps->v[steps->n++] = value;
	return RMG_OK;
}

static enum rmg_rc keep_days(struct loader *l, const struct yamlr_item *item, void *user)
{
	uint32_t seconds = 0;
	enum rmg_rc rc = as_seconds(l, item, &seconds);

	if (rc == RMG_OK && seconds % 86400)
		return bad(l, item->line, "whole days were expected: 7d");
	return rc == RMG_OK ? keep_step(l, item, user, seconds / 86400) : rc;
}

static enum rmg_rc keep_permille(struct loader *l, const struct yamlr_item *item, void *user)
{
	uint32_t permille = 0;
	enum rmg_rc rc = as_permille(l, item, &permille);

	return rc == RMG_OK ? keep_step(l, item, user, permille) : rc;
}

static enum rmg_rc read_steps(struct loader *l, element_fn *fn, uint32_t *v, size_t *n)
{
	struct steps steps = {.v = v};
	enum rmg_rc rc = read_list(l, fn, &steps);

	*n = steps.n;
	return rc;
}

/* The keys of a rule. Each reads its value; for: the kinds that may have it, as bits. */

typedef enum rmg_rc key_fn(struct loader *l, struct rule *r);

static enum rmg_rc read_name(struct loader *l, struct rule *r)
{
	struct yamlr_item item;
	enum rmg_rc rc = read_scalar(l, &item);

	if (rc != RMG_OK)
		return rc;
	if (item.text.n > NAME_BYTES)
		return bad(l, item.line, "the name is too long");
	for (size_t i = 0; i < l->rules.n; i++) {
		if (span_is(l->rules.v[i].name, span_trim(item.text)))
			return bad(l, item.line, "a rule of this name is there already");
	}
	r->name = arena_dup(&l->policy->arena, span_trim(item.text));
	return RMG_OK;
}

static enum rmg_rc read_when(struct loader *l, struct rule *r)
{
	struct yamlr_item item;
	enum rmg_rc rc = read_scalar(l, &item);

	if (rc != RMG_OK)
		return rc;
	for (size_t i = 0; i < RULE_KIND_COUNT; i++) {
		if (span_is(item.text, span_cstr(rule_kind_name((enum rule_kind)i)))) {
			r->kind = (enum rule_kind)i;
			return RMG_OK;
		}
	}
	return bad(l, item.line, "no such kind of rule");
}

static enum rmg_rc read_severity(struct loader *l, struct rule *r)
{
	struct yamlr_item item;
	enum rmg_rc rc = read_scalar(l, &item);

	if (rc == RMG_OK && !severity_of(item.text, &r->severity))
		return bad(l, item.line,
			   "critical, high, medium, low, negligible or unknown was expected");
	return rc;
}

static enum rmg_rc read_kev(struct loader *l, struct rule *r)
{
	return read_bool(l, &r->kev);
}

static enum rmg_rc read_fixable(struct loader *l, struct rule *r)
{
	return read_bool(l, &r->fixable);
}

static enum rmg_rc read_epss(struct loader *l, struct rule *r)
{
	struct yamlr_item item;
	uint32_t permille = 0;
	enum rmg_rc rc = read_scalar(l, &item);

	if (rc == RMG_OK)
		rc = as_permille(l, &item, &permille);
	r->epss_permille = (uint16_t)permille;
	return rc;
}

static enum rmg_rc read_dormant(struct loader *l, struct rule *r)
{
	enum rmg_rc rc = read_bool(l, &r->dormant_only);

	r->running_only = !r->dormant_only;
	return rc;
}

static enum rmg_rc read_age(struct loader *l, struct rule *r)
{
	uint32_t seconds = 0;
	enum rmg_rc rc = read_seconds(l, &seconds);

	r->age_days = seconds / 86400 + (seconds % 86400 != 0);
	return rc;
}

static enum rmg_rc read_after(struct loader *l, struct rule *r)
{
	return read_seconds(l, &r->seconds);
}

static enum rmg_rc read_namespaces(struct loader *l, struct rule *r)
{
	return read_texts(l, &r->where.namespaces, &r->where.n_namespaces);
}

static enum rmg_rc read_workloads(struct loader *l, struct rule *r)
{
	return read_texts(l, &r->where.workloads, &r->where.n_workloads);
}

static enum rmg_rc read_sinks(struct loader *l, struct rule *r)
{
	return read_texts(l, &r->sinks, &r->n_sinks);
}

static enum rmg_rc read_escalate(struct loader *l, struct rule *r)
{
	return read_steps(l, keep_days, r->escalate_days, &r->n_escalate);
}

static enum rmg_rc read_label(struct loader *l, const struct yamlr_item *key,
			      struct event_label *out)
{
	struct arena *a = &l->policy->arena;
	struct yamlr_item value;
	enum rmg_rc rc = check_text(l, key);

	if (rc == RMG_OK) {
		out->key = arena_dup(a, key->text);
		rc = read_scalar(l, &value);
	}
	if (rc == RMG_OK)
		out->value = arena_dup(a, value.text);
	return rc;
}

static enum rmg_rc read_labels(struct loader *l, struct rule *r)
{
	struct where *w = &r->where;
	struct yamlr_item item;
	enum rmg_rc rc = next(l, &item);

	if (rc != RMG_OK)
		return rc;
	if (item.kind != YAMLR_MAP)
		return bad(l, item.line, "a map was expected here: {team: payments}");
	w->labels = ARENA_ARRAY(&l->policy->arena, EVENT_LABELS, struct event_label);
	while ((rc = next(l, &item)) == RMG_OK && item.kind != YAMLR_ENDED && w->labels) {
		if (w->n_labels == EVENT_LABELS)
			return bad(l, item.line, "too many labels");
		rc = read_label(l, &item, &w->labels[w->n_labels++]);
		if (rc != RMG_OK)
			return rc;
	}
	return rc == RMG_OK && w->n_labels == 0 ? bad(l, item.line, "the map is empty") : rc;
}

static enum rmg_rc keep_how(struct loader *l, const struct yamlr_item *item, void *user)
{
	struct rule *r = user;
	uint32_t bit;

	if (!how_of(item->text, &bit))
		return bad(
		    l, item->line,
		    "new, mounted, writable, unowned, setuid, memfd, unprofiled or unjudged was "
		    "expected");
	r->how |= bit;
	return RMG_OK;
}

static enum rmg_rc read_how(struct loader *l, struct rule *r)
{
	return read_list(l, keep_how, r);
}

static enum rmg_rc read_enforce(struct loader *l, struct rule *r)
{
	return read_bool(l, &r->enforce);
}

static enum rmg_rc read_admission(struct loader *l, struct rule *r)
{
	struct yamlr_item item;
	enum rmg_rc rc = read_scalar(l, &item);

	if (rc != RMG_OK)
		return rc;
	for (enum admit i = 0; i < ADMIT_COUNT; i++) {
		if (span_is(item.text, span_cstr(policy_admit_name(i)))) {
			r->admit = i;
			return RMG_OK;
		}
	}
	return bad(l, item.line, "warn, deny or allow was expected");
}

static enum rmg_rc read_except(struct loader *l, struct rule *r)
{
	return read_texts(l, &r->except, &r->n_except);
}

#define KIND(name) (1u << RULE_##name)
#define ANY_KIND ((1u << RULE_KIND_COUNT) - 1)
#define WITH_PLACE                                                                                 \
	(KIND(FINDING) | KIND(ROLLBACK) | KIND(INCOMPLETE) | KIND(DRIFT) | KIND(VERSION_SAID) |    \
	 KIND(EXEC) | KIND(ENTERED) | KIND(NO_REGISTRY) | KIND(BASE_BEHIND) |                      \
	 KIND(ADMISSION_MISSED))

static const struct key {
	const char *name;
	unsigned kinds;
	key_fn *read;
} keys[] = {
    {"name", ANY_KIND, read_name},
    {"when", ANY_KIND, read_when},
    {"severity", ANY_KIND, read_severity},
    {"kev", KIND(FINDING), read_kev},
    {"fixable", KIND(FINDING), read_fixable},
    {"epss", KIND(FINDING), read_epss},
    {"age", KIND(FINDING), read_age},
    {"dormant", KIND(FINDING) | KIND(INCOMPLETE), read_dormant},
    {"namespaces", WITH_PLACE, read_namespaces},
    {"workloads", WITH_PLACE, read_workloads},
    {"labels", WITH_PLACE, read_labels},
    {"after", KIND(SILENT) | KIND(FEED_AGE) | KIND(INCOMPLETE), read_after},
    {"how", KIND(EXEC), read_how},
    {"enforce", KIND(EXEC), read_enforce},
    {"admission", KIND(FINDING) | KIND(INCOMPLETE) | KIND(ENTERED), read_admission},
    {"except", KIND(ENTERED), read_except},
    {"sinks", ANY_KIND, read_sinks},
    {"escalate", ANY_KIND, read_escalate},
};

static const struct key *key_of(struct span name)
{
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		if (span_is(name, span_cstr(keys[i].name)))
			return &keys[i];
	}
	return NULL;
}

static enum rmg_rc unknown_key(struct loader *l, const struct yamlr_item *key)
{
	return err_set(l->err, RMG_E_FORMAT, "line %u: unknown key \"" SPAN_FMT "\"", key->line,
		       SPAN_ARG(span_head(key->text, 60)));
}

/* lines: where each key stood, 0: nowhere. */
static enum rmg_rc finish_rule(struct loader *l, struct rule *r, unsigned line,
			       const unsigned *lines)
{
	static const uint8_t severities[] = {
#define X(name, text, severity) severity,
	    RULE_KINDS(X)
#undef X
	};

	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		if (lines[i] && !(keys[i].kinds >> r->kind & 1))
			return err_set(l->err, RMG_E_FORMAT,
				       "line %u: a rule about %s has no \"%s\"", lines[i],
				       rule_kind_name(r->kind), keys[i].name);
	}
	if (r->name.n == 0 && arena_rc(&l->policy->arena) == RMG_OK)
		return bad(l, line, "a rule without \"name\"");
	if (r->enforce && (r->how & ~(uint32_t)(HOW_UNJUDGED | HOW_REFUSED)) == 0)
		return bad(l, line, "\"enforce\" needs \"how\": what is not to be let run");
	if (!lines[key_of(S("severity")) - keys])
		r->severity = (enum adv_severity)severities[r->kind];
	if (!lines[key_of(S("after")) - keys])
		r->seconds = r->kind == RULE_FEED_AGE ? 86400 : 300;
	return VEC_PUSH(&l->rules, *r) ? RMG_OK : err_set(l->err, RMG_E_NOMEM, "no memory");
}

static enum rmg_rc read_rule(struct loader *l, const struct yamlr_item *begin)
{
	unsigned lines[COUNT_OF(keys)] = {0};
	struct rule r = {0};

	if (begin->kind != YAMLR_MAP)
		return bad(l, begin->line, "a rule is a map of keys: name, when, severity, ...");
	if (l->rules.n == LIMIT_POLICY_RULES)
		return err_set(l->err, RMG_E_LIMIT, "line %u: too many rules", begin->line);
	for (;;) {
		const struct key *key;
		struct yamlr_item item;
		enum rmg_rc rc = next(l, &item);

		if (rc != RMG_OK)
			return rc;
		if (item.kind == YAMLR_ENDED)
			return finish_rule(l, &r, begin->line, lines);
		key = key_of(item.text);
		if (key == NULL)
			return unknown_key(l, &item);
		if (lines[key - keys])
			return bad(l, item.line, "the same key twice in one rule");
		lines[key - keys] = item.line;
		rc = key->read(l, &r);
		if (rc != RMG_OK)
			return rc;
	}
}

static enum rmg_rc read_rules(struct loader *l)
{
	struct yamlr_item item;
	enum rmg_rc rc = next(l, &item);

	if (rc != RMG_OK)
		return rc;
	if (item.kind != YAMLR_LIST)
		return bad(l, item.line, "a list of rules was expected");
	while ((rc = next(l, &item)) == RMG_OK && item.kind != YAMLR_ENDED) {
		rc = read_rule(l, &item);
		if (rc != RMG_OK)
			return rc;
	}
	return rc;
}

/* The keys beside the rules. */

static bool minute_of(struct span text, uint16_t *out)
{
	uint64_t hour, minute;

	if (text.n != 5 || text.p[2] != ':' || !span_u64(span_head(text, 2), 10, 23, &hour) ||
	    !span_u64(span_from(text, 3), 10, 59, &minute))
		return false;
	*out = (uint16_t)(hour * 60 + minute);
	return true;
}

static enum rmg_rc read_quiet(struct loader *l)
{
	struct quiet_hours *q = &l->policy->quiet;
	struct yamlr_item item;
	struct span from, to;
	enum rmg_rc rc = read_scalar(l, &item);

	if (rc != RMG_OK)
		return rc;
	if (!span_cut(item.text, '-', &from, &to) || !minute_of(from, &q->from_minute) ||
	    !minute_of(to, &q->to_minute) || q->from_minute == q->to_minute)
		return bad(l, item.line, "hours were expected: \"22:00-06:00\"");
	q->set = true;
	return RMG_OK;
}

static enum rmg_rc read_group(struct loader *l)
{
	return read_seconds(l, &l->policy->group_s);
}

static enum rmg_rc read_profile(struct loader *l)
{
	return read_seconds(l, &l->policy->profile_s);
}

static enum rmg_rc read_rate(struct loader *l)
{
	struct yamlr_item item;
	uint64_t n = 0;
	enum rmg_rc rc = read_scalar(l, &item);

	if (rc == RMG_OK && (!span_u64(item.text, 10, 100000, &n) || n == 0))
		return bad(l, item.line, "a number was expected: 1 to 100000");
	l->policy->max_per_minute = (uint32_t)n;
	return rc;
}

static enum rmg_rc read_epss_steps(struct loader *l)
{
	struct policy *p = l->policy;

	return read_steps(l, keep_permille, p->epss_steps, &p->n_epss_steps);
}

static const struct {
	const char *name;
	enum rmg_rc (*read)(struct loader *l);
} top_keys[] = {
    {"rules", read_rules}, {"group", read_group},           {"max-per-minute", read_rate},
    {"quiet", read_quiet}, {"epss-steps", read_epss_steps}, {"profile", read_profile},
};

static enum rmg_rc read_top_key(struct loader *l, const struct yamlr_item *key, unsigned *seen)
{
	for (size_t i = 0; i < COUNT_OF(top_keys); i++) {
		if (!span_is(key->text, span_cstr(top_keys[i].name)))
			continue;
		if (*seen >> i & 1)
			return bad(l, key->line, "the same key twice");
		*seen |= 1u << i;
		return top_keys[i].read(l);
	}
	return unknown_key(l, key);
}

static enum rmg_rc read_top(struct loader *l)
{
	struct yamlr_item item;
	unsigned seen = 0;
	enum rmg_rc rc = next(l, &item);

	if (rc != RMG_OK)
		return rc;
	if (item.kind != YAMLR_MAP)
		return bad(l, item.line, "a map was expected: rules, group, quiet, ...");
	while ((rc = next(l, &item)) == RMG_OK && item.kind != YAMLR_ENDED) {
		rc = read_top_key(l, &item, &seen);
		if (rc != RMG_OK)
			return rc;
	}
	/* A file without rules would alert of nothing: that is not what an empty file means. */
	if (rc == RMG_OK && l->rules.n == 0)
		return bad(l, item.line, "a policy without rules");
	return rc == RMG_OK ? next(l, &item) : rc; /* the end, or junk behind it */
}

static enum rmg_rc keep_rules(struct loader *l)
{
	struct policy *p = l->policy;

	p->rules = ARENA_ARRAY(&p->arena, l->rules.n, struct rule);
	if (arena_rc(&p->arena) != RMG_OK)
		return err_set(l->err, arena_rc(&p->arena), "no memory for a policy");
	memcpy(p->rules, l->rules.v, l->rules.n * sizeof *p->rules);
	p->n_rules = l->rules.n;
	return RMG_OK;
}

enum rmg_rc policy_read(struct span yaml, struct policy *p, struct rmg_err *err)
{
	struct loader l = {.policy = p, .err = err};
	enum rmg_rc rc;

	p->group_s = 10;
	p->max_per_minute = 20;
	p->profile_s = 86400;
	rc = yamlr_open(yaml, &l.yaml, err);
	if (rc == RMG_OK)
		rc = read_top(&l);
	if (rc == RMG_OK)
		rc = keep_rules(&l);
	yamlr_close(l.yaml);
	VEC_DONE(&l.rules);
	return rc;
}
