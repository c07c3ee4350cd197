/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_diff.c - `rummage diff --unused IMAGE`: what of an image is never used, by all that a hub's
 * nodes have watched of it, and what an image without it would be rid of. */
#include <rummage.h>

#include <inttypes.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "cmd/cmd.h"
#include "cmd/grid.h"
#include "cmd/hub_client.h"
#include "cmd/output.h"
#include "cmd/say.h"
#include "format/json.h"
#include "format/jsonw.h"

static const char *const formats[] = {"table", "json", NULL};

struct part { /* a component that is never used */
	json *component;
	uint64_t bytes;
};

struct slimming {
	struct span asked;
	struct json_doc doc; /* the image, as the hub has it */
	VEC(struct part) never;
	uint64_t n_used, n_unknown, bytes;
	bool closed;
	struct strbuf text; /* as JSON */
	uint64_t n_findings, n_saved;
};

static enum rmg_rc get(struct hub_client *hub, const char *path, struct span value,
		       struct json_doc *doc, struct rmg_err *err)
{
	struct strbuf url = strbuf_of(KIB(64));
	struct span body;
	enum rmg_rc rc;

	strbuf_puts(&url, path);
	hub_client_escape(&url, value);
	rc = hub_client_get(hub, strbuf_cstr(&url), &body, err);
	if (rc == RMG_OK)
		rc = json_parse(doc, body, MIB(256), err);
	strbuf_done(&url);
	return rc;
}

/* The digest of the one image that is called so and has been read. */
static enum rmg_rc find_digest(struct hub_client *hub, struct span asked, struct strbuf *out,
			       struct rmg_err *err)
{
	struct json_doc doc = {0};
	size_t n = 0;
	enum rmg_rc rc;

	if (span_starts(asked, S("sha256:"))) {
		strbuf_put(out, asked);
		return RMG_OK;
	}
	rc = get(hub, "/api/v1/images?image=", asked, &doc, err);
	if (rc != RMG_OK)
		return rc;
	for (struct json_iter it = json_iter(json_get(doc.root, "items")); json_next(&it);) {
		if (json_get_str(it.value, "read").n == 0)
			continue;
		if (n++ == 0)
			strbuf_put(out, json_get_str(it.value, "digest"));
	}
	json_done(&doc);
	if (n == 0)
		return err_set(err, RMG_E_NOTFOUND, "the hub has read no image that is called so");
	if (n > 1)
		return err_set(err, RMG_E_ARG,
			       "%zu images are called so: name one by its digest, of rummage "
			       "images --image " SPAN_FMT,
			       n, SPAN_ARG(asked));
	return RMG_OK;
}

static bool is_never(json *item)
{
	json *used = json_get(item, "used");

	return yyjson_is_bool(used) && !json_get_bool(item, "used");
}

static int by_bytes(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return span_cmp(json_get_str(x->component, "purl"), json_get_str(y->component, "purl"));
}

static bool take_components(struct slimming *s)
{
	for (struct json_iter it = json_iter(json_get(s->doc.root, "components"));
	     json_next(&it);) {
		struct part part = {.component = it.value};

		if (!json_get_u64(it.value, "bytes", &part.bytes))
			part.bytes = 0;
		s->n_used += json_get_bool(it.value, "used");
		s->n_unknown += !yyjson_is_bool(json_get(it.value, "used"));
		if (!is_never(it.value))
			continue;
		s->bytes += part.bytes;
		if (!VEC_PUSH(&s->never, part))
			return false;
	}
	if (s->never.n > 1)
		qsort(s->never.v, s->never.n, sizeof *s->never.v, by_bytes);
	s->closed = json_get_bool(json_get(s->doc.root, "profile"), "closed");
	return true;
}

/* The advisories on one component; all of them where it is "". */
static uint64_t put_advisories(struct jsonw *w, json *findings, struct span purl)
{
	uint64_t n = 0;

	jsonw_key(w, "advisories");
	jsonw_array(w);
	for (struct json_iter it = json_iter(findings); json_next(&it);)
		if (span_is(json_get_str(it.value, "component"), purl)) {
			jsonw_str(w, json_get_str(it.value, "id"));
			n++;
		}
	jsonw_array_end(w);
	return n;
}

static void put_part(struct slimming *s, struct jsonw *w, const struct part *part)
{
	struct span purl = json_get_str(part->component, "purl");
	uint64_t n;

	jsonw_object(w);
	jsonw_put(w, "purl", purl);
	jsonw_put(w, "name", json_get_str(part->component, "name"));
	jsonw_put(w, "version", json_get_str(part->component, "version"));
	jsonw_put_u64(w, "bytes", part->bytes);
	n = put_advisories(w, json_get(s->doc.root, "findings"), purl);
	jsonw_put_u64(w, "findings", n);
	s->n_findings += n;
	jsonw_object_end(w);
}

