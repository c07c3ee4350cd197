/* SPDX-License-Identifier: Apache-2.0 */
/* write_reports.c - one small report a workload: openreports.io's Report, or where a cluster has
 * that alone the PolicyReport that it was before. What both say is the same.
 *
 * A report is its workload's (ownerReferences), so that it goes with it, and is written whole by
 * server-side apply. It has LIMIT_KUBE_RESULTS results at most: the worst; the counts are of all.
 * Which there are is asked for at first and now and then: an annotation has the sum of what a
 * report says. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "format/jsonw.h"
#include "serve/writeback_inside.h"

static const struct reports_kind {
	const char *api, *resource, *kind;
	bool source; /* it has a source of its own, besides its results' */
} kinds[] = {
    {"openreports.io/v1alpha1", "reports", "Report", true},
    {"wgpolicyk8s.io/v1alpha2", "policyreports", "PolicyReport", false},
};

static const char managed[] = "app.kubernetes.io/managed-by";
static const char sum_key[] = "rummage/sum";

enum { NAME_BYTES = 240, PAGES = 1000, SUM_BITS = 0x7fffffff };

static uint32_t short_sum(uint64_t sum)
{
	uint32_t s = (uint32_t)sum & SUM_BITS;

	return sum && s == 0 ? 1 : s;
}

/* Which there are. */

static enum rmg_rc ask(struct writeback *b, const char *path, const char *accept,
		       struct json_doc *doc, unsigned *status, struct rmg_err *err)
{
	const struct kube_question q = {.method = "GET", .path = path, .accept = accept};
	struct kube_answer a = {0};
	enum rmg_rc rc = kube_put(b->kube, &q, &b->answer, &a, err);

	*status = a.status;
	if (rc != RMG_OK || a.status != 200)
		return rc;
	return json_parse(doc, strbuf_span(&b->answer), LIMIT_JSON_BYTES, err);
}

static enum rmg_rc discover(struct writeback *b, struct rmg_err *err)
{
	char path[128];
	enum rmg_rc rc = RMG_OK;

	b->reports_kind = NULL;
	for (size_t i = 0; rc == RMG_OK && b->reports_kind == NULL && i < COUNT_OF(kinds); i++) {
		struct json_doc doc = {0};
		unsigned status;

		snprintf(path, sizeof path, "/apis/%s", kinds[i].api);
		rc = ask(b, path, NULL, &doc, &status, err);
		for (struct json_iter it = json_iter(json_get(doc.root, "resources"));
		     rc == RMG_OK && status == 200 && json_next(&it);)
			if (span_is(json_get_str(it.value, "name"), span_cstr(kinds[i].resource)))
				b->reports_kind = &kinds[i];
		json_done(&doc);
	}
	if (rc == RMG_OK && b->reports_kind == NULL)
		rc = err_set(err, RMG_E_NOTFOUND,
			     "the cluster has no reports of openreports.io/v1alpha1");
	return rc;
}

/* One of ours: whose it is, and what it says. */
static bool take(struct writeback *b, json *item)
{
	json *meta = json_get(item, "metadata");
	json *owner = json_at(json_get(meta, "ownerReferences"), 0);
	struct span sum = json_get_str(json_get(meta, "annotations"), sum_key);
	uint64_t value;

	if (json_get_str(owner, "uid").n == 0)
		return true;
	if (!span_u64(sum, 16, UINT64_MAX, &value))
		value = 1; /* not what it should be, whatever that is */
	return map_set(&b->reports, hash_span(json_get_str(owner, "uid")), short_sum(value));
}

static enum rmg_rc list(struct writeback *b, struct rmg_err *err)
{
	struct strbuf path = strbuf_of(KIB(16)), next = strbuf_of(KIB(8));
	enum rmg_rc rc = RMG_OK;

	map_clear(&b->reports);
	for (unsigned page = 0; rc == RMG_OK && page < PAGES; page++) {
		struct json_doc doc = {0};
		unsigned status;

		strbuf_clear(&path);
		strbuf_printf(&path,
			      "/apis/%s/%s?labelSelector=app.kubernetes.io%%2Fmanaged-by%%3Drummage"
			      "&limit=500&continue=",
			      b->reports_kind->api, b->reports_kind->resource);
		strbuf_percent(&path, strbuf_span(&next), S("-_."));
		rc = ask(b, strbuf_cstr(&path), KUBE_META_LIST, &doc, &status, err);
		if (rc == RMG_OK && status != 200)
			rc = err_set(err, RMG_E_AUTH, "%u for the reports that there are", status);
		for (struct json_iter it = json_iter(json_get(doc.root, "items"));
		     rc == RMG_OK && json_next(&it);)
			if (!take(b, it.value))
				rc = err_set(err, RMG_E_NOMEM, "no memory for reports");
		strbuf_clear(&next);
		strbuf_put(&next, json_get_str(json_get(doc.root, "metadata"), "continue"));
		json_done(&doc);
		if (rc == RMG_OK && strbuf_rc(&next) != RMG_OK)
			rc = err_set(err, strbuf_rc(&next), "no memory for the next page");
		if (next.n == 0)
			break;
	}
	strbuf_done(&path);
	strbuf_done(&next);
	return rc;
}

