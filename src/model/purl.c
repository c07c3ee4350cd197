/* SPDX-License-Identifier: Apache-2.0 */
#include "model/purl.h"

#include "base/limits.h"
#include "base/strbuf.h"

#define PURL_BYTES KIB(256)

enum type_flag {
	TYPE_OS = 1,    /* namespace and distro come from os-release */
	TYPE_LOWER = 2, /* namespace and name are lower-cased */
	TYPE_SPLIT = 4, /* a name with slashes carries its namespace */
	TYPE_COLON = 8, /* "group:artifact" carries its namespace */
	TYPE_PYPI = 16,
};

/* The types with rules of their own, as the specification's type definitions have them. */
static const struct type_rule {
	const char *name;
	unsigned flags;
} types[] = {
    {"deb", TYPE_OS | TYPE_LOWER},
    {"apk", TYPE_OS | TYPE_LOWER},
    {"rpm", TYPE_OS},
    {"alpm", TYPE_OS | TYPE_LOWER},
    {"opkg", TYPE_OS},
    {"golang", TYPE_LOWER | TYPE_SPLIT},
    {"npm", TYPE_LOWER | TYPE_SPLIT},
    {"pypi", TYPE_LOWER | TYPE_PYPI},
    {"composer", TYPE_LOWER | TYPE_SPLIT},
    {"maven", TYPE_COLON},
    {"hex", TYPE_LOWER | TYPE_SPLIT},
    {"pub", TYPE_LOWER},
    {"luarocks", TYPE_LOWER | TYPE_SPLIT},
    {"bitnami", TYPE_LOWER},
    {"swift", TYPE_SPLIT},
};

static unsigned flags_of(struct span type)
{
	for (size_t i = 0; i < COUNT_OF(types); i++)
		if (span_is(type, span_cstr(types[i].name)))
			return types[i].flags;
	return 0;
}

bool purl_is_os(struct span type)
{
	return (flags_of(type) & TYPE_OS) != 0;
}

struct span purl_pypi_name(struct span name, struct arena *a)
{
	uint8_t *out = arena_bytes(a, name.n);
	size_t n = 0;

	if (out == NULL)
		return (struct span){0};
	for (size_t i = 0; i < name.n; i++) {
		uint8_t c = name.p[i];

		if (c != '-' && c != '_' && c != '.')
			out[n++] = to_lower(c);
		else if (i == 0 ||
			 (name.p[i - 1] != '-' && name.p[i - 1] != '_' && name.p[i - 1] != '.'))
			out[n++] = '-';
	}
	return span_of(out, n);
}

static void put_encoded(struct strbuf *b, struct span s, bool lower)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = lower ? to_lower(s.p[i]) : s.p[i];

		if (is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~' || c == ':') {
			strbuf_putc(b, (char)c);
		} else {
			strbuf_putc(b, '%');
			strbuf_putc(b, hex[c >> 4]);
			strbuf_putc(b, hex[c & 15]);
		}
	}
}

/* Each segment followed by a slash; empty segments vanish. */
static void put_namespace(struct strbuf *b, struct span ns, bool lower)
{
	struct span segment;

	while (span_next(&ns, '/', &segment)) {
		if (segment.n == 0)
			continue;
		put_encoded(b, segment, lower);
		strbuf_putc(b, '/');
	}
}

static struct span os_namespace(const struct os *os)
{
	return span_is(os->id, S("rhel")) ? S("redhat") : os->id;
}

static void put_name(struct strbuf *b, const struct pkg *p, const struct os *os, struct arena *a)
{
	unsigned flags = flags_of(p->type);
	bool lower = (flags & TYPE_LOWER) != 0;
	struct span ns = p->ns, name = p->name, left = {0}, right = {0};
	bool split;

	if ((flags & TYPE_OS) && ns.n == 0 && os)
		ns = os_namespace(os);
	if (flags & TYPE_PYPI)
		name = purl_pypi_name(name, a);
	put_namespace(b, ns, lower);
	split = ((flags & TYPE_SPLIT) && span_rcut(name, '/', &left, &right)) ||
		((flags & TYPE_COLON) && ns.n == 0 && span_cut(name, ':', &left, &right));
	if (split && left.n && right.n) {
		put_namespace(b, left, lower);
		name = right;
	}
	put_encoded(b, name, lower);
}

/* rpm keeps its epoch in a qualifier, not in the version. */
static struct span rpm_epoch(struct span version, struct span *rest)
{
	struct span epoch, after;

	*rest = version;
	if (!span_cut(version, ':', &epoch, &after))
		return (struct span){0};
	*rest = after;
	return epoch;
}

struct qualifiers {
	struct strbuf *b;
	struct span more; /* the package's own, not yet written */
	bool begun;
};

static void begin_qualifier(struct qualifiers *q)
{
	strbuf_putc(q->b, q->begun ? '&' : '?');
	q->begun = true;
}

/* Writes the package's own qualifiers whose keys sort before key; key's double is dropped. */
static void flush_before(struct qualifiers *q, struct span key)
{
	while (q->more.n) {
		struct span rest = q->more, pair, name, value;
		int order;

		if (!span_next(&rest, '&', &pair))
			return;
		order = span_cut(pair, '=', &name, &value) ? span_cmp(name, key) : -1;
		if (key.n && order > 0)
			return;
		q->more = rest;
		if (pair.n == 0 || (key.n && order == 0))
			continue;
		begin_qualifier(q);
		strbuf_put(q->b, pair);
	}
}

