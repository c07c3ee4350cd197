/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/client_place.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/env.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "lib/own_registry.h"
#include "oci/ratelimit.h"
#include "oci/reference.h"
#include "oci/registry.h"

enum { ARENA_CAP = 16 << 20, AUTH_TRIES = 2, HOST_MAX = 260 };

static bool is_listed(const char *const *hosts, struct span host)
{
	for (; hosts && *hosts; hosts++)
		if (span_is(span_cstr(*hosts), host))
			return true;
	return false;
}

/* The first file of folder whose name ends in tail (and, if a stem is given, begins with it). */
static char *find_file(const char *folder, struct span stem, struct span tail, struct arena *arena,
		       struct span *found_stem)
{
	DIR *d = opendir(folder);
	char *best = NULL;
	struct dirent *e;

	while (d && (e = readdir(d)) != NULL) {
		struct span name = span_cstr(e->d_name);

		if (!span_ends(name, tail) || (stem.n && name.n != stem.n + tail.n) ||
		    !span_starts(name, stem) || (best && strcmp(best, e->d_name) <= 0))
			continue;
		best = arena_cstr(arena, name);
	}
	if (d)
		closedir(d);
	if (best == NULL)
		return NULL;
	*found_stem = span_head(span_cstr(best), strlen(best) - tail.n);
	return arena_cstr(arena, ARENA_JOIN(arena, span_cstr(folder), S("/"), span_cstr(best)));
}

/* HOST[:PORT] folders as docker and podman have them: *.crt is the authority, NAME.cert and
 * NAME.key are who we are. */
static void find_certificates(struct place *p)
{
	const char *home = env_get("HOME");
	struct span folders[] = {
	    span_cstr(home ? home : "/nonexistent"),
	    S("/etc/containers/certs.d/"),
	    S("/etc/docker/certs.d/"),
	};

	for (size_t i = 0; i < COUNT_OF(folders); i++) {
		char *folder = arena_cstr(
		    &p->arena, ARENA_JOIN(&p->arena, folders[i],
					  i ? S("") : S("/.config/containers/certs.d/"), p->host));
		struct span stem = {0}, none;

		if (folder == NULL)
			return;
		if (p->http.ca_file == NULL)
			p->http.ca_file = find_file(folder, S(""), S(".crt"), &p->arena, &none);
		if (p->http.client_cert)
			continue;
		p->http.client_cert = find_file(folder, S(""), S(".cert"), &p->arena, &stem);
		if (p->http.client_cert)
			p->http.client_key = find_file(folder, stem, S(".key"), &p->arena, &none);
	}
	if (p->http.ca_file == NULL)
		p->http.ca_file = own_registry_ca(p->host, &p->arena);
}

enum rmg_rc place_init(struct place *p, const struct rmg_opts *opts, struct span host,
		       struct span repository, bool mirror, struct rmg_err *err)
{
	if (host.n > HOST_MAX)
		return err_set(err, RMG_E_ARG, "a host name of %zu bytes", host.n);
	*p = (struct place){
	    .opts = opts,
	    .host = host,
	    .repository = repository,
	    .mirror = mirror,
	    .insecure = is_listed(opts->insecure_registries, host),
	    .loopback = host_is_loopback(host),
	    .http = {.ca_file = opts->ca_cert,
		     .stall_s = opts->stall_seconds,
		     .stop = opts->stop,
		     .user = opts->user},
	};
	arena_init(&p->arena, ARENA_CAP);
	pthread_mutex_init(&p->first, NULL);
	pthread_mutex_init(&p->lock, NULL);
	p->http.unverified_tls = p->insecure;
	if (!mirror && opts->client_cert) {
		p->http.client_cert = opts->client_cert;
		p->http.client_key = opts->client_key;
	}
	find_certificates(p);
	if (arena_rc(&p->arena) != RMG_OK)
		return err_set(err, arena_rc(&p->arena), "no memory for a registry");
	return RMG_OK;
}

void place_done(struct place *p)
{
	for (size_t i = 0; i < p->n_idle; i++)
		http_free(p->idle[i]);
	if (p->authorization)
		explicit_bzero(p->authorization, strlen(p->authorization));
	free(p->authorization);
	arena_done(&p->arena);
	pthread_mutex_destroy(&p->lock);
	pthread_mutex_destroy(&p->first);
}

