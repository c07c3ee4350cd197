/* SPDX-License-Identifier: Apache-2.0 */
/* osrelease.c - which distribution this is: os-release(5), and the files that were there before it
 * or that say more.
 *
 * Ranks: 0 etc/os-release, 10 usr/lib/os-release; 20 to 29 a distribution's own release file, of
 * which a derivative's comes before the one that it keeps for compatibility (redhat-release);
 * 30 and up the others. debian_version and alpine-release also refine: they know the minor version
 * that os-release leaves out. */
#include "base/limits.h"
#include "catalog/catalog.h"

static struct span lower(struct arena *scratch, struct span s)
{
	uint8_t *copy = arena_bytes(scratch, s.n);

	for (size_t i = 0; copy != NULL && i < s.n; i++)
		copy[i] = to_lower(s.p[i]);
	return copy == NULL ? (struct span){0} : span_of(copy, s.n);
}

/* A shell's idea of the value: quotes go, in double ones and outside of quotes a backslash keeps
 * what follows (os-release(5)). What stands behind an unquoted blank is no part of it. */
static struct span unquote(struct arena *scratch, struct span s)
{
	uint8_t *copy = arena_bytes(scratch, s.n), quote = 0;
	size_t n = 0;

	for (size_t i = 0; copy != NULL && i < s.n; i++) {
		uint8_t byte = s.p[i];

		if (quote == 0 && is_space(byte))
			break;
		if (byte == quote) {
			quote = 0;
		} else if (quote == 0 && (byte == '"' || byte == '\'')) {
			quote = byte;
		} else {
			if (byte == '\\' && quote != '\'' && i + 1 < s.n)
				byte = s.p[++i];
			copy[n++] = byte;
		}
	}
	return copy == NULL ? (struct span){0} : span_of(copy, n);
}

struct key {
	const char *name;
	size_t off; /* in struct fact_os */
};

#define FIELD(key, field)                                                                          \
	{                                                                                          \
		key, offsetof(struct fact_os, field)                                               \
	}

static const struct key os_release_keys[] = {
    FIELD("ID", id),
    FIELD("ID_LIKE", id_like),
    FIELD("VERSION_ID", version_id),
    FIELD("VERSION", version),
    FIELD("VERSION_CODENAME", codename),
    FIELD("UBUNTU_CODENAME", codename),
    FIELD("PRETTY_NAME", name),
    FIELD("NAME", name),
    FIELD("VARIANT_ID", variant_id),
    FIELD("CPE_NAME", cpe),
    FIELD("BUILD_ID", build_id),
    {NULL, 0},
};

static const struct key lsb_release_keys[] = {
    FIELD("DISTRIB_ID", id),
    FIELD("DISTRIB_RELEASE", version_id),
    FIELD("DISTRIB_CODENAME", codename),
    FIELD("DISTRIB_DESCRIPTION", name),
    {NULL, 0},
};

/* Of two keys that fill one field the first in the table wins; of a key that is there twice the
 * last, as a shell would have it. */
static void take(struct arena *scratch, const struct key *keys, unsigned *from, struct fact_os *o,
		 struct span key, struct span value)
{
	for (unsigned i = 0; keys[i].name != NULL; i++) {
		struct span unquoted;

		if (!span_is(key, span_cstr(keys[i].name)))
			continue;
		for (unsigned k = 0; k < i; k++)
			if (keys[k].off == keys[i].off && (*from >> k & 1))
				return;
		*from |= 1u << i;
		unquoted = unquote(scratch, value);
		memcpy((char *)o + keys[i].off, &unquoted, sizeof(unquoted));
		return;
	}
}

/* True where any line was an assignment. */
static bool read_keys(struct arena *scratch, struct span bytes, const struct key *keys,
		      struct fact_os *o)
{
	struct rd r = rd_of(bytes);
	unsigned from = 0;
	bool any = false;

