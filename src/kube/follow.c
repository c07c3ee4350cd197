/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/follow.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/limits.h"
#include "io/http_many.h"
#include "kube/object.h"
#include "kube/split.h"

enum {
	TURN_MS = 200,
	PAGE = 500,
	FIRST_PAUSE_MS = 500,
	LONGEST_PAUSE_MS = 30000,
	REFUSED_PAUSE_MS = 60000, /* of what is not there, or not allowed */
	RARE_PAUSE_MS = 600000,
	WATCH_S = 300,    /* and up to twice that */
	STEADY_MS = 5000, /* a watch that lasted so long was no failure */
	VERSION_BYTES = 128,
	TOKEN_BYTES = 8192,
};

enum phase { TO_LIST, TO_WATCH };

struct stream {
	struct follow *f;
	const struct kube_kind *kind;
	size_t index;
	struct http *http;
	struct http_request req;
	struct http_response resp;
	struct strbuf url, path, next; /* next: the token of the next page */
	struct split split;
	struct json_doc doc;
	char version[VERSION_BYTES];
	enum phase phase;
	bool running, streamed /* the list under way is a watch */, pages /* it can be no watch */;
	bool in_list; /* told that it began */
	bool listed;  /* once, or it cannot be: the others need not wait */
	bool forgot;  /* all is to be told anew */
	bool said;    /* a trouble was */
	unsigned failed;
	uint64_t passed_over; /* objects that were too large, and said to be */
	int64_t due_ms, began_ms;
	enum rmg_rc rc; /* of the sink */
};

struct follow {
	struct kube *k;
	const struct kube_hear *hear;
	struct http_many *many;
	struct stream *streams;
	size_t n;
	uint64_t dice;
	struct rmg_err *err;
	struct rmg_err own;
};

static uint64_t dice(struct follow *f, uint64_t below)
{
	f->dice ^= f->dice << 13;
	f->dice ^= f->dice >> 7;
	f->dice ^= f->dice << 17;
	return f->dice % below;
}

/* Between half of it and all of it. */
static int64_t jittered(struct follow *f, int64_t ms)
{
	return ms / 2 + (int64_t)dice(f, (uint64_t)ms / 2 + 1);
}

static void warn(struct stream *s, enum kube_trouble what, const char *text)
{
	const struct kube_hear *hear = s->f->hear;

	if (hear->warn)
		hear->warn(hear->user, s->index, what, text);
}

static void trouble(struct stream *s, enum kube_trouble what, const char *why)
{
	char text[400];

	if (s->said)
		return;
	s->said = true;
	snprintf(text, sizeof text, "%s: %s", s->kind->path, why);
	warn(s, what, text);
}

static void calm(struct stream *s)
{
	char text[200];

	s->failed = 0;
	if (!s->said)
		return;
	s->said = false;
	snprintf(text, sizeof text, "%.150s is told again", s->kind->path);
	warn(s, KUBE_OVER, text);
}

/* What is told. */

static enum rmg_rc begin_list(struct stream *s)
{
	struct follow *f = s->f;

	s->in_list = true;
	return f->hear->began(f->hear->user, s->index, f->err);
}

static enum rmg_rc end_list(struct stream *s)
{
	struct follow *f = s->f;

	s->in_list = false;
	s->listed = true;
	s->phase = TO_WATCH;
	calm(s);
	return f->hear->ended(f->hear->user, s->index, f->err);
}

static bool fail(struct stream *s, enum rmg_rc rc)
{
	s->rc = rc;
	return rc == RMG_OK;
}

static bool keep_version(struct stream *s, struct span version)
{
	if (version.n == 0 || version.n >= sizeof s->version || span_chr(version, '&') != SIZE_MAX)
		return false;
	memcpy(s->version, version.p, version.n);
	s->version[version.n] = '\0';
	return true;
}

static struct span version_of(json *object)
{
	return json_get_str(json_get(object, "metadata"), "resourceVersion");
}

static bool parse(struct stream *s, struct span bytes)
{
	struct rmg_err err = {0};

	if (json_parse(&s->doc, bytes, LIMIT_KUBE_OBJECT_BYTES, &err) == RMG_OK)
		return true;
	err_set(s->f->err, RMG_E_FORMAT, "%s: an object is no JSON: %s", s->kind->path, err.msg);
	s->rc = RMG_E_FORMAT;
	return false;
}

static bool on_item(void *user, struct span bytes)
{
	struct stream *s = user;
	struct follow *f = s->f;

	if (!parse(s, bytes))
		return false;
	return fail(s, f->hear->object(f->hear->user, s->index, KUBE_LISTED, s->doc.root, f->err));
}

