/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/kubeconf.h"

#include "base/base64.h"
#include "base/limits.h"
#include "format/json.h"
#include "format/jsonw.h"
#include "format/yamlr.h"

struct reading {
	struct json_doc docs[KUBECONF_FILES];
	const struct kubeconf_file *files;
	size_t n;
	struct arena *a;
	struct rmg_err *err;
};

/* The document as JSON: every scalar is a text. */
static enum rmg_rc put_items(struct yamlr *y, struct jsonw *w, struct rmg_err *err)
{
	bool is_map[YAMLR_DEPTH + 1] = {false}, key[YAMLR_DEPTH + 1] = {false};
	struct yamlr_item item;
	size_t depth = 0;

	for (;;) {
		enum rmg_rc rc = yamlr_next(y, &item, err);

		if (rc != RMG_OK || item.kind == YAMLR_EOF)
			return rc;
		if (item.kind == YAMLR_ENDED) {
			if (is_map[depth])
				jsonw_object_end(w);
			else
				jsonw_array_end(w);
			depth--;
			continue;
		}
		if (is_map[depth] && key[depth]) {
			jsonw_key_span(w, item.text);
			key[depth] = false;
			continue;
		}
		key[depth] = true; /* after this value */
		if (item.kind == YAMLR_SCALAR) {
			if (yamlr_is_null(&item))
				jsonw_null(w);
			else
				jsonw_str(w, item.text);
			continue;
		}
		if (depth == YAMLR_DEPTH)
			return err_set(err, RMG_E_LIMIT, "line %u: nested too deep", item.line);
		depth++;
		is_map[depth] = key[depth] = item.kind == YAMLR_MAP;
		if (is_map[depth])
			jsonw_object(w);
		else
			jsonw_array(w);
	}
}

static enum rmg_rc read_file(const struct kubeconf_file *file, struct json_doc *doc,
			     struct rmg_err *err)
{
	struct strbuf text = strbuf_of(LIMIT_KUBECONFIG_BYTES * 8);
	struct jsonw w = jsonw_of(&text);
	struct yamlr *y = NULL;
	enum rmg_rc rc = RMG_OK;

	if (file->text.n > LIMIT_KUBECONFIG_BYTES)
		return err_set(err, RMG_E_LIMIT, "more than %u KiB",
			       (unsigned)(LIMIT_KUBECONFIG_BYTES / 1024));
	rc = yamlr_open(file->text, &y, err);
	if (rc == RMG_OK)
		rc = put_items(y, &w, err);
	if (rc == RMG_OK && strbuf_rc(&text) != RMG_OK)
		rc = err_set(err, strbuf_rc(&text), "too large");
	if (rc == RMG_OK)
		rc = json_parse(doc, text.n ? strbuf_span(&text) : S("{}"), text.max, err);
	yamlr_close(y);
	strbuf_done(&text);
	return rc;
}

/* An element of a list by its name, in the first file that has it; *dir is that file's folder. */
static json *named(const struct reading *r, const char *list, const char *what, struct span name,
		   struct span *dir)
{
	for (size_t i = 0; i < r->n; i++)
		for (struct json_iter it = json_iter(json_get(r->docs[i].root, list));
		     json_next(&it);)
			if (span_is(json_get_str(it.value, "name"), name)) {
				*dir = r->files[i].dir;
				return json_get(it.value, what);
			}
	return NULL;
}

static struct span text(const struct reading *r, json *object, const char *key)
{
	return arena_dup(r->a, json_get_str(object, key));
}

static struct span path(const struct reading *r, json *object, const char *key, struct span dir)
{
	struct span s = json_get_str(object, key);

	if (s.n == 0 || s.p[0] == '/' || dir.n == 0)
		return arena_dup(r->a, s);
	return ARENA_JOIN(r->a, dir, S("/"), s);
}

static enum rmg_rc data(const struct reading *r, json *object, const char *key, struct span *out)
{
	struct span s = json_get_str(object, key);
	uint8_t *bytes = s.n ? arena_bytes(r->a, s.n) : NULL;
	size_t n = 0;

	if (s.n == 0)
		return RMG_OK;
	if (bytes == NULL)
		return err_set(r->err, arena_rc(r->a), "no memory for a kubeconfig");
	if (!base64_bytes(s, bytes, s.n, &n))
		return err_set(r->err, RMG_E_FORMAT, "%s is no base64", key);
	*out = span_of(bytes, n);
	return RMG_OK;
}

static bool is_true(json *object, const char *key)
{
	return span_is(json_get_str(object, key), S("true"));
}

static enum rmg_rc take_cluster(const struct reading *r, json *c, struct span dir,
				struct kubeconf *out)
{
	out->server = text(r, c, "server");
	out->ca_file = path(r, c, "certificate-authority", dir);
	out->tls_server_name = text(r, c, "tls-server-name");
	out->proxy = text(r, c, "proxy-url");
	out->unverified = is_true(c, "insecure-skip-tls-verify");
	return data(r, c, "certificate-authority-data", &out->ca_data);
}

