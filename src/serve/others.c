/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/others.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/vec.h"
#include "io/http.h"
#include "lib/credentials.h"
#include "oci/other.h"
#include "oci/reference.h"

enum {
	PACE_MS = 1000,
	AGAIN_S = 6 * 3600,
	NOT_READY_S = 600,
	FAILED_S = 1800,
	PLACES = 16,
	MOST_ASKED = 100000,
	REF_BYTES = 1100
};

struct scanner_at {
	const struct other_kind *kind;
	const char *url; /* "https://HOST" */
	struct span host;
	uint64_t hash; /* of the host */
	bool ill;
};

struct asked {
	uint64_t what; /* hash of the place's host and the image */
	int64_t next_ms;
};

struct others {
	struct env *env;
	pthread_t thread;
	struct scanner_at places[PLACES];
	size_t n_places;
	struct http *http;
	VEC(struct asked) asked;
	struct map by_what;
	/* What is to be asked next. */
	struct scanner_at *place;
	uint32_t image;
	uint64_t what;
	char ref[REF_BYTES];
	struct arena a; /* of one question, and of one look at a reference */
};

/* Where. */

static bool is_insecure(const struct serve_opts *o, struct span host)
{
	const char *const *list = o->scan->insecure_registries;

	for (size_t i = 0; list && list[i]; i++)
		if (span_is(span_cstr(list[i]), host))
			return true;
	return host_is_loopback(host);
}

static enum rmg_rc read_place(const struct serve_opts *o, const char *text, struct scanner_at *out,
			      struct rmg_err *err)
{
	struct scanner_at p = {0};
	struct span kind = {0}, url = {0};

	if (span_cut(span_cstr(text), '=', &kind, &url))
		p.kind = other_kind_of(kind);
	p.url = text + kind.n + 1;
	p.host = span_starts(url, S("https://"))  ? span_from(url, 8)
		 : span_starts(url, S("http://")) ? span_from(url, 7)
						  : (struct span){0};
	p.host = span_rtrim_chr(p.host, '/');
	if (p.kind == NULL || p.host.n == 0 || span_chr(p.host, '/') != SIZE_MAX ||
	    span_chr(p.host, '@') != SIZE_MAX)
		return err_set(err, RMG_E_ARG,
			       "'%s' is no registry whose scanner can be asked: "
			       "harbor=https://HOST or quay=https://HOST",
			       text);
	if (span_starts(url, S("http://")) && !is_insecure(o, p.host))
		return err_set(err, RMG_E_ARG, "'%s': plain http only with --insecure-registry",
			       text);
	p.hash = hash_span(p.host);
	*out = p;
	return RMG_OK;
}

static enum rmg_rc read_places(const struct serve_opts *o, struct scanner_at v[static PLACES],
			       size_t *n, struct rmg_err *err)
{
	const char *const *places = o->registry_scans;
	enum rmg_rc rc = RMG_OK;

	*n = 0;
	for (; rc == RMG_OK && places && places[*n]; *n += rc == RMG_OK)
		rc = *n == PLACES
			 ? err_set(err, RMG_E_LIMIT, "at most %d registries' scanners", PLACES)
			 : read_place(o, places[*n], &v[*n], err);
	return rc;
}

enum rmg_rc others_check(const struct serve_opts *o, struct rmg_err *err)
{
	struct scanner_at v[PLACES];
	size_t n;

	return read_places(o, v, &n, err);
}

/* What. */

static struct asked *asked_of(struct others *o, uint64_t what)
{
	uint32_t i = map_find(&o->by_what, what);

	return i == MAP_NONE ? NULL : &o->asked.v[i];
}

/* What is not named has the one registry that names leave out. */
static bool may_be_of(const struct scanner_at *p, struct span ref)
{
	return span_is(p->host, S("docker.io")) ||
	       (span_starts(ref, p->host) && ref.n > p->host.n && ref.p[p->host.n] == '/');
}