/* An error inside a stream: what was forgotten is listed anew, and what this server cannot stream
 * comes in pages. */
static bool on_error(struct stream *s, json *status)
{
	uint64_t code = 0;
	char why[300];

	if (!json_get_u64(status, "code", &code))
		code = 0;
	if (code == 410 || code == 504)
		s->forgot = code == 410;
	else if (s->streamed)
		s->pages = s->forgot = true;
	else
		s->forgot = true;
	snprintf(why, sizeof why, "error %u: " SPAN_FMT, (unsigned)code,
		 SPAN_ARG(span_head(json_get_str(status, "message"), 200)));
	if (code != 410 && code != 504 && !s->streamed)
		trouble(s, KUBE_AWAY, why);
	err_set(s->f->err, RMG_E_NET, "%s: %s", s->kind->path, why);
	return fail(s, RMG_E_NET);
}

static bool on_bookmark(struct stream *s, json *object)
{
	json *notes = json_get(json_get(object, "metadata"), "annotations");

	if (s->phase == TO_LIST &&
	    span_is(json_get_str(notes, "k8s.io/initial-events-end"), S("true")))
		return fail(s, end_list(s));
	return true;
}

static bool on_line(void *user, struct span bytes)
{
	struct stream *s = user;
	struct follow *f = s->f;
	enum kube_change change = KUBE_CHANGED;
	struct span type;
	json *object;

	if (!parse(s, bytes))
		return false;
	type = json_get_str(s->doc.root, "type");
	object = json_get(s->doc.root, "object");
	if (span_is(type, S("ERROR")))
		return on_error(s, object);
	/* Where it is not said where we are, the rest cannot be gone on with. */
	if (!keep_version(s, version_of(object))) {
		err_set(f->err, RMG_E_FORMAT, "%s: an object without a version", s->kind->path);
		s->forgot = true;
		return fail(s, RMG_E_FORMAT);
	}
	if (span_is(type, S("BOOKMARK")))
		return on_bookmark(s, object);
	if (span_is(type, S("DELETED")))
		change = KUBE_DELETED;
	else if (s->phase == TO_LIST)
		change = KUBE_LISTED;
	return fail(s, f->hear->object(f->hear->user, s->index, change, object, f->err));
}

static bool take(void *user, const struct http_response *resp, struct span bytes)
{
	struct stream *s = user;
	bool list = s->phase == TO_LIST && !s->streamed;
	bool more;

	(void)resp;
	if (s->phase == TO_LIST && !s->in_list && !fail(s, begin_list(s)))
		return false;
	more = split_feed(&s->split, bytes, list ? on_item : on_line, s);
	if (!more && s->rc == RMG_OK)
		s->rc = err_set(s->f->err, RMG_E_LIMIT, "%s: more than can be held", s->kind->path);
	if (s->split.passed_over != s->passed_over) {
		s->passed_over = s->split.passed_over;
		warn(s, KUBE_ODD, "an object is larger than the limit, and is not looked at");
	}
	return s->rc == RMG_OK;
}

/* What is asked. */

static void put_query(struct stream *s)
{
	struct strbuf *p = &s->path;
	unsigned seconds = (unsigned)(WATCH_S + dice(s->f, WATCH_S));

	strbuf_clear(p);
	strbuf_puts(p, s->kind->path);
	if (s->phase == TO_WATCH) {
		strbuf_printf(p,
			      "?watch=1&allowWatchBookmarks=true&timeoutSeconds=%u&"
			      "resourceVersion=",
			      seconds);
		strbuf_percent(p, span_cstr(s->version), S("-_."));
	} else if (s->streamed) {
		strbuf_printf(p,
			      "?watch=1&sendInitialEvents=true&allowWatchBookmarks=true&"
			      "resourceVersionMatch=NotOlderThan&timeoutSeconds=%u",
			      seconds);
	} else {
		strbuf_printf(p, "?limit=%d", PAGE);
		if (s->next.n) {
			strbuf_puts(p, "&continue=");
			strbuf_percent(p, strbuf_span(&s->next), S("-_."));
		}
	}
	if (s->kind->query)
		strbuf_printf(p, "&%s", s->kind->query);
}

static enum rmg_rc start(struct stream *s)
{
	struct follow *f = s->f;
	bool anew = false;
	enum rmg_rc rc = kube_ready(f->k, &anew, f->err);

