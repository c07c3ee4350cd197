/* SPDX-License-Identifier: Apache-2.0 */
/* tags.c - asks registries what tags mean now, and tells it: what the hub wants to know of what is
 * used here.
 *
 * Some threads, one question a host at a time, so that a registry that does not answer holds up
 * nobody but who asks for its images. A host is asked as often as the node says at most, less where
 * it says that little is left to ask, and after a failure later and later; the trouble is said
 * once, and its end. What cannot be asked now waits, MOST_WAITING of it. A tag that the registry
 * does not have is asked for twice: who pushes anew may delete first. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "lib/tag.h"
#include "node/tag_tell.h"

enum {
	THREADS = 3, /* unless more are asked for */
	MOST_WAITING = 10000,
	MOST_HOSTS = 1000,
	BURST = 20,
	FIRST_PAUSE_MS = 5000,
	LONGEST_PAUSE_MS = 600000,
	WAIT_MS = 3600000, /* a question that could not be put for so long is of no use any more */
	SCARCE = 20,
	GONE_MS = 5000, /* what is gone is told once it was asked for again, so much later */
	MOST_PAUSE_MS = 3600000, /* for what little is left */
	LOOK_MS = 500
};

struct question {
	char *ref, *host, *known; /* known: digests, divided by spaces */
	int64_t since_ms, not_before_ms;
	bool told; /* that it could not be asked */
	bool gone; /* the registry said once that it has no such tag */
};

struct tag_host {
	char *name;
	bool busy, limited;
	int64_t next_ms, paid_ms; /* not before; and by which time what it was asked is paid off */
	int64_t each_ms;          /* what one question costs, as it was when it was asked last */
	unsigned failed;          /* one after the other */
	uint64_t left;
};

struct tags {
	struct node *node;
	pthread_t threads[TAGS_THREADS_MAX];
	size_t n_threads;
	pthread_mutex_t lock; /* of what follows */
	VEC(struct question) waiting;
	VEC(struct tag_host) hosts;
	struct bell bell;
	struct tag_tell tell;
};

static void question_done(struct question *q)
{
	free(q->ref);
	free(q->host);
	free(q->known);
}

/* Then it is put as soon as the sooner of the two. */
static bool is_waiting(struct tags *t, const struct question *q)
{
	VEC_EACH (it, &t->waiting) {
		if (strcmp(it->ref, q->ref) != 0)
			continue;
		it->not_before_ms = MIN_OF(it->not_before_ms, q->not_before_ms);
		return true;
	}
	return false;
}

static bool question_of(const struct node_tag *want, struct question *out)
{
	struct strbuf known = strbuf_of(8192);
	struct arena a;
	struct span host;

	arena_init(&a, 1 << 16);
	host = tag_host(want->ref, &a);
	for (size_t i = 0; i < want->n_known; i++) {
		strbuf_puts(&known, i ? " " : "");
		strbuf_put(&known, want->known[i]);
	}
	*out = (struct question){.ref = span_dup(want->ref),
				 .host = host.n ? span_dup(host) : NULL,
				 .known = span_dup(strbuf_span(&known)),
				 .since_ms = clock_tick_ms(),
				 .not_before_ms = clock_tick_ms() + want->after_ms};
	strbuf_done(&known);
	arena_done(&a);
	return out->ref && out->host && out->known;
}

void tags_want(struct tags *t, const struct node_tag *want)
{
	struct question q;
	bool good;

	if (t == NULL)
		return;
	good = question_of(want, &q);
	pthread_mutex_lock(&t->lock);
	good =
	    good && t->waiting.n < MOST_WAITING && !is_waiting(t, &q) && VEC_PUSH(&t->waiting, q);
	pthread_mutex_unlock(&t->lock);
	if (good)
		bell_ring(&t->bell);
	else
		question_done(&q);
}

/* Hosts. */

static int64_t each_ms(const struct tags *t, const char *host)
{
	const struct node *n = t->node;
	unsigned a_minute = n->tag_rate ? n->tag_rate(n->user, host) : TAGS_A_MINUTE;

	return 60000 / (int64_t)MAX_OF(a_minute, 1u);
}

