/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/env.h"
#include "base/limits.h"
#include "base/rfc3339.h"
#include "base/utf8.h"
#include "format/json.h"
#include "format/jsonw.h"
#include "io/file.h"
#include "io/process.h"
#include "kube/kubeconf.h"

#define ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"

enum { PLUGIN_MS = 60000, EARLY_MS = 10000, FD_PATH = 32 };

/* PEM that is known, not where it is kept: as a file without a name. */
struct pem {
	int fd; /* -1: none */
	char path[FD_PATH];
};

struct kube {
	struct kube_opts opts;
	struct arena arena;
	struct kubeconf conf;
	const char *servers[KUBE_SERVERS];
	size_t n_servers, server;
	struct pem ca, cert, key;
	struct strbuf token, header;
	const char *headers[4];
	int64_t token_ms;   /* when it was read; of a tick */
	int64_t expires_ms; /* what a plug-in gave; 0: when it is refused */
	bool have, refused;
	struct http *ask;
	struct strbuf url;
	struct strbuf *body; /* of the answer to the question */
};

static void pem_done(struct pem *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}

/* The old one is closed after the new one is made, so that their names differ. */
static enum rmg_rc pem_set(struct pem *p, struct span text, struct rmg_err *err)
{
	int fd = memfd_create("pem", MFD_CLOEXEC);

	if (fd < 0)
		return err_os(err, RMG_E_IO, "no memory for a certificate");
	if (write(fd, text.p, text.n) != (ssize_t)text.n) {
		close(fd);
		return err_set(err, RMG_E_NOMEM, "no memory for a certificate");
	}
	pem_done(p);
	p->fd = fd;
	snprintf(p->path, sizeof p->path, "/proc/self/fd/%d", fd);
	return RMG_OK;
}

/* The address. */

struct address {
	struct span cluster, where, context, servers;
};

static struct address address_of(const char *text)
{
	struct address a = {.where = span_cstr(text)};
	struct span head, tail;

	if (span_cut(a.where, '=', &head, &tail) && span_chr(head, '/') == SIZE_MAX &&
	    span_chr(head, ',') == SIZE_MAX) {
		a.cluster = head;
		a.where = tail;
	}
	if (span_cut(a.where, ',', &head, &tail)) {
		a.where = head;
		a.servers = tail;
	}
	if (span_cut(a.where, '#', &head, &tail)) {
		a.where = head;
		a.context = tail;
	}
	return a;
}

struct span kube_cluster_of(const char *address)
{
	return address_of(address).cluster;
}

static enum rmg_rc add_server(struct kube *k, struct span url, struct rmg_err *err)
{
	char *text;
	enum rmg_rc rc;

	if (k->n_servers == KUBE_SERVERS)
		return err_set(err, RMG_E_LIMIT, "more than %d API servers", KUBE_SERVERS);
	text = arena_cstr(&k->arena, span_rtrim_chr(url, '/'));
	if (text == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a URL");
	rc = http_url_check(text, err);
	if (rc == RMG_OK)
		k->servers[k->n_servers++] = text;
	else
		err_add(err, "the API server's address");
	return rc;
}

static enum rmg_rc in_cluster(struct kube *k, struct span folder, struct rmg_err *err)
{
	const char *host = env_get("KUBERNETES_SERVICE_HOST");
	const char *port = env_get("KUBERNETES_SERVICE_PORT");
	struct strbuf url = strbuf_of(1024);
	enum rmg_rc rc;