	if (rc == RMG_OK && anew)
		for (size_t i = 0; i < f->n; i++)
			if (!f->streams[i].running) {
				http_free(f->streams[i].http);
				f->streams[i].http = NULL;
			}
	if (rc == RMG_OK && s->http == NULL)
		rc = kube_http(f->k, (uint32_t)LIMIT_KUBE_QUIET_S, &s->http, f->err);
	if (rc != RMG_OK)
		return rc;
	s->streamed = s->phase == TO_LIST && !s->pages;
	if (s->forgot || (s->phase == TO_LIST && s->next.n == 0))
		s->in_list = false;
	s->forgot = false;
	s->rc = RMG_OK;
	split_begin(&s->split, s->phase == TO_LIST && !s->streamed);
	put_query(s);
	kube_url(f->k, strbuf_cstr(&s->path), &s->url);
	if (strbuf_rc(&s->url) != RMG_OK)
		return err_set(f->err, RMG_E_LIMIT, "%s: a token is too long", s->kind->path);
	s->req = (struct http_request){.url = strbuf_cstr(&s->url),
				       .headers = kube_headers(f->k),
				       .max_bytes = UINT64_MAX,
				       .no_redirect = true,
				       .sink = take,
				       .user = s};
	s->began_ms = clock_tick_ms();
	rc = http_many_start(f->many, s->http, &s->req, &s->resp, f->err);
	s->running = rc == RMG_OK;
	return rc;
}

/* What became of it. */

static void wait(struct stream *s, int64_t ms)
{
	s->due_ms = clock_tick_ms() + ms;
}

static void back_off(struct stream *s, unsigned at_least_s)
{
	int64_t ms = (int64_t)FIRST_PAUSE_MS << MIN_OF(s->failed, 6u);

	s->failed++;
	ms = jittered(s->f, MIN_OF(ms, (int64_t)LONGEST_PAUSE_MS));
	wait(s, MAX_OF(ms, (int64_t)at_least_s * 1000));
}

static void list_anew(struct stream *s)
{
	s->phase = TO_LIST;
	s->in_list = false;
	strbuf_clear(&s->next);
}

/* The end of a page: another one, or all have come. */
static enum rmg_rc page_over(struct stream *s)
{
	struct follow *f = s->f;
	struct rmg_err err = {0};
	json *meta;
	enum rmg_rc rc = json_parse(&s->doc, split_rest(&s->split), LIMIT_KUBE_OBJECT_BYTES, &err);

	if (rc != RMG_OK)
		return err_set(f->err, RMG_E_NET, "%s: the list is cut", s->kind->path);
	meta = json_get(s->doc.root, "metadata");
	strbuf_clear(&s->next);
	strbuf_put(&s->next, json_get_str(meta, "continue"));
	if (strbuf_rc(&s->next) != RMG_OK)
		return err_set(f->err, RMG_E_NET, "%s: a token is too long", s->kind->path);
	wait(s, 0);
	if (s->next.n)
		return RMG_OK;
	if (!keep_version(s, version_of(s->doc.root)))
		return err_set(f->err, RMG_E_NET, "%s: a list without a version", s->kind->path);
	if (!s->in_list)
		rc = begin_list(s);
	return rc == RMG_OK ? end_list(s) : rc;
}

/* An answer that is none of what was asked. */
static void refused(struct stream *s)
{
	unsigned status = s->resp.status, seconds = 0;
	char why[300];

	snprintf(why, sizeof why, "HTTP %u: " SPAN_FMT, status,
		 SPAN_ARG(span_head(span_trim(s->resp.error), 200)));
	if (status == 410) { /* the page's token, or the version, is too old */
		list_anew(s);
		wait(s, jittered(s->f, FIRST_PAUSE_MS));
	} else if (s->streamed && (status == 400 || status == 422)) {
		s->pages = true;
		wait(s, 0);
	} else if (status == 403 || status == 404 || status == 405) {
		trouble(s, KUBE_REFUSED, why);
		s->listed = true;
		list_anew(s);
		wait(s, jittered(s->f, s->kind->rare ? RARE_PAUSE_MS : REFUSED_PAUSE_MS));
	} else {
		(void)http_retry_after(&s->resp, &seconds);
		if (status != 429)
			trouble(s, KUBE_AWAY, why);
		back_off(s, seconds);
		if (status == 400 || status == 422)
			list_anew(s);
	}
}

/* A stream that broke off says nothing of what it watched: it goes on, or is listed anew. */
static enum rmg_rc broken(struct stream *s, enum rmg_rc rc)
{
	struct follow *f = s->f;

	if (s->rc != RMG_OK && s->rc != RMG_E_NET && s->rc != RMG_E_FORMAT)
		return s->rc; /* who listens wants no more */
	if (s->rc == RMG_OK && rc != RMG_E_NET)
		return rc;
	if (s->forgot || s->phase == TO_LIST || s->rc == RMG_E_FORMAT)
		list_anew(s);
	if (s->rc == RMG_OK)
		kube_heard(f->k, rc, 0);
	if (s->rc != RMG_OK && s->forgot && s->failed == 0) {
		s->failed = 1;
		wait(s, 0);
		return RMG_OK;
	}
	/* A watch that lasted and broke off goes on at once; that is no trouble. */
	if (s->phase == TO_WATCH && clock_tick_ms() - s->began_ms > STEADY_MS)
		s->failed = 0;
	else if (s->failed > 0)
		trouble(s, KUBE_AWAY, f->err->msg);
	back_off(s, 0);
	return RMG_OK;
}