void place_base(struct place *p, char buf[PLACE_BASE])
{
	snprintf(buf, PLACE_BASE, "%s://" SPAN_FMT, p->plain ? "http" : "https",
		 SPAN_ARG(registry_api_host(p->host)));
}

enum rmg_rc place_connection(struct place *p, struct http **out, struct rmg_err *err)
{
	struct http *h = NULL;

	pthread_mutex_lock(&p->lock);
	if (p->n_idle)
		h = p->idle[--p->n_idle];
	pthread_mutex_unlock(&p->lock);
	if (h == NULL)
		return http_new(&p->http, out, err);
	*out = h;
	return RMG_OK;
}

void place_give_back(struct place *p, struct http *h)
{
	pthread_mutex_lock(&p->lock);
	if (h && p->n_idle < CONNECTIONS_KEPT) {
		p->idle[p->n_idle++] = h;
		h = NULL;
	}
	pthread_mutex_unlock(&p->lock);
	http_free(h);
}

enum rmg_rc place_pause(const struct place *p, unsigned seconds, struct rmg_err *err)
{
	if (!clock_rest(seconds * UINT64_C(1000), p->opts->stop, p->opts->user))
		return err_set(err, RMG_E_STOPPED, "stopped");
	return RMG_OK;
}

/* One exchange. */
static enum rmg_rc ask(struct place *p, struct http *h, struct place_request *r,
		       struct http_response *resp, unsigned *generation, struct rmg_err *err)
{
	char base[PLACE_BASE], *authorization = NULL;
	const char *headers[4] = {NULL};
	struct http_request req = {
	    .method = r->method,
	    .headers = headers,
	    .body = r->body,
	    .fresh = r->once,
	    .range_first = r->range_first,
	    .range_last = r->range_last,
	    .max_bytes = r->max_bytes,
	    .sink = r->sink,
	    .user = r->user,
	};
	struct strbuf url = strbuf_of(KIB(8));
	size_t n = 0;
	enum rmg_rc rc = place_authorization(p, h, &authorization, generation, err);

	place_base(p, base);
	strbuf_printf(&url, "%s%s", base, r->path);
	req.url = strbuf_cstr(&url);
	/* A body that was sent on is one that somebody else has got. */
	req.no_redirect = r->method && strcmp(r->method, "HEAD") != 0;
	if (r->accept)
		headers[n++] = r->accept;
	if (r->content)
		headers[n++] = r->content;
	headers[n] = authorization;
	if (rc == RMG_OK)
		rc = http_do(h, &req, resp, err);
	if (rc == RMG_OK && (resp->status < 200 || resp->status > 299) && resp->status != 401) {
		char text[160];
		bool said = registry_error_text(resp->error, text, sizeof text);

		http_status_err(&req, resp, err);
		if (said)
			err_add(err, "%s", text);
	}
	free(authorization);
	strbuf_done(&url);
	return rc;
}

/* Only where plain http is allowed: https first, and what https said where http is no answer
 * either. */
static enum rmg_rc ask_both(struct place *p, struct http *h, struct place_request *r,
			    struct http_response *resp, unsigned *generation, struct rmg_err *err)
{
	struct rmg_err plain_err = {0};
	enum rmg_rc rc = ask(p, h, r, resp, generation, err), plain_rc;

	p->reached = resp->status != 0;
	if (rc == RMG_E_NET && err && strstr(err->msg, "certificate"))
		err_add(err, "give --ca-cert, or --insecure-registry " SPAN_FMT, SPAN_ARG(p->host));
	if (rc != RMG_E_NET || p->reached || !(p->insecure || p->loopback))
		return rc;
	p->plain = true;
	plain_rc = ask(p, h, r, resp, generation, &plain_err);
	/* A TLS server answers 400 to plain http: then what is wrong is how we speak TLS. */
	p->reached = resp->status != 0 && resp->status != 400;
	p->plain = p->reached;
	if (!p->reached && plain_rc != RMG_E_STOPPED) {
		if (plain_rc == RMG_E_NET && strstr(plain_err.msg, "no byte came"))
			err_add(err, "by HTTP: %s; by HTTPS", plain_err.msg);
		return rc;
	}
	if (err)
		*err = plain_err;
	return plain_rc;
}

/* One exchange; the first one with a host finds out how it speaks. */
static enum rmg_rc exchange(struct place *p, struct http *h, struct place_request *r,
			    struct http_response *resp, unsigned *generation, struct rmg_err *err)
{
	enum rmg_rc rc;

