/* SPDX-License-Identifier: Apache-2.0 */
/* write_sarif.c - SARIF 2.1.0 (OASIS): a rule per advisory, a result per finding, at the file that
 * is the evidence. Notes are notifications of the invocation, which is not successful where data
 * was lost (3.20.14). "security-severity" is the score by which code hosts sort. */
#include "base/hash.h"
#include "base/map.h"
#include "report/write.h"

#define SCHEMA_URI                                                                                 \
	"https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/"                      \
	"sarif-schema-2.1.0.json"

struct rules {
	struct map index; /* hash of the id -> number of the rule */
	uint32_t *of;     /* rule of each finding */
	uint32_t *first;  /* finding that a rule is written from */
	uint32_t n;
};

static void rules_done(struct rules *r)
{
	map_done(&r->index);
	free(r->of);
	free(r->first);
}

static bool rules_init(struct rules *r, const struct verdict *v)
{
	*r = (struct rules){0};
	r->of = calloc(v->n_findings + 1, sizeof *r->of);
	r->first = calloc(v->n_findings + 1, sizeof *r->first);
	if (r->of == NULL || r->first == NULL || !map_reserve(&r->index, v->n_findings))
		return false;
	for (size_t i = 0; i < v->n_findings; i++) {
		uint32_t have = r->n;

		if (!map_add(&r->index, hash_span(v->findings[i].id), r->n, &have))
			return false;
		r->of[i] = have;
		if (have == r->n)
			r->first[r->n++] = (uint32_t)i;
	}
	return true;
}

static void put_text(struct jsonw *w, const char *key, struct span text)
{
	jsonw_key(w, key);
	jsonw_object(w);
	jsonw_key(w, "text");
	jsonw_str(w, text);
	jsonw_object_end(w);
}

/* What could not be rated is not harmless. */
static const char *level_of(enum adv_severity s)
{
	switch (s) {
	case SEV_CRITICAL:
	case SEV_HIGH:
		return "error";
	case SEV_MEDIUM:
	case SEV_UNKNOWN:
		return "warning";
	case SEV_LOW:
	case SEV_NEGLIGIBLE:
		break;
	}
	return "note";
}

/* A score inside the severity that was given: CVSS's where it agrees, else the middle of the range.
 */
static double score_of(const struct finding *f)
{
	static const double middle[SEVERITIES] = {
	    [SEV_NEGLIGIBLE] = 0.1, [SEV_LOW] = 2.0,      [SEV_MEDIUM] = 5.5,
	    [SEV_HIGH] = 8.0,       [SEV_CRITICAL] = 9.5,
	};

	for (size_t i = 0; i < f->n_cvss; i++) {
		if (cvss_severity(f->cvss[i].score) == f->severity)
			return f->cvss[i].score;
	}
	return middle[f->severity];
}

static void rule_properties(struct jsonw *w, const struct finding *f)
{
	const struct span tags[] = {S("security"), S("vulnerability"), S("known-exploited")};
	char score[16];

	jsonw_key(w, "properties");
	jsonw_object(w);
	jsonw_put_array(w, "tags", tags, f->has_kev ? 3 : 2);
	if (f->severity != SEV_UNKNOWN) {
		snprintf(score, sizeof score, "%.1f", score_of(f));
		jsonw_put_cstr(w, "security-severity", score);
	}
	jsonw_put_array(w, "aliases", f->aliases, f->n_aliases);
	jsonw_object_end(w);
}

static void write_rule(struct jsonw *w, const struct finding *f)
{
	jsonw_object(w);
	jsonw_put(w, "id", f->id);
	put_text(w, "shortDescription", f->summary.n ? f->summary : f->id);
	if (report_is_url(f->url)) {
		jsonw_put(w, "helpUri", f->url);
		put_text(w, "help", f->url);
	}
	jsonw_key(w, "defaultConfiguration");
	jsonw_object(w);
	jsonw_put_cstr(w, "level", level_of(f->severity));
	jsonw_object_end(w);
	rule_properties(w, f);
	jsonw_object_end(w);
}

static void write_driver(struct jsonw *w, const struct report_input *in, const struct rules *r)
{
	jsonw_key(w, "tool");
	jsonw_object(w);
	jsonw_key(w, "driver");
	jsonw_object(w);
	jsonw_put_cstr(w, "name", "rummage");
	jsonw_put_cstr(w, "version", in->version);
	jsonw_put_cstr(w, "semanticVersion", in->version);
	jsonw_key(w, "rules");
	jsonw_array(w);
	for (uint32_t i = 0; i < r->n; i++)
		write_rule(w, &in->verdict->findings[r->first[i]]);
	jsonw_array_end(w);
	jsonw_object_end(w);
	jsonw_object_end(w);
}