	if (host == NULL)
		return err_set(err, RMG_E_ARG,
			       "KUBERNETES_SERVICE_HOST is not set: this is no pod");
	if (folder.n == 0)
		folder = S(ACCOUNT);
	k->conf.token_file = ARENA_JOIN(&k->arena, folder, S("/token"));
	k->conf.ca_file = ARENA_JOIN(&k->arena, folder, S("/ca.crt"));
	strbuf_printf(&url, strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s", host,
		      port ? port : "443");
	k->conf.server = arena_dup(&k->arena, strbuf_span(&url));
	rc = arena_rc(&k->arena) == RMG_OK ? add_server(k, strbuf_span(&url), err)
					   : err_set(err, RMG_E_NOMEM, "no memory for an address");
	strbuf_done(&url);
	return rc;
}

static enum rmg_rc read_conf(struct kube *k, struct span list, struct span context,
			     struct rmg_err *err)
{
	struct kubeconf_file files[KUBECONF_FILES];
	size_t n = 0;
	struct span path;
	enum rmg_rc rc = RMG_OK;

	while (rc == RMG_OK && span_next(&list, ':', &path)) {
		char *name = arena_cstr(&k->arena, path);

		if (path.n == 0)
			continue;
		if (n == KUBECONF_FILES || name == NULL)
			rc = err_set(err, RMG_E_LIMIT, "more than %d kubeconfigs", KUBECONF_FILES);
		else
			rc = file_read(name, LIMIT_KUBECONFIG_BYTES, &files[n].text, err);
		if (rc == RMG_OK)
			files[n++].dir = arena_dup(&k->arena, span_dirname(path));
	}
	if (rc == RMG_OK)
		rc = kubeconf_parse(files, n, context, &k->arena, &k->conf, err);
	if (rc != RMG_OK)
		err_add(err, "kubeconfig");
	while (n)
		file_free(&files[--n].text);
	return rc;
}

static enum rmg_rc find(struct kube *k, struct rmg_err *err)
{
	struct address a = address_of(k->opts.address);
	struct span url;
	enum rmg_rc rc;

	if (span_is(a.where, S("in-cluster")))
		rc = in_cluster(k, S(""), err);
	else if (span_starts(a.where, S("in-cluster:")))
		rc = in_cluster(k, span_from(a.where, 11), err);
	else
		rc = read_conf(k, a.where, a.context, err);
	if (rc == RMG_OK && k->n_servers == 0)
		rc = add_server(k, k->conf.server, err);
	while (rc == RMG_OK && span_next(&a.servers, ',', &url))
		rc = add_server(k, url, err);
	if (rc == RMG_OK && k->conf.tls_server_name.n)
		rc = err_set(err, RMG_E_UNSUPPORTED, "tls-server-name of a kubeconfig");
	return rc;
}

/* Who we are. */

static enum rmg_rc put_header(struct kube *k, struct rmg_err *err)
{
	const struct kubeconf *c = &k->conf;
	struct strbuf pair = strbuf_of(LIMIT_KUBECONFIG_BYTES);
	enum rmg_rc rc;

	strbuf_clear(&k->header);
	k->headers[0] = "Accept: application/json";
	k->headers[1] = NULL;
	if (k->token.n) {
		strbuf_puts(&k->header, "Authorization: Bearer ");
		strbuf_put(&k->header, strbuf_span(&k->token));
	} else if (c->username.n) {
		strbuf_put(&pair, c->username);
		strbuf_putc(&pair, ':');
		strbuf_put(&pair, c->password);
		strbuf_puts(&k->header, "Authorization: Basic ");
		base64_put(&k->header, strbuf_span(&pair));
	}
	rc = strbuf_rc(&k->header);
	if (!utf8_is_clean(strbuf_span(&k->header)))
		rc = RMG_E_FORMAT;
	if (k->header.n) {
		k->headers[1] = strbuf_cstr(&k->header);
		k->headers[2] = NULL;
	}
	strbuf_done(&pair);
	return rc == RMG_OK ? RMG_OK : err_set(err, rc, "a token is too long, or no text");
}

static void put_info(const struct kube *k, struct strbuf *out)
{
	const struct kubeconf *c = &k->conf;
	struct jsonw w = jsonw_of(out);

	strbuf_puts(out, "KUBERNETES_EXEC_INFO=");
	jsonw_object(&w);
	jsonw_put(&w, "apiVersion", c->exec.api_version);
	jsonw_put_cstr(&w, "kind", "ExecCredential");
	jsonw_key(&w, "spec");
	jsonw_object(&w);
	jsonw_put_bool(&w, "interactive", false);
	if (c->exec.cluster_info) {
		jsonw_key(&w, "cluster");
		jsonw_object(&w);
		jsonw_put(&w, "server", c->server);
		if (c->ca_data.n) {
			struct strbuf b = strbuf_of(LIMIT_KUBECONFIG_BYTES * 2);

			base64_put(&b, c->ca_data);
			jsonw_put(&w, "certificate-authority-data", strbuf_span(&b));
			strbuf_done(&b);
		}
		jsonw_object_end(&w);
	}
	jsonw_object_end(&w);
	jsonw_object_end(&w);
}

static enum rmg_rc run_plugin(struct kube *k, struct strbuf *out, struct rmg_err *err)
{
	const struct kubeconf_exec *e = &k->conf.exec;
	const char *argv[KUBECONF_WORDS + 2] = {NULL}, *env[KUBECONF_WORDS + 2] = {NULL};
	struct strbuf info = strbuf_of(LIMIT_KUBECONFIG_BYTES * 4);
	struct arena a;
	int status = 0;
	enum rmg_rc rc;

