/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/limits.h"
#include "lib/tag.h"
#include "oci/digest.h"
#include "oci/reference.h"
#include "serve/crawl_inside.h"

enum { BEAT_MS = 1000, REST_MS = 500, GONE_AGAIN_MS = 5000 };

/* References. */

static bool ref_of(const struct crawl *c, struct span repository, struct span tag,
		   char ref[static PULLER_REF])
{
	int n = snprintf(ref, PULLER_REF, SPAN_FMT "/" SPAN_FMT ":" SPAN_FMT, SPAN_ARG(c->e.host),
			 SPAN_ARG(repository), SPAN_ARG(tag));

	return n > 0 && n < PULLER_REF - DIGEST_TEXT;
}

/* Tags. */

/* What it means, told. RMG_E_NOTFOUND: the registry says that it has no such tag. */
static enum rmg_rc ask_tag(struct crawl *c, const char *ref, char digest[static DIGEST_TEXT],
			   struct rmg_err *err)
{
	struct tag_answer answer;
	struct span known;
	struct arena a;
	unsigned times = 0;
	enum rmg_rc rc = hub_tag_meaning(c->env->hub, span_cstr(ref), digest, err);

	if (rc != RMG_OK)
		return rc;
	known = span_cstr(digest);
	arena_init(&a, MIB(16));
	do {
		if (!crawl_may_ask(c)) {
			rc = err_set(err, RMG_E_STOPPED, "stopped");
			break;
		}
		arena_reset(&a);
		rc = tag_resolve(&c->opts, span_cstr(ref), &known, known.n != 0, &a, &answer, err);
		if (rc != RMG_OK && answer.gone)
			rc = RMG_E_NOTFOUND;
	} while (rc != RMG_OK && answer.busy && crawl_again(c, &times, answer.retry_s, err));
	if (rc == RMG_OK &&
	    (answer.image.n_digests == 0 || answer.image.digests[0].n >= DIGEST_TEXT))
		rc = err_set(err, RMG_E_FORMAT, "its registry says no digest");
	if (rc == RMG_OK) {
		tag_tell(&c->all->tell, &answer.image, NULL);
		snprintf(digest, DIGEST_TEXT, SPAN_FMT, SPAN_ARG(answer.image.digests[0]));
	}
	arena_done(&a);
	return rc;
}

static void unread(struct crawl *c, const char *ref, const struct rmg_err *err)
{
	if (c->unread++ == 0)
		snprintf(c->why_unread, sizeof c->why_unread, "%.60s: %.80s", ref, err->msg);
}

/* By its digest, once; the tag stays beside it for people. */
static void read_image(struct crawl *c, const char *ref, const char *digest)
{
	char name[PULLER_REF];
	struct rmg_err err = {0};
	bool read = true;
	enum rmg_rc rc = hub_image_is_read(c->env->hub, span_cstr(digest), &read, &err);

	if (rc != RMG_OK || read || !crawl_may_ask(c))
		return;
	snprintf(name, sizeof name, "%.900s@%s", ref, digest);
	pthread_mutex_lock(&c->all->reading);
	rc = puller_image(c->env, name, NULL, "which its registry lists", env_stopping, c->env,
			  &err);
	pthread_mutex_unlock(&c->all->reading);
	c->read += rc == RMG_OK;
	if (rc != RMG_OK && rc != RMG_E_STOPPED)
		unread(c, ref, &err);
	bell_ring(&c->env->sent);
}

static void meet(struct crawl *c, struct span repository, struct span tag)
{
	char ref[PULLER_REF], digest[DIGEST_TEXT];
	struct rmg_err err = {0};
	enum rmg_rc rc;

	if (!ref_of(c, repository, tag, ref))
		return;
	rc = ask_tag(c, ref, digest, &err);
	if (rc == RMG_OK)
		read_image(c, ref, digest);
	else if (rc != RMG_E_NOTFOUND && rc != RMG_E_STOPPED)
		unread(c, ref, &err);
}

/* Repositories. */

static bool take_tag(void *user, struct span tag)
{
	struct crawl *c = user;

	c->in_repository++;
	if (!crawl_entry_tag(&c->e, tag))
		return true;
	if (c->n_tags == LIMIT_CRAWL_TAGS || !crawl_name_add(&c->tags, tag)) {
		c->whole = false;
		c->full = true;
		return false;
	}
	c->n_tags++;
	return true;
}

static void note_listed(struct crawl *c, struct span repository, struct span tag)
{
	char ref[PULLER_REF];

	if (!ref_of(c, repository, tag, ref) || !map_set(&c->listed, hash_span(span_cstr(ref)), 1))
		c->whole = false;
}

static enum rmg_rc walk_repository(struct crawl *c, struct span repository, struct rmg_err *err)
{
	enum rmg_rc rc;

