/* SPDX-License-Identifier: Apache-2.0 */
#include "node/sender.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/limits.h"
#include "format/gzipw.h"
#include "node/repeats.h"
#include "watch/event_json.h"

enum {
	BATCH = 1000,
	WORTH_PACKING = 1400, /* more than a packet */
	FIRST_PAUSE_MS = 250,
	LONGEST_PAUSE_MS = 15000,
	LONGEST_ASKED_S = 300,
	AWAY_MS = 30000, /* from then on repeats are left out */
	DRAIN_MS = 2000,
	IDLE_MS = 60000,
};

struct sender {
	struct sender_opts opts;
	struct spool *spool;
	struct hubline *line;
	struct bell bell; /* something is in the spool, or the end has come */
	pthread_t thread;
	bool started;
	pthread_mutex_t putting;
	struct repeats *repeats; /* under putting */
	bool full;               /* that the spool cannot be written was said */
	bool dropping;           /* that detail is left out was said */
	atomic_bool closing, drained;
	atomic_llong deadline_ms; /* of the drain; and since when the hub is away, 0 it is not */
	atomic_llong away_ms;
	atomic_ullong told_lost;
	/* The thread's. */
	size_t batch;
	unsigned pause_ms;
	bool told_away;
};

static bool is_over(void *user)
{
	struct sender *s = user;

	return atomic_load(&s->closing) && clock_tick_ms() > atomic_load(&s->deadline_ms);
}

static bool is_closing(void *user)
{
	struct sender *s = user;

	return atomic_load(&s->closing);
}

/* Putting. */

static bool is_away(struct sender *s)
{
	int64_t since = atomic_load(&s->away_ms);

	return since && clock_tick_ms() - since >= AWAY_MS;
}

static enum rmg_rc choose(struct sender *s, const struct event *e, size_t n,
			  const struct strbuf *text, struct spool_items *items, struct rmg_err *err)
{
	struct span rest = strbuf_span(text), line;
	enum rmg_rc rc = RMG_OK;

	for (size_t i = 0; rc == RMG_OK && i < n && span_next(&rest, '\n', &line); i++)
		rc = repeats_take(s->repeats, &e[i], line, is_away(s), items, err);
	return rc;
}

/* Once where there is no room, until there was. */
static void say_dropped(struct sender *s)
{
	struct spool_figures f = spool_figures(s->spool);
	bool lost = f.dropped > atomic_load(&s->told_lost), full = lost || f.over;

	if (full && !s->dropping)
		node_say(s->opts.node, "warn", "the spool is full: %s",
			 lost ? "the oldest detail is left out"
			      : "begins and ends of uses alone are more than its bound, and kept");
	s->dropping = full;
}

static void say_full(struct sender *s, enum rmg_rc rc, const struct rmg_err *err)
{
	if (rc != RMG_OK && !s->full)
		node_say(s->opts.node, "error", "%s", err->msg);
	else if (rc == RMG_OK && s->full)
		node_say(s->opts.node, "info", "the spool can be written again");
	s->full = rc != RMG_OK;
}

enum rmg_rc sender_put(struct sender *s, const struct event *e, size_t n, struct rmg_err *err)
{
	struct strbuf text = strbuf_of(LIMIT_EVENTS_BYTES);
	struct spool_items items = {0};
	enum rmg_rc rc;

	for (size_t i = 0; i < n; i++)
		event_write(&e[i], &text);
	rc = strbuf_rc(&text);
	if (rc != RMG_OK)
		err_set(err, rc, "too many events at once");
	pthread_mutex_lock(&s->putting);
	if (rc == RMG_OK)
		rc = choose(s, e, n, &text, &items, err);
	if (rc == RMG_OK && items.list.n) {
		rc = spool_put(s->spool, items.list.v, items.list.n, err);
		say_full(s, rc, err);
		say_dropped(s);
	}
	if (rc != RMG_OK)
		repeats_doubt(s->repeats);
	repeats_forget(s->repeats);
	pthread_mutex_unlock(&s->putting);
	VEC_DONE(&items.list);
	strbuf_done(&text);
	atomic_store(&s->drained, false);
	bell_ring(&s->bell);
	return rc;
}

bool sender_away(struct sender *s)
{
	return atomic_load(&s->away_ms) != 0;
}

uint64_t sender_lost(struct sender *s)
{
	uint64_t lost = spool_figures(s->spool).dropped, told = atomic_load(&s->told_lost);

	if (lost == told || !atomic_load(&s->drained))
		return 0;
	atomic_store(&s->told_lost, lost);
	return lost - told;
}

/* Sending. */

/* So that those who lost the hub together do not come back together. */
static unsigned jitter(unsigned ms)
{
	uint32_t r = 0;

	if (getrandom(&r, sizeof r, GRND_NONBLOCK) != (ssize_t)sizeof r)
		r = (uint32_t)clock_tick_ms() * 2654435761u;
	return ms / 2 + r % (ms / 2 + 1);
}

static void say_state(struct sender *s, bool away, const struct rmg_err *err)
{
	struct spool_figures f;

	if (away == s->told_away)
		return;
	s->told_away = away;
	f = spool_figures(s->spool);
	if (away)
		node_say(s->opts.node, "warn", "the hub cannot be told: %s", err->msg);
	else
		node_say(s->opts.node, "info", "the hub answers; %" PRIu64 " KiB wait for it",
			 f.bytes / 1024);
	atomic_store(&s->away_ms, away ? clock_tick_ms() : 0);
}