	arena_init(&a, LIMIT_KUBECONFIG_BYTES * 4);
	put_info(k, &info);
	argv[0] = arena_cstr(&a, e->command);
	for (size_t i = 0; i < e->n_args; i++)
		argv[i + 1] = arena_cstr(&a, e->args[i]);
	for (size_t i = 0; i < e->n_env; i++)
		env[i] = arena_cstr(&a, e->env[i]);
	env[e->n_env] = strbuf_cstr(&info);
	rc = arena_rc(&a) != RMG_OK || strbuf_rc(&info) != RMG_OK
		 ? err_set(err, RMG_E_NOMEM, "no memory for a plug-in")
		 : process_run_env(argv, env, PLUGIN_MS, out, &status, err);
	if (rc == RMG_OK && status != 0)
		rc = err_set(err, RMG_E_AUTH, SPAN_FMT " failed: status %d", SPAN_ARG(e->command),
			     status);
	strbuf_done(&info);
	arena_done(&a);
	return rc;
}

static enum rmg_rc take_credential(struct kube *k, json *status, bool *anew, struct rmg_err *err)
{
	struct span cert = json_get_str(status, "clientCertificateData");
	struct span key = json_get_str(status, "clientKeyData");
	enum rmg_rc rc = RMG_OK;

	strbuf_clear(&k->token);
	strbuf_put(&k->token, span_trim(json_get_str(status, "token")));
	if (!rfc3339_parse(json_get_str(status, "expirationTimestamp"), &k->expires_ms))
		k->expires_ms = 0;
	if (cert.n && key.n) {
		rc = pem_set(&k->cert, cert, err);
		if (rc == RMG_OK)
			rc = pem_set(&k->key, key, err);
		*anew = true;
	} else if (k->token.n == 0) {
		rc =
		    err_set(err, RMG_E_AUTH, "the plug-in gives neither a token nor a certificate");
	}
	return rc;
}

static enum rmg_rc ask_plugin(struct kube *k, bool *anew, struct rmg_err *err)
{
	struct strbuf out = strbuf_of(LIMIT_KUBECONFIG_BYTES);
	struct json_doc doc = {0};
	enum rmg_rc rc = run_plugin(k, &out, err);

	if (rc == RMG_OK) {
		rc = json_parse(&doc, strbuf_span(&out), LIMIT_KUBECONFIG_BYTES, err);
		if (rc != RMG_OK)
			err_add(err, "what the plug-in gives");
	}
	if (rc == RMG_OK)
		rc = take_credential(k, json_get(doc.root, "status"), anew, err);
	json_done(&doc);
	strbuf_done(&out);
	return rc;
}

static enum rmg_rc read_token(struct kube *k, struct rmg_err *err)
{
	char *path = span_dup(k->conf.token_file);
	struct strbuf fresh = strbuf_of(LIMIT_KUBECONFIG_BYTES);
	enum rmg_rc rc = path ? file_first_line(path, &fresh, err)
			      : err_set(err, RMG_E_NOMEM, "no memory for a path");