/* Whether all findings of an advisory are on what is never used, and this is the first of them. */
static bool is_saved(json *findings, json *one)
{
	struct span id = json_get_str(one, "id");
	bool before = false;

	for (struct json_iter it = json_iter(findings); json_next(&it);) {
		if (!span_is(json_get_str(it.value, "id"), id))
			continue;
		if (!is_never(it.value) || (it.value != one && !before))
			return false;
		before = true;
	}
	return true;
}

static void put_saves(struct slimming *s, struct jsonw *w)
{
	json *findings = json_get(s->doc.root, "findings");

	jsonw_object(w);
	jsonw_put_u64(w, "packages", s->never.n);
	jsonw_put_u64(w, "bytes", s->bytes);
	jsonw_put_u64(w, "findings", s->n_findings);
	jsonw_key(w, "advisories");
	jsonw_array(w);
	for (struct json_iter it = json_iter(findings); json_next(&it);)
		if (is_saved(findings, it.value)) {
			jsonw_str(w, json_get_str(it.value, "id"));
			s->n_saved++;
		}
	jsonw_array_end(w);
	jsonw_object_end(w);
}

static void put_profile(struct jsonw *w, json *profile)
{
	size_t len;
	char *text = profile ? yyjson_val_write(profile, 0, &len) : NULL;

	jsonw_key(w, "profile");
	if (text == NULL) {
		jsonw_null(w);
		return;
	}
	strbuf_put(w->out, span_of(text, len));
	w->comma = true;
	free(text);
}

static enum rmg_rc write_json(struct slimming *s, struct rmg_err *err)
{
	struct jsonw w = jsonw_of(&s->text);

	jsonw_object(&w);
	jsonw_put(&w, "image", json_get_str(s->doc.root, "digest"));
	jsonw_put(&w, "ref", json_get_str(s->doc.root, "ref"));
	jsonw_put_bool(&w, "closed", s->closed);
	put_profile(&w, json_get(s->doc.root, "profile"));
	jsonw_put_u64(&w, "used", s->n_used);
	jsonw_put_u64(&w, "unknown", s->n_unknown);
	jsonw_key(&w, "unused");
	jsonw_array(&w);
	VEC_EACH (part, &s->never)
		put_part(s, &w, part);
	jsonw_array_end(&w);
	jsonw_key(&w, "saves");
	put_saves(s, &w);
	jsonw_object_end(&w);
	return strbuf_rc(&s->text) == RMG_OK
		   ? RMG_OK
		   : err_set(err, strbuf_rc(&s->text), "no memory for what is never used");
}

/* The list of a row's advisories as one text. */
static void put_row(struct strbuf *out, json *item)
{
	struct jsonw w = jsonw_of(out);
	struct strbuf list = strbuf_of(MIB(1));

	for (struct json_iter it = json_iter(json_get(item, "advisories")); json_next(&it);) {
		strbuf_puts(&list, list.n ? " " : "");
		strbuf_put(&list, json_str(it.value));
	}
	jsonw_object(&w);
	jsonw_put(&w, "name", json_get_str(item, "name"));
	jsonw_put(&w, "version", json_get_str(item, "version"));
	jsonw_key(&w, "bytes");
	strbuf_printf(out, "%" PRIu64, yyjson_get_uint(json_get(item, "bytes")));
	w.comma = true;
	jsonw_key(&w, "findings");
	strbuf_printf(out, "%" PRIu64, yyjson_get_uint(json_get(item, "findings")));
	w.comma = true;
	jsonw_put(&w, "advisories", strbuf_span(&list));
	jsonw_object_end(&w);
	strbuf_done(&list);
}

static enum rmg_rc write_rows(struct grid *grid, json *items, struct strbuf *rows,
			      struct json_doc *doc, struct rmg_err *err)
{
	bool first = true;
	enum rmg_rc rc;

	strbuf_putc(rows, '[');
	for (struct json_iter it = json_iter(items); json_next(&it); first = false) {
		if (!first)
			strbuf_putc(rows, ',');
		put_row(rows, it.value);
	}
	strbuf_putc(rows, ']');
	rc = json_parse(doc, strbuf_span(rows), MIB(256), err);
	for (struct json_iter it = json_iter(doc->root); rc == RMG_OK && json_next(&it);)
		grid_row(grid, it.value);
	return rc;
}