	while (rd_more(&r)) {
		struct span key, value, line = span_trim(rd_line(&r));

		if (span_starts(line, S("#")) || !span_cut(line, '=', &key, &value))
			continue;
		any = true;
		take(scratch, keys, &from, o, key, value);
	}
	return any;
}

static void os_release(struct cat *c, struct span bytes, uint32_t rank)
{
	struct fact_os o = {.rank = rank};

	if (!read_keys(cat_scratch(c), bytes, os_release_keys, &o)) {
		cat_note(c, RMG_E_UNSUPPORTED, "osrelease-empty",
			 "file that says nothing of the distribution", (struct span){0});
		return;
	}
	if (o.id.n == 0)
		o.id = S("linux"); /* os-release(5): the default */
	cat_os(c, &o);
}

static void lsb_release(struct cat *c, struct span bytes, uint32_t rank)
{
	struct fact_os o = {.rank = rank};

	if (!read_keys(cat_scratch(c), bytes, lsb_release_keys, &o) || o.id.n == 0)
		return;
	o.id = lower(cat_scratch(c), o.id);
	cat_os(c, &o);
}

/* How release files begin, and the ID that os-release has for them. */
static const struct known {
	const char *begins, *id;
} known[] = {
    {"Red Hat Enterprise Linux", "rhel"},
    {"Enterprise Linux Enterprise Linux", "ol"},
    {"Oracle Linux", "ol"},
    {"Rocky Linux", "rocky"},
    {"Scientific Linux", "scientific"},
    {"Amazon Linux", "amzn"},
    {"VMware Photon", "photon"},
    {"CBL-Mariner", "mariner"},
};

static struct span known_id(struct arena *scratch, struct span line)
{
	struct span word = {0};

	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (span_starts_icase(line, span_cstr(known[i].begins)))
			return span_cstr(known[i].id);
	(void)span_word(&line, &word);
	return lower(scratch, word);
}

/* "CentOS release 5.11 (Final)", "Amazon Linux release 2 (Karoo)". */
static void release_line(struct cat *c, struct span bytes, uint32_t rank)
{
	struct rd r = rd_of(bytes);
	struct span line = span_trim(rd_line(&r)), left;
	struct fact_os o = {.rank = rank, .name = line};
	size_t at = span_find(line, S(" release "));

	if (at == SIZE_MAX)
		return;
	o.id = known_id(cat_scratch(c), line);
	left = span_from(line, at + strlen(" release "));
	(void)span_word(&left, &o.version_id);
	left = span_trim(left);
	if (left.n > 2 && left.p[0] == '(' && left.p[left.n - 1] == ')')
		o.codename = span_of(left.p + 1, left.n - 2);
	cat_os(c, &o);
}

/* "cpe:/o:redhat:enterprise_linux:8::baseos", or the same as "cpe:2.3:o:...". */
static void release_cpe(struct cat *c, struct span bytes, uint32_t rank)
{
	struct rd r = rd_of(bytes);
	struct span line = span_trim(rd_line(&r)), left = line, part, vendor = {0};
	struct fact_os o = {.rank = rank, .cpe = line};

	if (!span_starts(line, S("cpe:")))
		return;
	(void)span_next(&left, ':', &part);
	(void)span_next(&left, ':', &part);
	if (span_is(part, S("2.3")))
		(void)span_next(&left, ':', &part);
	(void)span_next(&left, ':', &vendor);
	(void)span_next(&left, ':', &part);
	(void)span_next(&left, ':', &o.version_id);
	if (span_is(vendor, S("redhat")))
		o.id = S("rhel");
	else if (span_is(vendor, S("amazon")))
		o.id = S("amzn");
	else if (span_is(vendor, S("oracle")))
		o.id = S("ol");
	else if (span_is(vendor, S("fedoraproject")))
		o.id = S("fedora");
	else
		o.id = lower(cat_scratch(c), vendor);
	if (o.id.n)
		cat_os(c, &o);
}