static enum rmg_rc post(struct sender *s, struct strbuf *lines, struct hub_answer *answer,
			struct rmg_err *err)
{
	struct hub_ask ask = {
	    .method = "POST", .path = "/api/v1/events", .type = "application/x-ndjson"};

	ask.gzip = lines->n > WORTH_PACKING && gzipw_pack(lines, lines->n - 1);
	ask.body = strbuf_span(lines);
	return hubline_do(s->line, &ask, answer, err);
}

/* The hub takes no request like this one: fewer at once, and what it does not take alone goes. */
static void go_smaller(struct sender *s, size_t n, const struct rmg_err *why)
{
	if (n > 1) {
		s->batch = n / 2;
		spool_back(s->spool);
		return;
	}
	node_say(s->opts.node, "error", "an event is left out: %s", why->msg);
	spool_done(s->spool);
}

static bool is_refusal(const struct hub_answer *a)
{
	return a->status == 400 || a->status == 413 || a->status == 422;
}

static void rest(struct sender *s, const struct hub_answer *answer)
{
	unsigned ms = s->pause_ms ? s->pause_ms : FIRST_PAUSE_MS;

	s->pause_ms = MIN_OF(ms * 2, (unsigned)LONGEST_PAUSE_MS);
	ms = jitter(ms) + MIN_OF(answer->retry_s, (unsigned)LONGEST_ASKED_S) * 1000;
	spool_sync(s->spool);
	(void)clock_rest(ms, is_closing, s);
}

enum sent { NOTHING, SENT, FAILED };

static enum sent failed(struct sender *s, size_t n, const struct hub_answer *answer,
			const struct rmg_err *err)
{
	if (is_refusal(answer)) {
		go_smaller(s, n, err);
		return SENT;
	}
	spool_back(s->spool);
	say_state(s, true, err);
	if (!is_closing(s))
		rest(s, answer);
	return FAILED;
}

static enum sent send_some(struct sender *s)
{
	struct strbuf lines = strbuf_of(LIMIT_EVENTS_BYTES * 2);
	struct hub_answer answer = {0};
	struct rmg_err err = {0};
	enum sent sent = SENT;
	size_t n = 0;
	enum rmg_rc rc = spool_take(s->spool, s->batch, &lines, &n, &err);

	if (rc == RMG_OK && n)
		rc = post(s, &lines, &answer, &err);
	strbuf_done(&lines);
	if (rc != RMG_OK) {
		sent = failed(s, n, &answer, &err);
	} else if (n == 0) {
		sent = NOTHING;
	} else {
		spool_done(s->spool);
		say_state(s, false, NULL);
		s->opts.answered(s->opts.user, answer.body);
		s->pause_ms = 0;
		s->batch = MIN_OF(s->batch * 2, (size_t)BATCH);
	}
	return sent;
}

static void *run(void *user)
{
	struct sender *s = user;
	uint64_t heard = 0;

	for (;;) {
		bool closing = is_closing(s); /* what came before it is sent in this turn */
		enum sent sent = is_over(s) ? FAILED : send_some(s);

		if (closing && sent != SENT)
			break;
		if (sent != NOTHING)
			continue;
		atomic_store(&s->drained, true);
		bell_wait(&s->bell, &heard, IDLE_MS);
	}
	return NULL;
}

static enum rmg_rc open_parts(struct sender *s, struct rmg_err *err)
{
	struct hubline_opts hub = *s->opts.hub;
	uint64_t max = s->opts.max_bytes ? s->opts.max_bytes : LIMIT_SPOOL_BYTES;
	enum rmg_rc rc;

	hub.stop = is_over;
	hub.user = s;
	s->repeats = repeats_new();
	if (s->repeats == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for events");
	rc = hubline_open(&hub, &s->line, err);
	if (rc == RMG_OK)
		rc = spool_open(s->opts.dir, max, &s->spool, err);
	if (rc != RMG_OK)
		return rc;
	if (pthread_create(&s->thread, NULL, run, s) != 0)
		return err_set(err, RMG_E_NOMEM, "no thread for events");
	s->started = true;
	return RMG_OK;
}

enum rmg_rc sender_open(const struct sender_opts *opts, struct sender **out, struct rmg_err *err)
{
	struct sender *s = calloc(1, sizeof *s);
	enum rmg_rc rc;

	if (s == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for events");
	s->opts = *opts;
	s->batch = BATCH;
	bell_init(&s->bell);
	pthread_mutex_init(&s->putting, NULL);
	rc = open_parts(s, err);
	if (rc != RMG_OK) {
		sender_close(s);
		return rc;
	}
	*out = s;
	return RMG_OK;
}

void sender_close(struct sender *s)
{
	if (s == NULL)
		return;
	atomic_store(&s->deadline_ms, clock_tick_ms() + DRAIN_MS);
	atomic_store(&s->closing, true);
	bell_ring(&s->bell);
	if (s->started)
		pthread_join(s->thread, NULL);
	spool_close(s->spool);
	hubline_close(s->line);
	repeats_free(s->repeats);
	pthread_mutex_destroy(&s->putting);
	bell_done(&s->bell);
	free(s);
}
