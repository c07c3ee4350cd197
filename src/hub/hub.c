/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"
#include "hub/hub_inside.h"

int64_t hub_now_ms(const struct hub *h)
{
	return h->opts.now_ms ? h->opts.now_ms(h->opts.user) : clock_ms();
}

struct advdb *hub_db(struct hub *h)
{
	return h->has_db ? &h->db.db : NULL;
}

/* Locks. A writer holds the gate while it waits, so that readers cannot starve it. */

void hub_write_lock(struct hub *h)
{
	pthread_mutex_lock(&h->gate);
	pthread_rwlock_wrlock(&h->lock);
	pthread_mutex_unlock(&h->gate);
}

void hub_write_unlock(struct hub *h)
{
	pthread_rwlock_unlock(&h->lock);
}

void hub_look_lock(struct hub *h)
{
	pthread_mutex_lock(&h->gate);
	pthread_mutex_unlock(&h->gate);
	pthread_rwlock_rdlock(&h->lock);
}

enum rmg_rc hub_read_lock(struct hub *h, const struct world **w, struct advdb **db,
			  struct rmg_err *err)
{
	hub_look_lock(h);
	if (h->stale) {
		hub_read_unlock(h);
		return err_set(err, RMG_E_STOPPED,
			       "the hub waits for its store: what it knows was not written, and "
			       "is read again first");
	}
	*w = h->world;
	if (db)
		*db = hub_db(h);
	return RMG_OK;
}

void hub_read_unlock(struct hub *h)
{
	pthread_rwlock_unlock(&h->lock);
}

const struct policy *hub_policy(const struct hub *h)
{
	return h->policy;
}

const struct alerts *hub_alerts(const struct hub *h)
{
	return h->alerts;
}

/* A lost connection is replaced; what it led, it leads no more. */
static enum rmg_rc store_ready(struct hub *h, struct store **st, struct rmg_err *err)
{
	struct store *fresh;
	enum rmg_rc rc;

	if (*st && !store_lost(*st))
		return RMG_OK;
	rc = store_open(h->opts.store, &fresh, err);
	if (rc != RMG_OK)
		return rc;
	store_close(*st);
	if (st == &h->st)
		h->leads = false;
	*st = fresh;
	return RMG_OK;
}

/* Memory is ahead of the store until a commit is through. Who has read the one and goes on to the
 * other would find less there, and waits for the commits that had begun by then. */
static void commit_begins(struct hub *h)
{
	pthread_mutex_lock(&h->committing);
	h->commits_begun++;
	pthread_mutex_unlock(&h->committing);
}

static void commit_is_over(struct hub *h)
{
	pthread_mutex_lock(&h->committing);
	h->commits_over++;
	pthread_cond_broadcast(&h->committed);
	pthread_mutex_unlock(&h->committing);
}

static void wait_for_commits(struct hub *h)
{
	uint64_t begun;

	pthread_mutex_lock(&h->committing);
	begun = h->commits_begun;
	while (h->commits_over < begun)
		pthread_cond_wait(&h->committed, &h->committing);
	pthread_mutex_unlock(&h->committing);
}

struct store *hub_store_lock(struct hub *h, struct rmg_err *err)
{
	wait_for_commits(h);
	pthread_mutex_lock(&h->asking);
	if (store_ready(h, &h->asked, err) == RMG_OK)
		return h->asked;
	pthread_mutex_unlock(&h->asking);
	return NULL;
}

void hub_store_unlock(struct hub *h)
{
	pthread_mutex_unlock(&h->asking);
}

/* Loading. */

/* An alert changed: a line of the stream. user is the transaction. */
static enum rmg_rc tell_alert(void *user, struct span body, struct rmg_err *err)
{
	(void)err; /* the transaction's own */
	return tx_tell(user, "alert", body);
}

static void fill_env(struct hub *h, struct world *w, struct alerts_env *env)
{
	*env = (struct alerts_env){
	    .world = w,
	    .store = h->st,
	    .policy = h->policy,
	    .sinks = h->opts.sinks,
	    .sinks_each = h->opts.sinks_each,
	    .db = hub_db(h),
	    .now_ms = hub_now_ms(h),
	    .link = h->opts.link,
	    .feeds_checked_ms = h->feeds_checked_ms,
	};
}

void hub_feeds_checked(struct hub *h)
{
	h->feeds_checked_ms = hub_now_ms(h);
}

enum rmg_rc hub_judge_all(struct world *w, struct advdb *db, struct rmg_err *err)
{
	enum rmg_rc rc = db ? judge_components(w, db, NULL, 0, err) : RMG_OK;

	for (uint32_t i = 1; i < w->images.n && rc == RMG_OK; i++)
		if (w->images.v[i].read_ms && judge_counts(w, i) != RMG_OK)
			rc = err_set(err, RMG_E_NOMEM, "no memory to count findings");
	return rc;
}

/* All of it is of one moment, whatever another hub writes meanwhile: a use that is in no list and
 * below the last number has ended, and the stream goes on from there. */