	free(path);
	if (rc == RMG_OK) {
		strbuf_clear(&k->token);
		strbuf_put(&k->token, strbuf_span(&fresh));
		k->token_ms = clock_tick_ms();
	}
	strbuf_done(&fresh);
	return rc;
}

enum rmg_rc kube_ready(struct kube *k, bool *anew, struct rmg_err *err)
{
	const struct kubeconf *c = &k->conf;
	bool fresh = k->have && !k->refused;
	enum rmg_rc rc = RMG_OK;

	*anew = false;
	if (c->exec.command.n) {
		if (fresh && (k->expires_ms == 0 || clock_ms() < k->expires_ms - EARLY_MS))
			return RMG_OK;
		rc = ask_plugin(k, anew, err);
	} else if (c->token_file.n) {
		if (fresh && clock_tick_ms() - k->token_ms < KUBE_TOKEN_S * 1000)
			return RMG_OK;
		rc = read_token(k, err);
	} else {
		if (k->have)
			return RMG_OK;
		strbuf_put(&k->token, c->token);
	}
	if (rc == RMG_OK)
		rc = put_header(k, err);
	if (rc != RMG_OK)
		return rc;
	k->have = true;
	k->refused = false;
	if (*anew) {
		http_free(k->ask);
		k->ask = NULL;
	}
	return RMG_OK;
}

void kube_heard(struct kube *k, enum rmg_rc rc, unsigned status)
{
	if (rc == RMG_E_NET)
		k->server = (k->server + 1) % k->n_servers;
	else if (rc == RMG_OK && status == 401)
		k->refused = true;
}

/* Connections. */

static enum rmg_rc open_pems(struct kube *k, struct rmg_err *err)
{
	const struct kubeconf *c = &k->conf;
	enum rmg_rc rc = RMG_OK;

	if (c->ca_data.n)
		rc = pem_set(&k->ca, c->ca_data, err);
	if (rc == RMG_OK && c->cert_data.n)
		rc = pem_set(&k->cert, c->cert_data, err);
	if (rc == RMG_OK && c->key_data.n)
		rc = pem_set(&k->key, c->key_data, err);
	return rc;
}

static const char *pem_path(struct kube *k, const struct pem *p, struct span file)
{
	if (p->fd >= 0)
		return p->path;
	return file.n ? arena_cstr(&k->arena, file) : NULL;
}

enum rmg_rc kube_http(struct kube *k, uint32_t stall_s, struct http **out, struct rmg_err *err)
{
	const struct kubeconf *c = &k->conf;
	struct http_opts o = {
	    .ca_file = pem_path(k, &k->ca, c->ca_file),
	    .client_cert = pem_path(k, &k->cert, c->cert_file),
	    .client_key = pem_path(k, &k->key, c->key_file),
	    .proxy = c->proxy.n ? arena_cstr(&k->arena, c->proxy) : NULL,
	    .unverified_tls = c->unverified,
	    .stall_s = stall_s,
	    .stop = k->opts.stop,
	    .user = k->opts.user,
	};

	if (arena_rc(&k->arena) != RMG_OK)
		return err_set(err, RMG_E_NOMEM, "no memory for a connection");
	return http_new(&o, out, err);
}

const char *const *kube_headers(const struct kube *k)
{
	return k->headers;
}

void kube_url(const struct kube *k, const char *path, struct strbuf *out)
{
	strbuf_clear(out);
	strbuf_puts(out, k->servers[k->server]);
	strbuf_puts(out, path);
}

static bool take(void *user, const struct http_response *resp, struct span bytes)
{
	struct kube *k = user;

	(void)resp;
	strbuf_put(k->body, bytes);
	return strbuf_rc(k->body) == RMG_OK;
}

/* Who asks, and what for. */
static void put_headers(const struct kube *k, const char *content, const char *accept,
			const char *headers[static 5])
{
	size_t n = 0;

	for (; k->headers[n]; n++)
		headers[n] = k->headers[n];
	headers[n] = content;
	if (accept)
		headers[0] = accept;
}

static enum rmg_rc ask_once(struct kube *k, struct http_request *req, const struct kube_question *q,
			    struct strbuf *out, struct kube_answer *a, struct rmg_err *err)
{
	const char *headers[5] = {NULL};
	struct http_response resp;
	char content[128], accept[160];
	bool anew;
	enum rmg_rc rc = kube_ready(k, &anew, err);

