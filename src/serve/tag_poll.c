/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/tag_poll.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/rfc3339.h"
#include "base/vec.h"
#include "format/jsonw.h"

enum { POLL_MS = 1000, LOOK_MS = 5000, PATIENCE_MS = 60000, MOST_SERIES = 200 };

struct late {
	const char *host; /* the hub's */
	int64_t since_ms;
	bool told;
};

struct tag_poll {
	struct env *env;
	struct tags *tags;
	int64_t polled_ms, looked_ms;
	VEC(struct late) late;
};

struct rows {
	VEC(struct hub_registry) v;
	struct hub_tag_opts opts;
};

enum rmg_rc tag_poll_new(struct env *env, struct tags *tags, struct tag_poll **out,
			 struct rmg_err *err)
{
	struct tag_poll *p = calloc(1, sizeof *p);

	if (p == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for registries");
	p->env = env;
	p->tags = tags;
	*out = p;
	return RMG_OK;
}

void tag_poll_free(struct tag_poll *p)
{
	if (p)
		VEC_DONE(&p->late);
	free(p);
}

static void add(void *user, const struct hub_registry *r)
{
	struct rows *rows = user;

	(void)VEC_PUSH(&rows->v, *r);
}

static int by_lateness(const void *a, const void *b)
{
	const struct hub_registry *x = a, *y = b;

	if (x->behind_ms != y->behind_ms)
		return x->behind_ms < y->behind_ms ? 1 : -1;
	return strcmp(x->host, y->host);
}

static void gather(struct tag_poll *p, struct rows *rows)
{
	if (p)
		hub_registries_each(p->env->hub, &rows->opts, add, rows);
	if (rows->v.n)
		qsort(rows->v.v, rows->v.n, sizeof *rows->v.v, by_lateness);
}

static size_t all_tags(const struct hub_registry *r)
{
	return r->tags[TAG_RUNNING] + r->tags[TAG_DORMANT] + r->tags[TAG_BASE] +
	       r->tags[TAG_CACHED];
}

/* What is late stays so for a moment before it is said: a hub that was away catches up. */
static struct late *late_of(struct tag_poll *p, const char *host)
{
	struct late new = {host, clock_tick_ms(), false};

