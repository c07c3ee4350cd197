/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/puller.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/vec.h"
#include "lib/lib.h"
#include "lib/tag.h"
#include "node/tag_tell.h"

/* Reading takes long; who only asks what a tag means does not wait for it. */
enum work { READ, MEANS, WORKS };
static const unsigned threads_of[WORKS] = {[READ] = 2, [MEANS] = 4};
enum { THREADS = 6 };

struct pull {
	enum work work;
	char ref[PULLER_REF];
	struct pull_as as;
	char known[DIGEST_TEXT];  /* MEANS: what the hub knew when it was asked for, */
	char digest[DIGEST_TEXT]; /* and what the registry said */
	char why[PULLER_WHY];
	unsigned waiting; /* callers that look at it */
	bool begun, done, good;
	int64_t done_ms;
};

struct puller {
	struct env *env;
	pthread_mutex_t lock;
	pthread_cond_t change;
	VEC(struct pull *) pulls; /* in the order in which they were asked for */
	struct worker {
		struct puller *puller;
		enum work work;
		pthread_t thread;
	} workers[THREADS];
	size_t n_workers;
	struct tag_tell tell; /* what tags mean */
	bool stopping;
};

static bool stopping(void *user)
{
	return ((struct puller *)user)->stopping || env_stopping(((struct puller *)user)->env);
}

static void explain(struct pull *x, const char *why)
{
	snprintf(x->why, sizeof x->why, "%.150s", why);
}

/* A tag that was asked for means this image from now on. */
static enum rmg_rc put(const struct env *env, const char *of, const struct rmg_inventory *taken,
		       struct rmg_err *err)
{
	struct inventory *inv = taken->inv;
	struct span ref = span_cstr(of), name, digest;
	bool by_digest = span_rcut(ref, '@', &name, &digest);
	struct hub_reading reading = {.inventory = inv,
				      .read_by = S("hub"),
				      .asked = by_digest ? digest : (struct span){0},
				      .ref = by_digest ? (struct span){0} : ref,
				      .taken_ms = env_now_ms(env)};

	inv->ref = ref;
	node_image_says(inv, &reading.created_ms, &reading.revision);
	return hub_image_put(env->hub, &reading, NULL, err);
}

/* Who asks, where that is not the hub. */
static void show(struct rmg_opts *opts, const struct pull_as *as)
{
	if (as == NULL || as->who == 0)
		return;
	opts->username = as->user;
	opts->password = as->password;
}

enum rmg_rc puller_image(struct env *env, const char *ref, const struct pull_as *as,
			 const char *why, bool (*stop)(void *user), void *user, struct rmg_err *err)
{
	struct rmg_opts opts = *env->opts->scan;
	struct rmg_image *image = NULL;
	struct rmg_inventory *inventory = NULL;
	char source[PULLER_REF + 16];
	enum rmg_rc rc;

	snprintf(source, sizeof source, "registry:%s", ref);
	opts.stop = stop;
	opts.user = user;
	opts.max_seconds = LIMIT_PULL_S;
	show(&opts, as);
	rc = rmg_image_open(source, &opts, &image, err);
	if (rc == RMG_OK)
		rc = lib_inventory_take(image, NULL, NULL, &inventory, err);
	if (rc == RMG_OK)
		rc = put(env, ref, inventory, err);
	if (rc == RMG_OK)
		env_say(env, "info", "read %s, %s: %zu components%s", ref, why,
			inventory->inv->n_components,
			inventory->inv->complete ? "" : ", incomplete");
	rmg_inventory_free(inventory);
	rmg_image_free(image);
	return rc;
}

static bool read_image(struct puller *p, struct pull *x)
{
	struct rmg_err err = {0};
	enum rmg_rc rc =
	    puller_image(p->env, x->ref, &x->as, "which asks to start", stopping, p, &err);

	if (rc != RMG_OK)
		explain(x, err.msg);
	return rc == RMG_OK;
}

