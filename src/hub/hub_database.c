/* SPDX-License-Identifier: Apache-2.0 */
/* hub_database.c - a new advisory database, and a new policy.
 *
 * What a database changes is found out while events go on; what that does to images and alerts is
 * done in one piece. The first database after a start judges all, and alerts are held against that:
 * they are what they were, but for what changed while nobody looked. */

#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/rfc3339.h"
#include "hub/hub_inside.h"

struct setting {
	struct hub *h;
	struct tx tx;
	struct hub_database db; /* the new one */
	struct judgement *j;
	uint64_t loads; /* of the world that j is of */
	struct judge_figures figures;
	size_t alerts;
	uint32_t steps[256];
	size_t n_steps;
};

static void add_step(struct setting *s, uint32_t permille)
{
	for (size_t i = 0; i < s->n_steps; i++)
		if (s->steps[i] == permille)
			return;
	if (permille && s->n_steps < COUNT_OF(s->steps))
		s->steps[s->n_steps++] = permille;
}

/* Where crossing matters: the policy's steps, and what its rules ask for. */
static void find_steps(struct setting *s, const struct policy *p)
{
	s->n_steps = 0;
	for (size_t i = 0; i < p->n_epss_steps; i++)
		add_step(s, p->epss_steps[i]);
	for (size_t i = 0; i < p->n_rules; i++)
		add_step(s, p->rules[i].epss_permille);
}

static enum rmg_rc ask_some(struct setting *s, bool *more, struct rmg_err *err)
{
	const struct world *w;
	enum rmg_rc rc = hub_read_lock(s->h, &w, NULL, err);

	if (rc != RMG_OK)
		return rc;
	*more = s->h->loads == s->loads;
	if (*more)
		rc = judge_some(w, s->j, more, err);
	hub_read_unlock(s->h);
	return rc;
}

static enum rmg_rc number_some(struct setting *s, bool *more, struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;

	hub_write_lock(s->h);
	*more = s->h->loads == s->loads;
	if (*more)
		rc = judge_number(s->h->world, s->j, more, err);
	hub_write_unlock(s->h);
	return rc;
}

static enum rmg_rc look_at_some(struct setting *s, bool *more, struct rmg_err *err)
{
	const struct world *w;
	enum rmg_rc rc = hub_read_lock(s->h, &w, NULL, err);

	if (rc != RMG_OK)
		return rc;
	*more = s->h->loads == s->loads;
	find_steps(s, s->h->policy);
	if (*more)
		rc = judge_look(w, s->j, (struct judge_steps){s->steps, s->n_steps}, more, err);
	hub_read_unlock(s->h);
	return rc;
}

/* All that can be done without holding up others: a little at a time, with the lock given back in
 * between. Where the world was loaded anew meanwhile its components may be others: from the
 * beginning then. */
static enum rmg_rc prepare(struct setting *s, struct rmg_err *err)
{
	enum rmg_rc (*const parts[])(struct setting * s, bool *more,
				     struct rmg_err *err) = {ask_some, number_some, look_at_some};
	struct advdb *older;
	const struct world *w;
	enum rmg_rc rc = hub_read_lock(s->h, &w, &older, err);

	judge_free(s->j);
	s->j = NULL;
	if (rc != RMG_OK)
		return rc;
	s->loads = s->h->loads;
	rc = older ? judge_begin(w, older, &s->db.db, &s->j, err) : RMG_OK;
	hub_read_unlock(s->h);
	for (size_t i = 0; s->j && i < COUNT_OF(parts) && rc == RMG_OK; i++) {
		bool more = i == 0 || judge_is_much(s->j);

		while (rc == RMG_OK && more)
			rc = parts[i](s, &more, err);
	}
	return rc;
}

static enum rmg_rc on_delta(void *user, const struct delta *d)
{
	struct setting *s = user;

	return alerts_delta(s->h->alerts, &s->tx.env, d, s->tx.err);
}

static enum rmg_rc put_generation(struct setting *s)
{
	static const char digits[] = "0123456789abcdef";
	const struct advdb *db = &s->db.db;
	char digest[71] = "sha256:";
	struct generation_row row = {
	    .digest = span_of(digest, sizeof digest),
	    .built = db->built,
	    .loaded_ms = s->tx.now_ms,
	    .advisories = db->n_cards,
	};
	enum rmg_rc rc;