	if (rc == RMG_OK && k->ask == NULL)
		rc = kube_http(k, 0, &k->ask, err);
	if (rc != RMG_OK)
		return rc;
	snprintf(content, sizeof content, "Content-Type: %s",
		 q->type ? q->type : "application/json");
	snprintf(accept, sizeof accept, "Accept: %s", q->accept ? q->accept : "");
	put_headers(k, content, q->accept ? accept : NULL, headers);
	kube_url(k, q->path, &k->url);
	strbuf_clear(out);
	k->body = out;
	req->url = strbuf_cstr(&k->url);
	req->headers = headers;
	rc = http_do(k->ask, req, &resp, err);
	kube_heard(k, rc, resp.status);
	*a = (struct kube_answer){.status = resp.status};
	if (rc == RMG_OK && (resp.status < 200 || resp.status > 299)) {
		strbuf_put(out, resp.error);
		(void)http_retry_after(&resp, &a->after_s);
	}
	return rc;
}

/* Once more with fresh credentials, and of each server that does not answer the next one. */
enum rmg_rc kube_put(struct kube *k, const struct kube_question *q, struct strbuf *out,
		     struct kube_answer *a, struct rmg_err *err)
{
	struct http_request req = {.method = q->method,
				   .body = q->body,
				   .max_bytes = LIMIT_JSON_BYTES,
				   .no_redirect = true,
				   .sink = take,
				   .user = k};
	enum rmg_rc rc = RMG_E_NET;
	bool again = true;

	for (size_t i = 0; i <= k->n_servers && again; i++) {
		rc = ask_once(k, &req, q, out, a, err);
		again = rc == RMG_E_NET || (rc == RMG_OK && a->status == 401 && i == 0);
	}
	return rc;
}

enum rmg_rc kube_ask(struct kube *k, const char *method, const char *path, const char *type,
		     struct span body, struct strbuf *out, unsigned *status, struct rmg_err *err)
{
	const struct kube_question q = {method, path, type, NULL, body};
	struct kube_answer a = {0};
	enum rmg_rc rc = kube_put(k, &q, out, &a, err);

	*status = a.status;
	return rc;
}

enum rmg_rc kube_open(const struct kube_opts *opts, struct kube **out, struct rmg_err *err)
{
	struct kube *k = calloc(1, sizeof *k);
	enum rmg_rc rc;

	if (k == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a cluster");
	k->opts = *opts;
	k->ca.fd = k->cert.fd = k->key.fd = -1;
	k->headers[0] = NULL;
	arena_init(&k->arena, MIB(16));
	k->token = strbuf_of(LIMIT_KUBECONFIG_BYTES);
	k->header = strbuf_of(LIMIT_KUBECONFIG_BYTES * 2);
	k->url = strbuf_of(KIB(64));
	rc = find(k, err);
	if (rc == RMG_OK)
		rc = open_pems(k, err);
	if (rc != RMG_OK) {
		kube_close(k);
		return rc;
	}
	*out = k;
	return RMG_OK;
}

void kube_close(struct kube *k)
{
	if (k == NULL)
		return;
	http_free(k->ask);
	pem_done(&k->ca);
	pem_done(&k->cert);
	pem_done(&k->key);
	strbuf_done(&k->token);
	strbuf_done(&k->header);
	strbuf_done(&k->url);
	arena_done(&k->arena);
	free(k);
}
