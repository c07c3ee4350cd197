/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/alerts.h"

#include "hub/alerts_inside.h"

#include "base/limits.h"
#include "format/sha256.h"

static const char *const state_names[] = {"firing", "acknowledged", "suppressed", "resolved"};

const char *alert_state_name(enum alert_state s)
{
	return (size_t)s < COUNT_OF(state_names) ? state_names[s] : "unknown";
}

enum rmg_rc call_no_memory(const struct call *c)
{
	return err_set(c->err, RMG_E_NOMEM, "no memory for alerts");
}

enum rmg_rc alerts_new(struct alerts **out)
{
	struct alerts *a = calloc(1, sizeof *a);

	if (a == NULL)
		return RMG_E_NOMEM;
	arena_init(&a->names_arena, 4 * LIMIT_POLICY_BYTES);
	arena_init(&a->excuse_arena, GIB(1));
	arena_init(&a->scratch, GIB(1));
	*out = a;
	return RMG_OK;
}

void alerts_free(struct alerts *a)
{
	if (a == NULL)
		return;
	VEC_EACH (x, &a->v)
		free(x->key);
	VEC_EACH (s, &a->sinks)
		free(s->name);
	VEC_DONE(&a->v);
	VEC_DONE(&a->images);
	VEC_DONE(&a->rule_names);
	VEC_DONE(&a->excuses);
	VEC_DONE(&a->excuses_of_any);
	VEC_DONE(&a->rules);
	VEC_DONE(&a->stamp);
	VEC_DONE(&a->worst);
	VEC_DONE(&a->found);
	VEC_DONE(&a->workload_stamp);
	VEC_DONE(&a->closing);
	VEC_DONE(&a->waiting);
	VEC_DONE(&a->silent);
	VEC_DONE(&a->notices);
	VEC_DONE(&a->sinks);
	lineage_free(a->lineage);
	map_done(&a->by_id);
	map_done(&a->by_pair);
	map_done(&a->by_key);
	map_done(&a->by_workload);
	map_done(&a->closed);
	map_done(&a->excuse_of);
	unknown_free(a);
	arena_done(&a->names_arena);
	arena_done(&a->excuse_arena);
	arena_done(&a->scratch);
	free(a);
}

/* The tables. */

static uint64_t pair_hash(uint32_t image, uint32_t advisory)
{
	return hash_mix((uint64_t)image << 32 | advisory);
}

static struct alert *at_index(struct alerts *a, uint32_t i)
{
	return i == MAP_NONE ? NULL : &a->v.v[i];
}

struct alert *alerts_find(struct alerts *a, uint32_t image, uint32_t advisory)
{
	return at_index(a, map_find(&a->by_pair, pair_hash(image, advisory)));
}

struct alert *alerts_find_key(struct alerts *a, struct span key)
{
	struct alert *x = at_index(a, map_find(&a->by_key, hash_span(key)));

	return x && span_is(span_cstr(x->key), key) ? x : NULL;
}

const struct alert *alerts_by_id(const struct alerts *a, uint32_t id)
{
	uint32_t i = map_find(&a->by_id, hash_mix(id));

	return i == MAP_NONE ? NULL : &a->v.v[i];
}

const struct alert *alerts_of_workload(const struct alerts *a, uint32_t workload, size_t *at)
{
	uint32_t i = map_next(&a->by_workload, hash_mix(workload), at);

	return i == MAP_NONE ? NULL : &a->v.v[i];
}

bool alerts_moved(struct alerts *a, uint32_t from, uint32_t to)
{
	uint32_t i;

	while ((i = map_find(&a->by_workload, hash_mix(from))) != MAP_NONE) {
		map_remove(&a->by_workload, hash_mix(from), i);
		a->v.v[i].workload = to;
		if (!map_add_another(&a->by_workload, hash_mix(to), i))
			return false;
	}
	return true;
}

struct image_alerts *image_alerts(struct alerts *a, uint32_t image)
{
	size_t n = a->images.n;