static bool ask_meaning(struct puller *p, struct pull *x)
{
	struct rmg_opts opts = *p->env->opts->scan;
	const struct span known = span_cstr(x->known);
	struct tag_answer answer;
	struct rmg_err err = {0};
	struct arena a;
	bool good;

	opts.stop = stopping;
	opts.user = p;
	show(&opts, &x->as);
	arena_init(&a, MIB(4));
	good = tag_resolve(&opts, span_cstr(x->ref), &known, known.n != 0, &a, &answer, &err) ==
		   RMG_OK &&
	       answer.image.n_digests && answer.image.digests[0].n < sizeof x->digest;
	if (good && !span_is(known, answer.image.digests[0])) {
		answer.image.ref = span_cstr(x->ref);
		tag_tell(&p->tell, &answer.image, NULL);
	}
	if (good)
		snprintf(x->digest, sizeof x->digest, SPAN_FMT, SPAN_ARG(answer.image.digests[0]));
	else
		explain(x, err.msg);
	arena_done(&a);
	return good;
}

/* Under the lock from here on. */
static void forget(struct puller *p, struct pull *x)
{
	for (size_t i = 0; i < p->pulls.n; i++) {
		if (p->pulls.v[i] != x)
			continue;
		memmove(&p->pulls.v[i], &p->pulls.v[i + 1],
			(p->pulls.n - i - 1) * sizeof p->pulls.v[0]);
		p->pulls.n--;
		break;
	}
	explicit_bzero(&x->as, sizeof x->as);
	free(x);
}

static struct pull *next(struct puller *p, enum work work)
{
	VEC_EACH (it, &p->pulls)
		if (!(*it)->begun && (*it)->work == work)
			return *it;
	return NULL;
}

/* What has been answered, and is looked at by nobody, stays for a moment where it is a meaning. */
static bool is_over(const struct pull *x)
{
	return x->done && x->waiting == 0 &&
	       (x->work == READ || !x->good || clock_tick_ms() - x->done_ms >= MEANS_MS);
}

static void tidy(struct puller *p)
{
	for (size_t i = p->pulls.n; i-- > 0;)
		if (is_over(p->pulls.v[i]))
			forget(p, p->pulls.v[i]);
}