static enum rmg_rc begin(struct writeback *b, struct rmg_err *err)
{
	enum rmg_rc rc = discover(b, err);

	return rc == RMG_OK ? list(b, err) : rc;
}

/* What one says. */

static void put_name(const struct writeback *b, const struct object *x, struct strbuf *out)
{
	struct span kind = span_cstr(b->objects.kinds[x->kind].name);
	struct span name = object_text(x, OBJECT_NAME);

	strbuf_puts(out, "rummage-");
	if (kind.n + name.n > NAME_BYTES) {
		strbuf_printf(out, "%016" PRIx64, x->key);
		return;
	}
	for (size_t i = 0; i < kind.n; i++)
		strbuf_putc(out, (char)to_lower(kind.p[i]));
	strbuf_putc(out, '-');
	strbuf_put(out, name);
}

static void put_path(const struct writeback *b, const struct object *x, struct strbuf *out)
{
	struct strbuf name = strbuf_of(KIB(1));

	put_name(b, x, &name);
	strbuf_printf(out, "/apis/%s/namespaces/", b->reports_kind->api);
	strbuf_percent(out, object_text(x, OBJECT_NS), S("-_."));
	strbuf_printf(out, "/%s/", b->reports_kind->resource);
	strbuf_percent(out, strbuf_span(&name), S("-_."));
	strbuf_done(&name);
}

static void put_workload(const struct writeback *b, const struct object *x, struct jsonw *w,
			 bool with_ns)
{
	jsonw_object(w);
	jsonw_put_cstr(w, "apiVersion", b->objects.kinds[x->kind].api);
	jsonw_put_cstr(w, "kind", b->objects.kinds[x->kind].name);
	jsonw_put(w, "name", object_text(x, OBJECT_NAME));
	if (with_ns)
		jsonw_put(w, "namespace", object_text(x, OBJECT_NS));
	jsonw_put(w, "uid", object_text(x, OBJECT_UID));
	jsonw_object_end(w);
}

static void put_meta(const struct writeback *b, const struct object *x, uint64_t sum,
		     const char *link, struct jsonw *w)
{
	struct strbuf name = strbuf_of(KIB(1));
	char hex[17];

	put_name(b, x, &name);
	snprintf(hex, sizeof hex, "%016" PRIx64, sum);
	jsonw_key(w, "metadata");
	jsonw_object(w);
	jsonw_put(w, "name", strbuf_span(&name));
	jsonw_put(w, "namespace", object_text(x, OBJECT_NS));
	jsonw_key(w, "labels");
	jsonw_object(w);
	jsonw_put_cstr(w, managed, "rummage");
	jsonw_object_end(w);
	jsonw_key(w, "annotations");
	jsonw_object(w);
	jsonw_put_cstr(w, sum_key, hex);
	if (*link)
		jsonw_put_cstr(w, "rummage/link", link);
	jsonw_object_end(w);
	jsonw_key(w, "ownerReferences");
	jsonw_array(w);
	put_workload(b, x, w, false);
	jsonw_array_end(w);
	jsonw_object_end(w);
	strbuf_done(&name);
}

static const char *severity_word(enum adv_severity s)
{
	return s >= SEV_LOW ? severity_name(s) : "info";
}

static void put_result(const struct writeback *b, struct jsonw *w, const char *result,
		       const struct standing_finding *f, struct span message)
{
	jsonw_object(w);
	jsonw_put_cstr(w, "source", "rummage");
	jsonw_put_cstr(w, "category", "vulnerability");
	jsonw_put(w, "policy", f ? f->advisory : S("image"));
	jsonw_put_cstr(w, "result", result);
	jsonw_put(w, "message", message);
	jsonw_key(w, "timestamp");
	jsonw_object(w);
	jsonw_put_u64(w, "seconds", (uint64_t)(env_now_ms(b->env) / 1000));
	jsonw_put_u64(w, "nanos", 0);
	jsonw_object_end(w);
	if (f) {
		jsonw_put_cstr(w, "severity", severity_word(f->severity));
		jsonw_put_bool(w, "scored", true);
		jsonw_key(w, "properties");
		jsonw_object(w);
		jsonw_key(w, "component");
		jsonw_str(w, f->purl);
		jsonw_key(w, "image");
		jsonw_str(w, f->digest);
		if (f->fixed[0])
			jsonw_put_cstr(w, "fixed", f->fixed);
		if (f->kev)
			jsonw_put_cstr(w, "exploited", "true");
		jsonw_object_end(w);
	}
	jsonw_object_end(w);
}

