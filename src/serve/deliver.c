/* SPDX-License-Identifier: Apache-2.0 */
/* deliver.c - the outbox to one sink. What is sent twice (a crash between sending and writing that
 * down) carries the same id. A message that its sink refuses for good, or that could not be
 * delivered for DAYS_TRIED, is dead: kept, counted and shown, and sent again when somebody asks.
 *
 * Beside the outbox, a sink that wants to is told again and again of what fires (repeat.h). What is
 * composed after an alert ended does not name it, and its end is sent after what was composed
 * before: the thread is one. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/vec.h"
#include "serve/parts.h"
#include "serve/repeat.h"

enum { ORDERLY = 10, ORDERLY_PAUSE_MS = 60 * 1000 };
enum { PAGE = 16, FIRST_PAUSE_MS = 1000, LONGEST_PAUSE_MS = 15 * 60 * 1000, DAYS_TRIED = 3 };
enum { LAST_MS = 3000 }; /* for what is on its way when the hub ends: it would be sent again */

struct letter {
	uint64_t id;
	uint32_t attempts;
	int64_t created_ms;
	char *message;
};

struct deliver {
	struct env *env;
	struct config *held;
	const struct config_sink *config; /* of held */
	atomic_bool over;
	int64_t ends_ms; /* what is on its way is given up then; 0: it has not been told to stop */
	struct sink_values values;
	struct sink *sink;
	struct store *store;
	pthread_t thread;
	bool troubled;
	int64_t not_before_ms; /* the sink is left alone until then */
	struct repeat repeat;
	struct strbuf text; /* of a repeat */
	char repeat_text[16];
	VEC(struct letter) letters;
};

static const char *value_of(void *user, const char *name)
{
	const struct deliver *d = user;

	return d->repeat.slow_s && strcmp(name, "repeat") == 0 ? d->repeat_text
							       : config_sink_value(d->config, name);
}

static bool stop(const struct deliver *d)
{
	return atomic_load(&d->env->stopping) || atomic_load(&d->over);
}

static bool gives_up(void *user)
{
	struct deliver *d = user;

	if (!stop(d))
		return false;
	if (d->ends_ms == 0)
		d->ends_ms = clock_tick_ms() + LAST_MS;
	return clock_tick_ms() >= d->ends_ms;
}

static enum rmg_rc take(void *user, const struct outbox_row *row)
{
	struct deliver *d = user;
	struct letter l = {.id = row->id,
			   .attempts = row->attempts,
			   .created_ms = row->created_ms,
			   .message = span_dup(row->message)};

	if (l.message && VEC_PUSH(&d->letters, l))
		return RMG_OK;
	free(l.message);
	return RMG_E_NOMEM;
}

static void drop_letters(struct deliver *d)
{
	VEC_EACH (l, &d->letters)
		free(l->message);
	d->letters.n = 0;
}

static enum rmg_rc write_down(struct deliver *d, const struct outbox_row *row, struct rmg_err *err)
{
	enum rmg_rc rc = store_begin(d->store, err);

	if (rc != RMG_OK)
		return rc;
	return store_end(d->store, store_outbox_update(d->store, row, err), err);
}

static int64_t pause_after(uint32_t attempts, uint32_t asked_s)
{
	int64_t ms = attempts >= 11 ? LONGEST_PAUSE_MS : (int64_t)FIRST_PAUSE_MS << attempts;

	if (ms > LONGEST_PAUSE_MS)
		ms = LONGEST_PAUSE_MS;
	return MAX_OF(ms, (int64_t)asked_s * 1000);
}

static enum rmg_rc try_send(struct deliver *d, const char *text, struct sink_retry *retry,
			    struct rmg_err *err)
{
	struct message *m = NULL;
	enum rmg_rc rc = message_parse(span_cstr(text), &m, err);

	if (rc == RMG_OK && d->sink == NULL) {
		rc = d->config->kind->open(&d->values, &d->sink, err);
		retry->again = true;
	}
	if (rc == RMG_OK)
		rc = d->config->kind->send(d->sink, m, retry, err);
	message_free(m);
	return rc;
}

