/* SPDX-License-Identifier: Apache-2.0 */
#include "report/report.h"

#include <string.h>

#include "base/hash.h"
#include "report/write.h"

#define X(writer, text, verdict)                                                                   \
	static const struct report_format format_##writer = {                                      \
	    .name = text, .write = report_write_##writer, .needs_verdict = verdict};
#include "report/report.def"
#undef X

const struct report_format *const report_formats[] = {
#define X(writer, name, verdict) &format_##writer,
#include "report/report.def"
#undef X
    NULL,
};

const struct report_format *report_format_of(struct span name)
{
	for (size_t i = 0; report_formats[i]; i++) {
		if (span_is(name, span_cstr(report_formats[i]->name)))
			return report_formats[i];
	}
	return NULL;
}

/* Findings of one component need not stand together: a component counts where its first one is. */
static size_t count_components(const struct verdict *v)
{
	size_t n = 0;
	uint8_t *seen = calloc(v->inventory->n_components + 1, 1);

	for (size_t i = 0; seen && i < v->n_findings; i++) {
		const struct finding *f = &v->findings[i];

		if (f->suppressed || f->component >= v->inventory->n_components)
			continue;
		n += !seen[f->component];
		seen[f->component] = 1;
	}
	free(seen);
	return n;
}

void report_count(const struct report_input *in, struct report_counts *out)
{
	*out = (struct report_counts){0};
	for (size_t i = 0; i < in->inv->n_executables; i++)
		out->unowned_executables += in->inv->executables[i].owner == NO_COMPONENT;
	for (size_t i = 0; in->verdict && i < in->verdict->n_findings; i++) {
		const struct finding *f = &in->verdict->findings[i];

		if (f->suppressed) {
			out->suppressed++;
			continue;
		}
		out->findings++;
		out->fixable += f->n_fixed != 0;
		if ((size_t)f->severity < SEVERITIES)
			out->severity[f->severity]++;
	}
	if (in->verdict)
		out->components = count_components(in->verdict);
}

void report_name(struct strbuf *out, const struct pkg *p)
{
	if (p->ns.n) {
		strbuf_put(out, p->ns);
		strbuf_putc(out, span_is(p->type, S("maven")) ? ':' : '/');
	}
	strbuf_put(out, p->name);
}

bool report_source(const struct component *c, struct span *name, struct span *version)
{
	if (!c->is_os && c->pkg.src_name.n == 0)
		return false;
	*name = c->pkg.src_name.n ? c->pkg.src_name : c->pkg.name;
	*version = c->pkg.src_version.n ? c->pkg.src_version : c->pkg.version;
	return true;
}

const char *report_exec_format(enum exec_format f)
{
	switch (f) {
	case EXEC_ELF:
		return "elf";
	case EXEC_SCRIPT:
		return "script";
	case EXEC_JAR:
		return "jar";
	case EXEC_ZIPAPP:
		return "zipapp";
	case EXEC_WASM:
		return "wasm";
	case EXEC_PE:
		return "pe";
	case EXEC_MACHO:
		return "macho";
	}
	return "unknown";
}

const char *report_note_level(enum note_level l)
{
	switch (l) {
	case NOTE_INFO:
		return "info";
	case NOTE_WARN:
		return "warn";
	case NOTE_LOST:
		break;
	}
	return "lost";
}

bool report_is_unprotected(const struct inventory *inv)
{
	return inv->sandbox && span_starts(span_cstr(inv->sandbox), S("none"));
}

bool report_is_starter(const struct verdict *v)
{
	struct adv_source s;

	for (uint32_t i = 0; i < v->db->n_sources; i++) {
		if (advdb_source(v->db, i, &s) && s.starter)
			return true;
	}
	return false;
}

bool report_license_next(struct span *rest, struct span *part)
{
	int depth = 0;

	if (rest->n == 0)
		return false;
	for (size_t i = 0; i < rest->n; i++) {
		if (rest->p[i] == '(')
			depth++;
		else if (rest->p[i] == ')')
			depth--;
		if (depth == 0 && span_starts(span_from(*rest, i), S(" AND "))) {
			*part = span_trim(span_head(*rest, i));
			*rest = span_from(*rest, i + 5);
			return true;
		}
	}
	*part = span_trim(*rest);
	*rest = (struct span){0};
	return part->n != 0;
}

/* Whether s has the pattern's length and digits where that has '0'. */
static bool looks_like(struct span s, const char *pattern)
{
	if (s.n < strlen(pattern))
		return false;
	for (size_t i = 0; pattern[i]; i++) {
		if (pattern[i] == '0' ? !is_digit(s.p[i]) : s.p[i] != (uint8_t)pattern[i])
			return false;
	}
	return true;
}

bool report_time(struct span s, char out[32])
{
	size_t at = 19;
	struct span zone;

	if (looks_like(s, "0000-00-00") && s.n == 10) {
		snprintf(out, 32, SPAN_FMT "T00:00:00Z", SPAN_ARG(s));
		return true;
	}
	if (!looks_like(s, "0000-00-00T00:00:00"))
		return false;
	if (at < s.n && s.p[at] == '.') {
		do
			at++;
		while (at < s.n && is_digit(s.p[at]));
	}
	zone = span_from(s, at);
	if (!span_is(zone, S("Z")) &&
	    !(zone.n == 6 && (looks_like(zone, "+00:00") || looks_like(zone, "-00:00"))))
		zone = S("Z"); /* feeds that say no zone mean UTC */
	snprintf(out, 32, SPAN_FMT SPAN_FMT, SPAN_ARG(span_head(s, 19)), SPAN_ARG(zone));
	return true;
}

static bool is_unreserved(uint8_t c)
{
	return is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

void report_uri_path(struct strbuf *out, struct span path)
{
	strbuf_percent(out, path, S("/-._~"));
}

bool report_is_url(struct span s)
{
	if (!span_starts(s, S("https://")) && !span_starts(s, S("http://")))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (!is_unreserved(s.p[i]) && !strchr(":/?#[]@!$&'()*+,;=%", s.p[i]))
			return false;
		if (s.p[i] == 0)
			return false;
	}
	return true;
}

void report_fingerprint(const struct span *parts, size_t n, char out[33])
{
	uint64_t a = PATH_ROOT, b = 1;

	for (size_t i = 0; i < n; i++) {
		uint64_t h = hash_span(parts[i]);

		a = path_child(a, h);
		b = hash_mix(b + hash_mix(h ^ parts[i].n));
	}
	snprintf(out, 33, "%016llx%016llx", (unsigned long long)a, (unsigned long long)b);
}
