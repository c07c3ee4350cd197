/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/other.h"

#include "base/limits.h"
#include "base/utf8.h"
#include "format/json.h"
#include "format/jsonw.h"
#include "oci/digest.h"

enum { TEXT_BYTES = 512 };

#define HARBOR_REPORT "application/vnd.security.vulnerability.report; version=1.1"

struct reading {
	struct arena *a;
	struct other_report *out;
	struct rmg_err *err;
};

typedef enum rmg_rc read_fn(struct reading *r, json *root);

struct other_kind {
	const char *name, *accept;
	char *(*path)(struct span repository, struct span digest, struct arena *a);
	read_fn *read;
};

static enum rmg_rc bad(struct reading *r, const char *what)
{
	return err_set(r->err, RMG_E_FORMAT, "a scanner's report: %s", what);
}

static struct span text(struct reading *r, struct span s)
{
	return s.n <= TEXT_BYTES && utf8_is_clean(s) ? arena_dup(r->a, s) : (struct span){0};
}

static struct span severity(struct span s)
{
	static const struct {
		const char *said, *is;
	} rows[] = {
	    {"critical", "critical"}, {"defcon1", "critical"}, {"high", "high"},
	    {"medium", "medium"},     {"low", "low"},          {"negligible", "negligible"},
	    {"none", "negligible"},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (span_is_icase(s, span_cstr(rows[i].said)))
			return span_cstr(rows[i].is);
	return S("unknown");
}

/* What names no advisory or no package says nothing. */
static void add(struct reading *r, struct other_finding f)
{
	struct other_report *o = r->out;

	if (f.id.n == 0 || f.package.n == 0)
		return;
	if (o->n == LIMIT_OTHER_FINDINGS) {
		o->left_out++;
		return;
	}
	if (o->v == NULL)
		o->v = ARENA_ARRAY(r->a, LIMIT_OTHER_FINDINGS, struct other_finding);
	if (o->v)
		o->v[o->n++] = f;
}

static void read_rows(struct reading *r, json *list, const char *fixed)
{
	for (struct json_iter it = json_iter(list); json_is_array(list) && json_next(&it);)
		add(r, (struct other_finding){.id = text(r, json_get_str(it.value, "id")),
					      .package = text(r, json_get_str(it.value, "package")),
					      .version = text(r, json_get_str(it.value, "version")),
					      .fixed = text(r, json_get_str(it.value, fixed)),
					      .severity =
						  severity(json_get_str(it.value, "severity"))});
}

/* Harbor. */

/* A segment of a path, where a repository's own slashes are no separators: Harbor decodes twice. */
static void put_twice(struct strbuf *out, struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '/')
			strbuf_puts(out, "%252F");
		else
			strbuf_putc(out, (char)s.p[i]);
}

static char *harbor_path(struct span repository, struct span digest, struct arena *a)
{
	struct strbuf b = strbuf_of(KIB(4));
	struct span project, name;
	char *path = NULL;

	if (span_cut(repository, '/', &project, &name)) {
		strbuf_printf(&b, "/api/v2.0/projects/" SPAN_FMT "/repositories/",
			      SPAN_ARG(project));
		put_twice(&b, name);
		strbuf_printf(&b, "/artifacts/" SPAN_FMT "/additions/vulnerabilities",
			      SPAN_ARG(digest));
		path = strbuf_rc(&b) == RMG_OK ? arena_cstr(a, strbuf_span(&b)) : NULL;
	}
	strbuf_done(&b);
	return path;
}

static enum rmg_rc read_harbor(struct reading *r, json *root)
{
	json *report = json_get(root, HARBOR_REPORT), *scanner;

	if (report == NULL && json_len(root) == 0)
		return RMG_OK; /* nobody has scanned it */
	if (!json_is_object(report))
		return bad(r, "there is none of this version");
	scanner = json_get(report, "scanner");
	r->out->ready = true;
	r->out->scanner = text(r, json_get_str(scanner, "name"));
	r->out->version = text(r, json_get_str(scanner, "version"));
	r->out->generated = text(r, json_get_str(report, "generated_at"));
	read_rows(r, json_get(report, "vulnerabilities"), "fix_version");
	return RMG_OK;
}

/* Quay. */

static char *quay_path(struct span repository, struct span digest, struct arena *a)
{
	struct span all = ARENA_JOIN(a, S("/api/v1/repository/"), repository, S("/manifest/"),
				     digest, S("/security?vulnerabilities=true"));

	return arena_cstr(a, all);
}

/* "RHSA-2023:1405: openssl security update (Important)" is named by its first word. */
static struct span first_word(struct span s)
{
	struct span word, rest;

	s = span_cut(s, ' ', &word, &rest) ? word : s;
	return span_ends(s, S(":")) ? span_head(s, s.n - 1) : s;
}

