/* SPDX-License-Identifier: Apache-2.0 */
#include "node/hubline.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "format/json.h"
#include "io/file.h"
#include "io/http.h"
#include "oci/reference.h"

enum { URL_BYTES = 70000 };

struct hubline {
	struct hubline_opts opts;
	struct http *http;
	struct strbuf body, url, header; /* header: "Authorization: Bearer ..." */
};

static enum rmg_rc check_address(const struct hubline_opts *o, struct rmg_err *err)
{
	struct span url = span_cstr(o->hub), host = span_from(url, MIN_OF(url.n, (size_t)7));

	if (span_starts(url, S("https://")))
		return RMG_OK;
	if (!span_starts(url, S("http://")))
		return err_set(err, RMG_E_ARG,
			       "a hub's address is https://HOST[:PORT], not \"" SPAN_FMT "\"",
			       SPAN_ARG(span_head(url, 100)));
	if (!o->plain_http &&
	    !host_is_loopback(span_head(host, MIN_OF(span_chr(host, '/'), host.n))))
		return err_set(err, RMG_E_ARG,
			       "the token would go in the clear: take https://, or --plain-http "
			       "where something else protects it");
	return RMG_OK;
}

static void wipe(struct strbuf *secret)
{
	if (secret->p)
		explicit_bzero(secret->p, secret->cap);
	strbuf_done(secret);
}

/* *changed: it is another one than before. */
static enum rmg_rc read_token(struct hubline *l, bool *changed, struct rmg_err *err)
{
	struct strbuf fresh = strbuf_of(KIB(20));
	enum rmg_rc rc = RMG_OK;

	strbuf_puts(&fresh, "Authorization: Bearer ");
	if (l->opts.token)
		strbuf_puts(&fresh, l->opts.token);
	else if (l->opts.token_file)
		rc = file_first_line(l->opts.token_file, &fresh, err);
	if (rc == RMG_OK && strbuf_rc(&fresh) != RMG_OK)
		rc = err_set(err, strbuf_rc(&fresh), "a token that is too long");
	if (rc == RMG_OK) {
		*changed = !span_is(strbuf_span(&fresh), strbuf_span(&l->header));
		wipe(&l->header);
		l->header = fresh;
	} else {
		wipe(&fresh);
	}
	return rc;
}

enum rmg_rc hubline_open(const struct hubline_opts *opts, struct hubline **out, struct rmg_err *err)
{
	struct http_opts http = {.ca_file = opts->ca_file,
				 .fingerprint = opts->fingerprint,
				 .client_cert = opts->client_cert,
				 .client_key = opts->client_key,
				 .stall_s = opts->stall_s,
				 .connect_s = 5,
				 .stop = opts->stop,
				 .user = opts->user};
	struct hubline *l = calloc(1, sizeof *l);
	bool changed;
	enum rmg_rc rc = check_address(opts, err);

	if (rc == RMG_OK && l == NULL)
		rc = err_set(err, RMG_E_NOMEM, "no memory");
	if (rc != RMG_OK) {
		free(l);
		return rc;
	}
	l->opts = *opts;
	l->body = strbuf_of(MIB(256));
	l->url = strbuf_of(URL_BYTES);
	rc = read_token(l, &changed, err);
	if (rc == RMG_OK)
		rc = http_new(&http, &l->http, err);
	if (rc != RMG_OK) {
		hubline_close(l);
		return rc;
	}
	*out = l;
	return RMG_OK;
}

void hubline_close(struct hubline *l)
{
	if (l == NULL)
		return;
	http_free(l->http);
	wipe(&l->header);
	strbuf_done(&l->body);
	strbuf_done(&l->url);
	free(l);
}

static bool take(void *user, const struct http_response *resp, struct span bytes)
{
	struct hubline *l = user;

	(void)resp;
	strbuf_put(&l->body, bytes);
	return strbuf_rc(&l->body) == RMG_OK;
}

static enum rmg_rc refused(const struct http_request *req, const struct http_response *resp,
			   struct rmg_err *err)
{
	struct json_doc doc = {0};
	struct span why = {0};
	enum rmg_rc rc = http_status_err(req, resp, err);

	if (json_parse(&doc, resp->error, KIB(64), NULL) == RMG_OK)
		why = json_get_str(doc.root, "error");
	if (why.n)
		rc = err_set(err, resp->status == 400 ? RMG_E_ARG : rc, "the hub says: " SPAN_FMT,
			     SPAN_ARG(why));
	json_done(&doc);
	return rc;
}

static enum rmg_rc once(struct hubline *l, const struct hub_ask *ask, struct hub_answer *out,
			struct rmg_err *err)
{
	const char *headers[4] = {0};
	char type[128];
	struct http_response resp;
	struct http_request req = {.method = ask->method,
				   .url = strbuf_cstr(&l->url),
				   .headers = headers,
				   .body = ask->body,
				   .max_bytes = MIB(256),
				   .no_redirect = true,
				   .packed = true,
				   .sink = take,
				   .user = l};
	size_t n = 0;
	enum rmg_rc rc;

	snprintf(type, sizeof type, "Content-Type: %s", ask->type ? ask->type : "application/json");
	if (l->opts.token || l->opts.token_file)
		headers[n++] = strbuf_cstr(&l->header);
	if (ask->body.n)
		headers[n++] = type;
	if (ask->gzip)
		headers[n++] = "Content-Encoding: gzip";
	strbuf_clear(&l->body);
	rc = http_do(l->http, &req, &resp, err);
	out->later = http_may_retry(rc, &resp, &out->retry_s);
	out->status = rc == RMG_OK ? resp.status : 0;
	if (rc == RMG_OK)
		out->date_s = http_date(&resp);
	out->body = strbuf_span(&l->body);
	if (rc == RMG_OK && resp.status / 100 != 2)
		rc = refused(&req, &resp, err);
	return rc;
}

enum rmg_rc hubline_do(struct hubline *l, const struct hub_ask *ask, struct hub_answer *out,
		       struct rmg_err *err)
{
	struct span base = span_rtrim_chr(span_cstr(l->opts.hub), '/');
	enum rmg_rc rc;

	*out = (struct hub_answer){0};
	strbuf_clear(&l->url);
	strbuf_put(&l->url, base);
	strbuf_puts(&l->url, ask->path);
	if (strbuf_rc(&l->url) != RMG_OK)
		return err_set(err, RMG_E_ARG, "an address that is too long");
	rc = once(l, ask, out, err);
	if ((out->status == 401 || out->status == 403) && l->opts.token_file) {
		struct rmg_err other;
		bool changed = false;

		if (read_token(l, &changed, &other) == RMG_OK && changed)
			rc = once(l, ask, out, err);
	}
	return rc;
}