	for (size_t i = 0; i < 32; i++) {
		digest[7 + 2 * i] = digits[db->sha256[i] >> 4];
		digest[8 + 2 * i] = digits[db->sha256[i] & 15];
	}
	rc = store_generation_add(s->tx.st, &row, s->tx.err);
	if (rc != RMG_OK)
		return rc;
	strbuf_clear(&s->tx.text);
	strbuf_printf(&s->tx.text, "{\"database\":\"" SPAN_FMT "\",\"advisories\":%u}",
		      SPAN_ARG(row.digest), db->n_cards);
	return tx_tell(&s->tx, "generation", strbuf_span(&s->tx.text));
}

static enum rmg_rc change(struct setting *s)
{
	struct hub *h = s->h;
	struct judge_steps steps = {s->steps, s->n_steps};
	enum rmg_rc rc;

	s->tx.apart = false;
	s->tx.env.db = &s->db.db;
	find_steps(s, h->policy);
	if (h->has_db)
		rc = judge_end(s->tx.w, s->j, steps, h->leads ? on_delta : NULL, s, &s->figures,
			       s->tx.err);
	else
		rc = hub_judge_all(s->tx.w, &s->db.db, s->tx.err);
	h->db = s->db;
	h->alerts_due |= !h->has_db;
	h->has_db = true;
	h->verdicts++;
	if (rc == RMG_OK && h->leads)
		rc = put_generation(s);
	return rc == RMG_OK && h->leads ? tx_settle(&s->tx) : rc;
}

/* Whether the work was done on another world than there is now. */
static bool is_void(const struct setting *s)
{
	return s->h->has_db && (s->j == NULL || s->loads != s->h->loads);
}

static enum rmg_rc apply(struct setting *s, struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;
	size_t before;

	for (;;) {
		rc = prepare(s, err);
		if (rc == RMG_OK)
			rc = tx_begin(&s->tx, s->h, err);
		if (rc != RMG_OK || !is_void(s))
			break;
		rc = tx_end(&s->tx, RMG_OK);
	}
	if (rc != RMG_OK)
		return rc;
	before = alerts_count(s->h->alerts, ALERT_FIRING);
	rc = change(s);
	s->alerts = alerts_count(s->h->alerts, ALERT_FIRING) - before;
	return tx_end(&s->tx, rc);
}

static void let_go(struct hub *h, const struct hub_database *old, bool had)
{
	if (had && old->release)
		old->release(old->user);
	h->judged = true;
}

static void report(struct setting *s, double ms, struct hub_database_result *out)
{
	struct hub_figures *f = &s->h->figures;
	int64_t built = 0;

	pthread_mutex_lock(&s->h->counting);
	f->database_loaded_ms = hub_now_ms(s->h);
	f->database_built_ms = rfc3339_parse(s->db.db.built, &built) ? built : 0;
	f->advisories = s->db.db.n_cards;
	f->judge_ms_last = ms;
	f->deltas += s->figures.deltas;
	pthread_mutex_unlock(&s->h->counting);
	if (out == NULL)
		return;
	*out = (struct hub_database_result){
	    .keys = s->figures.keys,
	    .components = s->figures.components,
	    .images = s->figures.images,
	    .deltas = s->figures.deltas,
	    .alerts = s->alerts,
	    .ms = ms,
	};
}

enum rmg_rc hub_database_set(struct hub *h, const struct hub_database *db,
			     struct hub_database_result *out, struct rmg_err *err)
{
	struct setting *s = calloc(1, sizeof *s);
	double begin = clock_tick_exact_ms();
	struct hub_database old;
	enum rmg_rc rc;
	bool had;

	if (s == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory to judge with");
	s->h = h;
	s->db = *db;
	pthread_mutex_lock(&h->setting);
	old = h->db;
	had = h->has_db;
	rc = apply(s, err);
	if (rc == RMG_OK)
		let_go(h, &old, had);
	pthread_mutex_unlock(&h->setting);
	if (rc == RMG_OK)
		report(s, clock_tick_exact_ms() - begin, out);
	judge_free(s->j);
	free(s);
	return rc;
}

enum rmg_rc hub_policy_set(struct hub *h, const struct policy *p, struct rmg_err *err)
{
	struct setting s = {.h = h};
	enum rmg_rc rc = tx_begin(&s.tx, h, err);

	if (rc != RMG_OK)
		return rc;
	s.tx.apart = false;
	h->policy = s.tx.env.policy = p;
	h->alerts_due = true;
	return tx_end(&s.tx, tx_settle(&s.tx));
}

void hub_sinks_set(struct hub *h, const struct hub_opts *opts)
{
	pthread_mutex_lock(&h->writing);
	hub_write_lock(h); /* who looks at what fires names the link */
	h->opts.sinks = opts->sinks;
	h->opts.sinks_each = opts->sinks_each;
	h->opts.link = opts->link;
	hub_write_unlock(h);
	pthread_mutex_unlock(&h->writing);
}
