/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/admission_cert.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/limits.h"
#include "format/json.h"
#include "format/jsonw.h"
#include "io/file.h"
#include "io/server_tls.h"
#include "kube/client.h"
#include "serve/cluster.h"

enum { NAMES = 16, PEM_BYTES = 1 << 20 };

static const char begin_mark[] = "-----BEGIN CERTIFICATE-----";
static const char api[] = "/apis/admissionregistration.k8s.io/v1/";

struct admission_cert {
	struct env *env;
	struct strbuf cert, key;
	char cert_path[4200], key_path[4200];
	const char *address; /* of the cluster; NULL: its configurations are somebody else's */
	struct kube *kube;
	bool own, troubled;
};

/* Certificates. */

static enum rmg_rc read_into(const char *path, struct strbuf *out, struct rmg_err *err)
{
	struct span text;
	enum rmg_rc rc = file_read(path, PEM_BYTES, &text, err);

	if (rc != RMG_OK)
		return rc;
	strbuf_clear(out);
	strbuf_put(out, text);
	explicit_bzero((void *)(uintptr_t)text.p, text.n);
	file_free(&text);
	return strbuf_rc(out);
}

static enum rmg_rc make(struct admission_cert *c, struct strbuf *cert, struct strbuf *key,
			struct rmg_err *err)
{
	const char *const *asked = c->env->opts->admission_names;
	const char *names[NAMES + 4];
	size_t n = 0;

	for (; asked && asked[n] && n < NAMES; n++)
		names[n] = asked[n];
	names[n++] = "localhost";
	names[n++] = "127.0.0.1";
	names[n++] = "::1";
	names[n] = NULL;
	return server_tls_make(names, cert, key, err);
}

/* The key first: a certificate without its key would be taken for a whole one. */
static enum rmg_rc keep(struct admission_cert *c, struct rmg_err *err)
{
	mode_t old = umask(0077);
	enum rmg_rc rc = file_write(c->key_path, strbuf_span(&c->key), err);

	if (rc == RMG_OK)
		rc = file_write(c->cert_path, strbuf_span(&c->cert), err);
	umask(old);
	return rc;
}

static bool is_old(const struct admission_cert *c)
{
	struct stat st;

	return c->own && stat(c->cert_path, &st) == 0 &&
	       env_now_ms(c->env) / 1000 - st.st_mtime > (int64_t)ADMISSION_CERT_DAYS * 86400;
}

static enum rmg_rc own_certificate(struct admission_cert *c, struct rmg_err *err)
{
	enum rmg_rc rc;

	c->own = true;
	snprintf(c->cert_path, sizeof c->cert_path, "%s/admission.crt", c->env->opts->state_dir);
	snprintf(c->key_path, sizeof c->key_path, "%s/admission.key", c->env->opts->state_dir);
	if (file_exists(c->cert_path) && file_exists(c->key_path)) {
		rc = read_into(c->key_path, &c->key, err);
		return rc == RMG_OK ? read_into(c->cert_path, &c->cert, err) : rc;
	}
	rc = make(c, &c->cert, &c->key, err);
	return rc == RMG_OK ? keep(c, err) : rc;
}

/* The cluster's configurations. */

static bool next_pem(struct span *rest, struct span *one)
{
	size_t at = span_find(*rest, span_cstr(begin_mark)), end;
	const struct span end_mark = S("-----END CERTIFICATE-----");

	if (at == SIZE_MAX)
		return false;
	*rest = span_from(*rest, at);
	end = span_find(*rest, end_mark);
	if (end == SIZE_MAX)
		return false;
	*one = span_head(*rest, end + end_mark.n);
	*rest = span_from(*rest, end + end_mark.n);
	return true;
}