static void read_feature(struct reading *r, json *feature)
{
	json *list = json_get(feature, "Vulnerabilities");
	struct span name = text(r, json_get_str(feature, "Name"));
	struct span version = text(r, json_get_str(feature, "Version"));

	for (struct json_iter it = json_iter(list); json_is_array(list) && json_next(&it);)
		add(r, (struct other_finding){
			   .id = text(r, first_word(json_get_str(it.value, "Name"))),
			   .package = name,
			   .version = version,
			   .fixed = text(r, json_get_str(it.value, "FixedBy")),
			   .severity = severity(json_get_str(it.value, "Severity"))});
}

static enum rmg_rc read_quay(struct reading *r, json *root)
{
	struct span status = json_get_str(root, "status");
	json *layer = json_get(json_get(root, "data"), "Layer"), *features;

	if (status.n == 0)
		return bad(r, "there is no status");
	if (!span_is(status, S("scanned")))
		return RMG_OK;
	features = json_get(layer, "Features");
	if (!json_is_object(layer))
		return bad(r, "it was scanned, and there is no data");
	r->out->ready = true;
	r->out->scanner = S("Clair");
	for (struct json_iter it = json_iter(features); json_is_array(features) && json_next(&it);)
		read_feature(r, it.value);
	return RMG_OK;
}

static const struct other_kind kinds[] = {
    {"harbor", "X-Accept-Vulnerabilities: " HARBOR_REPORT, harbor_path, read_harbor},
    {"quay", "Accept: application/json", quay_path, read_quay},
};

const struct other_kind *other_kind_of(struct span name)
{
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (span_is(name, span_cstr(kinds[i].name)))
			return &kinds[i];
	return NULL;
}

const char *other_kind_name(const struct other_kind *k)
{
	return k->name;
}

const char *other_accept(const struct other_kind *k)
{
	return k->accept;
}

char *other_path(const struct other_kind *k, struct span repository, struct span digest,
		 struct arena *a)
{
	return digest_valid(digest) ? k->path(repository, digest, a) : NULL;
}

static enum rmg_rc parse(struct span bytes, read_fn *read, struct arena *a,
			 struct other_report *out, struct rmg_err *err)
{
	struct other_report o = {0};
	struct reading r = {a, &o, err};
	struct json_doc doc = {0};
	enum rmg_rc rc = json_parse(&doc, bytes, LIMIT_OTHER_BYTES, err);

	if (rc == RMG_OK)
		rc = json_is_object(doc.root) ? read(&r, doc.root) : bad(&r, "it is no object");
	if (rc == RMG_OK && arena_rc(a) != RMG_OK)
		rc = err_set(err, arena_rc(a), "no room for a scanner's report");
	if (rc == RMG_OK)
		*out = o;
	json_done(&doc);
	return rc;
}

enum rmg_rc other_parse(const struct other_kind *k, struct span bytes, struct arena *a,
			struct other_report *out, struct rmg_err *err)
{
	return parse(bytes, k->read, a, out, err);
}

/* As it is kept. */

void other_write(const struct other_report *o, struct strbuf *out)
{
	struct jsonw w = jsonw_of(out);

	jsonw_object(&w);
	jsonw_put(&w, "scanner", o->scanner);
	jsonw_put(&w, "version", o->version);
	jsonw_put(&w, "generated", o->generated);
	jsonw_put_bool(&w, "ready", o->ready);
	jsonw_put_u64(&w, "left_out", o->left_out);
	jsonw_key(&w, "findings");
	jsonw_array(&w);
	for (size_t i = 0; i < o->n; i++) {
		jsonw_object(&w);
		jsonw_put(&w, "id", o->v[i].id);
		jsonw_put(&w, "package", o->v[i].package);
		jsonw_put(&w, "version", o->v[i].version);
		jsonw_put(&w, "fixed", o->v[i].fixed);
		jsonw_put(&w, "severity", o->v[i].severity);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	jsonw_object_end(&w);
}

static enum rmg_rc read_kept(struct reading *r, json *root)
{
	uint64_t n;

	r->out->scanner = text(r, json_get_str(root, "scanner"));
	r->out->version = text(r, json_get_str(root, "version"));
	r->out->generated = text(r, json_get_str(root, "generated"));
	r->out->ready = json_get_bool(root, "ready");
	if (json_get_u64(root, "left_out", &n))
		r->out->left_out = (size_t)n;
	read_rows(r, json_get(root, "findings"), "fixed");
	return RMG_OK;
}

enum rmg_rc other_read(struct span bytes, struct arena *a, struct other_report *out,
		       struct rmg_err *err)
{
	return parse(bytes, read_kept, a, out, err);
}