static enum rmg_rc finish(struct stream *s, enum rmg_rc rc)
{
	bool was_list = s->phase == TO_LIST && !s->streamed;

	s->running = false;
	if (rc != RMG_OK)
		return broken(s, rc);
	kube_heard(s->f->k, rc, s->resp.status);
	if (s->resp.status != 200) {
		refused(s);
		return RMG_OK;
	}
	if (was_list) {
		rc = page_over(s);
		if (rc == RMG_E_NET) {
			list_anew(s);
			trouble(s, KUBE_AWAY, s->f->err->msg);
			back_off(s, 0);
			return RMG_OK;
		}
		return rc;
	}
	/* It had its time. One that ends at once, again and again, is a failure. */
	if (s->phase == TO_WATCH && clock_tick_ms() - s->began_ms > STEADY_MS) {
		calm(s);
		wait(s, 0);
	} else {
		back_off(s, 0);
	}
	return RMG_OK;
}

static bool first_are_listed(const struct follow *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->streams[i].kind->first && !f->streams[i].listed)
			return false;
	return true;
}

static void start_due(struct follow *f)
{
	bool all = first_are_listed(f);
	int64_t now = clock_tick_ms();

	for (size_t i = 0; i < f->n; i++) {
		struct stream *s = &f->streams[i];

		/* A watch that goes on is told of by its first word, which may be long in coming.
		 */
		if (s->running && s->said && s->phase == TO_WATCH &&
		    http_many_status(s->http) == 200)
			calm(s);
		if (s->running || s->due_ms > now || !(all || s->kind->first))
			continue;
		if (start(s) != RMG_OK) {
			trouble(s, KUBE_AWAY, f->err->msg);
			back_off(s, 0);
		}
	}
}

static struct stream *of_http(struct follow *f, const struct http *h)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->streams[i].http == h)
			return &f->streams[i];
	return NULL;
}

static enum rmg_rc go_on(struct follow *f)
{
	enum rmg_rc rc = RMG_OK, of = RMG_OK;

	while (rc == RMG_OK) {
		struct http *h;

		if (f->hear->stop && f->hear->stop(f->hear->user))
			return err_set(f->err, RMG_E_STOPPED, "stopped");
		start_due(f);
		h = http_many_wait(f->many, TURN_MS, &of, f->err);
		if (h)
			rc = finish(of_http(f, h), of);
		if (rc == RMG_OK)
			rc = f->hear->pause(f->hear->user, f->err);
	}
	return rc;
}

static void done(struct follow *f)
{
	http_many_free(f->many);
	for (size_t i = 0; f->streams && i < f->n; i++) {
		struct stream *s = &f->streams[i];

		http_free(s->http);
		strbuf_done(&s->url);
		strbuf_done(&s->path);
		strbuf_done(&s->next);
		split_done(&s->split);
		json_done(&s->doc);
	}
	free(f->streams);
	free(f);
}

enum rmg_rc kube_follow(struct kube *k, const struct kube_kind *kinds, size_t n,
			const struct kube_hear *hear, struct rmg_err *err)
{
	struct follow *f = calloc(1, sizeof *f);
	enum rmg_rc rc;

	if (f == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory to follow a cluster");
	f->k = k;
	f->hear = hear;
	f->n = n;
	f->err = err ? err : &f->own;
	f->dice = ((uint64_t)clock_ms() << 20 ^ (uint64_t)(uintptr_t)f) | 1;
	f->streams = calloc(n + 1, sizeof *f->streams);
	rc = f->streams ? http_many_new(&f->many, err)
			: err_set(err, RMG_E_NOMEM, "no memory to follow a cluster");
	for (size_t i = 0; rc == RMG_OK && i < n; i++) {
		struct stream *s = &f->streams[i];

		s->f = f;
		s->kind = &kinds[i];
		s->index = i;
		s->url = strbuf_of(TOKEN_BYTES * 4);
		s->path = strbuf_of(TOKEN_BYTES * 4);
		s->next = strbuf_of(TOKEN_BYTES);
		split_init(&s->split, LIMIT_KUBE_OBJECT_BYTES);
	}
	if (rc == RMG_OK)
		rc = go_on(f);
	done(f);
	return rc;
}
