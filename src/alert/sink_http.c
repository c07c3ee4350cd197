/* SPDX-License-Identifier: Apache-2.0 */
/* sink_http.c - what the kinds that speak HTTP share. Redirects are not followed: a POST that is
 * sent elsewhere is a mistake in the settings, and its body and its credentials are not for others.
 */
#include "alert/sink_inside.h"

enum { SILENCE_S = 10, SHOWN_BYTES = 120, SECRET_BYTES = 4 };

enum rmg_rc sink_open_http(const struct sink_kind *kind, const struct sink_values *v,
			   struct sink **out, struct rmg_err *err)
{
	struct http_opts opts = {.connect_s = SILENCE_S, .stall_s = SILENCE_S};
	struct sink *s = NULL;
	enum rmg_rc rc = sink_open(kind, v, &s, err);
	struct span url;

	if (rc != RMG_OK)
		return rc;
	url = span_cstr(sink_get(s, "url"));
	if (url.n && !span_starts_icase(url, S("https://")) &&
	    !span_starts_icase(url, S("http://")))
		rc = err_set(err, RMG_E_ARG, "\"url\" does not begin with https:// or http://");
	if (rc == RMG_OK)
		rc = sink_check_url(s, err);
	opts.ca_file = sink_ca_file(s);
	opts.stop = sink_stops;
	opts.user = s;
	if (rc == RMG_OK)
		rc = http_new(&opts, &s->http, err);
	if (rc != RMG_OK)
		sink_close(s);
	else
		*out = s;
	return rc;
}

/* Copies text without a word that is secret. */
static void put_without(struct span text, struct span secret, struct strbuf *out)
{
	size_t at;

	while (secret.n >= SECRET_BYTES && (at = span_find(text, secret)) != SIZE_MAX) {
		strbuf_put(out, span_head(text, at));
		strbuf_puts(out, "***");
		text = span_from(text, at + secret.n);
	}
	strbuf_put(out, text);
}

/* Of a secret URL the path and the query are what must not be seen. */
static struct span secret_part(struct span value)
{
	size_t host = span_find(value, S("://")), path;

	if (host == SIZE_MAX)
		return value;
	path = span_find_from(value, host + 3, S("/"));
	return path == SIZE_MAX ? (struct span){0} : span_from(value, path + 1);
}

/* The first of an answer's body, without secrets that it repeats. */
static void put_answer(const struct sink *s, struct span body, struct strbuf *out)
{
	struct strbuf from = strbuf_of(4 * HTTP_ERROR_BYTES), to = strbuf_of(4 * HTTP_ERROR_BYTES);
	struct span word, rest;

	strbuf_put(&from, body);
	for (const struct sink_setting *row = s->kind->settings; row->name; row++) {
		struct span secret = span_cstr(row->secret ? sink_get(s, row->name) : NULL);
		struct strbuf swap = from;

		strbuf_clear(&to);
		put_without(strbuf_span(&from), secret_part(secret), &to);
		from = to;
		to = swap;
	}
	rest = strbuf_rc(&from) == RMG_OK ? strbuf_span(&from) : (struct span){0};
	while (out->n < SHOWN_BYTES && span_word(&rest, &word))
		strbuf_printf(out, "%s" SPAN_FMT, out->n ? " " : ": ",
			      SPAN_ARG(brief_cut(word, SHOWN_BYTES)));
	strbuf_done(&from);
	strbuf_done(&to);
}

static enum rmg_rc refused(const struct sink *s, const struct http_request *req,
			   const struct http_response *resp, struct rmg_err *err)
{
	struct strbuf text = strbuf_of(HTTP_ERROR_BYTES);
	struct rmg_err status = {0};
	enum rmg_rc rc = http_status_err(req, resp, &status);

	put_answer(s, resp->error, &text);
	err_set(err, rc, "%s%s", status.msg, strbuf_cstr(&text));
	strbuf_done(&text);
	return rc;
}

enum rmg_rc sink_request(struct sink *s, struct http_request *req, unsigned *status,
			 struct sink_retry *retry, struct rmg_err *err)
{
	struct http_response resp;
	enum rmg_rc rc;

	req->no_redirect = true;
	req->secret_path = true;
	rc = http_do(s->http, req, &resp, err);
	if (status)
		*status = rc == RMG_OK ? resp.status : 0;
	if (rc == RMG_E_STOPPED)
		return sink_stopped(s, retry, err);
	/* A reader of more than we want of its answer has the message all the same. */
	if (rc == RMG_E_LIMIT && req->sink == NULL && resp.status >= 200 && resp.status < 300)
		return RMG_OK;
	if (rc != RMG_OK) {
		retry->again = rc == RMG_E_NET || rc == RMG_E_NOMEM;
		return rc;
	}
	if (resp.status >= 200 && resp.status < 300)
		return RMG_OK;
	retry->again = resp.status == 408 || resp.status == 429 || resp.status >= 500;
	if (retry->again)
		http_retry_after(&resp, &retry->after_s);
	return refused(s, req, &resp, err);
}

enum rmg_rc sink_post(struct sink *s, const char *url, const char *const *headers,
		      struct sink_retry *retry, struct rmg_err *err)
{
	struct http_request req = {
	    .method = "POST", .url = url, .headers = headers, .body = strbuf_span(&s->body)};
	enum rmg_rc rc = sink_body_rc(s, err);

	return rc == RMG_OK ? sink_request(s, &req, NULL, retry, err) : rc;
}