static void put_file(struct jsonw *w, struct span path)
{
	jsonw_key(w, "physicalLocation");
	jsonw_object(w);
	jsonw_key(w, "artifactLocation");
	jsonw_object(w);
	jsonw_key(w, "uri");
	strbuf_putc(w->out, '"');
	report_uri_path(w->out, path);
	strbuf_putc(w->out, '"');
	w->comma = true;
	jsonw_put_cstr(w, "uriBaseId", "ROOTFS");
	jsonw_object_end(w);
	jsonw_object_end(w);
}

/* What lies inside an archive is at the archive: no URI leads into it. The message has the rest. */
static struct span outer_path(struct span path)
{
	return span_head(path, MIN_OF(span_chr(path, '!'), path.n));
}

static void write_locations(struct jsonw *w, const struct component *c)
{
	jsonw_key(w, "locations");
	jsonw_array(w);
	jsonw_object(w);
	if (c->n_paths)
		put_file(w, outer_path(c->paths[0]));
	jsonw_key(w, "logicalLocations");
	jsonw_array(w);
	jsonw_object(w);
	jsonw_key(w, "name");
	jsonw_str(w, c->pkg.name);
	if (c->purl.n)
		jsonw_put(w, "fullyQualifiedName", c->purl);
	jsonw_put_cstr(w, "kind", "package");
	jsonw_object_end(w);
	jsonw_array_end(w);
	jsonw_object_end(w);
	jsonw_array_end(w);
}

static void put_message(struct jsonw *w, const struct finding *f, const struct component *c)
{
	struct strbuf text = strbuf_of(1 << 20);

	report_name(&text, &c->pkg);
	strbuf_printf(&text, " " SPAN_FMT " (" SPAN_FMT ") is affected by " SPAN_FMT,
		      SPAN_ARG(c->pkg.version), SPAN_ARG(c->pkg.type), SPAN_ARG(f->id));
	if (f->summary.n)
		strbuf_printf(&text, ": " SPAN_FMT, SPAN_ARG(f->summary));
	strbuf_puts(&text, f->n_fixed ? ". Fixed in " : ". No fix is known.");
	for (size_t i = 0; i < f->n_fixed; i++)
		strbuf_printf(&text, SPAN_FMT "%s", SPAN_ARG(f->fixed[i]),
			      i + 1 < f->n_fixed ? ", " : ".");
	if (f->why.n)
		strbuf_printf(&text, " Matched: " SPAN_FMT, SPAN_ARG(f->why));
	put_text(w, "message", strbuf_span(&text));
	strbuf_done(&text);
}