/* NULL: there are too many. */
static struct tag_host *host_of(struct tags *t, const char *name)
{
	struct tag_host h = {0};

	VEC_EACH (it, &t->hosts)
		if (strcmp(it->name, name) == 0)
			return it;
	h.name = t->hosts.n < MOST_HOSTS ? strdup(name) : NULL;
	h.each_ms = each_ms(t, name);
	if (h.name && VEC_PUSH(&t->hosts, h))
		return &t->hosts.v[t->hosts.n - 1];
	free(h.name);
	return NULL;
}

static bool may_ask(const struct tag_host *h, int64_t now)
{
	return !h->busy && h->next_ms <= now && h->paid_ms - now <= BURST * h->each_ms;
}

/* The first that may be put now. */
static bool take(struct tags *t, struct question *out)
{
	int64_t now = clock_tick_ms();
	bool found = false;

	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < t->waiting.n && !found; i++) {
		struct tag_host *h = host_of(t, t->waiting.v[i].host);

		if (h == NULL || t->waiting.v[i].not_before_ms > now || !may_ask(h, now))
			continue;
		h->busy = found = true;
		h->each_ms = each_ms(t, h->name);
		h->paid_ms = MAX_OF(h->paid_ms, now) + h->each_ms;
		*out = t->waiting.v[i];
		memmove(&t->waiting.v[i], &t->waiting.v[i + 1],
			(t->waiting.n - i - 1) * sizeof *t->waiting.v);
		t->waiting.n--;
	}
	pthread_mutex_unlock(&t->lock);
	return found;
}

/* Asking. */

/* What is left is spread over the time for which it has to do. */
static int64_t scarcity_ms(const struct tag_answer *a)
{
	const struct ratelimit *l = &a->limit;
	uint64_t span_s = l->reset_s ? l->reset_s : MAX_OF(l->window_s, 60u);

	return l->known && l->left < SCARCE
		   ? MIN_OF((int64_t)(span_s * 1000 / (l->left + 1)), (int64_t)MOST_PAUSE_MS)
		   : 0;
}

static int64_t pause_ms(const struct tag_answer *a, unsigned failed)
{
	return MAX_OF(
	    MAX_OF((int64_t)a->retry_s * 1000, scarcity_ms(a)),
	    MIN_OF((int64_t)FIRST_PAUSE_MS << MIN_OF(failed, 10u), (int64_t)LONGEST_PAUSE_MS));
}

/* The host's turn is over. What it could not answer now waits for the next. */
static void settle(struct tags *t, struct question *q, const struct tag_answer *a, enum rmg_rc rc,
		   const char *why)
{
	int64_t now = clock_tick_ms();
	bool again = rc != RMG_OK && a->busy && now - q->since_ms < WAIT_MS;
	bool at_first = a->gone && !q->gone;
	const char *said = NULL;
	struct tag_host *h;

	pthread_mutex_lock(&t->lock);
	h = host_of(t, q->host);
	h->busy = false;
	h->limited = a->limit.known;
	h->left = a->limit.left;
	if (rc == RMG_OK || !a->busy) {
		if (h->failed)
			said = "answers again";
		h->failed = 0;
		h->next_ms = now + scarcity_ms(a);
	} else {
		if (h->failed == 0)
			said = "cannot be asked what its tags mean";
		h->next_ms = now + pause_ms(a, h->failed++);
	}
	q->gone = a->gone;
	if (at_first)
		q->not_before_ms = now + GONE_MS;
	again = (again || at_first) && VEC_PUSH(&t->waiting, *q);
	pthread_mutex_unlock(&t->lock);
	if (said)
		node_say(t->node, rc == RMG_OK ? "info" : "warn", "the registry %s %s%s%s", q->host,
			 said, why ? ": " : "", why ? why : "");
	if (!again)
		question_done(q);
}

