/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/java_name.h"

#include "base/limits.h"
#include "base/rd.h"

/* The next line; a line may end in CR alone, too. */
static bool next_line(struct span *left, struct span *line)
{
	struct span s = *left;
	size_t i = 0;

	if (s.n == 0)
		return false;
	while (i < s.n && s.p[i] != '\n' && s.p[i] != '\r')
		i++;
	*line = span_head(s, i);
	if (i + 1 < s.n && s.p[i] == '\r' && s.p[i + 1] == '\n')
		i++;
	*left = span_from(s, i + 1);
	return true;
}

static bool next_continuation(struct span *left, struct span *more)
{
	if (left->n == 0 || left->p[0] != ' ' || !next_line(left, more))
		return false;
	*more = span_from(*more, 1);
	return true;
}

/* A value and the lines that go on with it, which begin with one space. */
static struct span unfold(struct span value, struct span *left, struct arena *a)
{
	struct span ahead = *left, more;
	size_t n = value.n, at;
	uint8_t *whole;

	while (next_continuation(&ahead, &more))
		n += more.n;
	if (n == value.n)
		return value;
	n = MIN_OF(n, (size_t)LIMIT_TEXT_BYTES);
	whole = arena_bytes(a, n);
	if (whole == NULL)
		return S("");
	at = MIN_OF(value.n, n);
	memcpy(whole, value.n ? value.p : (const uint8_t *)"", at);
	while (next_continuation(left, &more)) {
		size_t take = MIN_OF(more.n, n - at);

		memcpy(whole + at, more.n ? more.p : (const uint8_t *)"", take);
		at += take;
	}
	return span_of(whole, n);
}

/* A name in another file, or what a build did not fill in, says nothing. */
static struct span said(struct span value)
{
	value = span_trim(value);
	return span_starts(value, S("%")) || span_has(value, S("${")) ? S("") : value;
}

/* Where the value of a field goes, NULL where we do not use it. */
static struct span *field_of(struct manifest *m, struct span key)
{
	const struct {
		struct span key, *to;
	} fields[] = {
	    {S("Implementation-Title"), &m->implementation_title},
	    {S("Implementation-Version"), &m->implementation_version},
	    {S("Implementation-Vendor-Id"), &m->implementation_vendor_id},
	    {S("Implementation-Vendor"), &m->implementation_vendor},
	    {S("Specification-Version"), &m->specification_version},
	    {S("Bundle-Version"), &m->bundle_version},
	    {S("Bundle-License"), &m->bundle_license},
	    {S("Bundle-SymbolicName"), &m->symbolic_name},
	    {S("Plugin-Version"), &m->plugin_version},
	    {S("Automatic-Module-Name"), &m->module},
	    {S("Weave-Classes"), &m->weaves},
	};

	for (size_t i = 0; i < COUNT_OF(fields); i++) {
		if (span_is_icase(key, fields[i].key))
			return fields[i].to;
	}
	return NULL;
}

/* "org.acme.x;singleton:=true" without its parameters. */
static struct span without_parameters(struct span s)
{
	struct span parameters;

	(void)span_cut(s, ';', &s, &parameters);
	return span_trim(s);
}

void manifest_read(struct span bytes, struct arena *a, struct manifest *out)
{
	struct span left = bytes, line, key, value, *to;
	struct manifest m = {0};

	if (span_starts(left, S("\xef\xbb\xbf")))
		left = span_from(left, 3);
	while (next_line(&left, &line) && line.n) { /* a blank line ends the main section */
		if (!span_cut(line, ':', &key, &value) || (to = field_of(&m, key)) == NULL)
			continue;
		*to = said(unfold(value, &left, a));
	}
	m.symbolic_name = without_parameters(m.symbolic_name);
	*out = m;
}

bool gav_read(struct span bytes, struct gav *out)
{
	struct span left = bytes, line, key, value;
	struct gav g = {0};

	while (next_line(&left, &line)) {
		line = span_trim(line);
		if (span_starts(line, S("#")) || span_starts(line, S("!")) ||
		    !(span_cut(line, '=', &key, &value) || span_cut(line, ':', &key, &value)))
			continue;
		key = span_trim(key);
		if (span_is(key, S("groupId")))
			g.group = said(value);
		else if (span_is(key, S("artifactId")))
			g.artifact = said(value);
		else if (span_is(key, S("version")))
			g.version = said(value);
	}
	if (g.artifact.n)
		*out = g;
	return g.artifact.n != 0;
}

