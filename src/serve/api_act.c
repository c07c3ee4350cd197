/* SPDX-License-Identifier: Apache-2.0 */
/* api_act.c - what people do: alerts, exceptions, VEX, tokens. Each is audited under the caller. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/limits.h"
#include "base/rfc3339.h"
#include "format/json.h"
#include "format/jsonw.h"
#include "serve/api.h"

/* Each member is one of these names, and text or null: one that was misspelt, or is of another
 * kind, would else make the scope of a token or an exception wider than was meant. */
static enum rmg_rc check_members(json *root, const char *names, struct rmg_err *err)
{
	for (struct json_iter it = json_iter(root); json_next(&it);) {
		struct span left = span_cstr(names), name;
		bool known = false;

		while (!known && span_word(&left, &name))
			known = span_is(name, it.key);
		if (!known)
			return err_set(err, RMG_E_FORMAT, "there is no \"" SPAN_FMT "\" here",
				       SPAN_ARG(span_head(it.key, 40)));
		if (!json_is_str(it.value) && !yyjson_is_null(it.value))
			return err_set(err, RMG_E_FORMAT, "\"" SPAN_FMT "\" is not text",
				       SPAN_ARG(it.key));
	}
	return RMG_OK;
}

/* The body as an object of these members; else the response says what is wrong. */
static bool object(const struct call *c, struct json_doc *doc, const char *names,
		   struct server_response *out)
{
	struct rmg_err err = {0};
	enum rmg_rc rc = json_parse(doc, server_body(c->request), MIB(16), &err);

	if (rc == RMG_OK && !json_is_object(doc->root))
		rc = err_set(&err, RMG_E_FORMAT, "send a JSON object");
	if (rc == RMG_OK)
		rc = check_members(doc->root, names, &err);
	if (rc != RMG_OK)
		api_fail(out, rc, &err);
	return rc == RMG_OK;
}

/* A time that may be absent (0). */
static bool until(json *root, int64_t *out, struct server_response *resp)
{
	struct span text = json_get_str(root, "until");

	*out = 0;
	if (json_get(root, "until") == NULL || yyjson_is_null(json_get(root, "until")))
		return true;
	if (rfc3339_parse(text, out) && *out > 0)
		return true;
	api_error(resp, 400, "\"until\" is not a time (RFC 3339)");
	return false;
}

static bool id_of(const struct call *c, uint64_t max, uint64_t *out, struct server_response *resp)
{
	if (span_u64(span_cstr(c->param), 10, max, out))
		return true;
	api_error(resp, 404, "nothing has this id");
	return false;
}

static void done(struct server_response *out, enum rmg_rc rc, const struct rmg_err *err)
{
	if (rc == RMG_OK)
		strbuf_puts(&out->body, "{}");
	else
		api_fail(out, rc, err);
}

void api_alert_act(struct api *api, const struct call *c, struct server_response *out)
{
	static const struct {
		const char *name;
		enum alert_act act;
	} acts[] = {
	    {"acknowledge", ACT_ACKNOWLEDGE}, {"suppress", ACT_SUPPRESS}, {"reopen", ACT_REOPEN}};
	struct json_doc doc = {0};
	struct rmg_err err = {0};
	uint64_t id = 0;
	int64_t when = 0;
	size_t i = 0;

	if (!object(c, &doc, "act reason until", out) || !until(doc.root, &when, out) ||
	    !id_of(c, UINT32_MAX, &id, out)) {
		json_done(&doc);
		return;
	}
	while (i < COUNT_OF(acts) &&
	       !span_is(json_get_str(doc.root, "act"), span_cstr(acts[i].name)))
		i++;
	if (i == COUNT_OF(acts))
		api_error(out, 400, "\"act\" is acknowledge, suppress or reopen");
	else if (json_get_str(doc.root, "reason").n == 0)
		api_error(out, 400, "\"reason\" is missing");
	else if (acts[i].act == ACT_SUPPRESS && when == 0)
		api_error(out, 400, "\"until\" is missing: until when?");
	else
		done(out,
		     hub_alert_act(api->hub, (uint32_t)id, acts[i].act, when,
				   span_cstr(c->caller.name), json_get_str(doc.root, "reason"),
				   &err),
		     &err);
	json_done(&doc);
}