static void *run(void *user)
{
	struct worker *w = user;
	struct puller *p = w->puller;
	struct pull *x;

	pthread_mutex_lock(&p->lock);
	while (!p->stopping) {
		bool good;

		x = next(p, w->work);
		if (x == NULL) {
			pthread_cond_wait(&p->change, &p->lock);
			continue;
		}
		x->begun = true;
		pthread_mutex_unlock(&p->lock);
		good = w->work == READ ? read_image(p, x) : ask_meaning(p, x);
		bell_ring(&p->env->sent);
		pthread_mutex_lock(&p->lock);
		x->done = true;
		x->good = good;
		x->done_ms = clock_tick_ms();
		tidy(p);
		pthread_cond_broadcast(&p->change);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* What was answered is no answer where the hub has heard something else since. */
static bool holds(const struct pull *x, const char *known)
{
	return x->work == MEANS && (strcmp(known, x->known) == 0 || strcmp(known, x->digest) == 0);
}

static struct pull *find(struct puller *p, enum work work, struct span ref, uint64_t who,
			 const char *known)
{
	VEC_EACH (it, &p->pulls)
		if ((*it)->work == work && (*it)->as.who == who &&
		    span_is(span_cstr((*it)->ref), ref) && (!(*it)->done || holds(*it, known)))
			return *it;
	return NULL;
}

static struct pull *ask(struct puller *p, enum work work, struct span ref, const struct pull_as *as,
			const char *known)
{
	struct pull *x;

	tidy(p);
	x = find(p, work, ref, as->who, known);
	if (x || ref.n >= PULLER_REF || p->pulls.n == LIMIT_PULLS_WAITING)
		return x;
	x = calloc(1, sizeof *x);
	if (x == NULL || !VEC_PUSH(&p->pulls, x)) {
		free(x);
		return NULL;
	}
	x->work = work;
	if (as->who)
		x->as = *as;
	memcpy(x->ref, ref.p, ref.n);
	snprintf(x->known, sizeof x->known, "%s", known);
	explain(x, work == READ ? "it is still being read" : "its registry has not answered yet");
	pthread_cond_broadcast(&p->change);
	return x;
}

static void wait_for(struct puller *p, int64_t until_ms)
{
	struct timespec t;
	int64_t ms = clock_ms() + MAX_OF(until_ms - clock_tick_ms(), INT64_C(1));

	t.tv_sec = (time_t)(ms / 1000);
	t.tv_nsec = (long)(ms % 1000) * 1000000;
	(void)pthread_cond_timedwait(&p->change, &p->lock, &t);
}

static bool wait_until(struct puller *p, enum work work, struct span ref, const struct pull_as *as,
		       const char *known, int64_t until_ms, char *digest, char *why)
{
	struct pull *x;
	bool good;

	pthread_mutex_lock(&p->lock);
	x = ask(p, work, ref, as, known);
	if (x == NULL) {
		pthread_mutex_unlock(&p->lock);
		snprintf(why, PULLER_WHY, "too many images wait for their registries");
		return false;
	}
	x->waiting++;
	while (!x->done && !stopping(p) && clock_tick_ms() < until_ms)
		wait_for(p, until_ms);
	good = x->good;
	memcpy(why, x->why, PULLER_WHY);
	if (good && digest)
		memcpy(digest, x->digest, DIGEST_TEXT);
	x->waiting--;
	tidy(p);
	pthread_mutex_unlock(&p->lock);
	return good;
}

void puller_beat(struct puller *p)
{
	tag_tell_beat(&p->tell);
}

bool puller_read(struct puller *p, struct span ref, const struct pull_as *as, int64_t until_ms,
		 char *why)
{
	return wait_until(p, READ, ref, as, "", until_ms, NULL, why);
}

bool puller_means(struct puller *p, struct span ref, const struct pull_as *as, int64_t until_ms,
		  char digest[static DIGEST_TEXT], char *why)
{
	char known[DIGEST_TEXT];
	struct rmg_err err = {0};

	if (hub_tag_known(p->env->hub, ref, known, &err) != RMG_OK) {
		snprintf(why, PULLER_WHY, "%.150s", err.msg);
		return false;
	}
	return wait_until(p, MEANS, ref, as, known, until_ms, digest, why);
}

static enum rmg_rc start_worker(struct puller *p, enum work work, struct rmg_err *err)
{
	struct worker *w = &p->workers[p->n_workers];

	*w = (struct worker){.puller = p, .work = work};
	if (pthread_create(&w->thread, NULL, run, w) != 0)
		return err_set(err, RMG_E_NOMEM, "no thread for what asks registries");
	p->n_workers++;
	return RMG_OK;
}

enum rmg_rc puller_start(struct env *env, struct puller **out, struct rmg_err *err)
{
	struct puller *p = calloc(1, sizeof *p);

	*out = p;
	if (p == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for what reads images");
	p->env = env;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->change, NULL);
	tag_tell_init(&p->tell, &env->node, "admission");
	for (unsigned work = 0; work < WORKS; work++)
		for (unsigned i = 0; i < threads_of[work]; i++)
			if (start_worker(p, (enum work)work, err) != RMG_OK)
				return RMG_E_NOMEM;
	return RMG_OK;
}

void puller_stop(struct puller *p)
{
	if (p == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	p->stopping = true;
	pthread_cond_broadcast(&p->change);
	pthread_mutex_unlock(&p->lock);
	for (size_t i = 0; i < p->n_workers; i++)
		pthread_join(p->workers[i].thread, NULL);
	while (p->pulls.n)
		forget(p, p->pulls.v[0]);
	VEC_DONE(&p->pulls);
	tag_tell_done(&p->tell);
	pthread_cond_destroy(&p->change);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
