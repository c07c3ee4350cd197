/* SPDX-License-Identifier: Apache-2.0 */
/* distro.c - from os-release to the names that OSV's ecosystems give to a release (OSV schema,
 * "defined ecosystems"), best first. One row per distribution. */
#include "vuln/match.h"

struct names {
	struct arena *arena;
	struct span *out;
	size_t n, max;
};

/* The parts of VERSION_ID: "15.5" is 15 and 5. */
struct release {
	struct span whole, major, minor;
};

static void add_parts(struct names *names, const struct span *parts, size_t n)
{
	if (names->n < names->max)
		names->out[names->n++] = arena_join(names->arena, parts, n);
}

#define ADD(names, ...)                                                                            \
	add_parts((names), (const struct span[]){__VA_ARGS__},                                     \
		  COUNT_OF(((const struct span[]){__VA_ARGS__})))

static struct release release_of(const struct os *os)
{
	struct release r = {.whole = os->version_id};
	struct span rest = os->version_id;

	(void)span_next(&rest, '.', &r.major);
	(void)span_next(&rest, '.', &r.minor);
	return r;
}

static void rolling(struct names *n, const struct os *os, struct span family)
{
	(void)os;
	ADD(n, family);
}

static void by_major(struct names *n, const struct os *os, struct span family)
{
	struct release r = release_of(os);

	if (r.major.n)
		ADD(n, family, S(":"), r.major);
}

static void by_minor(struct names *n, const struct os *os, struct span family)
{
	struct release r = release_of(os);

	if (r.minor.n)
		ADD(n, family, S(":"), r.major, S("."), r.minor);
	else if (r.major.n)
		ADD(n, family, S(":"), r.major);
}

static void by_whole(struct names *n, const struct os *os, struct span family)
{
	if (os->version_id.n)
		ADD(n, family, S(":"), os->version_id);
}

/* Testing has no VERSION_ID, only a code name; until Debian 6 minor releases were major ones. */
static void debian(struct names *n, const struct os *os, struct span family)
{
	static const struct {
		const char *codename, *release;
	} names[] = {
	    {"duke", "15"},     {"forky", "14"},    {"trixie", "13"}, {"bookworm", "12"},
	    {"bullseye", "11"}, {"buster", "10"},   {"stretch", "9"}, {"jessie", "8"},
	    {"wheezy", "7"},    {"squeeze", "6.0"}, {"lenny", "5.0"}, {"sid", "sid"},
	};
	struct release r = release_of(os);
	uint64_t major;

	if (r.major.n && span_u64(r.major, 10, 1000, &major)) {
		if (major <= 6)
			by_minor(n, os, family);
		ADD(n, family, S(":"), r.major);
		return;
	}
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (span_is(os->codename, span_cstr(names[i].codename)))
			ADD(n, family, S(":"), span_cstr(names[i].release));
}

/* April of even years has long support. What only paying users get is told second: it says what an
 * image without it still has open. */
static void ubuntu(struct names *n, const struct os *os, struct span family)
{
	struct release r = release_of(os);
	uint64_t year;
	bool lts;

	if (r.minor.n == 0 || !span_u64(r.major, 10, 1000, &year))
		return;
	lts = year % 2 == 0 && span_is(r.minor, S("04"));
	if (lts) {
		ADD(n, family, S(":"), r.major, S("."), r.minor, S(":LTS"));
		ADD(n, family, S(":Pro:"), r.major, S("."), r.minor, S(":LTS"));
	} else {
		ADD(n, family, S(":"), r.major, S("."), r.minor);
	}
}

static void alpine(struct names *n, const struct os *os, struct span family)
{
	struct release r = release_of(os);

	if (span_has(os->version_id, S("_")) || span_is(os->version_id, S("edge")) ||
	    span_is(os->codename, S("edge")))
		ADD(n, family, S(":edge"));
	else if (r.minor.n)
		ADD(n, family, S(":v"), r.major, S("."), r.minor);
}

/* Named by CPE: a repository of a major release each; from 10 on of a minor one as well. */
static void red_hat(struct names *n, const struct os *os, struct span family)
{
	static const char *const new[] = {
	    "baseos",   "appstream",        "crb", "highavailability", "nfv",
	    "realtime", "resilientstorage", "sap", "sap_hana",         "supplementary"};
	static const char *const old[] = {"server", "client", "computenode", "workstation"};
	struct release r = release_of(os);
	uint64_t major;

	if (!span_u64(r.major, 10, 1000, &major))
		return;
	for (size_t i = 0; major >= 8 && i < COUNT_OF(new); i++)
		ADD(n, family, S(":enterprise_linux:"), r.major, S("::"), span_cstr(new[i]));
	for (size_t i = 0; major < 8 && i < COUNT_OF(old); i++)
		ADD(n, family, S(":enterprise_linux:"), r.major, S("::"), span_cstr(old[i]));
	if (major >= 10 && r.minor.n)
		ADD(n, family, S(":enterprise_linux:"), r.whole);
}