void api_exceptions_put(struct api *api, const struct call *c, struct server_response *out)
{
	struct json_doc doc = {0};
	struct rmg_err err = {0};
	struct exception_row row = {0};
	enum rmg_rc rc;

	if (!object(c, &doc, "owner reason until advisory purl image namespace workload", out) ||
	    !until(doc.root, &row.until_ms, out)) {
		json_done(&doc);
		return;
	}
	row.owner = json_get_str(doc.root, "owner");
	row.reason = json_get_str(doc.root, "reason");
	row.advisory = json_get_str(doc.root, "advisory");
	row.purl = json_get_str(doc.root, "purl");
	row.image = json_get_str(doc.root, "image");
	row.ns = json_get_str(doc.root, "namespace");
	row.workload = json_get_str(doc.root, "workload");
	row.created_ms = hub_now_ms(api->hub);
	if (row.owner.n == 0 || row.reason.n == 0 || row.until_ms == 0) {
		api_error(out, 400,
			  "an exception has an owner, a reason and an end: \"owner\", "
			  "\"reason\", \"until\"");
	} else if (row.advisory.n + row.purl.n + row.image.n == 0) {
		api_error(out, 400,
			  "an exception is for something: \"advisory\", \"purl\" or "
			  "\"image\"");
	} else {
		rc = hub_exception_put(api->hub, &row, span_cstr(c->caller.name), &err);
		if (rc == RMG_OK)
			strbuf_printf(&out->body, "{\"id\":%" PRIu64 "}", row.id);
		else
			api_fail(out, rc, &err);
	}
	json_done(&doc);
}

void api_exceptions_delete(struct api *api, const struct call *c, struct server_response *out)
{
	struct rmg_err err = {0};
	uint64_t id;

	if (id_of(c, INT64_MAX, &id, out))
		done(out, hub_exception_delete(api->hub, id, span_cstr(c->caller.name), &err),
		     &err);
}

void api_vex_put(struct api *api, const struct call *c, struct server_response *out)
{
	struct rmg_err err = {0};
	size_t taken = 0;
	enum rmg_rc rc =
	    hub_vex_in(api->hub, server_body(c->request), span_cstr(c->caller.name), &taken, &err);

	if (rc == RMG_OK)
		strbuf_printf(&out->body, "{\"taken\":%zu}", taken);
	else
		api_fail(out, rc, &err);
}

struct wish {
	uint64_t id;
	struct span name;
	bool found;
};

static enum rmg_rc is_dead_letter(void *user, const struct outbox_row *row)
{
	struct wish *w = user;

	w->found |= row->id == w->id;
	return w->found ? RMG_E_STOPPED : RMG_OK;
}

static enum rmg_rc retry(void *user, struct store *st, struct rmg_err *err)
{
	const struct outbox_row *row = user;
	struct wish w = {.id = row->id};
	enum rmg_rc rc = store_outbox_each(st, S("dead"), is_dead_letter, &w, err);

	if (rc == RMG_OK && !w.found)
		rc = err_set(err, RMG_E_NOTFOUND, "no dead message has this id");
	return rc == RMG_OK ? store_outbox_update(st, row, err) : rc;
}

void api_outbox_retry(struct api *api, const struct call *c, struct server_response *out)
{
	struct outbox_row row = {.state = S("waiting"), .next_ms = hub_now_ms(api->hub)};
	struct hub_record record = {span_cstr(c->caller.name), S("outbox.retry"),
				    span_cstr(c->param), S("")};
	struct rmg_err err = {0};
	enum rmg_rc rc;

	if (!id_of(c, INT64_MAX, &row.id, out))
		return;
	rc = hub_change(api->hub, &record, retry, &row, &err);
	if (rc == RMG_OK && api->poke)
		api->poke(api->user);
	done(out, rc, &err);
}

static enum rmg_rc put_token(void *user, const struct token_row *row)
{
	struct jsonw *w = user;
	char text[RFC3339_BYTES];