static enum rmg_rc load_into(struct hub *h, struct world *w, struct alerts *a, uint64_t *seq,
			     struct rmg_err *err)
{
	struct alerts_env env;
	enum rmg_rc rc = store_begin_reading(h->st, err);

	if (rc != RMG_OK)
		return rc;
	fill_env(h, w, &env);
	rc = store_stream_last(h->st, seq, err);
	if (rc == RMG_OK)
		rc = world_load(w, h->st, err);
	if (rc == RMG_OK)
		rc = alerts_load(a, &env, err);
	rc = store_end(h->st, rc, err);
	return rc == RMG_OK ? hub_judge_all(w, hub_db(h), err) : rc;
}

enum rmg_rc hub_load(struct hub *h, struct rmg_err *err)
{
	struct world *w = NULL;
	struct alerts *a = NULL;
	uint64_t seq;
	enum rmg_rc rc = world_new(&w);

	if (rc == RMG_OK)
		rc = alerts_new(&a);
	if (rc != RMG_OK)
		(void)err_set(err, rc, "no memory for the hub");
	else
		rc = load_into(h, w, a, &seq, err);
	if (rc != RMG_OK) {
		h->stale = true;
		alerts_free(a);
		world_free(w);
		return rc;
	}
	alerts_free(h->alerts);
	world_free(h->world);
	h->world = w;
	h->alerts = a;
	h->stream_seq = seq;
	h->stale = false;
	h->alerts_due = true;
	h->loads++;
	return RMG_OK;
}

/* Writing calls. */

enum rmg_rc tx_no_memory(struct tx *tx)
{
	return err_set(tx->err, RMG_E_NOMEM, "no memory for the hub");
}

static void tx_init(struct tx *tx, struct hub *h, struct store *st, struct rmg_err *err)
{
	*tx = (struct tx){
	    .h = h,
	    .w = h->world,
	    .st = st,
	    .err = err,
	    .now_ms = hub_now_ms(h),
	    .text = strbuf_of(LIMIT_MESSAGE_BYTES),
	    .names = strbuf_of(LIMIT_TEXT_BYTES),
	    .was_db = h->db,
	    .had_db = h->has_db,
	    .was_policy = h->policy,
	};
	fill_env(h, h->world, &tx->env);
	tx->env.tell = st ? tell_alert : NULL;
	tx->env.user = tx;
}

void tx_follow(struct tx *tx, struct hub *h, struct rmg_err *err)
{
	tx_init(tx, h, NULL, err);
}

void tx_done(struct tx *tx)
{
	VEC_DONE(&tx->images);
	VEC_DONE(&tx->sources);
	strbuf_done(&tx->text);
	strbuf_done(&tx->names);
}

enum rmg_rc hub_ready(struct hub *h, struct rmg_err *err)
{
	enum rmg_rc rc = store_ready(h, &h->st, err);

	if (rc == RMG_OK && h->stale) {
		hub_write_lock(h);
		rc = hub_load(h, err);
		hub_write_unlock(h);
	}
	return rc;
}

enum rmg_rc tx_begin(struct tx *tx, struct hub *h, struct rmg_err *err)
{
	enum rmg_rc rc;

	pthread_mutex_lock(&h->writing);
	rc = hub_ready(h, err);
	if (rc == RMG_OK)
		rc = store_begin(h->st, err);
	if (rc != RMG_OK) {
		pthread_mutex_unlock(&h->writing);
		return rc;
	}
	hub_write_lock(h);
	tx_init(tx, h, h->st, err);
	tx->apart = !h->leads;
	return RMG_OK;
}

/* Memory is ahead of the store: back to what the store says. Where that fails the hub is stale:
 * what is in memory may be of a database that it does not have any more, so nobody is answered from
 * it, and the next call loads first. */
static void take_back(struct tx *tx)
{
	struct hub *h = tx->h;

	store_rollback(h->st);
	hub_write_lock(h);
	h->stale = true;
	h->db = tx->was_db;
	h->has_db = tx->had_db;
	h->policy = tx->was_policy;
	if (store_ready(h, &h->st, NULL) == RMG_OK)
		h->stale = hub_load(h, NULL) != RMG_OK;
	hub_write_unlock(h);
}

enum rmg_rc tx_end(struct tx *tx, enum rmg_rc rc)
{
	struct hub *h = tx->h;

	commit_begins(h);
	hub_write_unlock(h);
	if (rc == RMG_OK)
		rc = store_commit(h->st, tx->err);
	commit_is_over(h);
	if (rc != RMG_OK && tx->apart)
		store_rollback(h->st);
	else if (rc != RMG_OK)
		take_back(tx);
	pthread_mutex_unlock(&h->writing);
	tx_done(tx);
	return rc;
}

enum rmg_rc tx_touch(struct tx *tx, uint32_t image)
{
	if (image == 0 || (tx->images.n && tx->images.v[tx->images.n - 1] == image))
		return RMG_OK;
	return VEC_PUSH(&tx->images, image) ? RMG_OK : tx_no_memory(tx);
}