static void put_sum(const struct slimming *s, struct strbuf *out)
{
	json *profile = json_get(s->doc.root, "profile");
	uint64_t seconds = 0, wanted = 0;

	if (!json_get_u64(profile, "observed_s", &seconds) ||
	    !json_get_u64(profile, "wanted_s", &wanted)) {
		strbuf_puts(out, "What of it is used is not known: no container of it was "
				 "watched.\n");
		return;
	}
	if (!s->closed) {
		strbuf_printf(
		    out,
		    "What of it is never used is not known yet: it was watched for %" PRIu64
		    " s, and %" PRIu64 " s are wanted.\n",
		    seconds, wanted);
		return;
	}
	strbuf_printf(out,
		      "%zu of %" PRIu64 " packages were never used in %" PRIu64 " h: %" PRIu64
		      " KiB and %" PRIu64 " advisories. Of %" PRIu64 " it is not known.\n",
		      s->never.n, s->never.n + s->n_used + s->n_unknown, seconds / 3600,
		      s->bytes / 1024, s->n_saved, s->n_unknown);
}

static enum rmg_rc write_table(struct slimming *s, unsigned columns, struct strbuf *out,
			       struct rmg_err *err)
{
	struct grid *grid = grid_new("PACKAGE=name VERSION=version BYTES=bytes FINDINGS=findings "
				     "ADVISORIES=advisories");
	struct json_doc said = {0}, rows = {0};
	struct strbuf text = strbuf_of(MIB(64));
	enum rmg_rc rc = grid ? json_parse(&said, strbuf_span(&s->text), MIB(256), err)
			      : err_set(err, RMG_E_NOMEM, "no memory for a table");

	if (rc == RMG_OK)
		rc = write_rows(grid, json_get(said.root, "unused"), &text, &rows, err);
	if (rc == RMG_OK && s->never.n)
		grid_write(grid, columns, out);
	if (rc == RMG_OK)
		put_sum(s, out);
	json_done(&rows);
	json_done(&said);
	strbuf_done(&text);
	grid_free(grid);
	return rc;
}

static enum rmg_rc write_one(struct slimming *s, struct output *to, struct rmg_err *err)
{
	struct strbuf table = strbuf_of(MIB(64));
	bool as_table = strcmp(to->format, "table") == 0, good = false;
	enum rmg_rc rc = RMG_OK;

	if (as_table)
		rc = write_table(s, output_columns(to), &table, err);
	if (rc == RMG_OK && as_table)
		good =
		    strbuf_rc(&table) == RMG_OK && output_write(to, strbuf_cstr(&table), table.n);
	else if (rc == RMG_OK)
		good =
		    output_write(to, strbuf_cstr(&s->text), s->text.n) && output_write(to, "\n", 1);
	strbuf_done(&table);
	return rc != RMG_OK || good ? rc : output_error(to, err);
}

static enum rmg_rc ask(struct slimming *s, const struct options *o, struct rmg_err *err)
{
	struct strbuf digest = strbuf_of(KIB(1));
	struct hub_client *hub = NULL;
	enum rmg_rc rc = hub_client_open(o, &hub, err);

	if (rc == RMG_OK)
		rc = find_digest(hub, s->asked, &digest, err);
	if (rc == RMG_OK)
		rc = get(hub, "/api/v1/images/", strbuf_span(&digest), &s->doc, err);
	if (rc == RMG_OK && !take_components(s))
		rc = err_set(err, RMG_E_NOMEM, "no memory for what is never used");
	hub_client_close(hub);
	strbuf_done(&digest);
	return rc == RMG_OK ? write_json(s, err) : rc;
}

int cmd_diff(struct options *o)
{
	struct slimming s = {.asked = span_cstr(o->operands[0]), .text = strbuf_of(MIB(64))};
	struct outputs outputs = {0};
	struct rmg_err err = {0};
	enum rmg_rc rc =
	    o->unused ? RMG_OK : err_set(&err, RMG_E_ARG, "what is to be compared? --unused");

	if (rc == RMG_OK)
		rc = outputs_open(&outputs, o, &o->output, "table", formats, &err);
	if (rc == RMG_OK)
		rc = ask(&s, o, &err);
	for (size_t i = 0; rc == RMG_OK && i < outputs.n; i++)
		rc = write_one(&s, &outputs.v[i], &err);
	if (rc == RMG_OK)
		rc = outputs_commit(&outputs, &err);
	outputs_done(&outputs);
	json_done(&s.doc);
	VEC_DONE(&s.never);
	strbuf_done(&s.text);
	if (rc != RMG_OK)
		return say_failure("diff", &err,
				   rc == RMG_E_NET ? "is the hub running, and where? (--hub URL)"
				   : rc == RMG_E_AUTH
				       ? "a token that may is needed: --token-file, or "
					 "$RUMMAGE_HUB_TOKEN"
				       : NULL);
	return s.closed ? EXIT_WHOLE : EXIT_INCOMPLETE;
}