/* Of every image in use, under the hub's lock: what costs little first. */
static bool choose(void *user, uint32_t image, struct span ref)
{
	struct others *o = user;
	int64_t now = clock_tick_ms();

	for (size_t i = 0; ref.n < REF_BYTES && i < o->n_places; i++) {
		struct scanner_at *p = &o->places[i];
		uint64_t what = path_child(p->hash, image);
		const struct asked *a;
		struct reference r;

		if (!may_be_of(p, ref))
			continue;
		a = asked_of(o, what);
		if (a && a->next_ms > now)
			continue;
		arena_reset(&o->a);
		if (reference_parse(ref, &o->a, &r, NULL) != RMG_OK || !span_is(r.host, p->host))
			continue;
		o->place = p;
		o->image = image;
		o->what = what;
		snprintf(o->ref, sizeof o->ref, SPAN_FMT, SPAN_ARG(ref));
		return false;
	}
	return true;
}

static void not_before(struct others *o, int64_t seconds)
{
	struct asked *a = asked_of(o, o->what), new = {.what = o->what};

	if (a == NULL) {
		if (o->asked.n >= MOST_ASKED) {
			o->asked.n = 0;
			map_clear(&o->by_what);
		}
		if (!VEC_PUSH(&o->asked, new) ||
		    !map_set(&o->by_what, o->what, (uint32_t)o->asked.n - 1))
			return;
		a = &o->asked.v[o->asked.n - 1];
	}
	a->next_ms = clock_tick_ms() + seconds * 1000;
}

/* Asking. */

static bool collect(void *user, const struct http_response *resp, struct span bytes)
{
	struct strbuf *b = user;

	(void)resp;
	strbuf_put(b, bytes);
	return strbuf_rc(b) == RMG_OK;
}

static enum rmg_rc fill_request(struct others *o, const struct reference *ref, struct span digest,
				struct http_request *q, const char *headers[3], struct rmg_err *err)
{
	const char *path = other_path(o->place->kind, ref->repository, digest, &o->a);
	struct span base = span_rtrim_chr(span_cstr(o->place->url), '/'), from;
	struct credentials who;
	enum rmg_rc rc;

	if (path == NULL)
		return err_set(err, RMG_E_UNSUPPORTED, "it has no such repository");
	rc = credentials_find(o->place->host, ref->repository, &o->a, &who, &from, err);
	if (rc != RMG_OK)
		return rc;
	headers[0] = other_accept(o->place->kind);
	q->url = arena_cstr(&o->a, ARENA_JOIN(&o->a, base, span_cstr(path)));
	if (span_is(who.username, S("$oauthtoken"))) {
		headers[1] =
		    arena_cstr(&o->a, ARENA_JOIN(&o->a, S("Authorization: Bearer "), who.password));
	} else if (who.username.n) {
		q->username = arena_cstr(&o->a, who.username);
		q->password = arena_cstr(&o->a, who.password);
	}
	q->headers = headers;
	q->max_bytes = LIMIT_OTHER_BYTES;
	/* What authenticates is for this host alone. */
	q->no_redirect = true;
	return arena_rc(&o->a);
}

static enum rmg_rc fetch(struct others *o, const struct reference *ref, struct span digest,
			 struct strbuf *body, struct rmg_err *err)
{
	const char *headers[3] = {0};
	struct http_request q = {.sink = collect, .user = body};
	struct http_response resp;
	enum rmg_rc rc = fill_request(o, ref, digest, &q, headers, err);

	if (rc == RMG_OK)
		rc = http_do(o->http, &q, &resp, err);
	if (rc == RMG_OK && resp.status / 100 != 2)
		rc = http_status_err(&q, &resp, err);
	return rc;
}

static enum rmg_rc keep(struct others *o, struct span body, bool *ready, struct rmg_err *err)
{
	struct strbuf text = strbuf_of(LIMIT_OTHER_BYTES), source = strbuf_of(KIB(1));
	struct other_report r;
	struct arena a;
	enum rmg_rc rc;