	crawl_names_clear(&c->tags);
	c->in_repository = 0;
	rc = crawl_pages(c, LISTING_TAGS, repository, take_tag, err);
	VEC_EACH (tag, &c->tags.v)
		note_listed(c, repository, span_cstr(*tag));
	VEC_EACH (tag, &c->tags.v)
		if (!env_stopping(c->env))
			meet(c, repository, span_cstr(*tag));
	return rc;
}

static bool take_repository(void *user, struct span name)
{
	struct crawl *c = user;

	if (!crawl_entry_repository(&c->e, name))
		return true;
	if (c->repositories.v.n == LIMIT_CRAWL_REPOSITORIES ||
	    !crawl_name_add(&c->repositories, name)) {
		c->whole = false;
		c->full = true;
		return false;
	}
	return true;
}

/* Docker Hub, GitHub and others list no repositories, and have to be told which. */
static void no_catalog(struct crawl *c, const struct rmg_err *err)
{
	char why[sizeof err->msg + 300];

	c->whole = false;
	snprintf(why, sizeof why,
		 SPAN_FMT " does not list its repositories to this hub: name them, each by a "
			  "--crawl HOST/NAMESPACE/NAME (%s)",
		 SPAN_ARG(c->e.host), err->msg);
	crawl_trouble(c, why);
}

static void walk_catalog(struct crawl *c)
{
	struct rmg_err err = {0};
	bool well = true;
	enum rmg_rc rc = crawl_pages(c, LISTING_REPOSITORIES, c->e.name, take_repository, &err);

	if (rc != RMG_OK && rc != RMG_E_STOPPED)
		no_catalog(c, &err);
	well = rc == RMG_OK;
	VEC_EACH (name, &c->repositories.v) {
		if (env_stopping(c->env))
			return;
		err = (struct rmg_err){0};
		rc = walk_repository(c, span_cstr(*name), &err);
		if (rc == RMG_OK || rc == RMG_E_NOTFOUND)
			continue;
		c->whole = well = false;
		if (rc != RMG_E_STOPPED)
			crawl_trouble(c, err.msg);
	}
	if (well)
		crawl_well(c);
}

/* What the entry names, if that is a repository; else what is below it. */
static void walk_names(struct crawl *c)
{
	struct rmg_err err = {0};

	if (c->e.name.n && !c->e.below) {
		c->exact = walk_repository(c, c->e.name, &err) == RMG_OK && c->in_repository;
		if (c->exact)
			crawl_well(c);
	}
	if (!c->exact && !env_stopping(c->env))
		walk_catalog(c);
}

/* What is gone. */

static bool was_here(void *user, struct span ref)
{
	struct crawl *c = user;
	struct arena a;
	struct reference r;
	bool here;

	if (map_has(&c->listed, hash_span(ref)) || !span_starts(ref, c->e.host))
		return true;
	arena_init(&a, KIB(64));
	here = reference_parse(ref, &a, &r, NULL) == RMG_OK && span_is(r.host, c->e.host) &&
	       r.digest.n == 0 && crawl_entry_repository(&c->e, r.repository) &&
	       crawl_entry_tag(&c->e, r.tag) && (!c->exact || span_is(r.repository, c->e.name));
	arena_done(&a);
	return !here || crawl_name_add(&c->tags, ref);
}

/* Those that are there after all are taken out. */
static void still_gone(struct crawl *c, bool tell)
{
	size_t n = 0;

	VEC_EACH (ref, &c->tags.v) {
		struct event_image image = {.ref = span_cstr(*ref)};
		char digest[DIGEST_TEXT];
		struct rmg_err err = {0};
		bool gone =
		    !env_stopping(c->env) && ask_tag(c, *ref, digest, &err) == RMG_E_NOTFOUND;

		if (gone && tell)
			tag_tell_vanished(&c->all->tell, &image, err.msg);
		if (gone)
			c->tags.v.v[n++] = *ref;
		else
			free(*ref);
	}
	c->tags.v.n = n;
}

/* Asked twice, as wherever a tag vanishes: a push may be under way. */
static size_t look_for_gone(struct crawl *c)
{
	struct rmg_err err;

	crawl_names_clear(&c->tags);
	if (hub_tags_there(c->env->hub, was_here, c, &err) != RMG_OK || c->tags.v.n == 0)
		return 0;
	still_gone(c, false);
	if (c->tags.v.n == 0 || !clock_rest(GONE_AGAIN_MS, env_stopping, c->env))
		return 0;
	still_gone(c, true);
	return c->tags.v.n;
}

/* Rounds. */

static void begin(struct crawl *c)
{
	crawl_names_clear(&c->repositories);
	crawl_names_clear(&c->tags);
	map_clear(&c->listed);
	c->whole = true;
	c->exact = false;
	c->n_tags = c->odd = c->pages = c->read = c->unread = 0;
}