static enum rmg_rc take_exec(const struct reading *r, json *e, struct span dir,
			     struct kubeconf_exec *out)
{
	struct span command = json_get_str(e, "command");

	if (command.n == 0)
		return RMG_OK;
	out->api_version = text(r, e, "apiVersion");
	/* A name alone is looked for in PATH. */
	out->command = span_chr(command, '/') == SIZE_MAX ? arena_dup(r->a, command)
							  : path(r, e, "command", dir);
	out->cluster_info = is_true(e, "provideClusterInfo");
	for (struct json_iter it = json_iter(json_get(e, "args")); json_next(&it);) {
		if (out->n_args == KUBECONF_WORDS)
			return err_set(r->err, RMG_E_LIMIT, "too many arguments of exec");
		out->args[out->n_args++] = arena_dup(r->a, json_str(it.value));
	}
	for (struct json_iter it = json_iter(json_get(e, "env")); json_next(&it);) {
		if (out->n_env == KUBECONF_WORDS)
			return err_set(r->err, RMG_E_LIMIT, "too many variables of exec");
		out->env[out->n_env++] = ARENA_JOIN(r->a, json_get_str(it.value, "name"), S("="),
						    json_get_str(it.value, "value"));
	}
	return RMG_OK;
}

static enum rmg_rc take_user(const struct reading *r, json *u, struct span dir,
			     struct kubeconf *out)
{
	enum rmg_rc rc = data(r, u, "client-certificate-data", &out->cert_data);

	if (rc == RMG_OK)
		rc = data(r, u, "client-key-data", &out->key_data);
	out->cert_file = path(r, u, "client-certificate", dir);
	out->key_file = path(r, u, "client-key", dir);
	out->token = text(r, u, "token");
	out->token_file = path(r, u, "tokenFile", dir);
	out->username = text(r, u, "username");
	out->password = text(r, u, "password");
	if (rc == RMG_OK && json_is_object(json_get(u, "auth-provider")))
		return err_set(r->err, RMG_E_UNSUPPORTED,
			       "auth-provider is no longer a way to log in: use exec");
	return rc == RMG_OK ? take_exec(r, json_get(u, "exec"), dir, &out->exec) : rc;
}

static struct span current(const struct reading *r)
{
	for (size_t i = 0; i < r->n; i++) {
		struct span s = json_get_str(r->docs[i].root, "current-context");

		if (s.n)
			return s;
	}
	return (struct span){0};
}

static enum rmg_rc choose(const struct reading *r, struct span context, struct kubeconf *out)
{
	struct span dir = {0}, name = context.n ? context : current(r);
	json *c, *x;
	enum rmg_rc rc;

	if (name.n == 0)
		return err_set(r->err, RMG_E_NOTFOUND, "no current-context; #CONTEXT chooses one");
	x = named(r, "contexts", "context", name, &dir);
	if (x == NULL)
		return err_set(r->err, RMG_E_NOTFOUND, "no context is called " SPAN_FMT,
			       SPAN_ARG(name));
	out->context = arena_dup(r->a, name);
	out->ns = text(r, x, "namespace");
	c = named(r, "clusters", "cluster", json_get_str(x, "cluster"), &dir);
	if (json_get_str(c, "server").n == 0)
		return err_set(r->err, RMG_E_NOTFOUND, "context " SPAN_FMT " has no cluster",
			       SPAN_ARG(name));
	rc = take_cluster(r, c, dir, out);
	c = named(r, "users", "user", json_get_str(x, "user"), &dir);
	if (rc == RMG_OK && c == NULL && json_get_str(x, "user").n)
		return err_set(r->err, RMG_E_NOTFOUND, "context " SPAN_FMT " has no user",
			       SPAN_ARG(name));
	return rc == RMG_OK && c ? take_user(r, c, dir, out) : rc;
}

enum rmg_rc kubeconf_parse(const struct kubeconf_file *files, size_t n, struct span context,
			   struct arena *a, struct kubeconf *out, struct rmg_err *err)
{
	struct reading *r = calloc(1, sizeof *r);
	enum rmg_rc rc = RMG_OK;

	if (r == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a kubeconfig");
	*r = (struct reading){
	    .files = files, .n = MIN_OF(n, (size_t)KUBECONF_FILES), .a = a, .err = err};
	*out = (struct kubeconf){0};
	for (size_t i = 0; rc == RMG_OK && i < r->n; i++)
		rc = read_file(&files[i], &r->docs[i], err);
	if (rc == RMG_OK)
		rc = choose(r, context, out);
	if (rc == RMG_OK && arena_rc(a) != RMG_OK)
		rc = err_set(err, arena_rc(a), "no memory for a kubeconfig");
	for (size_t i = 0; i < r->n; i++)
		json_done(&r->docs[i]);
	free(r);
	return rc;
}