static void say_change(struct deliver *d, enum rmg_rc rc, const struct rmg_err *why)
{
	if (rc != RMG_OK && !d->troubled)
		env_say(d->env, "warn", "sink %s: %s; what is due is kept and tried again",
			d->config->name, why->msg);
	else if (rc == RMG_OK && d->troubled)
		env_say(d->env, "info", "sink %s takes messages again", d->config->name);
	d->troubled = rc != RMG_OK;
}

/* What comes behind waits too, so that a resolution does not overtake what it resolves; but not for
 * ever for a message that makes the other side stumble. */
static void put_off(struct deliver *d, struct outbox_row *row, int64_t now, uint32_t asked_s)
{
	int64_t ms = pause_after(row->attempts - 1, asked_s);

	row->state = S("waiting");
	row->done_ms = 0;
	if (row->attempts <= ORDERLY)
		ms = MAX_OF(MIN_OF(ms, (int64_t)ORDERLY_PAUSE_MS), (int64_t)asked_s * 1000);
	row->next_ms = now + ms;
	if (row->attempts <= ORDERLY)
		d->not_before_ms = row->next_ms;
}

static enum rmg_rc open_store(struct deliver *d, struct rmg_err *err)
{
	return d->store ? RMG_OK : store_open(d->env->store, &d->store, err);
}

static void forget_lost_store(struct deliver *d)
{
	if (d->store && store_lost(d->store)) {
		store_close(d->store);
		d->store = NULL;
	}
}

/* One batch of what fires, where one is due. */
static void repeat(struct deliver *d)
{
	struct sink_retry retry = {.again = true};
	struct rmg_err why = {0};
	enum rmg_rc rc = RMG_OK;

	if (stop(d) || repeat_wait_ms(&d->repeat, clock_tick_ms(), 1) != 0)
		return;
	rc = open_store(d, &why);
	if (rc == RMG_OK)
		rc = repeat_next(&d->repeat, d->store, clock_tick_ms(), &d->text, &why);
	forget_lost_store(d);
	if (rc != RMG_OK) { /* not the sink's fault */
		repeat_went(&d->repeat, rc, &retry, clock_tick_ms());
		return;
	}
	if (d->text.n == 0)
		return;
	retry.again = false;
	rc = try_send(d, strbuf_cstr(&d->text), &retry, &why);
	say_change(d, rc, &why);
	repeat_went(&d->repeat, rc, &retry, clock_tick_ms());
	/* A round that takes longer is known to who says how long what fires lasts. */
	snprintf(d->repeat_text, sizeof d->repeat_text, "%u", d->repeat.slow_s);
}

/* RMG_OK: go on with the next; else the store or the sink is not to be had now. */
static enum rmg_rc deliver_one(struct deliver *d, const struct letter *l, struct rmg_err *err)
{
	struct sink_retry retry = {0};
	struct rmg_err why = {0};
	int64_t now = env_now_ms(d->env);
	struct outbox_row row = {.id = l->id, .attempts = l->attempts + 1, .done_ms = now};
	enum rmg_rc sent = try_send(d, l->message, &retry, &why), rc;

	row.error = span_cstr(why.msg);
	if (sent == RMG_OK) {
		row.state = S("sent");
	} else if (retry.again && now - l->created_ms < DAYS_TRIED * INT64_C(86400000)) {
		put_off(d, &row, now, retry.after_s);
	} else {
		row.state = S("dead");
		env_say(d->env, "error", "sink %s: message %llu is dead: %s", d->config->name,
			(unsigned long long)l->id, why.msg);
	}
	say_change(d, sent, &why);
	rc = write_down(d, &row, err);
	return rc == RMG_OK && sent != RMG_OK && retry.again ? RMG_E_NET : rc;
}

