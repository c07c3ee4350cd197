/* SPDX-License-Identifier: Apache-2.0 */
/* node.c - installed Node packages: package.json(5) of npm's documentation.
 *
 * What npm, yarn and pnpm install lies directly in a folder node_modules, or in a scope there
 * ("node_modules/@babel/core"). A package.json deeper in a package only steers module loading
 * ({"type":"commonjs"}) or is a test's, and is left out. One outside every node_modules is the
 * application's own, or a tool's that was unpacked by hand (yarn in /opt): it counts if it has a
 * proper name and a version and does not lie among tests and examples. */
#include "base/limits.h"
#include "base/utf8.h"
#include "catalog/catalog.h"
#include "format/json.h"

enum place {
	PLACE_INSTALLED,   /* directly in node_modules */
	PLACE_APPLICATION, /* outside of all node_modules */
	PLACE_INSIDE,      /* somewhere in a package */
};

static bool is_for_tests(struct span part)
{
	static const char *const names[] = {
	    "test", "tests", "__tests__", "fixtures", "__fixtures__", "testdata", "examples",
	};

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		if (span_is(part, span_cstr(names[i])))
			return true;
	}
	return false;
}

/* What the folders of a package.json say, read from the root on. */
static enum place place_of(struct span path)
{
	enum { OUTSIDE, MODULES, SCOPE, PACKAGE, DEEPER } at = OUTSIDE;
	struct span left = span_dirname(path), part;
	bool tests = false;

	while (span_next(&left, '/', &part)) {
		if (span_is(part, S("node_modules")))
			at = MODULES;
		else if (at == MODULES)
			at = span_starts(part, S("@")) ? SCOPE : PACKAGE;
		else if (at != OUTSIDE)
			at = at == SCOPE ? PACKAGE : DEEPER;
		else
			tests = tests || is_for_tests(part);
	}
	if (at == OUTSIDE && !tests)
		return PLACE_APPLICATION;
	return at == PACKAGE ? PLACE_INSTALLED : PLACE_INSIDE;
}

static bool wants(const struct cat_file *f)
{
	return place_of(f->path) != PLACE_INSIDE;
}

/* "MIT", {"type": "MIT", "url": ...}, or an array of either. */
static struct span license_of(struct arena *a, json *v)
{
	struct span all = {0};

	if (json_is_object(v))
		return json_get_str(v, "type");
	if (!json_is_array(v))
		return json_str(v);
	for (struct json_iter it = json_iter(v); json_next(&it);) {
		struct span one =
		    json_is_object(it.value) ? json_get_str(it.value, "type") : json_str(it.value);

		if (one.n == 0 || all.n > LIMIT_LICENSE_BYTES)
			continue;
		all = all.n ? ARENA_JOIN(a, all, S(" AND "), one) : one;
	}
	return all;
}

/* A name that a registry would take: npm's old names may have capitals, never spaces or slashes. */
static bool is_name(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (!is_alnum(s.p[i]) && memchr("-_.~!'()*", s.p[i], 9) == NULL)
			return false;
	}
	return s.n != 0 && s.n <= 214;
}

/* Splits off the scope. An installed package is taken by whatever name it has: Node does not look
 * at it. */
static bool take_name(struct pkg *p, struct span name, bool installed)
{
	p->name = name;
	if (span_starts(name, S("@")) && !span_cut(name, '/', &p->ns, &p->name) && !installed)
		return false;
	return installed || (is_name(p->name) && (p->ns.n == 0 || is_name(span_from(p->ns, 1))));
}

static void emit(struct cat *c, json *root)
{
	struct span path = cat_file(c)->path;
	bool installed = place_of(path) == PLACE_INSTALLED;
	struct span name = json_get_str(root, "name");
	json *license = json_get(root, "license");
	struct pkg p = {.type = S("npm"), .version = json_get_str(root, "version")};

	/* Without a version it is not a package: templates and stubs, of which there are many. */
	if (name.n == 0 || p.version.n == 0)
		return;
	if (!take_name(&p, name, installed))
		return;
	p.license = license_of(cat_scratch(c), license ? license : json_get(root, "licenses"));
	if (installed)
		p.claims = span_dirname(path);
	cat_emit(c, &p);
}

/* Node reads broken UTF-8 as if a replacement character stood there; descriptions have it. */
static struct span mended(struct arena *a, struct span bytes)
{
	char *copy = arena_cstr(a, bytes);

	if (copy == NULL)
		return bytes;
	for (size_t i = 0, n; i < bytes.n; i += n) {
		n = utf8_len((const uint8_t *)copy + i, bytes.n - i);
		if (n == 0) {
			copy[i] = '?';
			n = 1;
		}
	}
	return span_of(copy, bytes.n);
}

static enum rmg_rc parse(struct cat *c, struct span bytes)
{
	bool installed = place_of(cat_file(c)->path) == PLACE_INSTALLED;
	struct json_doc d = {0};
	struct rmg_err err;
	enum rmg_rc rc;

	if (!utf8_valid(bytes))
		bytes = mended(cat_scratch(c), bytes);
	rc = json_parse(&d, bytes, LIMIT_JSON_BYTES, &err);
	if (rc == RMG_OK)
		emit(c, d.root);
	json_done(&d);
	if (rc == RMG_E_FORMAT && !installed) {
		/* Often a template. Node could not use it either, so nothing is installed by it. */
		cat_note(c, RMG_OK, "node-not-json", "package.json that is not JSON", S(""));
		return RMG_OK;
	}
	return rc;
}

const struct cataloger catalog_node = {
    .name = "node",
    .globs = (const char *const[]){"**/package.json", NULL},
    .wants = wants,
    .parse = parse,
    .max_bytes = MIB(64),
};