	jsonw_object(w);
	jsonw_put(w, "name", row->name);
	jsonw_put(w, "role", row->role);
	jsonw_put(w, "cluster", row->place.cluster);
	jsonw_put(w, "node", row->place.node);
	jsonw_put_cstr(w, "created", rfc3339_text(row->created_ms, text));
	jsonw_put_cstr(w, "until", row->until_ms ? rfc3339_text(row->until_ms, text) : NULL);
	jsonw_object_end(w);
	return RMG_OK;
}

void api_tokens(struct api *api, const struct call *c, struct server_response *out)
{
	struct jsonw w = jsonw_of(&out->body);
	struct rmg_err err = {0};
	struct store *st = hub_store_lock(api->hub, &err);
	enum rmg_rc rc = RMG_E_IO;

	(void)c;
	jsonw_object(&w);
	jsonw_key(&w, "items");
	jsonw_array(&w);
	if (st) {
		rc = store_token_each(st, put_token, &w, &err);
		hub_store_unlock(api->hub);
	}
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	if (rc != RMG_OK)
		api_fail(out, rc, &err);
}

static enum rmg_rc is_token(void *user, const struct token_row *row)
{
	struct wish *w = user;

	w->found |= span_is(row->name, w->name);
	return RMG_OK;
}

static enum rmg_rc put_row(void *user, struct store *st, struct rmg_err *err)
{
	return store_token_put(st, user, err);
}

static enum rmg_rc delete_row(void *user, struct store *st, struct rmg_err *err)
{
	const struct token_row *row = user;
	struct wish w = {.name = row->name};
	enum rmg_rc rc = store_token_each(st, is_token, &w, err);

	if (rc == RMG_OK && !w.found)
		rc = err_set(err, RMG_E_NOTFOUND, "no token has this name");
	return rc == RMG_OK ? store_token_delete(st, row->name, err) : rc;
}

/* Writes, audits, and reads the tokens anew. */
static enum rmg_rc change_tokens(struct api *api, const struct call *c, const char *action,
				 struct token_row *row, hub_change_fn *write, struct rmg_err *err)
{
	struct hub_record record = {span_cstr(c->caller.name), span_cstr(action), row->name,
				    row->role};
	enum rmg_rc rc = hub_change(api->hub, &record, write, row, err);

	return rc == RMG_OK ? auth_reload(api->auth, err) : rc;
}

/* It is the caller's name in the audit log, and a C string there: a control character would let two
 * look as one. */
static bool name_good(struct span name)
{
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] < 0x20 || name.p[i] == 0x7f)
			return false;
	return name.n && name.n <= 100;
}

void api_tokens_put(struct api *api, const struct call *c, struct server_response *out)
{
	struct json_doc doc = {0};
	struct rmg_err err = {0};
	struct token_row row = {.created_ms = hub_now_ms(api->hub)};
	char text[TOKEN_TEXT] = "";
	enum role role;
	enum rmg_rc rc;

	if (!object(c, &doc, "name role cluster node until", out) ||
	    !until(doc.root, &row.until_ms, out)) {
		json_done(&doc);
		return;
	}
	row.name = json_get_str(doc.root, "name");
	row.role = json_get_str(doc.root, "role");
	row.place.cluster = json_get_str(doc.root, "cluster");
	row.place.node = json_get_str(doc.root, "node");
	if (!name_good(row.name) || !role_of(row.role, &role)) {
		api_error(out, 400,
			  "a token has a \"name\" of at most 100 bytes and a \"role\": "
			  "reader, agent, operator or admin");
		json_done(&doc);
		return;
	}
	rc = auth_make_token(&row, text, &err);
	if (rc == RMG_OK)
		rc = change_tokens(api, c, "token.make", &row, put_row, &err);
	if (rc != RMG_OK)
		api_fail(out, rc, &err);
	else if (span_starts(row.name, S("cert:")))
		strbuf_puts(&out->body, "{}");
	else
		strbuf_printf(&out->body, "{\"token\":\"%s\"}", text);
	explicit_bzero(text, sizeof text);
	json_done(&doc);
}

void api_tokens_delete(struct api *api, const struct call *c, struct server_response *out)
{
	struct token_row row = {.name = span_cstr(c->param)};
	struct rmg_err err = {0};

	done(out, change_tokens(api, c, "token.delete", &row, delete_row, &err), &err);
}