static void put_qualifier(struct qualifiers *q, const char *key, const struct span *parts, size_t n)
{
	size_t bytes = 0;

	for (size_t i = 0; i < n; i++)
		bytes += parts[i].n;
	if (bytes == 0)
		return;
	flush_before(q, span_cstr(key));
	begin_qualifier(q);
	strbuf_puts(q->b, key);
	strbuf_putc(q->b, '=');
	for (size_t i = 0; i < n; i++)
		put_encoded(q->b, parts[i], false);
}

static void put_distro(struct qualifiers *q, const struct os *os)
{
	struct span release = os->version_id.n ? os->version_id : os->codename;

	if (os->id.n && release.n)
		put_qualifier(q, "distro", (struct span[]){os->id, S("-"), release}, 3);
	else if (os->id.n)
		put_qualifier(q, "distro", &os->id, 1);
}

/* deb and apk name the source package, rpm the file of the source package. */
static void put_upstream(struct qualifiers *q, const struct pkg *p)
{
	struct span version = p->src_version.n ? p->src_version : p->version, bare;

	if (p->src_name.n == 0)
		return;
	if (span_is(p->type, S("rpm"))) {
		rpm_epoch(version, &bare);
		put_qualifier(q, "upstream",
			      (struct span[]){p->src_name, S("-"), bare, S(".src.rpm")}, 4);
	} else if (p->src_version.n && !span_is(p->src_version, p->version)) {
		put_qualifier(q, "upstream", (struct span[]){p->src_name, S("@"), version}, 3);
	} else if (!span_is(p->src_name, p->name)) {
		put_qualifier(q, "upstream", &p->src_name, 1);
	}
}

static void put_qualifiers(struct strbuf *b, const struct pkg *p, const struct os *os,
			   struct span epoch)
{
	struct qualifiers q = {.b = b, .more = p->build};
	bool is_os = purl_is_os(p->type);

	put_qualifier(&q, "arch", &p->arch, 1);
	if (is_os && os)
		put_distro(&q, os);
	put_qualifier(&q, "epoch", &epoch, 1);
	if (is_os)
		put_upstream(&q, p);
	flush_before(&q, (struct span){0});
}

struct span purl_of(const struct pkg *p, const struct os *os, struct arena *a)
{
	struct strbuf b = strbuf_of(PURL_BYTES);
	struct span version = p->version, epoch = {0}, out;

	if (span_is(p->type, S("rpm")))
		epoch = rpm_epoch(p->version, &version);
	/* Go's own library: the toolchain calls itself go1.21.3, purls and advisories 1.21.3. */
	if (span_is(p->type, S("golang")) && span_starts(version, S("go")))
		version = span_from(version, 2);
	strbuf_puts(&b, "pkg:");
	strbuf_put(&b, p->type);
	strbuf_putc(&b, '/');
	put_name(&b, p, os, a);
	if (version.n) {
		strbuf_putc(&b, '@');
		put_encoded(&b, version, false);
	}
	put_qualifiers(&b, p, os, epoch);
	out = strbuf_rc(&b) == RMG_OK ? arena_dup(a, strbuf_span(&b)) : (struct span){0};
	strbuf_done(&b);
	return out;
}

/* False for a broken escape. */
static bool decode(struct span s, struct arena *a, struct span *out)
{
	uint8_t *p;
	size_t n = 0;

	if (span_chr(s, '%') == SIZE_MAX) {
		*out = arena_dup(a, s);
		return arena_rc(a) == RMG_OK;
	}
	p = arena_bytes(a, s.n);
	if (p == NULL)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '%') {
			p[n++] = s.p[i];
			continue;
		}
		if (s.n - i < 3 || !span_unhex(span_of(s.p + i + 1, 2), &p[n], 1))
			return false;
		n++;
		i += 2;
	}
	*out = span_of(p, n);
	return true;
}

static bool is_type(struct span type)
{
	if (type.n == 0 || is_digit(type.p[0]))
		return false;
	for (size_t i = 0; i < type.n; i++)
		if (!is_alnum(type.p[i]) && type.p[i] != '.' && type.p[i] != '+' &&
		    type.p[i] != '-')
			return false;
	return true;
}

static struct span lower(struct span s, struct arena *a)
{
	uint8_t *p = arena_bytes(a, s.n);

	if (p == NULL)
		return (struct span){0};
	for (size_t i = 0; i < s.n; i++)
		p[i] = to_lower(s.p[i]);
	return span_of(p, s.n);
}

static struct span strip_slashes(struct span s)
{
	while (s.n && s.p[0] == '/')
		s = span_from(s, 1);
	return span_rtrim_chr(s, '/');
}

/* The order of cutting is the specification's: subpath, qualifiers, scheme, type, version, name. */
bool purl_parse(struct span text, struct arena *a, struct purl *out)
{
	struct purl p = {0};
	struct span rest = text, right, left;

	if (span_rcut(rest, '#', &left, &right)) {
		p.subpath = strip_slashes(right);
		rest = left;
	}
	if (span_rcut(rest, '?', &left, &right)) {
		p.qualifiers = right;
		rest = left;
	}
	if (!span_starts(rest, S("pkg:")))
		return false;
	rest = strip_slashes(span_from(rest, 4));
	if (!span_cut(rest, '/', &p.type, &rest) || !is_type(p.type))
		return false;
	if (span_rcut(rest, '@', &left, &right) && left.n && left.p[left.n - 1] != '/') {
		p.version = right;
		rest = left;
	}
	rest = strip_slashes(rest);
	if (!span_rcut(rest, '/', &p.ns, &p.name))
		p.name = rest;
	if (p.name.n == 0)
		return false;
	p.type = lower(p.type, a);
	if (!decode(p.ns, a, &p.ns) || !decode(p.name, a, &p.name) ||
	    !decode(p.version, a, &p.version) || !decode(p.subpath, a, &p.subpath))
		return false;
	*out = p;
	return true;
}