	if (image >= n) {
		if (!VEC_RESERVE(&a->images, (size_t)image + 1))
			return NULL;
		memset(a->images.v + n, 0, (image + 1 - n) * sizeof *a->images.v);
		a->images.n = (size_t)image + 1;
	}
	return &a->images.v[image];
}

/* Where the tables know alert i from. */
static bool table_set(struct alerts *a, uint32_t i)
{
	const struct alert *x = &a->v.v[i];

	if (!map_set(&a->by_id, hash_mix(x->id), i) ||
	    (x->workload && !map_add_another(&a->by_workload, hash_mix(x->workload), i)))
		return false;
	return x->key ? map_set(&a->by_key, hash_span(span_cstr(x->key)), i)
		      : map_set(&a->by_pair, pair_hash(x->image, x->advisory), i);
}

static void table_remove(struct alerts *a, uint32_t i)
{
	const struct alert *x = &a->v.v[i];

	map_remove(&a->by_id, hash_mix(x->id), i);
	if (x->workload)
		map_remove(&a->by_workload, hash_mix(x->workload), i);
	if (x->key)
		map_remove(&a->by_key, hash_span(span_cstr(x->key)), i);
	else
		map_remove(&a->by_pair, pair_hash(x->image, x->advisory), i);
}

/* Links are indexes and one, so that 0 is none. The neighbours of alert i in its image's list point
 * to `to`. */
static void point_neighbours(struct alerts *a, const struct alert *x, uint32_t next_gets,
			     uint32_t prev_gets)
{
	if (x->next_of_image)
		a->v.v[x->next_of_image - 1].prev_of_image = next_gets;
	if (x->prev_of_image)
		a->v.v[x->prev_of_image - 1].next_of_image = prev_gets;
	else if (x->image)
		a->images.v[x->image].first = prev_gets;
}

struct alert *alerts_insert(struct alerts *a, const struct alert *x)
{
	uint32_t i = (uint32_t)a->v.n;
	struct image_alerts *of = image_alerts(a, x->image);
	struct alert *in;

	if (of == NULL || i == MAP_NONE || !VEC_PUSH(&a->v, *x))
		return NULL;
	in = &a->v.v[i];
	in->next_of_image = in->prev_of_image = 0;
	if (!table_set(a, i)) {
		a->v.n--;
		return NULL;
	}
	if (x->image) {
		in->next_of_image = of->first;
		if (of->first)
			a->v.v[of->first - 1].prev_of_image = i + 1;
		of->first = i + 1;
	}
	a->counts[x->state]++;
	a->next_due_ms = 0;
	return in;
}

void alerts_drop(struct alerts *a, struct alert *x)
{
	uint32_t i = (uint32_t)(x - a->v.v), last = (uint32_t)a->v.n - 1;

	a->counts[x->state]--;
	table_remove(a, i);
	point_neighbours(a, x, x->prev_of_image, x->next_of_image);
	free(x->key);
	if (i != last) {
		table_remove(a, last);
		*x = a->v.v[last];
		point_neighbours(a, x, i + 1, i + 1);
		CHECK(table_set(a, i)); /* what was just taken away has room */
	}
	a->v.n--;
}

void alerts_set_state(struct alerts *a, struct alert *x, enum alert_state state)
{
	a->counts[x->state]--;
	a->counts[state]++;
	x->state = (uint8_t)state;
	a->next_due_ms = 0;
}

size_t alerts_count(const struct alerts *a, enum alert_state state)
{
	return state == ALERT_RESOLVED ? a->closed.n : a->counts[state];
}

const struct alert *alerts_at(const struct alerts *a, size_t i)
{
	return i < a->v.n ? &a->v.v[i] : NULL;
}

const struct alert *alerts_of_image(const struct alerts *a, uint32_t image, const struct alert *at)
{
	uint32_t i = at ? at->next_of_image : image < a->images.n ? a->images.v[image].first : 0;

	return i ? &a->v.v[i - 1] : NULL;
}

