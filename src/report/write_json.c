/* SPDX-License-Identifier: Apache-2.0 */
/* write_json.c - schema rummage/report/1: every key is always there; what is not known is null, and
 * what was not asked for (findings without a database) is null too, never an empty list. */
#include "report/write.h"

static void put_layer_index(struct jsonw *w, uint32_t layer)
{
	jsonw_key(w, "layer");
	if (layer == NO_LAYER)
		jsonw_null(w);
	else
		jsonw_u64(w, layer);
}

static void write_target(struct jsonw *w, const struct inventory *inv)
{
	jsonw_key(w, "target");
	jsonw_object(w);
	jsonw_put(w, "ref", inv->ref);
	jsonw_put(w, "source", inv->source);
	jsonw_put(w, "index", inv->index_digest);
	jsonw_put(w, "manifest", inv->manifest_digest);
	jsonw_put(w, "config", inv->config_digest);
	jsonw_put(w, "platform", inv->platform);
	jsonw_put_u64(w, "size", inv->size);
	jsonw_put_u64(w, "layers_total", inv->n_layers);
	jsonw_object_end(w);
}

static void write_note(struct jsonw *w, const struct layer_note *n)
{
	jsonw_object(w);
	jsonw_put_cstr(w, "severity", report_note_level(n->note.level));
	jsonw_put(w, "code", n->note.code);
	jsonw_put(w, "cataloger", n->note.cataloger);
	jsonw_put(w, "path", n->note.path);
	put_layer_index(w, n->layer);
	jsonw_put(w, "text", n->note.text);
	jsonw_object_end(w);
}

static void write_notes(struct jsonw *w, const struct report_input *in)
{
	jsonw_key(w, "notes");
	jsonw_array(w);
	for (size_t i = 0; i < in->inv->n_notes; i++)
		write_note(w, &in->inv->notes[i]);
	for (size_t i = 0; in->verdict && i < in->verdict->n_notes; i++)
		write_note(w, &in->verdict->notes[i]);
	jsonw_array_end(w);
}

static void write_os(struct jsonw *w, const struct os *os)
{
	jsonw_key(w, "os");
	jsonw_object(w);
	jsonw_put(w, "id", os->id);
	jsonw_put(w, "version_id", os->version_id);
	jsonw_put(w, "codename", os->codename);
	jsonw_put(w, "name", os->name);
	jsonw_put(w, "eol", os->eol);
	jsonw_object_end(w);
}