static void write_suppressions(struct jsonw *w, const struct suppression *s)
{
	struct strbuf text = strbuf_of(1 << 16);

	jsonw_key(w, "suppressions");
	jsonw_array(w);
	if (s) {
		strbuf_printf(&text, SPAN_FMT " (by " SPAN_FMT ", until " SPAN_FMT ")",
			      SPAN_ARG(s->reason), SPAN_ARG(s->by), SPAN_ARG(s->until));
		jsonw_object(w);
		jsonw_put_cstr(w, "kind", "external");
		jsonw_put_cstr(w, "status", "accepted");
		jsonw_put(w, "justification", strbuf_span(&text));
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
	strbuf_done(&text);
}

static void result_properties(struct jsonw *w, const struct report_input *in,
			      const struct finding *f, const struct component *c)
{
	jsonw_key(w, "properties");
	jsonw_object(w);
	jsonw_put(w, "purl", c->purl);
	jsonw_put(w, "installed", c->pkg.version);
	jsonw_put_array(w, "fixed", f->fixed, f->n_fixed);
	jsonw_put_cstr(w, "status", status_name(f->status));
	jsonw_put_cstr(w, "severity", severity_name(f->severity));
	if (c->layer < in->inv->n_layers) {
		jsonw_put_u64(w, "layer", c->layer);
		jsonw_put(w, "layerDigest", in->inv->layers[c->layer].digest);
	}
	jsonw_put_cstr(w, "origin", origin_name(c->origin));
	jsonw_object_end(w);
}

static void write_result(struct jsonw *w, const struct report_input *in, const struct finding *f,
			 uint32_t rule)
{
	const struct component *c = &in->inv->components[f->component];
	struct span path = c->n_paths ? c->paths[0] : S("");
	char fingerprint[33];

	report_fingerprint((const struct span[]){f->id, c->purl, path}, 3, fingerprint);
	jsonw_object(w);
	jsonw_put(w, "ruleId", f->id);
	jsonw_put_u64(w, "ruleIndex", rule);
	jsonw_put_cstr(w, "level", level_of(f->severity));
	put_message(w, f, c);
	write_locations(w, c);
	jsonw_key(w, "partialFingerprints");
	jsonw_object(w);
	jsonw_put_cstr(w, "rummage/v1", fingerprint);
	jsonw_object_end(w);
	write_suppressions(w, f->suppressed);
	result_properties(w, in, f, c);
	jsonw_object_end(w);
}

static void write_notification(struct jsonw *w, const struct layer_note *n)
{
	jsonw_object(w);
	jsonw_key(w, "descriptor");
	jsonw_object(w);
	jsonw_put(w, "id", n->note.code.n ? n->note.code : S("note"));
	jsonw_object_end(w);
	jsonw_put_cstr(w, "level",
		       n->note.level == NOTE_LOST   ? "error"
		       : n->note.level == NOTE_WARN ? "warning"
						    : "note");
	put_text(w, "message", n->note.text);
	if (n->note.path.n) {
		jsonw_key(w, "locations");
		jsonw_array(w);
		jsonw_object(w);
		put_file(w, outer_path(n->note.path));
		jsonw_object_end(w);
		jsonw_array_end(w);
	}
	jsonw_object_end(w);
}

static void write_invocation(struct jsonw *w, const struct report_input *in)
{
	char time[32];

	jsonw_key(w, "invocations");
	jsonw_array(w);
	jsonw_object(w);
	jsonw_put_bool(w, "executionSuccessful", in->verdict->complete);
	if (report_time(in->created, time))
		jsonw_put_cstr(w, "endTimeUtc", time);
	jsonw_key(w, "toolExecutionNotifications");
	jsonw_array(w);
	for (size_t i = 0; i < in->inv->n_notes; i++)
		write_notification(w, &in->inv->notes[i]);
	for (size_t i = 0; i < in->verdict->n_notes; i++)
		write_notification(w, &in->verdict->notes[i]);
	jsonw_array_end(w);
	jsonw_object_end(w);
	jsonw_array_end(w);
}

static void write_base_ids(struct jsonw *w)
{
	jsonw_key(w, "originalUriBaseIds");
	jsonw_object(w);
	jsonw_key(w, "ROOTFS");
	jsonw_object(w);
	jsonw_put_cstr(w, "uri", "file:///");
	put_text(w, "description", S("The root of the image's file system."));
	jsonw_object_end(w);
	jsonw_object_end(w);
}

static void run_properties(struct jsonw *w, const struct report_input *in)
{
	jsonw_key(w, "properties");
	jsonw_object(w);
	jsonw_put(w, "ref", in->inv->ref);
	jsonw_put(w, "manifest", in->inv->manifest_digest);
	jsonw_put(w, "config", in->inv->config_digest);
	jsonw_put(w, "platform", in->inv->platform);
	jsonw_put(w, "dbBuilt", in->verdict->db->built);
	jsonw_put_bool(w, "starterDatabase", report_is_starter(in->verdict));
	jsonw_put_bool(w, "complete", in->verdict->complete);
	jsonw_object_end(w);
}

static void write_run(struct jsonw *w, const struct report_input *in, const struct rules *r)
{
	jsonw_object(w);
	write_driver(w, in, r);
	write_invocation(w, in);
	write_base_ids(w);
	jsonw_put_cstr(w, "columnKind", "utf16CodeUnits");
	jsonw_key(w, "results");
	jsonw_array(w);
	for (size_t i = 0; i < in->verdict->n_findings; i++)
		write_result(w, in, &in->verdict->findings[i], r->of[i]);
	jsonw_array_end(w);
	run_properties(w, in);
	jsonw_object_end(w);
}

void report_write_sarif(const struct report_input *in, struct strbuf *out)
{
	struct jsonw w = jsonw_of(out);
	struct rules rules;

	CHECK(in->verdict);
	if (!rules_init(&rules, in->verdict)) {
		out->rc = RMG_E_NOMEM;
		rules_done(&rules);
		return;
	}
	jsonw_object(&w);
	jsonw_put_cstr(&w, "$schema", SCHEMA_URI);
	jsonw_put_cstr(&w, "version", "2.1.0");
	jsonw_key(&w, "runs");
	jsonw_array(&w);
	write_run(&w, in, &rules);
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	strbuf_putc(out, '\n');
	rules_done(&rules);
}