static void tell(struct tags *t, struct question *q, const struct tag_answer *a, enum rmg_rc rc,
		 const char *why)
{
	if (rc == RMG_OK)
		tag_tell(&t->tell, &a->image, NULL);
	else if (a->gone && q->gone)
		tag_tell_vanished(&t->tell, &a->image, why);
	else if (rc != RMG_E_STOPPED && !q->told && !a->gone)
		tag_tell(&t->tell, &a->image, why);
	q->told = rc != RMG_OK && !a->gone;
}

static void ask(struct tags *t, struct question *q)
{
	struct rmg_opts opts = node_scan_opts(t->node);
	struct span known[EVENT_DIGESTS + 1], rest = span_cstr(q->known), one;
	struct tag_answer answer;
	struct rmg_err err = {0};
	struct arena a;
	size_t n = 0;
	enum rmg_rc rc;

	/* What was given for one registry is not for all of them. */
	opts.username = opts.password = opts.client_cert = opts.client_key = NULL;
	arena_init(&a, 4 * LIMIT_MANIFEST_BYTES);
	while (n < COUNT_OF(known) && span_next(&rest, ' ', &one))
		known[n++] = one;
	rc = tag_resolve(&opts, span_cstr(q->ref), known, n, &a, &answer, &err);
	tell(t, q, &answer, rc, err.msg);
	settle(t, q, &answer, rc, rc == RMG_OK ? NULL : err.msg);
	arena_done(&a);
}

static void *run(void *user)
{
	struct tags *t = user;
	uint64_t heard = 0;
	struct question q;

	while (!node_stopping(t->node)) {
		tag_tell_beat(&t->tell);
		if (take(t, &q))
			ask(t, &q);
		else
			bell_wait(&t->bell, &heard, LOOK_MS);
	}
	return NULL;
}

enum rmg_rc tags_start(struct node *n, struct tags **out, struct rmg_err *err)
{
	struct tags *t = calloc(1, sizeof *t);

	if (t == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for the questions to registries");
	t->node = n;
	pthread_mutex_init(&t->lock, NULL);
	bell_init(&t->bell);
	tag_tell_init(&t->tell, n, "");
	/* Before anybody says what is here: the hub gives questions of it to who asks by then. */
	tag_tell_beat(&t->tell);
	while (t->n_threads < MIN_OF(n->tag_threads ? n->tag_threads : (unsigned)THREADS,
				     (unsigned)TAGS_THREADS_MAX) &&
	       pthread_create(&t->threads[t->n_threads], NULL, run, t) == 0)
		t->n_threads++;
	if (t->n_threads == 0) {
		tags_free(t);
		return err_set(err, RMG_E_NOMEM, "no thread for the questions to registries");
	}
	*out = t;
	return RMG_OK;
}

void tags_host(struct tags *t, const char *host, struct tags_host *out)
{
	int64_t now = clock_tick_ms();

	*out = (struct tags_host){0};
	if (t == NULL)
		return;
	pthread_mutex_lock(&t->lock);
	VEC_EACH (h, &t->hosts)
		if (strcmp(h->name, host) == 0)
			*out = (struct tags_host){.limited = h->limited,
						  .left = h->left,
						  .wait_ms = MAX_OF(h->next_ms - now, INT64_C(0))};
	VEC_EACH (q, &t->waiting)
		out->waiting += strcmp(q->host, host) == 0;
	pthread_mutex_unlock(&t->lock);
}

void tags_stop(struct tags *t)
{
	if (t == NULL)
		return;
	bell_ring(&t->bell);
	while (t->n_threads)
		pthread_join(t->threads[--t->n_threads], NULL);
}

void tags_free(struct tags *t)
{
	if (t == NULL)
		return;
	tags_stop(t);
	VEC_EACH (q, &t->waiting)
		question_done(q);
	VEC_EACH (h, &t->hosts)
		free(h->name);
	VEC_DONE(&t->waiting);
	VEC_DONE(&t->hosts);
	bell_done(&t->bell);
	pthread_mutex_destroy(&t->lock);
	tag_tell_done(&t->tell);
	free(t);
}