	VEC_EACH (it, &p->late)
		if (it->host == host)
			return it;
	return VEC_PUSH(&p->late, new) ? &p->late.v[p->late.n - 1] : NULL;
}

static void not_late(struct tag_poll *p, const char *host)
{
	for (size_t i = 0; i < p->late.n; i++) {
		if (p->late.v[i].host != host)
			continue;
		if (p->late.v[i].told)
			env_say(p->env, "info",
				"the registry %s is asked for all its tags in time again", host);
		p->late.v[i] = p->late.v[--p->late.n];
		return;
	}
}

static void look(struct tag_poll *p, const struct hub_registry *r, int64_t patience_ms)
{
	struct late *l = r->late ? late_of(p, r->host) : NULL;

	if (r->late == 0)
		not_late(p, r->host);
	if (l == NULL || l->told || clock_tick_ms() - l->since_ms < patience_ms)
		return;
	l->told = true;
	env_say(p->env, "warn",
		"the registry %s is not asked for all its tags in time: %zu of %zu are late, the "
		"worst by %" PRId64 " s, with %u questions a minute%s%s",
		r->host, r->late, all_tags(r), r->behind_ms / 1000, r->per_minute,
		r->trouble[0] ? "; " : "", r->trouble);
}

static bool want(void *user, const struct hub_tag_wanted *w)
{
	struct tag_poll *p = user;

	tags_want(p->tags, &(struct node_tag){w->ref, w->known, w->n_known, w->after_ms});
	return true;
}

void tag_poll_turn(struct tag_poll *p)
{
	const struct hub_asker by = {
	    .node = span_cstr(p->env->opts->node), .all = true, .fn = want, .user = p};
	int64_t now = clock_tick_ms();
	struct rows rows = {0};

	if (!atomic_load(&p->env->leads))
		return;
	if (p->env->opts->all_tags && p->tags && now - p->polled_ms >= POLL_MS) {
		p->polled_ms = now;
		hub_tags_poll(p->env->hub, &by);
	}
	if (now - p->looked_ms < LOOK_MS)
		return;
	p->looked_ms = now;
	gather(p, &rows);
	VEC_EACH (r, &rows.v)
		look(p, r, MIN_OF(rows.opts.period_ms[TAG_RUNNING], (int64_t)PATIENCE_MS));
	VEC_DONE(&rows.v);
}

/* Figures. */

static void series(const struct rows *rows, struct strbuf *out, const char *name, const char *what,
		   double (*value)(const struct hub_registry *r))
{
	strbuf_printf(out, "# HELP rummage_%s %s\n# TYPE rummage_%s %s\n", name, what, name,
		      strstr(name, "_total") ? "counter" : "gauge");
	for (size_t i = 0; i < rows->v.n && i < MOST_SERIES; i++) {
		strbuf_printf(out, "rummage_%s{registry=\"", name);
		jsonw_escape(out, span_cstr(rows->v.v[i].host));
		strbuf_printf(out, "\"} %.15g\n", value(&rows->v.v[i]));
	}
}

static double asked(const struct hub_registry *r)
{
	return (double)r->asked;
}

static double budget(const struct hub_registry *r)
{
	return r->per_minute;
}

static double tags_of(const struct hub_registry *r)
{
	return (double)all_tags(r);
}

static double late(const struct hub_registry *r)
{
	return (double)r->late;
}

static double behind(const struct hub_registry *r)
{
	return (double)r->behind_ms / 1e3;
}

void tag_poll_metrics(struct tag_poll *p, struct strbuf *out)
{
	struct rows rows = {0};

	gather(p, &rows);
	series(&rows, out, "registry_asked_total", "Questions put to a registry about tags", asked);
	series(&rows, out, "registry_questions_per_minute", "Of them as many a minute at most",
	       budget);
	series(&rows, out, "registry_tags", "Tags of a registry that are in use", tags_of);
	series(&rows, out, "registry_tags_late", "Of them those not answered within their period",
	       late);
	series(&rows, out, "registry_behind_seconds", "By how much the worst of them is late",
	       behind);
	VEC_DONE(&rows.v);
}

/* The answer. */

static void put_time(struct jsonw *w, const char *key, int64_t ms)
{
	char text[RFC3339_BYTES];

	jsonw_put_cstr(w, key, ms ? rfc3339_text(ms, text) : NULL);
}

static void put_tags(struct jsonw *w, const char *key, const uint64_t v[TAG_STATES])
{
	jsonw_key(w, key);
	jsonw_object(w);
	jsonw_put_u64(w, "running", v[TAG_RUNNING]);
	jsonw_put_u64(w, "dormant", v[TAG_DORMANT]);
	jsonw_put_u64(w, "base", v[TAG_BASE]);
	jsonw_put_u64(w, "cached", v[TAG_CACHED]);
	jsonw_object_end(w);
}

static void put_row(struct tag_poll *p, struct jsonw *w, const struct hub_registry *r)
{
	int64_t now_ms = env_now_ms(p->env);
	uint64_t tags[TAG_STATES];
	struct tags_host own;

	tags_host(p->tags, r->host, &own);
	for (unsigned s = 0; s < TAG_STATES; s++)
		tags[s] = r->tags[s];
	jsonw_object(w);
	jsonw_put_cstr(w, "registry", r->host);
	put_tags(w, "tags", tags);
	jsonw_put_u64(w, "late", r->late);
	jsonw_put_u64(w, "behind_s", (uint64_t)r->behind_ms / 1000);
	jsonw_put_u64(w, "per_minute", r->per_minute);
	jsonw_put_u64(w, "asked", r->asked);
	jsonw_put_u64(w, "waiting", own.waiting);
	jsonw_key(w, "left");
	if (own.limited)
		jsonw_u64(w, own.left);
	else
		jsonw_null(w);
	put_time(w, "paused_until", own.wait_ms ? now_ms + own.wait_ms : 0);
	jsonw_put(w, "trouble", span_cstr(r->trouble));
	jsonw_object_end(w);
}

void tag_poll_answer(struct tag_poll *p, uint64_t from, uint64_t most, struct strbuf *out)
{
	struct jsonw w = jsonw_of(out);
	struct rows rows = {0};
	uint64_t periods[TAG_STATES], next;
	char cursor[24];

	gather(p, &rows);
	for (unsigned s = 0; s < TAG_STATES; s++)
		periods[s] = (uint64_t)rows.opts.period_ms[s] / 1000;
	jsonw_object(&w);
	jsonw_key(&w, "items");
	jsonw_array(&w);
	for (next = from; next < rows.v.n && next - from < most; next++)
		put_row(p, &w, &rows.v.v[next]);
	jsonw_array_end(&w);
	put_tags(&w, "period_s", periods);
	snprintf(cursor, sizeof cursor, "%" PRIu64, next);
	jsonw_put_cstr(&w, "next", next < rows.v.n ? cursor : NULL);
	put_time(&w, "as_of", p ? env_now_ms(p->env) : 0);
	jsonw_object_end(&w);
	VEC_DONE(&rows.v);
}