static bool is_version_of(struct span version, const struct manifest *m)
{
	return version.n &&
	       (span_is(version, m->implementation_version) ||
		span_is(version, m->bundle_version) || span_is(version, m->specification_version));
}

struct gav gav_of_file(struct span name, const struct manifest *m)
{
	struct gav g = {0};
	struct span extension, stem = span_basename(name);

	(void)span_rcut(stem, '.', &stem, &extension);
	g.artifact = stem;
	for (size_t i = 1; i + 1 < stem.n; i++) {
		struct span version = span_from(stem, i + 1);

		if (stem.p[i] != '-' || !is_digit(version.p[0]))
			continue;
		if (g.version.n == 0 || is_version_of(version, m)) {
			g.artifact = span_head(stem, i);
			g.version = version;
		}
		if (is_version_of(version, m))
			break;
	}
	return g;
}

bool gav_is_alike(const struct gav *pom, const struct gav *file)
{
	return file->version.n && span_is(pom->version, file->version) &&
	       (span_starts(file->artifact, pom->artifact) ||
		span_ends(file->artifact, pom->artifact) ||
		span_starts(pom->artifact, file->artifact) ||
		span_ends(pom->artifact, file->artifact));
}

/* "org.acme.x": lower case, dots between, as groups are written. */
static bool is_group(struct span s)
{
	bool dot = false;

	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];

		if (!(c >= 'a' && c <= 'z') && !is_digit(c) && c != '-' && c != '_' && c != '.')
			return false;
		dot = dot || c == '.';
	}
	return dot && s.p[0] != '.' && s.p[s.n - 1] != '.' && !is_digit(s.p[0]);
}

/* Scala's artifacts end in the language's version, "_2.13", of which manifests say nothing. */
static struct span without_scala(struct span artifact)
{
	size_t at = span_rchr(artifact, '_');

	return at != SIZE_MAX && at + 1 < artifact.n && is_digit(artifact.p[at + 1])
		   ? span_head(artifact, at)
		   : artifact;
}

static bool same_word(uint8_t a, uint8_t b)
{
	a = a == '-' || a == '_' ? '.' : a;
	b = b == '-' || b == '_' ? '.' : b;
	return a == b;
}

/* What stands before ".artifact" in a dotted name, "-" and "." being alike; "" if it is no group.
 */
static struct span before_artifact(struct span name, struct span artifact)
{
	struct span group;

	artifact = without_scala(artifact);
	if (name.n <= artifact.n + 1 || name.p[name.n - artifact.n - 1] != '.')
		return S("");
	for (size_t i = 0; i < artifact.n; i++) {
		if (!same_word(name.p[name.n - artifact.n + i], artifact.p[i]))
			return S("");
	}
	group = span_head(name, name.n - artifact.n - 1);
	return is_group(group) ? group : S("");
}

/* Gradle's title: "group#artifact;version". */
static struct span group_of_title(struct span title)
{
	struct span group, rest;

	return span_cut(title, '#', &group, &rest) && span_chr(rest, ';') != SIZE_MAX ? group
										      : S("");
}

/* The folder that all classes share, as a group: "org/acme", one more below org/apache and the
 * like, where the second name is a host of many. */
static struct span group_of_packages(struct span packages, struct arena *a)
{
	static const char *const hosts[] = {"apache", "github", "google", "eclipse", "sun", "java"};
	struct span left = packages, part, group = S("");
	size_t most = 2;

	for (size_t i = 0; i < most && span_next(&left, '/', &part); i++) {
		group = i ? ARENA_JOIN(a, group, S("."), part) : part;
		for (size_t k = 0; i == 1 && k < COUNT_OF(hosts); k++)
			most += span_is(part, span_cstr(hosts[k]));
	}
	return group;
}

struct span java_group(struct span artifact, const struct manifest *m, struct span packages,
		       struct arena *a)
{
	const struct span guesses[] = {
	    group_of_title(m->implementation_title),
	    java_known_group(artifact),
	    before_artifact(m->symbolic_name, artifact),
	    is_group(m->implementation_vendor_id) ? m->implementation_vendor_id : S(""),
	    before_artifact(m->module, artifact),
	    is_group(m->symbolic_name) ? m->symbolic_name : S(""),
	    is_group(m->implementation_vendor) ? m->implementation_vendor : S(""),
	    is_group(m->implementation_title) ? m->implementation_title : S(""),
	};

	for (size_t i = 0; i < COUNT_OF(guesses); i++) {
		if (guesses[i].n)
			return guesses[i];
	}
	return group_of_packages(packages, a);
}