/* The version alone on a line: it stands for a distribution by itself, and refines os-release. */
static void version_line(struct cat *c, struct span bytes, uint32_t rank, struct span id)
{
	struct rd r = rd_of(bytes);
	struct fact_os o = {.rank = rank, .id = id, .version_id = span_trim(rd_line(&r))};
	struct span head, tail;

	if (o.version_id.n == 0)
		return;
	if (!is_digit(o.version_id.p[0])) {
		/* Debian's testing and unstable: "trixie/sid". */
		o.codename = span_cut(o.version_id, '/', &head, &tail) ? head : o.version_id;
		o.version_id = (struct span){0};
		cat_os(c, &o);
		return;
	}
	cat_os(c, &o);
	o.refines = true;
	cat_os(c, &o);
}

static void debian_version(struct cat *c, struct span bytes, uint32_t rank)
{
	version_line(c, bytes, rank, S("debian"));
}

static void alpine_release(struct cat *c, struct span bytes, uint32_t rank)
{
	version_line(c, bytes, rank, S("alpine"));
}

/* "SUSE Linux Enterprise Server 11 (x86_64)", then VERSION = 11 and PATCHLEVEL = 4. */
static void suse_release(struct cat *c, struct span bytes, uint32_t rank)
{
	struct rd r = rd_of(bytes);
	struct fact_os o = {.rank = rank, .name = span_trim(rd_line(&r))};
	struct span patch = {0};

	while (rd_more(&r)) {
		struct span key, value;

		if (!span_cut(rd_line(&r), '=', &key, &value))
			continue;
		if (span_is(span_trim(key), S("VERSION")))
			o.version_id = span_trim(value);
		else if (span_is(span_trim(key), S("PATCHLEVEL")))
			patch = span_trim(value);
		else if (span_is(span_trim(key), S("CODENAME")))
			o.codename = span_trim(value);
	}
	if (o.version_id.n == 0)
		return;
	if (patch.n && !span_is(patch, S("0")))
		o.version_id = ARENA_JOIN(cat_scratch(c), o.version_id, S("."), patch);
	o.id = span_starts_icase(o.name, S("opensuse")) ? S("opensuse") : S("sles");
	cat_os(c, &o);
}

static const struct source {
	const char *path;
	uint32_t rank;
	void (*read)(struct cat *c, struct span bytes, uint32_t rank);
} sources[] = {
    {"etc/os-release", 0, os_release},          {"usr/lib/os-release", 10, os_release},
    {"etc/oracle-release", 20, release_line},   {"etc/centos-release", 21, release_line},
    {"etc/fedora-release", 22, release_line},   {"etc/system-release", 23, release_line},
    {"etc/redhat-release", 24, release_line},   {"etc/SuSE-release", 25, suse_release},
    {"etc/alpine-release", 30, alpine_release}, {"etc/lsb-release", 31, lsb_release},
    {"etc/debian_version", 32, debian_version}, {"etc/system-release-cpe", 40, release_cpe},
};

/* What the distributions below one of these call their own: rocky-release, almalinux-release. */
#define OTHER_RELEASE_RANK 26

static enum rmg_rc parse(struct cat *c, struct span bytes)
{
	for (size_t i = 0; i < COUNT_OF(sources); i++) {
		if (!span_is(cat_file(c)->path, span_cstr(sources[i].path)))
			continue;
		sources[i].read(c, bytes, sources[i].rank);
		return RMG_OK;
	}
	release_line(c, bytes, OTHER_RELEASE_RANK);
	return RMG_OK;
}

const struct cataloger catalog_osrelease = {
    .name = "osrelease",
    .globs = (const char *const[]){"etc/*-release", "usr/lib/os-release", "etc/debian_version",
				   "etc/system-release-cpe", NULL},
    .parse = parse,
    .max_bytes = MIB(1),
};