static void put_results(struct writeback *b, const struct standing *how, struct jsonw *w)
{
	struct standing_finding *found = calloc(LIMIT_KUBE_RESULTS, sizeof *found);
	size_t n = found ? standing_worst(b->standings, found, LIMIT_KUBE_RESULTS) : 0;
	struct strbuf text = strbuf_of(KIB(2));

	jsonw_key(w, "results");
	jsonw_array(w);
	for (size_t i = 0; i < n; i++) {
		const struct standing_finding *f = &found[i];

		strbuf_clear(&text);
		strbuf_printf(&text, SPAN_FMT " " SPAN_FMT "%s%s, in " SPAN_FMT,
			      SPAN_ARG(span_head(f->name, 200)),
			      SPAN_ARG(span_head(f->version, 100)),
			      f->fixed[0] ? ", fixed in " : ", no fix yet", f->fixed,
			      SPAN_ARG(span_head(f->ref.n ? f->ref : f->digest, 300)));
		put_result(b, w, "fail", f, strbuf_span(&text));
	}
	if (how->n_unread)
		put_result(b, w, "error", NULL, S("nobody has read an image"));
	if (how->n_incomplete)
		put_result(b, w, "error", NULL, S("part of an image could not be read"));
	jsonw_array_end(w);
	strbuf_done(&text);
	free(found);
}

static void put_summary(const struct standing *how, struct jsonw *w)
{
	uint64_t fail = 0;

	for (size_t i = 0; i < COUNT_OF(how->counts.by_severity); i++)
		fail += how->counts.by_severity[i];
	jsonw_key(w, "summary");
	jsonw_object(w);
	jsonw_put_u64(w, "pass", 0);
	jsonw_put_u64(w, "fail", fail);
	jsonw_put_u64(w, "warn", 0);
	jsonw_put_u64(w, "error", how->n_unread + how->n_incomplete);
	jsonw_put_u64(w, "skip", how->excepted);
	jsonw_object_end(w);
}

static void put_report(struct writeback *b, const struct object *x, const struct standing *how,
		       uint64_t sum, const char *link, struct strbuf *out)
{
	struct jsonw w = jsonw_of(out);

	jsonw_object(&w);
	jsonw_put_cstr(&w, "apiVersion", b->reports_kind->api);
	jsonw_put_cstr(&w, "kind", b->reports_kind->kind);
	put_meta(b, x, sum, link, &w);
	if (b->reports_kind->source)
		jsonw_put_cstr(&w, "source", "rummage");
	jsonw_key(&w, "scope");
	put_workload(b, x, &w, true);
	put_summary(how, &w);
	put_results(b, how, &w);
	jsonw_object_end(&w);
}

static bool wants(struct writeback *b, struct object *x, const struct standing *how, struct task *t)
{
	uint32_t has = map_find(&b->reports, x->key);
	struct strbuf link = strbuf_of(KIB(4));

	if (how && how->verdict != STANDING_CLEAN) {
		form_link(b, x, how, &link);
		t->sum = hash_mix(how->sum * 3 + hash_span(strbuf_span(&link)));
	}
	if (has == (t->sum ? short_sum(t->sum) : MAP_NONE)) {
		strbuf_done(&link);
		return false;
	}
	put_path(b, x, &t->path);
	t->method = "DELETE";
	if (t->sum) {
		strbuf_puts(&t->path, "?fieldManager=rummage&force=true");
		t->method = "PATCH";
		t->type = "application/apply-patch+yaml";
		put_report(b, x, how, t->sum, strbuf_cstr(&link), &t->body);
	}
	strbuf_done(&link);
	return true;
}

static void wrote(struct writeback *b, struct object *x, const struct task *t)
{
	uint32_t has = map_find(&b->reports, t->object);

	(void)x;
	if (t->sum == 0 && has != MAP_NONE)
		map_remove(&b->reports, t->object, has);
	else if (t->sum && !map_set(&b->reports, t->object, short_sum(t->sum)))
		b->objects.short_of_memory = true; /* it is written again then */
}

const struct form form_reports = {
    .name = "reports", .begin = begin, .wants = wants, .wrote = wrote};
