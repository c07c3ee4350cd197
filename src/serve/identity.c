/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/identity.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/limits.h"
#include "io/file.h"
#include "io/server_tls.h"
#include "serve/auth.h"

bool serve_is_local(const char *listen)
{
	return strncmp(listen, "127.", 4) == 0 || strncmp(listen, "[::1]:", 6) == 0 ||
	       strncmp(listen, "localhost:", 10) == 0;
}

/* A secret appears with its final mode, whole. */
static enum rmg_rc write_secret(const char *path, struct span text, struct rmg_err *err)
{
	mode_t old = umask(0077);
	enum rmg_rc rc = file_write(path, text, err);

	umask(old);
	return rc;
}

/* The one that was made before, or a new one: a certificate of our own beats plain HTTP. */
static enum rmg_rc make_own(const struct serve_opts *o, struct identity *out, struct rmg_err *err)
{
	const char *const names[] = {o->node, "localhost", "127.0.0.1", "::1", NULL};
	struct strbuf cert = strbuf_of(KIB(64)), key = strbuf_of(KIB(64));
	char cert_path[4200], key_path[4200];
	enum rmg_rc rc = RMG_OK;

	snprintf(cert_path, sizeof cert_path, "%s/hub.crt", o->state_dir);
	snprintf(key_path, sizeof key_path, "%s/hub.key", o->state_dir);
	if (!file_exists(cert_path) || !file_exists(key_path)) {
		rc = server_tls_make(names, &cert, &key, err);
		if (rc == RMG_OK)
			rc = write_secret(key_path, strbuf_span(&key), err);
		if (rc == RMG_OK)
			rc = file_write(cert_path, strbuf_span(&cert), err);
	}
	strbuf_done(&cert);
	strbuf_done(&key);
	if (rc == RMG_OK)
		rc = file_read(cert_path, KIB(64), &out->cert, err);
	if (rc == RMG_OK)
		rc = file_read(key_path, KIB(64), &out->key, err);
	out->is_own = true;
	return rc;
}

enum rmg_rc identity_read(const struct serve_opts *o, struct identity *out, struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;

	if (o->client_ca)
		rc = file_read(o->client_ca, MIB(1), &out->client_ca, err);
	if (rc != RMG_OK)
		return rc;
	if (o->cert == NULL && o->plain_http)
		return RMG_OK;
	if (o->cert == NULL && serve_is_local(o->listen) && o->client_ca == NULL)
		return RMG_OK;
	if (o->cert == NULL)
		return make_own(o, out, err);
	if (o->key == NULL)
		return err_set(err, RMG_E_ARG, "a certificate needs its key");
	rc = file_read(o->cert, MIB(1), &out->cert, err);
	return rc == RMG_OK ? file_read(o->key, MIB(1), &out->key, err) : rc;
}

void identity_free(struct identity *x)
{
	file_free(&x->cert);
	if (x->key.n)
		explicit_bzero((void *)(uintptr_t)x->key.p, x->key.n);
	file_free(&x->key);
	file_free(&x->client_ca);
}

static enum rmg_rc count_token(void *user, const struct token_row *row)
{
	(void)row;
	++*(size_t *)user;
	return RMG_OK;
}

static enum rmg_rc put_first_token(struct store *st, const char *path, struct rmg_err *err)
{
	struct token_row row = {
	    .name = S("first-admin"), .role = S("admin"), .created_ms = clock_ms()};
	char text[TOKEN_TEXT + 1] = "";
	enum rmg_rc rc = auth_make_token(&row, text, err);

	if (rc == RMG_OK)
		rc = store_begin(st, err);
	if (rc != RMG_OK)
		return rc;
	rc = store_token_put(st, &row, err);
	if (rc == RMG_OK) {
		size_t n = strlen(text);

		text[n] = '\n';
		rc = write_secret(path, span_of(text, n + 1), err);
	}
	rc = store_end(st, rc, err);
	explicit_bzero(text, sizeof text);
	return rc;
}

enum rmg_rc identity_first_token(const struct env *env, struct hub *hub, struct rmg_err *err)
{
	struct store *st = hub_store_lock(hub, err);
	char path[4200];
	size_t n = 0;
	enum rmg_rc rc;

	if (st == NULL)
		return RMG_E_IO;
	snprintf(path, sizeof path, "%s/admin.token", env->opts->state_dir);
	rc = store_token_each(st, count_token, &n, err);
	if (rc == RMG_OK && n == 0)
		rc = put_first_token(st, path, err);
	hub_store_unlock(hub);
	if (rc == RMG_OK && file_exists(path))
		env_say(env, "info", "the admin's token is in %s", path);
	return rc;
}