void key_fit(struct strbuf *key)
{
	struct span all = strbuf_span(key);
	struct strbuf fits = strbuf_of(LIMIT_STORE_KEY_BYTES + 1);
	uint8_t hash[SHA256_BYTES];
	size_t n = LIMIT_STORE_KEY_BYTES - 1 - 2 * sizeof hash;

	if (strbuf_rc(key) != RMG_OK || all.n <= LIMIT_STORE_KEY_BYTES)
		return;
	sha256_of(all, hash);
	while (n && (all.p[n] & 0xc0) == 0x80)
		n--;
	strbuf_put(&fits, span_head(all, n));
	strbuf_putc(&fits, '#');
	strbuf_hex(&fits, hash, sizeof hash);
	strbuf_done(key);
	*key = fits;
}

void alert_key(const struct alert *x, const struct world *w, struct strbuf *out)
{
	strbuf_clear(out);
	if (x->key)
		strbuf_puts(out, x->key);
	else
		strbuf_printf(out, "vuln:" SPAN_FMT ":" SPAN_FMT,
			      SPAN_ARG(w->images.v[x->image].digest),
			      SPAN_ARG(w->advisories.v[x->advisory].id));
	key_fit(out);
}

/* The policy. */

static uint16_t rule_named(const struct policy *p, struct span name)
{
	for (size_t i = 0; i < p->n_rules; i++) {
		if (span_is(p->rules[i].name, name))
			return (uint16_t)i;
	}
	return ALERT_NO_RULE;
}

enum rmg_rc alerts_take_policy(struct call *c)
{
	struct alerts *a = c->a;
	const struct policy *p = c->env->policy;

	if (a->policy == p)
		return RMG_OK;
	VEC_EACH (x, &a->v) {
		if (x->rule < a->rule_names.n)
			x->rule = rule_named(p, a->rule_names.v[x->rule]);
	}
	a->rule_names.n = 0;
	arena_reset(&a->names_arena);
	for (size_t i = 0; i < p->n_rules; i++) {
		struct span name = arena_dup(&a->names_arena, p->rules[i].name);

		if (!VEC_PUSH(&a->rule_names, name))
			return call_no_memory(c);
	}
	VEC_EACH (of, &a->images)
		of->settled = false;
	a->rules_of = 0;
	VEC_EACH (u, &a->unknown)
		u->told = false;
	a->next_due_ms = a->next_age_ms = a->next_feed_ms = a->next_unknown_ms = 0;
	a->silent.n = 0;
	a->policy = p;
	return arena_rc(&a->names_arena) == RMG_OK ? RMG_OK : call_no_memory(c);
}

/* Loading. */

static enum alert_state state_of(struct span name)
{
	for (size_t i = 0; i < COUNT_OF(state_names); i++) {
		if (span_is(name, span_cstr(state_names[i])))
			return (enum alert_state)i;
	}
	return ALERT_FIRING; /* one that cannot be read is told rather than lost */
}

static enum rmg_rc alert_of_row(struct call *c, const struct alert_row *row, struct alert *out)
{
	enum adv_severity severity = SEV_UNKNOWN;

	*out = (struct alert){
	    .id = row->id,
	    .image = row->image < c->w->images.n ? row->image : 0,
	    .workload = row->workload < c->w->workloads.n ? row->workload : 0,
	    .rule = rule_named(c->env->policy, row->rule),
	    .epss_permille = (uint16_t)row->epss_permille,
	    .state = (uint8_t)state_of(row->state),
	    .escalation = (uint8_t)row->escalation,
	    .kev = row->kev,
	    .fixable = row->fixable,
	    .excepted = span_starts(row->by, S("exception ")),
	    .opened_ms = row->opened_ms,
	    .until_ms = row->until_ms,
	};
	if (severity_of(row->severity, &severity))
		out->severity = (uint8_t)severity;
	if (row->advisory.n && out->image)
		return world_advisory(c->w, row->advisory, &out->advisory) == RMG_OK
			   ? RMG_OK
			   : call_no_memory(c);
	out->key = span_dup(row->key);
	return out->key ? RMG_OK : call_no_memory(c);
}