enum rmg_rc tx_tell(struct tx *tx, const char *kind, struct span body)
{
	struct stream_row row = {.at_ms = tx->now_ms, .kind = span_cstr(kind), .body = body};
	enum rmg_rc rc;

	if (tx->st == NULL)
		return RMG_OK;
	rc = store_stream_add(tx->st, &row, tx->err);
	if (rc == RMG_OK)
		tx->h->stream_seq = row.seq;
	return rc;
}

static enum rmg_rc put_source(struct tx *tx, uint32_t id)
{
	const struct world_source *s = &tx->w->sources.v[id];
	struct source_row row = {
	    .source = s->name,
	    .place = tx->w->places.v[s->place].place,
	    .epoch = s->epoch,
	    .seq = s->seq,
	    .heard_ms = s->heard_ms,
	};

	return store_source_put(tx->st, &row, tx->err);
}

/* After memory was loaded or another policy given, all alerts are looked at instead. */
static enum rmg_rc settle_alerts(struct tx *tx)
{
	struct hub *h = tx->h;
	enum rmg_rc rc = RMG_OK;

	if (h->alerts_due && h->has_db) {
		h->alerts_due = false;
		rc = alerts_all(h->alerts, &tx->env, tx->err);
	} else {
		ids_sort(&tx->images);
		for (size_t i = 0; i < tx->images.n && rc == RMG_OK; i++)
			rc = alerts_image(h->alerts, &tx->env, tx->images.v[i], tx->err);
	}
	return rc == RMG_OK ? alerts_flush(h->alerts, &tx->env, tx->err) : rc;
}

enum rmg_rc tx_settle(struct tx *tx)
{
	enum rmg_rc rc = RMG_OK;

	if (tx->st == NULL)
		return RMG_OK;
	if (tx->h->leads)
		rc = settle_alerts(tx);
	ids_sort(&tx->sources);
	for (size_t i = 0; i < tx->sources.n && rc == RMG_OK; i++)
		rc = put_source(tx, tx->sources.v[i]);
	return rc;
}

/* Opening and closing. */

static void locks_init(struct hub *h)
{
	pthread_mutex_init(&h->setting, NULL);
	pthread_mutex_init(&h->writing, NULL);
	pthread_mutex_init(&h->gate, NULL);
	pthread_mutex_init(&h->asking, NULL);
	pthread_mutex_init(&h->queueing, NULL);
	pthread_mutex_init(&h->tagging, NULL);
	pthread_mutex_init(&h->committing, NULL);
	pthread_mutex_init(&h->counting, NULL);
	pthread_cond_init(&h->committed, NULL);
	pthread_cond_init(&h->served, NULL);
	pthread_rwlock_init(&h->lock, NULL);
}

static void locks_done(struct hub *h)
{
	pthread_mutex_destroy(&h->setting);
	pthread_mutex_destroy(&h->writing);
	pthread_mutex_destroy(&h->gate);
	pthread_mutex_destroy(&h->asking);
	pthread_mutex_destroy(&h->queueing);
	tag_asks_free(h->tag_asks);
	pthread_mutex_destroy(&h->tagging);
	pthread_mutex_destroy(&h->committing);
	pthread_mutex_destroy(&h->counting);
	pthread_cond_destroy(&h->committed);
	pthread_cond_destroy(&h->served);
	pthread_rwlock_destroy(&h->lock);
}

void hub_close(struct hub *h)
{
	if (h == NULL)
		return;
	reviews_free(h->reviews);
	alerts_free(h->alerts);
	world_free(h->world);
	store_close(h->st);
	store_close(h->asked);
	policy_free(h->own_policy);
	if (h->has_db && h->db.release)
		h->db.release(h->db.user);
	locks_done(h);
	free(h);
}

static enum rmg_rc open_all(struct hub *h, struct rmg_err *err)
{
	enum rmg_rc rc;
	bool leads = false;

	if (h->policy == NULL) {
		if (policy_default(&h->own_policy) != RMG_OK)
			return err_set(err, RMG_E_NOMEM, "no memory for the default policy");
		h->policy = h->own_policy;
	}
	rc = store_open(h->opts.store, &h->st, err);
	if (rc == RMG_OK)
		rc = store_open(h->opts.store, &h->asked, err);
	if (rc == RMG_OK)
		rc = hub_load(h, err);
	if (rc == RMG_OK)
		rc = reviews_load(h, err);
	if (rc == RMG_OK)
		rc = store_lead(h->st, &leads, err);
	h->leads = rc == RMG_OK && leads;
	return rc;
}

enum rmg_rc hub_open(const struct hub_opts *opts, struct hub **out, struct rmg_err *err)
{
	struct hub *h = calloc(1, sizeof *h);
	double began = clock_tick_exact_ms();
	enum rmg_rc rc;

	if (h == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for the hub");
	h->opts = *opts;
	h->policy = opts->policy;
	h->last = &h->first;
	locks_init(h);
	rc = open_all(h, err);
	if (rc != RMG_OK) {
		hub_close(h);
		return rc;
	}
	h->figures.start_ms = clock_tick_exact_ms() - began;
	*out = h;
	return RMG_OK;
}
