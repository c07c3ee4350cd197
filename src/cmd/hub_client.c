/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/hub_client.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "io/file.h"
#include "io/pem.h"
#include "io/server_tls.h"
#include "node/hubline.h"
#include "oci/reference.h"

struct hub_client {
	struct hubline *line;
	struct strbuf token;
	char ca[4200], print[128];
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

/* Nor does it matter for whom the one is that it was given, where its settings are ours too. */
static const char *given_certificate(struct hub_client *c, const struct options *o)
{
	struct span cert;
	enum rmg_rc rc;

	if (o->tls_cert == NULL || file_read(o->tls_cert, MIB(1), &cert, NULL) != RMG_OK)
		return NULL;
	rc = server_tls_fingerprint(cert, c->print, sizeof c->print, NULL);
	file_free(&cert);
	return rc == RMG_OK ? c->print : NULL;
}

struct hubline_opts hub_of_agent(const struct options *o)
{
	return (struct hubline_opts){.hub = o->hub_url,
				     .token = o->token_file ? NULL : o->token,
				     .token_file = o->token_file,
				     .ca_file = o->ca_cert,
				     .fingerprint = o->hub_fingerprint,
				     .client_cert = o->client_cert,
				     .client_key = o->client_key,
				     .plain_http = o->plain_http};
}

enum rmg_rc hub_client_open(const struct options *o, struct hub_client **out, struct rmg_err *err)
{
	struct hub_client *c = calloc(1, sizeof *c);
	struct hubline_opts opts = {.hub = o->hub_url ? o->hub_url : "http://127.0.0.1:7381",
				    .ca_file = o->ca_cert,
				    .fingerprint = o->hub_fingerprint,
				    .client_cert = o->client_cert,
				    .client_key = o->client_key,
				    .plain_http = o->plain_http};
	enum rmg_rc rc;

	if (c == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory");
	c->token = strbuf_of(KIB(16));
	if (opts.ca_file == NULL && opts.fingerprint == NULL && is_here(opts.hub))
		opts.fingerprint = given_certificate(c, o);
	if (opts.ca_file == NULL && opts.fingerprint == NULL && strncmp(opts.hub, "https:", 6) == 0)
		opts.ca_file = own_ca(c);
	rc = check_certificate(o, err);
	if (rc == RMG_OK)
		rc = find_token(o, opts.hub, &c->token, err);
	if (c->token.n)
		opts.token = strbuf_cstr(&c->token);
	else /* a question alone may be read by anybody; the hub will ask for a token */
		opts.plain_http = true;
	if (rc == RMG_OK)
		rc = hubline_open(&opts, &c->line, err);
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
	hubline_close(c->line);
	strbuf_done(&c->token);
	free(c);
}

enum rmg_rc hub_client_get(struct hub_client *c, const char *path, struct span *body,
			   struct rmg_err *err)
{
	struct hub_answer answer;
	enum rmg_rc rc = hubline_do(c->line, &(struct hub_ask){.path = path}, &answer, err);

	*body = answer.body;
	return rc;
}

enum rmg_rc hub_client_post(struct hub_client *c, const char *path, struct span document,
			    struct span *body, struct rmg_err *err)
{
	const struct hub_ask ask = {
	    .method = "POST", .path = path, .type = "application/json", .body = document};
	struct hub_answer answer;
	enum rmg_rc rc = hubline_do(c->line, &ask, &answer, err);

	*body = answer.body;
	return rc;
}

void hub_client_escape(struct strbuf *url, struct span s)
{
	strbuf_percent(url, s, S("-._~:"));
}
