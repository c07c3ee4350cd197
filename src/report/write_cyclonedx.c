/* SPDX-License-Identifier: Apache-2.0 */
/* write_cyclonedx.c - CycloneDX 1.6 in JSON (ECMA-424). Packages are libraries, the distribution an
 * operating-system, executables that no package owns are files with their hashes. The serial number
 * is made of the content, so that equal input gives equal bytes. What could not be read shows as a
 * composition that is incomplete and as properties of the metadata. */
#include "base/utf8.h"
#include "report/write.h"

#define NO_SERIAL "00000000-0000-8000-8000-000000000000"

static void property(struct jsonw *w, const char *name, struct span value)
{
	if (value.n == 0)
		return;
	jsonw_object(w);
	jsonw_put_cstr(w, "name", name);
	jsonw_put(w, "value", value);
	jsonw_object_end(w);
}

static void property_u64(struct jsonw *w, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof text, "%llu", (unsigned long long)value);
	property(w, name, span_cstr(text));
}

/* Where it came from: the layer by number and digest, and its part in the image. */
static void put_place(struct jsonw *w, const struct inventory *inv, uint32_t layer,
		      enum origin origin)
{
	if (layer < inv->n_layers) {
		property_u64(w, "rummage:layer:index", layer);
		property(w, "rummage:layer:digest", inv->layers[layer].digest);
		property(w, "rummage:layer:diff_id", inv->layers[layer].diff_id);
	}
	property(w, "rummage:origin", span_cstr(origin_name(origin)));
}

/* A bom-ref is unique in a document: a purl that is there twice (or not at all) gets its number. */
static void put_ref(struct jsonw *w, const char *key, const struct inventory *inv, uint32_t i)
{
	const struct component *c = &inv->components[i];

	jsonw_key(w, key);
	if (c->purl.n && (i == 0 || !span_is(inv->components[i - 1].purl, c->purl))) {
		jsonw_str(w, c->purl);
		return;
	}
	strbuf_putc(w->out, '"');
	jsonw_escape(w->out, c->purl);
	strbuf_printf(w->out, "#%u\"", i);
	w->comma = true;
}

/* Identifiers of the SPDX list that most images are made of; a line of others is a name, not an
 * expression, since we would not vouch for it. */
static const char *const spdx_ids[] = {
    "0BSD",
    "AFL-2.1",
    "AGPL-3.0-only",
    "AGPL-3.0-or-later",
    "Apache-1.1",
    "Apache-2.0",
    "Artistic-1.0",
    "Artistic-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSD-4-Clause",
    "BSL-1.0",
    "BlueOak-1.0.0",
    "CC-BY-3.0",
    "CC-BY-4.0",
    "CC0-1.0",
    "CDDL-1.0",
    "CDDL-1.1",
    "EPL-1.0",
    "EPL-2.0",
    "GPL-1.0-only",
    "GPL-1.0-or-later",
    "GPL-2.0-only",
    "GPL-2.0-or-later",
    "GPL-3.0-only",
    "GPL-3.0-or-later",
    "HPND",
    "ICU",
    "ISC",
    "LGPL-2.0-only",
    "LGPL-2.0-or-later",
    "LGPL-2.1-only",
    "LGPL-2.1-or-later",
    "LGPL-3.0-only",
    "LGPL-3.0-or-later",
    "MIT",
    "MIT-0",
    "MPL-1.1",
    "MPL-2.0",
    "NCSA",
    "OFL-1.1",
    "OLDAP-2.8",
    "OpenSSL",
    "PSF-2.0",
    "PostgreSQL",
    "Python-2.0",
    "SSPL-1.0",
    "Unicode-DFS-2016",
    "Unlicense",
    "Vim",
    "WTFPL",
    "X11",
    "Zlib",
    "bzip2-1.0.6",
    "curl",
    "libpng-2.0",
};

static bool is_spdx_id(struct span s)
{
	for (size_t i = 0; i < COUNT_OF(spdx_ids); i++) {
		if (span_is(s, span_cstr(spdx_ids[i])))
			return true;
	}
	return false;
}

/* Identifiers of the list joined by one operator at a time: id { (AND|OR) id }. */
static bool is_expression(struct span s)
{
	struct span word;
	size_t n = 0;

	while (span_word(&s, &word)) {
		if (n % 2 == 0 ? !is_spdx_id(word)
			       : !span_is(word, S("AND")) && !span_is(word, S("OR")))
			return false;
		n++;
	}
	return n % 2 == 1;
}