static void write_layers(struct jsonw *w, const struct inventory *inv)
{
	jsonw_key(w, "layers");
	jsonw_array(w);
	for (size_t i = 0; i < inv->n_layers; i++) {
		const struct layer *l = &inv->layers[i];

		jsonw_object(w);
		jsonw_put_u64(w, "index", i);
		jsonw_put(w, "digest", l->digest);
		jsonw_put(w, "diff_id", l->diff_id);
		jsonw_put_bool(w, "diff_id_verified", l->diff_id_verified);
		jsonw_put(w, "media_type", l->media_type);
		jsonw_put_u64(w, "size", l->size);
		jsonw_put(w, "created", l->created);
		jsonw_put(w, "created_by", l->created_by);
		jsonw_put_cstr(w, "origin", origin_name(l->origin));
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

static void write_base(struct jsonw *w, const struct base_image *b)
{
	jsonw_key(w, "base");
	jsonw_object(w);
	jsonw_put_bool(w, "known", b->known);
	jsonw_put(w, "name", b->name);
	jsonw_put(w, "digest", b->digest);
	jsonw_put_cstr(w, "how", b->how ? b->how : "none");
	jsonw_put_u64(w, "layers", b->layers);
	jsonw_object_end(w);
}

static void write_licenses(struct jsonw *w, struct span license)
{
	struct span part;

	jsonw_key(w, "licenses");
	jsonw_array(w);
	while (report_license_next(&license, &part))
		jsonw_str(w, part);
	jsonw_array_end(w);
}

static void write_source(struct jsonw *w, const struct component *c)
{
	struct span name, version;

	jsonw_key(w, "source");
	if (!report_source(c, &name, &version)) {
		jsonw_null(w);
		return;
	}
	jsonw_object(w);
	jsonw_put(w, "name", name);
	jsonw_put(w, "version", version);
	jsonw_object_end(w);
}

static void write_component(struct jsonw *w, const struct component *c, struct strbuf *scratch)
{
	strbuf_clear(scratch);
	report_name(scratch, &c->pkg);
	jsonw_object(w);
	jsonw_put(w, "purl", c->purl);
	jsonw_put(w, "type", c->pkg.type);
	jsonw_put(w, "name", strbuf_span(scratch));
	jsonw_put(w, "version", c->pkg.version);
	jsonw_put(w, "arch", c->pkg.arch);
	write_source(w, c);
	write_licenses(w, c->pkg.license);
	jsonw_put_array(w, "cpes", &c->pkg.cpe, c->pkg.cpe.n != 0);
	jsonw_put(w, "cataloger", c->cataloger);
	jsonw_put_array(w, "paths", c->paths, c->n_paths);
	put_layer_index(w, c->layer);
	jsonw_put_cstr(w, "origin", origin_name(c->origin));
	jsonw_put_null(w, "used");
	if (c->n_provides)
		jsonw_put_array(w, "provides", c->provides, c->n_provides);
	jsonw_object_end(w);
}

static void write_components(struct jsonw *w, const struct inventory *inv)
{
	struct strbuf scratch = strbuf_of(1 << 20);

	jsonw_key(w, "components");
	jsonw_array(w);
	for (size_t i = 0; i < inv->n_components; i++)
		write_component(w, &inv->components[i], &scratch);
	jsonw_array_end(w);
	strbuf_done(&scratch);
}

static void write_executable(struct jsonw *w, const struct inventory *inv,
			     const struct executable *e)
{
	char mode[8];

	snprintf(mode, sizeof mode, "%04o", e->mode & 07777u);
	jsonw_object(w);
	jsonw_put(w, "path", e->path);
	jsonw_key(w, "sha256");
	strbuf_putc(w->out, '"');
	strbuf_hex(w->out, e->sha256, sizeof e->sha256);
	strbuf_putc(w->out, '"');
	w->comma = true;
	jsonw_put_u64(w, "size", e->size);
	jsonw_put_cstr(w, "mode", mode);
	jsonw_put_cstr(w, "format", report_exec_format(e->format));
	jsonw_put(w, "arch", e->arch);
	jsonw_put(w, "owner",
		  e->owner < inv->n_components ? inv->components[e->owner].purl : S(""));
	jsonw_put_bool(w, "setuid", (e->mode & 04000u) != 0);
	put_layer_index(w, e->layer);
	jsonw_put_cstr(w, "origin", origin_name(e->origin));
	jsonw_object_end(w);
}

static void write_executables(struct jsonw *w, const struct inventory *inv)
{
	jsonw_key(w, "executables");
	jsonw_array(w);
	for (size_t i = 0; i < inv->n_executables; i++)
		write_executable(w, inv, &inv->executables[i]);
	jsonw_array_end(w);
}

static void write_cvss(struct jsonw *w, const struct finding *f)
{
	jsonw_key(w, "cvss");
	jsonw_array(w);
	for (size_t i = 0; i < f->n_cvss; i++) {
		jsonw_object(w);
		jsonw_put(w, "version", f->cvss[i].version);
		jsonw_put(w, "vector", f->cvss[i].vector);
		jsonw_key(w, "score");
		jsonw_real(w, f->cvss[i].score, 1);
		jsonw_put(w, "source", f->cvss[i].source);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

static void write_risk(struct jsonw *w, const struct finding *f)
{
	jsonw_key(w, "epss");
	if (f->has_epss) {
		jsonw_object(w);
		jsonw_key(w, "score");
		jsonw_real(w, f->epss, 5);
		jsonw_key(w, "percentile");
		jsonw_real(w, f->epss_percentile, 5);
		jsonw_object_end(w);
	} else {
		jsonw_null(w);
	}
	jsonw_key(w, "kev");
	if (f->has_kev) {
		jsonw_object(w);
		jsonw_put(w, "added", f->kev_added);
		jsonw_put(w, "due", f->kev_due);
		jsonw_object_end(w);
	} else {
		jsonw_null(w);
	}
}

static void write_suppression(struct jsonw *w, const struct suppression *s)
{
	jsonw_key(w, "suppressed");
	if (s == NULL) {
		jsonw_null(w);
		return;
	}
	jsonw_object(w);
	jsonw_put(w, "by", s->by);
	jsonw_put(w, "reason", s->reason);
	jsonw_put(w, "until", s->until);
	jsonw_object_end(w);
}

static void write_finding(struct jsonw *w, const struct finding *f, const struct component *c)
{
	jsonw_object(w);
	jsonw_put(w, "id", f->id);
	jsonw_put_array(w, "aliases", f->aliases, f->n_aliases);
	jsonw_put(w, "component", c->purl);
	jsonw_put(w, "installed", c->pkg.version);
	jsonw_put_array(w, "fixed", f->fixed, f->n_fixed);
	jsonw_put_cstr(w, "status", status_name(f->status));
	jsonw_put(w, "status_text", f->status_text);
	jsonw_put_cstr(w, "severity", severity_name(f->severity));
	jsonw_put(w, "severity_from", f->severity_from);
	write_cvss(w, f);
	write_risk(w, f);
	jsonw_put(w, "published", f->published);
	jsonw_put(w, "modified", f->modified);
	jsonw_put(w, "withdrawn", f->withdrawn);
	jsonw_put(w, "summary", f->summary);
	jsonw_put(w, "why", f->why);
	jsonw_put(w, "source", f->source);
	jsonw_put(w, "url", f->url);
	put_layer_index(w, c->layer);
	jsonw_put_cstr(w, "origin", origin_name(c->origin));
	write_suppression(w, f->suppressed);
	jsonw_object_end(w);
}

static void write_findings(struct jsonw *w, const struct report_input *in)
{
	jsonw_key(w, "findings");
	if (in->verdict == NULL) {
		jsonw_null(w);
		return;
	}
	jsonw_array(w);
	for (size_t i = 0; i < in->verdict->n_findings; i++) {
		const struct finding *f = &in->verdict->findings[i];

		CHECK(f->component < in->inv->n_components);
		write_finding(w, f, &in->inv->components[f->component]);
	}
	jsonw_array_end(w);
}

static void write_provenance(struct jsonw *w, const struct inventory *inv)
{
	jsonw_key(w, "provenance");
	jsonw_object(w);
	jsonw_put_array(w, "signatures", NULL, 0);
	jsonw_key(w, "labels");
	jsonw_object(w);
	for (size_t i = 0; i < inv->n_labels; i++) {
		jsonw_key_span(w, inv->labels[i].key);
		jsonw_str(w, inv->labels[i].value);
	}
	jsonw_object_end(w);
	jsonw_put(w, "author_claimed", inv->author);
	jsonw_put_null(w, "author_proven");
	jsonw_object_end(w);
}

static void write_policy(struct jsonw *w, const struct report_input *in)
{
	jsonw_key(w, "policy");
	jsonw_object(w);
	jsonw_put(w, "file", in->policy_file);
	jsonw_put_bool(w, "passed", in->policy_passed);
	jsonw_key(w, "violations");
	jsonw_array(w);
	for (size_t i = 0; i < in->n_violations; i++) {
		jsonw_object(w);
		jsonw_put(w, "rule", in->violations[i].rule);
		jsonw_put(w, "text", in->violations[i].text);
		jsonw_put(w, "subject", in->violations[i].subject);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
	jsonw_object_end(w);
}

static void write_db_source(struct jsonw *w, const struct adv_source *s)
{
	jsonw_object(w);
	jsonw_put(w, "name", s->name);
	jsonw_put(w, "fetched", s->fetched);
	jsonw_put_u64(w, "count", s->count);
	jsonw_put_bool(w, "starter", s->starter);
	jsonw_object_end(w);
}

static void write_db(struct jsonw *w, const struct report_input *in)
{
	struct advdb *db = in->verdict ? in->verdict->db : NULL;
	struct adv_source s;

	jsonw_key(w, "db");
	if (db == NULL) {
		jsonw_null(w);
		return;
	}
	jsonw_object(w);
	jsonw_put(w, "built", db->built);
	jsonw_key(w, "age_s");
	jsonw_i64(w, in->db_age_s);
	jsonw_key(w, "digest");
	strbuf_puts(w->out, "\"sha256:");
	strbuf_hex(w->out, db->sha256, sizeof db->sha256);
	strbuf_putc(w->out, '"');
	w->comma = true;
	jsonw_put_u64(w, "advisories", db->n_cards);
	jsonw_key(w, "sources");
	jsonw_array(w);
	for (uint32_t i = 0; i < db->n_sources; i++) {
		if (advdb_source(db, i, &s))
			write_db_source(w, &s);
	}
	jsonw_array_end(w);
	jsonw_object_end(w);
}

static void write_summary(struct jsonw *w, const struct report_input *in)
{
	struct report_counts n;

	report_count(in, &n);
	jsonw_key(w, "summary");
	jsonw_object(w);
	jsonw_put_u64(w, "components", in->inv->n_components);
	jsonw_put_u64(w, "executables", in->inv->n_executables);
	jsonw_put_u64(w, "unowned_executables", n.unowned_executables);
	jsonw_key(w, "findings");
	if (in->verdict) {
		jsonw_object(w);
		for (size_t i = SEVERITIES; i-- > 0;)
			jsonw_put_u64(w, severity_name((enum adv_severity)i), n.severity[i]);
		jsonw_object_end(w);
		jsonw_put_u64(w, "fixable", n.fixable);
		jsonw_put_u64(w, "suppressed", n.suppressed);
	} else {
		jsonw_null(w);
		jsonw_put_null(w, "fixable");
		jsonw_put_null(w, "suppressed");
	}
	jsonw_put_u64(w, "unattributed_files", in->inv->unattributed_files);
	jsonw_put_u64(w, "unattributed_bytes", in->inv->unattributed_bytes);
	jsonw_object_end(w);
}

static void write_timing(struct jsonw *w, const struct report_input *in)
{
	const struct {
		const char *key;
		double ms;
	} rows[] = {{"fetch", in->ms_fetch},
		    {"read", in->ms_read},
		    {"catalog", in->ms_catalog},
		    {"match", in->ms_match}};

	jsonw_key(w, "timing_ms");
	jsonw_object(w);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		jsonw_key(w, rows[i].key);
		jsonw_real(w, rows[i].ms, 2);
	}
	jsonw_key(w, "report");
	if (in->report_ms)
		jsonw_real(w, in->report_ms(in->user), 2);
	else
		jsonw_null(w);
	jsonw_object_end(w);
}

void report_write_json(const struct report_input *in, struct strbuf *out)
{
	struct jsonw w = jsonw_of(out);

	jsonw_object(&w);
	jsonw_put_cstr(&w, "schema", "rummage/report/1");
	jsonw_put_cstr(&w, "rummage", in->version);
	jsonw_put(&w, "created", in->created);
	jsonw_put_cstr(&w, "sandbox", in->inv->sandbox);
	write_target(&w, in->inv);
	jsonw_put_bool(&w, "complete", in->verdict ? in->verdict->complete : in->inv->complete);
	write_notes(&w, in);
	write_os(&w, &in->inv->os);
	write_layers(&w, in->inv);
	write_base(&w, &in->inv->base);
	write_components(&w, in->inv);
	write_executables(&w, in->inv);
	write_findings(&w, in);
	write_provenance(&w, in->inv);
	write_policy(&w, in);
	write_db(&w, in);
	write_summary(&w, in);
	write_timing(&w, in);
	jsonw_object_end(&w);
	strbuf_putc(out, '\n');
}
