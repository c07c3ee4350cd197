/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/hub_client.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "format/json.h"
#include "io/file.h"
#include "io/http.h"
#include "io/pem.h"
#include "oci/reference.h"

enum { URL_BYTES = 70000 };

struct hub_client {
	struct http *http;
	const char *base;
	struct strbuf body, url, header; /* header: "Authorization: Bearer ..." */
	char ca[4200];
};

static bool is_here(const char *base)
{
	struct span host = span_cstr(base);
	size_t at = span_find(host, S("://"));

	host = at == SIZE_MAX ? host : span_from(host, at + 3);
	return host_is_loopback(span_head(host, MIN_OF(span_chr(host, '/'), host.n)));
}

/* --token-file, the setting (or $RUMMAGE_HUB_TOKEN), else, for a hub on this machine and where no
 * certificate is shown, what a hub of this user left: it is nobody else's. No token at all is for
 * the hub to refuse. */
static enum rmg_rc find_token(const struct options *o, const char *base, struct strbuf *out,
			      struct rmg_err *err)
{
	char dir[4096], path[4200];

	if (o->token_file)
		return file_first_line(o->token_file, out, err);
	if (o->token && *o->token) {
		strbuf_puts(out, o->token);
		return RMG_OK;
	}
	if (o->client_cert || !is_here(base) || !file_state_dir(dir, sizeof dir))
		return RMG_OK;
	snprintf(path, sizeof path, "%s/admin.token", dir);
	return file_exists(path) ? file_first_line(path, out, err) : RMG_OK;
}

static enum rmg_rc check_certificate(const struct options *o, struct rmg_err *err)
{
	if ((o->client_cert == NULL) != (o->client_key == NULL))
		return err_set(err, RMG_E_ARG, "--client-cert and --client-key need each other");
	return o->client_cert ? pem_pair(o->client_cert, o->client_key, err) : RMG_OK;
}

/* A hub of this user on this machine vouches for itself by the certificate that it made. */
static const char *own_ca(struct hub_client *c)
{
	char dir[4096];

	if (!file_state_dir(dir, sizeof dir))
		return NULL;
	snprintf(c->ca, sizeof c->ca, "%s/hub.crt", dir);
	return file_exists(c->ca) ? c->ca : NULL;
}

enum rmg_rc hub_client_open(const struct options *o, struct hub_client **out, struct rmg_err *err)
{
	struct hub_client *c = calloc(1, sizeof *c);
	struct http_opts opts = {.ca_file = o->ca_cert,
				 .fingerprint = o->hub_fingerprint,
				 .client_cert = o->client_cert,
				 .client_key = o->client_key};
	struct strbuf token = strbuf_of(KIB(16));
	enum rmg_rc rc;

	if (c == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory");
	c->base = o->hub_url ? o->hub_url : "http://127.0.0.1:7381";
	c->body = strbuf_of(MIB(256));
	c->url = strbuf_of(URL_BYTES);
	c->header = strbuf_of(KIB(20));
	if (opts.ca_file == NULL && strncmp(c->base, "https:", 6) == 0)
		opts.ca_file = own_ca(c);
	rc = check_certificate(o, err);
	if (rc == RMG_OK)
		rc = find_token(o, c->base, &token, err);
	if (rc == RMG_OK && token.n)
		strbuf_printf(&c->header, "Authorization: Bearer %s", strbuf_cstr(&token));
	strbuf_done(&token);
	if (rc == RMG_OK)
		rc = http_new(&opts, &c->http, err);
	if (rc != RMG_OK) {
		hub_client_close(c);
		return rc;
	}
	*out = c;
	return RMG_OK;
}

void hub_client_close(struct hub_client *c)
{
	if (c == NULL)
		return;
	http_free(c->http);
	strbuf_done(&c->body);
	strbuf_done(&c->url);
	strbuf_done(&c->header);
	free(c);
}

static bool take(void *user, const struct http_response *resp, struct span bytes)
{
	struct hub_client *c = user;

	(void)resp;
	strbuf_put(&c->body, bytes);
	return strbuf_rc(&c->body) == RMG_OK;
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

enum rmg_rc hub_client_get(struct hub_client *c, const char *path, struct span *body,
			   struct rmg_err *err)
{
	const char *headers[] = {c->header.n ? strbuf_cstr(&c->header) : NULL, NULL};
	struct http_response resp;
	struct http_request req = {
	    .headers = headers, .packed = true, .max_bytes = MIB(256), .sink = take, .user = c};
	size_t n = strlen(c->base);
	enum rmg_rc rc;

	while (n && c->base[n - 1] == '/')
		n--;
	strbuf_clear(&c->url);
	strbuf_clear(&c->body);
	strbuf_put(&c->url, span_of(c->base, n));
	strbuf_puts(&c->url, path);
	req.url = strbuf_cstr(&c->url);
	rc = http_do(c->http, &req, &resp, err);
	if (rc == RMG_OK && resp.status != 200)
		rc = refused(&req, &resp, err);
	if (rc == RMG_OK)
		*body = strbuf_span(&c->body);
	return rc;
}

void hub_client_escape(struct strbuf *url, struct span s)
{
	strbuf_percent(url, s, S("-._~:"));
}