static void write_license_parts(struct jsonw *w, struct span license)
{
	struct span part;

	while (report_license_next(&license, &part)) {
		jsonw_object(w);
		jsonw_key(w, "license");
		jsonw_object(w);
		jsonw_put(w, is_spdx_id(part) ? "id" : "name", part);
		jsonw_object_end(w);
		jsonw_object_end(w);
	}
}

static void write_licenses(struct jsonw *w, struct span license)
{
	if (license.n == 0)
		return;
	jsonw_key(w, "licenses");
	jsonw_array(w);
	if (!is_spdx_id(license) && is_expression(license)) {
		jsonw_object(w);
		jsonw_put(w, "expression", license);
		jsonw_object_end(w);
	} else {
		write_license_parts(w, license);
	}
	jsonw_array_end(w);
}

static void write_occurrences(struct jsonw *w, const struct component *c)
{
	if (c->n_paths == 0)
		return;
	jsonw_key(w, "evidence");
	jsonw_object(w);
	jsonw_key(w, "occurrences");
	jsonw_array(w);
	for (size_t i = 0; i < c->n_paths; i++) {
		jsonw_object(w);
		jsonw_put(w, "location", c->paths[i]);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
	jsonw_object_end(w);
}

static void write_properties(struct jsonw *w, const struct inventory *inv,
			     const struct component *c)
{
	struct span name, version;

	jsonw_key(w, "properties");
	jsonw_array(w);
	property(w, "rummage:type", c->pkg.type);
	property(w, "rummage:arch", c->pkg.arch);
	property(w, "rummage:cataloger", c->cataloger);
	put_place(w, inv, c->layer, c->origin);
	if (report_source(c, &name, &version)) {
		property(w, "rummage:source:name", name);
		property(w, "rummage:source:version", version);
	}
	for (size_t i = 0; i < c->n_provides; i++)
		property(w, "rummage:provides", c->provides[i]);
	jsonw_array_end(w);
}

static void write_component(struct jsonw *w, const struct inventory *inv, uint32_t i)
{
	const struct component *c = &inv->components[i];

	jsonw_object(w);
	jsonw_put_cstr(w, "type", "library");
	put_ref(w, "bom-ref", inv, i);
	if (c->pkg.vendor.n && c->is_os) {
		jsonw_key(w, "supplier");
		jsonw_object(w);
		jsonw_put(w, "name", c->pkg.vendor);
		jsonw_object_end(w);
	}
	if (c->pkg.ns.n)
		jsonw_put(w, "group", c->pkg.ns);
	jsonw_key(w, "name");
	jsonw_str(w, c->pkg.name);
	if (c->pkg.version.n)
		jsonw_put(w, "version", c->pkg.version);
	write_licenses(w, c->pkg.license);
	if (c->pkg.cpe.n && span_starts(c->pkg.cpe, S("cpe:2.3:")))
		jsonw_put(w, "cpe", c->pkg.cpe);
	if (c->purl.n)
		jsonw_put(w, "purl", c->purl);
	write_occurrences(w, c);
	write_properties(w, inv, c);
	jsonw_object_end(w);
}

static void write_os(struct jsonw *w, const struct os *os)
{
	if (os->id.n == 0)
		return;
	jsonw_object(w);
	jsonw_put_cstr(w, "type", "operating-system");
	jsonw_put_cstr(w, "bom-ref", "os");
	jsonw_put(w, "name", os->id);
	if (os->version_id.n)
		jsonw_put(w, "version", os->version_id);
	if (os->name.n)
		jsonw_put(w, "description", os->name);
	jsonw_key(w, "properties");
	jsonw_array(w);
	property(w, "rummage:os:codename", os->codename);
	property(w, "rummage:os:eol", os->eol);
	jsonw_array_end(w);
	jsonw_object_end(w);
}

static void write_file(struct jsonw *w, const struct inventory *inv, size_t i)
{
	const struct executable *e = &inv->executables[i];
	char mode[8];

	snprintf(mode, sizeof mode, "%04o", e->mode & 07777u);
	jsonw_object(w);
	jsonw_put_cstr(w, "type", "file");
	jsonw_key(w, "bom-ref");
	strbuf_puts(w->out, "\"file:");
	jsonw_escape(w->out, e->path);
	if (!utf8_valid(e->path)) /* two such names may look alike */
		strbuf_printf(w->out, "#%zu", i);
	strbuf_putc(w->out, '"');
	w->comma = true;
	jsonw_key(w, "name");
	jsonw_str(w, e->path);
	jsonw_key(w, "hashes");
	jsonw_array(w);
	jsonw_object(w);
	jsonw_put_cstr(w, "alg", "SHA-256");
	jsonw_key(w, "content");
	strbuf_putc(w->out, '"');
	strbuf_hex(w->out, e->sha256, sizeof e->sha256);
	strbuf_putc(w->out, '"');
	w->comma = true;
	jsonw_object_end(w);
	jsonw_array_end(w);
	jsonw_key(w, "properties");
	jsonw_array(w);
	property(w, "rummage:format", span_cstr(report_exec_format(e->format)));
	property(w, "rummage:arch", e->arch);
	property(w, "rummage:mode", span_cstr(mode));
	property_u64(w, "rummage:size", e->size);
	put_place(w, inv, e->layer, e->origin);
	jsonw_array_end(w);
	jsonw_object_end(w);
}

static void write_components(struct jsonw *w, const struct inventory *inv)
{
	jsonw_key(w, "components");
	jsonw_array(w);
	write_os(w, &inv->os);
	for (size_t i = 0; i < inv->n_components; i++)
		write_component(w, inv, (uint32_t)i);
	for (size_t i = 0; i < inv->n_executables; i++) {
		if (inv->executables[i].owner == NO_COMPONENT)
			write_file(w, inv, i);
	}
	jsonw_array_end(w);
}

static void write_target(struct jsonw *w, const struct inventory *inv)
{
	bool image = inv->manifest_digest.n || inv->config_digest.n || inv->n_layers > 1;

	jsonw_key(w, "component");
	jsonw_object(w);
	jsonw_put_cstr(w, "type", image ? "container" : "operating-system");
	jsonw_put_cstr(w, "bom-ref", "target");
	jsonw_key(w, "name");
	jsonw_str(w, inv->ref);
	if (inv->manifest_digest.n)
		jsonw_put(w, "version", inv->manifest_digest);
	jsonw_key(w, "properties");
	jsonw_array(w);
	property(w, "rummage:source", inv->source);
	property(w, "rummage:platform", inv->platform);
	property(w, "rummage:index", inv->index_digest);
	property(w, "rummage:config", inv->config_digest);
	for (size_t i = 0; i < inv->n_layers; i++)
		property(w, "rummage:layer",
			 inv->layers[i].digest.n ? inv->layers[i].digest : inv->layers[i].diff_id);
	if (inv->base.known) {
		property(w, "rummage:base", inv->base.name.n ? inv->base.name : inv->base.digest);
		property(w, "rummage:base-how", span_cstr(inv->base.how));
	}
	jsonw_array_end(w);
	jsonw_object_end(w);
}

static void put_note(struct jsonw *w, const struct layer_note *n, struct strbuf *scratch)
{
	char name[40];

	strbuf_clear(scratch);
	strbuf_printf(scratch, SPAN_FMT ": ", SPAN_ARG(n->note.code));
	if (n->note.path.n)
		strbuf_printf(scratch, SPAN_FMT ": ", SPAN_ARG(n->note.path));
	strbuf_put(scratch, n->note.text);
	snprintf(name, sizeof name, "rummage:note:%s", report_note_level(n->note.level));
	property(w, name, strbuf_span(scratch));
}

static void write_doubts(struct jsonw *w, const struct report_input *in, bool complete)
{
	struct strbuf scratch = strbuf_of(1 << 20);

	jsonw_key(w, "properties");
	jsonw_array(w);
	property(w, "rummage:complete", complete ? S("true") : S("false"));
	if (report_is_unprotected(in->inv))
		property(w, "rummage:sandbox", S("none"));
	property_u64(w, "rummage:unattributed:files", in->inv->unattributed_files);
	property_u64(w, "rummage:unattributed:bytes", in->inv->unattributed_bytes);
	if (in->verdict) {
		property(w, "rummage:db:built", in->verdict->db->built);
		if (report_is_starter(in->verdict))
			property(w, "rummage:db:starter", S("true"));
	}
	for (size_t i = 0; i < in->inv->n_notes; i++)
		put_note(w, &in->inv->notes[i], &scratch);
	for (size_t i = 0; in->verdict && i < in->verdict->n_notes; i++)
		put_note(w, &in->verdict->notes[i], &scratch);
	jsonw_array_end(w);
	strbuf_done(&scratch);
}

static void write_metadata(struct jsonw *w, const struct report_input *in, bool complete)
{
	char time[32];

	jsonw_key(w, "metadata");
	jsonw_object(w);
	if (report_time(in->created, time))
		jsonw_put_cstr(w, "timestamp", time);
	jsonw_key(w, "tools");
	jsonw_object(w);
	jsonw_key(w, "components");
	jsonw_array(w);
	jsonw_object(w);
	jsonw_put_cstr(w, "type", "application");
	jsonw_put_cstr(w, "name", "rummage");
	jsonw_put_cstr(w, "version", in->version);
	jsonw_object_end(w);
	jsonw_array_end(w);
	jsonw_object_end(w);
	write_target(w, in->inv);
	write_doubts(w, in, complete);
	jsonw_object_end(w);
}

static void write_compositions(struct jsonw *w, bool complete)
{
	static const struct span target = {(const uint8_t *)"target", 6};

	jsonw_key(w, "compositions");
	jsonw_array(w);
	jsonw_object(w);
	jsonw_put_cstr(w, "aggregate", complete ? "unknown" : "incomplete");
	jsonw_put_array(w, "assemblies", &target, 1);
	jsonw_object_end(w);
	jsonw_array_end(w);
}

static const char *rating_method(struct span version)
{
	if (span_is(version, S("2.0")))
		return "CVSSv2";
	if (span_is(version, S("3.0")))
		return "CVSSv3";
	if (span_is(version, S("3.1")))
		return "CVSSv31";
	return span_is(version, S("4.0")) ? "CVSSv4" : "other";
}

static void rating_source(struct jsonw *w, struct span name)
{
	if (name.n == 0)
		return;
	jsonw_key(w, "source");
	jsonw_object(w);
	jsonw_put(w, "name", name);
	jsonw_object_end(w);
}

static void write_ratings(struct jsonw *w, const struct finding *f)
{
	jsonw_key(w, "ratings");
	jsonw_array(w);
	jsonw_object(w);
	rating_source(w, f->severity_from);
	/* CycloneDX has no "negligible". */
	jsonw_put_cstr(w, "severity",
		       f->severity == SEV_NEGLIGIBLE ? "info" : severity_name(f->severity));
	jsonw_object_end(w);
	for (size_t i = 0; i < f->n_cvss; i++) {
		jsonw_object(w);
		rating_source(w, f->cvss[i].source);
		jsonw_key(w, "score");
		jsonw_real(w, f->cvss[i].score, 1);
		jsonw_put_cstr(w, "severity", severity_name(cvss_severity(f->cvss[i].score)));
		jsonw_put_cstr(w, "method", rating_method(f->cvss[i].version));
		if (f->cvss[i].vector.n)
			jsonw_put(w, "vector", f->cvss[i].vector);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

/* What was decided about it, by the publisher or by who suppressed it. */
static void write_analysis(struct jsonw *w, const struct finding *f)
{
	struct strbuf text = strbuf_of(1 << 16);
	const char *state = f->status == ADV_NOT_AFFECTED          ? "not_affected"
			    : f->status == ADV_UNDER_INVESTIGATION ? "in_triage"
								   : "exploitable";
	bool refused = f->suppressed || f->status == ADV_WONT_FIX || f->status == ADV_END_OF_LIFE;

	jsonw_key(w, "analysis");
	jsonw_object(w);
	jsonw_put_cstr(w, "state", state);
	if (refused) {
		static const struct span response = {(const uint8_t *)"will_not_fix", 12};

		jsonw_put_array(w, "response", &response, 1);
	}
	if (f->suppressed)
		strbuf_printf(&text, "accepted by " SPAN_FMT " until " SPAN_FMT ": " SPAN_FMT,
			      SPAN_ARG(f->suppressed->by), SPAN_ARG(f->suppressed->until),
			      SPAN_ARG(f->suppressed->reason));
	else
		strbuf_put(&text, f->status_text);
	if (text.n)
		jsonw_put(w, "detail", strbuf_span(&text));
	jsonw_object_end(w);
	strbuf_done(&text);
}

static void write_affects(struct jsonw *w, const struct report_input *in, const struct finding *f)
{
	struct span version = in->inv->components[f->component].pkg.version;

	jsonw_key(w, "affects");
	jsonw_array(w);
	jsonw_object(w);
	put_ref(w, "ref", in->inv, f->component);
	if (version.n) {
		jsonw_key(w, "versions");
		jsonw_array(w);
		jsonw_object(w);
		jsonw_put(w, "version", version);
		jsonw_put_cstr(w, "status",
			       f->status == ADV_NOT_AFFECTED          ? "unaffected"
			       : f->status == ADV_UNDER_INVESTIGATION ? "unknown"
								      : "affected");
		jsonw_object_end(w);
		jsonw_array_end(w);
	}
	jsonw_object_end(w);
	jsonw_array_end(w);
}

static void write_recommendation(struct jsonw *w, const struct finding *f)
{
	struct strbuf text = strbuf_of(1 << 16);

	if (f->n_fixed == 0)
		return;
	strbuf_puts(&text, "update to ");
	for (size_t i = 0; i < f->n_fixed; i++) {
		if (i)
			strbuf_puts(&text, " or ");
		strbuf_put(&text, f->fixed[i]);
	}
	jsonw_put(w, "recommendation", strbuf_span(&text));
	strbuf_done(&text);
}

static void write_times(struct jsonw *w, const struct finding *f)
{
	char time[32];

	if (report_time(f->published, time))
		jsonw_put_cstr(w, "published", time);
	if (report_time(f->modified, time))
		jsonw_put_cstr(w, "updated", time);
}

static void write_evidence(struct jsonw *w, const struct finding *f)
{
	char number[32];

	jsonw_key(w, "properties");
	jsonw_array(w);
	property(w, "rummage:why", f->why);
	property(w, "rummage:status", span_cstr(status_name(f->status)));
	for (size_t i = 0; i < f->n_aliases; i++)
		property(w, "rummage:alias", f->aliases[i]);
	if (f->has_epss) {
		snprintf(number, sizeof number, "%.5f", f->epss);
		property(w, "rummage:epss:score", span_cstr(number));
	}
	if (f->has_kev)
		property(w, "rummage:kev:added", f->kev_added.n ? f->kev_added : S("yes"));
	jsonw_array_end(w);
}

static void write_vulnerability(struct jsonw *w, const struct report_input *in, size_t i)
{
	const struct finding *f = &in->verdict->findings[i];

	jsonw_object(w);
	jsonw_key(w, "bom-ref");
	strbuf_printf(w->out, "\"finding-%zu\"", i);
	w->comma = true;
	jsonw_put(w, "id", f->id);
	jsonw_key(w, "source");
	jsonw_object(w);
	jsonw_put(w, "name", f->source.n ? f->source : S("unknown"));
	if (report_is_url(f->url))
		jsonw_put(w, "url", f->url);
	jsonw_object_end(w);
	write_ratings(w, f);
	if (f->summary.n)
		jsonw_put(w, "description", f->summary);
	write_recommendation(w, f);
	write_times(w, f);
	write_analysis(w, f);
	write_affects(w, in, f);
	write_evidence(w, f);
	jsonw_object_end(w);
}

/* RFC 9562 version 8: its 122 free bits are a fingerprint of all other bytes of the document. */
static void put_serial(struct strbuf *out, size_t at)
{
	struct span head, tail;
	char digits[33];

	if (strbuf_rc(out) != RMG_OK)
		return;
	head = span_head(strbuf_span(out), at);
	tail = span_from(strbuf_span(out), at + sizeof NO_SERIAL - 1);
	report_fingerprint((const struct span[]){head, tail}, 2, digits);
	digits[12] = '8';
	digits[16] = "89ab"[digits[16] & 3];
	for (size_t i = 0, from = 0; i < sizeof NO_SERIAL - 1; i++) {
		if (NO_SERIAL[i] != '-')
			out->p[at + i] = digits[from++];
	}
}

void report_write_cyclonedx(const struct report_input *in, struct strbuf *out)
{
	struct jsonw w = jsonw_of(out);
	bool complete = in->verdict ? in->verdict->complete : in->inv->complete;
	size_t serial;

	jsonw_object(&w);
	jsonw_put_cstr(&w, "$schema", "http://cyclonedx.org/schema/bom-1.6.schema.json");
	jsonw_put_cstr(&w, "bomFormat", "CycloneDX");
	jsonw_put_cstr(&w, "specVersion", "1.6");
	jsonw_key(&w, "serialNumber");
	strbuf_puts(out, "\"urn:uuid:");
	serial = out->n;
	strbuf_puts(out, NO_SERIAL "\"");
	w.comma = true;
	jsonw_put_u64(&w, "version", 1);
	write_metadata(&w, in, complete);
	write_components(&w, in->inv);
	write_compositions(&w, complete);
	if (in->verdict) {
		jsonw_key(&w, "vulnerabilities");
		jsonw_array(&w);
		for (size_t i = 0; i < in->verdict->n_findings; i++)
			write_vulnerability(&w, in, i);
		jsonw_array_end(&w);
	}
	jsonw_object_end(&w);
	put_serial(out, serial);
	strbuf_putc(out, '\n');
}