static enum rmg_rc take_row(void *user, const struct alert_row *row)
{
	struct call *c = user;
	uint64_t hash = hash_span(row->key);
	struct alert x;
	enum rmg_rc rc;

	c->a->last_id = MAX_OF(c->a->last_id, row->id);
	if (state_of(row->state) == ALERT_RESOLVED)
		return map_set(&c->a->closed, hash, row->id) ? RMG_OK : call_no_memory(c);
	if (map_find(&c->a->closed, hash) == row->id)
		map_remove(&c->a->closed, hash, row->id); /* followed: it was reopened */
	rc = alert_of_row(c, row, &x);
	if (rc != RMG_OK)
		return rc;
	if (alerts_insert(c->a, &x) != NULL)
		return RMG_OK;
	free(x.key);
	return call_no_memory(c);
}

/* What workloads went through was judged when it happened, or when their images were read; and then
 * their references were looked at. Neither is asked of the store once more, image by image. */
static enum rmg_rc lines_are_judged(struct call *c)
{
	for (uint32_t i = 1; i < c->w->images.n; i++) {
		struct image_alerts *of = image_alerts(c->a, i);

		if (of == NULL)
			return call_no_memory(c);
		of->judged_ms = of->read_ms = c->w->images.v[i].read_ms;
	}
	return RMG_OK;
}

enum rmg_rc alerts_load(struct alerts *a, const struct alerts_env *env, struct rmg_err *err)
{
	struct call c = call_of(a, env, err);
	enum rmg_rc rc = alerts_take_policy(&c);

	a->listening_ms = a->last_tick_ms = env->now_ms;
	if (rc == RMG_OK)
		rc = store_alert_each(env->store, take_row, &c, err);
	if (rc == RMG_OK)
		rc = lines_are_judged(&c);
	if (rc == RMG_OK)
		rc = excuses_load(&c);
	return rc == RMG_OK ? held_load(&c) : rc;
}

enum rmg_rc alerts_follow(struct alerts *a, const struct alerts_env *env, uint32_t id,
			  struct rmg_err *err)
{
	struct call c = call_of(a, env, err);
	uint32_t i = map_find(&a->by_id, hash_mix(id));

	if (i != MAP_NONE)
		alerts_drop(a, &a->v.v[i]);
	return store_alert_get(env->store, id, take_row, &c, err);
}

/* What people do. */

static const char *act_name(enum alert_state to)
{
	switch (to) {
	case ALERT_ACKNOWLEDGED:
		return "acknowledged";
	case ALERT_SUPPRESSED:
		return "suppressed";
	case ALERT_FIRING:
		return "opened again";
	case ALERT_RESOLVED:
		break;
	}
	return NULL;
}

enum rmg_rc alerts_act(struct alerts *a, const struct alerts_env *env, uint32_t id,
		       enum alert_state to, int64_t until_ms, struct span by, struct span reason,
		       struct rmg_err *err)
{
	struct call c = call_of(a, env, err);
	uint32_t i = map_find(&a->by_id, hash_mix(id));
	struct turn t = {.to = to, .what = act_name(to), .by = by, .reason = reason};

	if (t.what == NULL)
		return err_set(err, RMG_E_ARG, "an alert is resolved when what it tells of ends");
	if (i == MAP_NONE)
		return err_set(err, RMG_E_NOTFOUND, "no open alert %u", id);
	if (to == ALERT_SUPPRESSED && until_ms <= env->now_ms)
		return err_set(err, RMG_E_ARG, "suppressed until when? The time is past");
	t.until_ms = to == ALERT_SUPPRESSED ? until_ms : 0;
	return alert_turn(&c, &a->v.v[i], &t);
}