bool admission_bundle_add(struct span bundle, struct span cert, struct strbuf *out)
{
	struct span rest = bundle, one, mine = {0};
	size_t n = 1;

	if (!next_pem(&cert, &mine) || span_find(bundle, mine) != SIZE_MAX)
		return false;
	strbuf_put(out, mine);
	strbuf_putc(out, '\n');
	while (n++ < ADMISSION_BUNDLE && next_pem(&rest, &one)) {
		strbuf_put(out, one);
		strbuf_putc(out, '\n');
	}
	return strbuf_rc(out) == RMG_OK;
}

static void put_operation(struct jsonw *w, const char *op, const char *path, struct span value)
{
	jsonw_object(w);
	jsonw_put_cstr(w, "op", op);
	jsonw_put_cstr(w, "path", path);
	jsonw_put(w, "value", value);
	jsonw_object_end(w);
}

/* What is to be written of one webhook; nothing where its certificate is there. */
static void put_webhook(struct jsonw *w, json *hook, size_t nth, struct span cert, size_t *n)
{
	struct span text = json_get_str(json_get(hook, "clientConfig"), "caBundle");
	struct strbuf bundle = strbuf_of(PEM_BYTES), coded = strbuf_of(2 * PEM_BYTES);
	uint8_t *old = malloc(text.n + 3);
	size_t n_old = 0;
	char path[64];

	if (old && !base64_bytes(text, old, text.n + 3, &n_old))
		n_old = 0;
	if (old && admission_bundle_add(span_of(old, n_old), cert, &bundle)) {
		base64_put(&coded, strbuf_span(&bundle));
		snprintf(path, sizeof path, "/webhooks/%zu/clientConfig/caBundle", nth);
		put_operation(w, "add", path, strbuf_span(&coded));
		++*n;
	}
	free(old);
	strbuf_done(&bundle);
	strbuf_done(&coded);
}

/* Where somebody else has written it since, the API server refuses the test of its version. */
static size_t write_patch(json *config, struct span cert, struct strbuf *out)
{
	struct jsonw w = jsonw_of(out);
	size_t n = 0, nth = 0;

	jsonw_array(&w);
	put_operation(&w, "test", "/metadata/resourceVersion",
		      json_get_str(json_get(config, "metadata"), "resourceVersion"));
	for (struct json_iter it = json_iter(json_get(config, "webhooks")); json_next(&it); nth++)
		put_webhook(&w, it.value, nth, cert, &n);
	jsonw_array_end(&w);
	return n;
}

static enum rmg_rc patch(struct admission_cert *c, const char *path, struct span document,
			 struct span cert, struct rmg_err *err)
{
	struct strbuf body = strbuf_of(LIMIT_KUBE_OBJECT_BYTES);
	struct strbuf answer = strbuf_of(LIMIT_KUBE_OBJECT_BYTES);
	struct json_doc doc = {0};
	unsigned status = 200;
	enum rmg_rc rc = json_parse(&doc, document, LIMIT_KUBE_OBJECT_BYTES, err);

	if (rc == RMG_OK && write_patch(doc.root, cert, &body) != 0)
		rc = kube_ask(c->kube, "PATCH", path, "application/json-patch+json",
			      strbuf_span(&body), &answer, &status, err);
	if (rc == RMG_OK && status >= 300)
		rc = err_set(err, RMG_E_NET, "%u for a patch of %s", status, path);
	json_done(&doc);
	strbuf_done(&body);
	strbuf_done(&answer);
	return rc;
}

/* *there: a configuration of this kind exists. */
static enum rmg_rc put_bundle(struct admission_cert *c, const char *kind, struct span cert,
			      bool *there, struct rmg_err *err)
{
	struct strbuf answer = strbuf_of(LIMIT_KUBE_OBJECT_BYTES);
	unsigned status = 0;
	char path[512];
	enum rmg_rc rc;

	snprintf(path, sizeof path, "%s%s/%.250s", api, kind, c->env->opts->admission_webhooks);
	rc = kube_ask(c->kube, "GET", path, NULL, S(""), &answer, &status, err);
	if (rc == RMG_OK && status == 200) {
		*there = true;
		rc = patch(c, path, strbuf_span(&answer), cert, err);
	} else if (rc == RMG_OK && status != 404) {
		rc = err_set(err, RMG_E_NET, "%u for %s", status, path);
	}
	strbuf_done(&answer);
	return rc;
}