static void deliver_due(struct deliver *d)
{
	int64_t now = env_now_ms(d->env);
	struct rmg_err err = {0};
	enum rmg_rc rc = RMG_OK;

	/* A clock that was set back must not make this wait for long. */
	if (now < d->not_before_ms && d->not_before_ms - now <= LONGEST_PAUSE_MS)
		return;
	while (rc == RMG_OK && atomic_load(&d->env->leads) && !stop(d)) {
		drop_letters(d);
		rc = open_store(d, &err);
		if (rc == RMG_OK)
			rc = store_outbox_due(d->store, span_cstr(d->config->name),
					      env_now_ms(d->env), PAGE, take, d, &err);
		if (rc != RMG_OK || d->letters.n == 0)
			break;
		for (size_t i = 0; rc == RMG_OK && i < d->letters.n && !stop(d); i++)
			rc = deliver_one(d, &d->letters.v[i], &err);
		if (rc == RMG_OK)
			repeat(d);
	}
	drop_letters(d);
	forget_lost_store(d);
}

static int64_t wait_ms(const struct deliver *d)
{
	enum { LONGEST_MS = 1000 };

	return atomic_load(&d->env->leads) ? repeat_wait_ms(&d->repeat, clock_tick_ms(), LONGEST_MS)
					   : LONGEST_MS;
}

static void *run(void *user)
{
	struct deliver *d = user;
	uint64_t heard = 0;

	while (!stop(d)) {
		if (atomic_load(&d->env->leads)) {
			deliver_due(d);
			repeat(d);
		} else {
			repeat_reset(&d->repeat);
		}
		bell_wait(&d->env->sent, &heard, (unsigned)wait_ms(d));
	}
	return NULL;
}

static enum rmg_rc start(struct env *env, struct config *config, const struct config_sink *sink,
			 struct deliver **out, struct rmg_err *err)
{
	struct deliver *d = calloc(1, sizeof *d);

	if (d == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a sink");
	d->env = env;
	d->config = sink;
	d->values = (struct sink_values){.value = value_of, .user = d, .stop = gives_up};
	d->repeat = (struct repeat){.hub = env->hub, .sink = sink->name};
	d->text = strbuf_of(LIMIT_MESSAGE_BYTES);
	if (!sink_repeat_s(sink->kind, config_sink_value(sink, "repeat"), &d->repeat.every_s))
		d->repeat.every_s = 0; /* the settings were checked */
	if (pthread_create(&d->thread, NULL, run, d) != 0) {
		free(d);
		return err_set(err, RMG_E_NOMEM, "no thread for sink %s", sink->name);
	}
	d->held = config_hold(config);
	*out = d;
	return RMG_OK;
}

static void end(struct deliver *d)
{
	pthread_join(d->thread, NULL);
	if (d->sink)
		d->config->kind->close(d->sink);
	store_close(d->store);
	repeat_done(&d->repeat);
	strbuf_done(&d->text);
	VEC_DONE(&d->letters);
	config_free(d->held);
	free(d);
}

/* Ends those that the config has not, or has otherwise; all at once, since each may take a second
 * to notice. */
static void end_others(struct delivers *d, struct env *env, const struct config *config)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n; i++) {
		const struct config_sink *now =
		    config ? config_sink_of(config, d->v[i]->config->name) : NULL;

		atomic_store(&d->v[i]->over, !now || !config_sink_same(now, d->v[i]->config));
	}
	bell_ring(&env->sent);
	for (size_t i = 0; i < d->n; i++) {
		if (atomic_load(&d->v[i]->over))
			end(d->v[i]);
		else
			d->v[n++] = d->v[i];
	}
	d->n = n;
}

static bool runs(const struct delivers *d, const char *name)
{
	for (size_t i = 0; i < d->n; i++)
		if (strcmp(d->v[i]->config->name, name) == 0)
			return true;
	return false;
}

enum rmg_rc delivers_set(struct delivers *d, struct env *env, struct config *config,
			 struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;

	end_others(d, env, config);
	for (size_t i = 0; rc == RMG_OK && i < config->n_sinks; i++) {
		if (runs(d, config->sinks[i].name))
			continue;
		rc = start(env, config, &config->sinks[i], &d->v[d->n], err);
		d->n += rc == RMG_OK;
	}
	return rc;
}

void delivers_stop(struct delivers *d)
{
	if (d->n)
		end_others(d, d->v[0]->env, NULL);
}