	if (p->reached)
		return ask(p, h, r, resp, generation, err);
	pthread_mutex_lock(&p->first);
	rc = p->reached ? ask(p, h, r, resp, generation, err)
			: ask_both(p, h, r, resp, generation, err);
	pthread_mutex_unlock(&p->first);
	return rc;
}

/* Whether an answer is the end of it. Else what stood in the way has been done about, and *again.
 */
static enum rmg_rc judge(struct place *p, struct http *h, const struct http_response *resp,
			 unsigned generation, unsigned *auth_tries, bool *again,
			 struct rmg_err *err)
{
	*again = false;
	if (resp->status >= 200 && resp->status <= 299)
		return RMG_OK;
	if (resp->status != 401)
		return err && err->rc ? err->rc : RMG_E_NET;
	if (++*auth_tries > AUTH_TRIES)
		return place_refused(p, err);
	*again = true;
	return place_authenticate(p, h, resp, generation, err);
}

static struct span field_of(const struct http_response *resp, const char *name)
{
	struct span value;

	return http_header(resp, name, 0, &value) ? value : (struct span){0};
}

/* Of whom the registry counts by; failures say it too. */
static void keep_limit(struct place_request *r, const struct http_response *resp)
{
	struct ratelimit_fields f = {.limit = field_of(resp, "RateLimit-Limit"),
				     .remaining = field_of(resp, "RateLimit-Remaining"),
				     .reset = field_of(resp, "RateLimit-Reset"),
				     .together = field_of(resp, "RateLimit"),
				     .policy = field_of(resp, "RateLimit-Policy")};

	if (f.remaining.n == 0 && f.together.n == 0)
		f = (struct ratelimit_fields){.limit = field_of(resp, "X-RateLimit-Limit"),
					      .remaining = field_of(resp, "X-RateLimit-Remaining"),
					      .reset = field_of(resp, "X-RateLimit-Reset")};
	r->limit = ratelimit_of(&f, clock_ms());
}

static void keep_headers(struct place_request *r, const struct http_response *resp)
{
	struct span value;

	if (r->arena == NULL)
		return;
	r->content_type = r->digest = r->location = r->link = (struct span){0};
	if (http_header(resp, "Content-Type", 0, &value))
		r->content_type = arena_dup(r->arena, value);
	if (http_header(resp, "Docker-Content-Digest", 0, &value))
		r->digest = arena_dup(r->arena, value);
	if (http_header(resp, "Location", 0, &value))
		r->location = arena_dup(r->arena, value);
	if (http_header(resp, "Link", 0, &value))
		r->link = arena_dup(r->arena, value);
}

enum rmg_rc place_ask(struct place *p, struct place_request *r, struct rmg_err *err)
{
	struct rmg_err own = {0};
	struct http_response resp = {0};
	unsigned auth_tries = 0, generation, most;
	uint64_t before = r->progress ? *r->progress : 0;
	struct http *h = NULL;
	enum rmg_rc rc = place_connection(p, &h, err);
	bool again = true;

	err = err ? err : &own;
	for (unsigned attempt = 1; rc == RMG_OK && again;) {
		rc = exchange(p, h, r, &resp, &generation, err);
		if (r->progress && *r->progress != before)
			break;
		/* A server that sends another range than was asked for does so again. */
		if (rc == RMG_E_NET && resp.status == 206 && resp.range_first != r->range_first)
			break;
		most = rc == RMG_E_NET ? REGISTRY_BROKEN_ATTEMPTS - r->broken_before
				       : REGISTRY_ATTEMPTS;
		r->may_retry = http_may_retry(rc, &resp, &r->pause_s) && p->reached;
		if (r->may_retry && attempt < most && !r->once) {
			rc = place_pause(p, registry_pause_s(attempt++, r->pause_s), err);
			continue;
		}
		if (rc == RMG_OK)
			rc = judge(p, h, &resp, generation, &auth_tries, &again, err);
	}
	r->status = resp.status;
	if (resp.status)
		keep_limit(r, &resp);
	r->unknown =
	    (resp.status == 404 || resp.status == 410) && registry_says_unknown(resp.error);
	if (rc == RMG_OK)
		keep_headers(r, &resp);
	place_give_back(p, h);
	return rc;
}