static enum rmg_rc put_bundles(struct admission_cert *c, struct span cert, struct rmg_err *err)
{
	struct kube_opts opts = {.address = c->address, .stop = env_stopping, .user = c->env};
	bool there = false;
	enum rmg_rc rc = RMG_OK;

	if (c->address == NULL || c->env->opts->admission_webhooks == NULL)
		return RMG_OK;
	if (c->kube == NULL)
		rc = kube_open(&opts, &c->kube, err);
	if (rc == RMG_OK)
		rc = put_bundle(c, "validatingwebhookconfigurations", cert, &there, err);
	if (rc == RMG_OK)
		rc = put_bundle(c, "mutatingwebhookconfigurations", cert, &there, err);
	if (rc == RMG_OK && !there)
		rc = err_set(err, RMG_E_NOTFOUND, "the cluster has no webhooks called \"%s\"",
			     c->env->opts->admission_webhooks);
	return rc;
}

static void say(struct admission_cert *c, enum rmg_rc rc, const struct rmg_err *err)
{
	if (rc != RMG_OK && !c->troubled)
		env_say(c->env, "warn", "admission: %s", err->msg);
	else if (rc == RMG_OK && c->troubled)
		env_say(c->env, "info", "admission: the cluster knows the certificate");
	c->troubled = rc != RMG_OK;
}

/* The cluster trusts the next one before it is shown. */
static bool renew(struct admission_cert *c)
{
	struct strbuf cert = strbuf_of(PEM_BYTES), key = strbuf_of(PEM_BYTES), old;
	struct rmg_err err = {0};
	enum rmg_rc rc = make(c, &cert, &key, &err);

	if (rc == RMG_OK)
		rc = put_bundles(c, strbuf_span(&cert), &err);
	if (rc == RMG_OK) {
		old = c->cert;
		c->cert = cert;
		cert = old;
		old = c->key;
		c->key = key;
		key = old;
		rc = keep(c, &err);
	}
	say(c, rc, &err);
	strbuf_done(&cert);
	strbuf_done(&key);
	return rc == RMG_OK;
}

bool admission_cert_look(struct admission_cert *c)
{
	struct rmg_err err = {0};

	if (is_old(c))
		return renew(c);
	say(c, put_bundles(c, strbuf_span(&c->cert), &err), &err);
	return false;
}

enum rmg_rc admission_cert_open(struct env *env, struct admission_cert **out, struct rmg_err *err)
{
	const struct serve_opts *o = env->opts;
	struct admission_cert *c = calloc(1, sizeof *c);
	enum rmg_rc rc;

	if (c == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a certificate");
	*out = c;
	c->env = env;
	c->cert = strbuf_of(PEM_BYTES);
	c->key = strbuf_of(PEM_BYTES);
	c->address = cluster_first(o);
	if (o->admission_cert == NULL)
		return own_certificate(c, err);
	rc = read_into(o->admission_key, &c->key, err);
	return rc == RMG_OK ? read_into(o->admission_cert, &c->cert, err) : rc;
}

void admission_cert_close(struct admission_cert *c)
{
	if (c == NULL)
		return;
	kube_close(c->kube);
	strbuf_done(&c->cert);
	if (c->key.n)
		explicit_bzero(c->key.p, c->key.n);
	strbuf_done(&c->key);
	free(c);
}

struct span admission_cert_pem(const struct admission_cert *c)
{
	return strbuf_span(&c->cert);
}

struct span admission_cert_key(const struct admission_cert *c)
{
	return strbuf_span(&c->key);
}

struct span admission_cert_cluster(const struct admission_cert *c)
{
	return cluster_name(c->env->opts, c->address);
}

const char *admission_cert_address(const struct admission_cert *c)
{
	return c->address;
}