static void suse(struct names *n, const struct os *os, struct span family)
{
	static const char *const modules[] = {
	    "Basesystem", "Server Applications", "Development Tools", "Desktop Applications",
	    "Containers", "Web and Scripting",   "Python 3",          "Public Cloud",
	    "Legacy",     "Package Hub",
	};
	struct release r = release_of(os);
	struct span pack = r.minor.n && !span_is(r.minor, S("0")) ? S(" SP") : S("");
	struct span minor = pack.n ? r.minor : S("");

	if (r.major.n == 0)
		return;
	ADD(n, family, S(":Linux Enterprise Server "), r.major, pack, minor);
	ADD(n, family, S(":Linux Enterprise Server "), r.major, pack, minor, S("-LTSS"));
	for (size_t i = 0; i < COUNT_OF(modules); i++)
		ADD(n, family, S(":Linux Enterprise Module for "), span_cstr(modules[i]), S(" "),
		    r.major, pack, minor);
}

static void suse_micro(struct names *n, const struct os *os, struct span family)
{
	if (os->version_id.n)
		ADD(n, family, S(":Linux Enterprise Micro "), os->version_id);
}

static void leap(struct names *n, const struct os *os, struct span family)
{
	if (os->version_id.n)
		ADD(n, family, S(":Leap "), os->version_id);
}

static void tumbleweed(struct names *n, const struct os *os, struct span family)
{
	(void)os;
	ADD(n, family, S(":Tumbleweed"));
}

/* Chainguard's images take packages of Wolfi, too. */
static void chainguard(struct names *n, const struct os *os, struct span family)
{
	(void)os;
	ADD(n, family);
	ADD(n, S("Wolfi"));
}

/* Amazon Linux 1 was named by year and month. */
static void amazon(struct names *n, const struct os *os, struct span family)
{
	struct release r = release_of(os);
	uint64_t major;

	if (!span_u64(r.major, 10, 9999, &major))
		return;
	if (major == 2 || major >= 2022)
		ADD(n, family, S(":"), r.major);
	else
		ADD(n, family, S(":1"));
}

static const struct {
	const char *id, *family;
	void (*list)(struct names *n, const struct os *os, struct span family);
} distros[] = {
    {"alpaquita", "Alpaquita", by_whole},
    {"almalinux", "AlmaLinux", by_major},
    {"alpine", "Alpine", alpine},
    {"amzn", "Amazon Linux", amazon},
    {"arch", "Arch Linux", rolling},
    {"azurelinux", "Azure Linux", by_major},
    {"bellsoft-hardened-containers", "BellSoft Hardened Containers", by_whole},
    {"centos", "Red Hat", red_hat},
    {"chainguard", "Chainguard", chainguard},
    {"debian", "Debian", debian},
    {"echo", "Echo", rolling},
    {"fedora", "Fedora", by_major},
    {"mageia", "Mageia", by_major},
    {"mariner", "Azure Linux", by_major},
    {"minimos", "MinimOS", rolling},
    {"ol", "Oracle Linux", by_major},
    {"openEuler", "openEuler", by_whole},
    {"opensuse-leap", "openSUSE", leap},
    {"opensuse-tumbleweed", "openSUSE", tumbleweed},
    {"photon", "Photon OS", by_minor},
    {"raspbian", "Debian", debian},
    {"rhel", "Red Hat", red_hat},
    {"rocky", "Rocky Linux", by_major},
    {"sl-micro", "SUSE", suse_micro},
    {"sle-micro", "SUSE", suse_micro},
    {"sled", "SUSE", suse},
    {"sle_hpc", "SUSE", suse},
    {"sles", "SUSE", suse},
    {"sles_sap", "SUSE", suse},
    {"ubuntu", "Ubuntu", ubuntu},
    {"wolfi", "Wolfi", rolling},
};

size_t os_ecosystems(const struct os *os, struct arena *a, struct span *out, size_t max)
{
	struct names names = {.arena = a, .out = out, .max = max};

	for (size_t i = 0; i < COUNT_OF(distros); i++)
		if (span_is(os->id, span_cstr(distros[i].id)))
			distros[i].list(&names, os, span_cstr(distros[i].family));
	return names.n;
}