static void say(const struct crawl *c, size_t gone)
{
	env_say(c->env, "info",
		"--crawl %s: %zu repositories, %zu tags, %zu images read, %zu tags gone%s",
		c->e.text, c->exact ? (size_t)1 : c->repositories.v.n, c->n_tags, c->read, gone,
		c->whole ? "" : "; not all was listed");
	if (c->unread)
		env_say(c->env, "warn", "--crawl %s: %zu tags could not be read, the first: %s",
			c->e.text, c->unread, c->why_unread);
	if (c->odd)
		env_say(c->env, "warn", "--crawl %s: %zu names that are none were left out",
			c->e.text, c->odd);
}

static void walk(struct crawl *c)
{
	size_t gone = 0;

	begin(c);
	walk_names(c);
	if (c->whole && !env_stopping(c->env))
		gone = look_for_gone(c);
	if (!env_stopping(c->env))
		say(c, gone);
}

static int64_t period_ms(const struct crawl *c)
{
	int64_t ms;

	pthread_mutex_lock(&c->env->ruling);
	ms = c->env->tags.crawl_ms;
	pthread_mutex_unlock(&c->env->ruling);
	return ms;
}

static void *run(void *user)
{
	struct crawl *c = user;
	int64_t begun_ms = 0;
	bool walked = false;

	while (!env_stopping(c->env)) {
		if (atomic_load(&c->env->leads) &&
		    (!walked || clock_tick_ms() - begun_ms >= period_ms(c))) {
			begun_ms = clock_tick_ms();
			walk(c);
			walked = true;
		}
		(void)clock_rest(REST_MS, env_stopping, c->env);
	}
	return NULL;
}

/* Also while another hub leads: who walked before is not silent then. */
static void *beat(void *user)
{
	struct crawls *all = user;

	while (clock_rest(BEAT_MS, env_stopping, all->env))
		tag_tell_beat(&all->tell);
	return NULL;
}

enum rmg_rc crawls_check(const struct serve_opts *o, struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;
	struct crawl_entry e;
	struct arena a;

	arena_init(&a, KIB(64));
	for (size_t i = 0; rc == RMG_OK && o->crawls && o->crawls[i]; i++) {
		arena_reset(&a);
		rc = i == LIMIT_CRAWLS_MAX
			 ? err_set(err, RMG_E_LIMIT, "at most %d --crawl", LIMIT_CRAWLS_MAX)
			 : crawl_entry_read(o->crawls[i], &a, &e, err);
	}
	arena_done(&a);
	return rc;
}

/* There is room for it. */
static enum rmg_rc add(struct crawls *all, const char *entry, struct rmg_err *err)
{
	struct crawl *c = &all->v[all->n];
	enum rmg_rc rc;

	*c = (struct crawl){.env = all->env, .all = all, .opts = *all->env->opts->scan};
	c->opts.stop = env_stopping;
	c->opts.user = all->env;
	arena_init(&c->a, KIB(64));
	rc = crawl_entry_read(entry, &c->a, &c->e, err);
	if (rc == RMG_OK)
		snprintf(c->any, sizeof c->any, SPAN_FMT "/x", SPAN_ARG(c->e.host));
	if (rc == RMG_OK && pthread_create(&c->thread, NULL, run, c) != 0)
		rc = err_set(err, RMG_E_NOMEM, "no thread for what walks through registries");
	if (rc == RMG_OK)
		all->n++;
	else
		arena_done(&c->a);
	return rc;
}

enum rmg_rc crawls_start(struct env *env, struct crawls **out, struct rmg_err *err)
{
	const char *const *entries = env->opts->crawls;
	struct crawls *all = calloc(1, sizeof *all);
	enum rmg_rc rc = RMG_OK;

	*out = all;
	if (all == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for what walks through registries");
	all->env = env;
	pthread_mutex_init(&all->reading, NULL);
	tag_tell_init(&all->tell, &env->node, "crawl");
	for (size_t i = 0; rc == RMG_OK && entries && entries[i]; i++)
		rc = add(all, entries[i], err);
	all->beats = rc == RMG_OK && pthread_create(&all->beat, NULL, beat, all) == 0;
	return rc == RMG_OK && !all->beats
		   ? err_set(err, RMG_E_NOMEM, "no thread for what walks through registries")
		   : rc;
}

void crawls_stop(struct crawls *all)
{
	if (all == NULL)
		return;
	if (all->beats)
		pthread_join(all->beat, NULL);
	for (size_t i = 0; i < all->n; i++) {
		struct crawl *c = &all->v[i];

		pthread_join(c->thread, NULL);
		crawl_names_clear(&c->repositories);
		crawl_names_clear(&c->tags);
		map_done(&c->listed);
		arena_done(&c->a);
	}
	tag_tell_done(&all->tell);
	pthread_mutex_destroy(&all->reading);
	free(all);
}