	arena_init(&a, 4 * LIMIT_OTHER_BYTES);
	rc = other_parse(o->place->kind, body, &a, &r, err);
	if (rc == RMG_OK) {
		*ready = r.ready;
		other_write(&r, &text);
		strbuf_printf(&source, "%s:" SPAN_FMT, other_kind_name(o->place->kind),
			      SPAN_ARG(o->place->host));
		rc = strbuf_rc(&text) == RMG_OK && strbuf_rc(&source) == RMG_OK
			 ? hub_other_put(o->env->hub, o->image, strbuf_span(&source),
					 strbuf_span(&text), err)
			 : err_set(err, RMG_E_LIMIT, "too much for what is kept");
	}
	strbuf_done(&text);
	strbuf_done(&source);
	arena_done(&a);
	return rc;
}

/* The trouble is said once, and its end. */
static void say(struct others *o, enum rmg_rc rc, const struct rmg_err *err)
{
	bool ill = rc != RMG_OK && rc != RMG_E_NOTFOUND && rc != RMG_E_STOPPED;

	if (ill && !o->place->ill)
		env_say(o->env, "warn", "the scanner of %s cannot be asked: %s", o->place->url,
			err->msg);
	if (rc == RMG_OK && o->place->ill)
		env_say(o->env, "info", "the scanner of %s answers again", o->place->url);
	if (ill || rc == RMG_OK)
		o->place->ill = ill;
}

static void ask(struct others *o)
{
	struct strbuf body = strbuf_of(LIMIT_OTHER_BYTES), digest = strbuf_of(KIB(1));
	struct reference ref;
	struct rmg_err err = {0};
	bool ready = false;
	enum rmg_rc rc;

	arena_reset(&o->a);
	rc = reference_parse(span_cstr(o->ref), &o->a, &ref, &err);
	if (rc == RMG_OK)
		rc = hub_manifest_of(o->env->hub, o->image, &digest, &err);
	if (rc == RMG_OK)
		rc = fetch(o, &ref, strbuf_span(&digest), &body, &err);
	if (rc == RMG_OK)
		rc = keep(o, strbuf_span(&body), &ready, &err);
	say(o, rc, &err);
	not_before(o, rc != RMG_OK && rc != RMG_E_NOTFOUND ? FAILED_S
		      : ready || rc == RMG_E_NOTFOUND      ? AGAIN_S
							   : NOT_READY_S);
	strbuf_done(&body);
	strbuf_done(&digest);
}

static void *run(void *user)
{
	struct others *o = user;

	while (clock_rest(PACE_MS, env_stopping, o->env)) {
		struct rmg_err err;

		o->place = NULL;
		if (atomic_load(&o->env->leads) &&
		    hub_used_each(o->env->hub, choose, o, &err) == RMG_OK && o->place)
			ask(o);
	}
	return NULL;
}

static enum rmg_rc set_up(struct others *o, struct rmg_err *err)
{
	const struct rmg_opts *scan = o->env->opts->scan;
	struct http_opts http = {.ca_file = scan->ca_cert, .stop = env_stopping, .user = o->env};
	enum rmg_rc rc = read_places(o->env->opts, o->places, &o->n_places, err);

	if (rc == RMG_OK)
		rc = http_new(&http, &o->http, err);
	return rc;
}

static void others_free(struct others *o)
{
	http_free(o->http);
	VEC_DONE(&o->asked);
	map_done(&o->by_what);
	arena_done(&o->a);
	free(o);
}

enum rmg_rc others_start(struct env *env, struct others **out, struct rmg_err *err)
{
	struct others *o = calloc(1, sizeof *o);
	enum rmg_rc rc;

	if (o == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for what asks registries' scanners");
	o->env = env;
	arena_init(&o->a, MIB(4));
	rc = set_up(o, err);
	if (rc == RMG_OK && pthread_create(&o->thread, NULL, run, o) != 0)
		rc = err_set(err, RMG_E_NOMEM, "no thread for what asks registries' scanners");
	if (rc != RMG_OK) {
		others_free(o);
		return rc;
	}
	*out = o;
	return RMG_OK;
}

void others_stop(struct others *o)
{
	if (o == NULL)
		return;
	pthread_join(o->thread, NULL);
	others_free(o);
}
