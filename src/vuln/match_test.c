/* SPDX-License-Identifier: Apache-2.0 */
/* Small databases and inventories, one rule of the field each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "vuln/advdb_build.h"
#include "vuln/match.h"

#define MAX_PKGS 8

struct world {
	struct advdb_builder *b;
	uint32_t osv, debian;
	struct advdb db;
	struct component pkgs[MAX_PKGS];
	struct inventory inv;
	struct verdict *v;
};

/* Stands for SHA-256. */
static void hash32(struct span bytes, uint8_t out[32])
{
	uint64_t hash = hash_span(bytes);

	for (size_t i = 0; i < 32; i++)
		out[i] = (uint8_t)(hash >> i % 8 * 8);
}

static void begin(struct world *w, const char *os, const char *version)
{
	struct adv_source osv = {.name = S("osv")}, debian = {.name = S("debian")};

	memset(w, 0, sizeof *w);
	assert_int_equal(advdb_builder_new(&w->b), RMG_OK);
	w->osv = advdb_add_source(w->b, &osv);
	w->debian = advdb_add_source(w->b, &debian);
	w->inv.os.id = span_cstr(os);
	w->inv.os.version_id = span_cstr(version);
	w->inv.components = w->pkgs;
	w->inv.complete = true;
}

static const struct adv_card no_card;

static uint32_t card(struct world *w, const char *id, const char *alias, struct adv_card c)
{
	struct span aliases[] = {span_cstr(alias)};

	c.id = span_cstr(id);
	c.n_aliases = alias ? 1 : 0;
	c.canonical = alias && strncmp(alias, "CVE-", 4) == 0 ? aliases[0] : c.id;
	if (c.source == 0)
		c.source = w->osv;
	return advdb_add_card(w->b, &c, aliases, NULL, NULL);
}

/* events: "introduced 0 fixed 1.2 introduced 2.0"; versions: "1.0 1.1". */
static void add_rule(struct world *w, const char *ecosystem, const char *name, struct adv_rule r,
		     const char *events, const char *versions)
{
	static const char *const kinds[] = {"introduced", "fixed", "last_affected", "limit"};
	struct adv_event e[8];
	struct span v[8], rest = span_cstr(events), word;

	while (span_word(&rest, &word)) {
		for (unsigned k = 0; k < COUNT_OF(kinds); k++)
			if (span_is(word, span_cstr(kinds[k])))
				e[r.n_events].kind = (enum adv_event_kind)k;
		assert_true(span_word(&rest, &e[r.n_events].version));
		r.n_events++;
	}
	for (rest = span_cstr(versions); span_word(&rest, &word);)
		v[r.n_versions++] = word;
	advdb_add_rule(w->b, span_cstr(ecosystem), span_cstr(name), &r, e, v);
}

static void simple(struct world *w, const char *id, const char *ecosystem, const char *name,
		   const char *events)
{
	struct adv_rule r = {.card = card(w, id, NULL, no_card), .source = w->osv};

	add_rule(w, ecosystem, name, r, events, "");
}

static struct pkg *add_pkg(struct world *w, const char *type, const char *name, const char *version)
{
	struct component *c = &w->pkgs[w->inv.n_components++];

	c->pkg.type = span_cstr(type);
	c->pkg.name = span_cstr(name);
	c->pkg.version = span_cstr(version);
	c->is_os = strcmp(type, "deb") == 0 || strcmp(type, "rpm") == 0 || strcmp(type, "apk") == 0;
	return &c->pkg;
}

static void match(struct world *w)
{
	struct span bytes;

	assert_int_equal(
	    advdb_builder_done(w->b, S("2026-01-01T00:00:00Z"), hash32, &bytes, NULL, NULL),
	    RMG_OK);
	assert_int_equal(advdb_of(bytes, &w->db, NULL), RMG_OK);
	assert_int_equal(match_inventory(&w->inv, &w->db, &w->v, NULL), RMG_OK);
}

static void end(struct world *w)
{
	verdict_free(w->v);
	advdb_builder_free(w->b);
}

/* The findings are exactly these ids. */
static void expect(const struct world *w, const char *ids)
{
	struct span rest = span_cstr(ids), id;
	size_t n = 0;

	while (span_word(&rest, &id)) {
		bool have = false;

		for (size_t i = 0; i < w->v->n_findings; i++)
			have |= span_is(w->v->findings[i].id, id);
		if (!have)
			fail_msg(SPAN_FMT " is missing", SPAN_ARG(id));
		n++;
	}
	if (n != w->v->n_findings)
		fail_msg("%zu findings, want %s", w->v->n_findings, ids);
}

static void expect_note(const struct world *w, const char *code)
{
	for (size_t i = 0; i < w->v->n_notes; i++)
		if (span_is(w->v->notes[i].note.code, span_cstr(code)))
			return;
	fail_msg("no note %s", code);
}

static void deb_is_judged_by_its_source(void **state)
{
	struct world w;
	struct pkg *p;

	(void)state;
	begin(&w, "debian", "12.4");
	simple(&w, "CVE-1", "Debian:12", "openssl", "introduced 0 fixed 3.0.11-1");
	simple(&w, "CVE-2", "Debian:12", "gcc-12", "introduced 0 fixed 12.2.0-14+b0");
	simple(&w, "CVE-3", "Debian:11", "openssl", "introduced 0");
	simple(&w, "CVE-4", "Debian:12", "libssl3", "introduced 0");
	p = add_pkg(&w, "deb", "libssl3", "3.0.9-1");
	p->src_name = S("openssl");
	p = add_pkg(&w, "deb", "libstdc++6", "12.2.0-14+b1");
	p->src_name = S("gcc-12");
	p->src_version = S("12.2.0-14");
	match(&w);
	expect(&w, "CVE-1 CVE-2");
	assert_true(w.v->complete);
	assert_int_equal(w.v->findings[0].status, ADV_FIXED);
	assert_true(span_is(w.v->findings[0].fixed[0], S("3.0.11-1")));
	assert_true(
	    span_is(w.v->findings[0].why, S("Debian:12 openssl: introduced 0, fixed 3.0.11-1")));
	end(&w);
}

/* OSV schema, "evaluation". */
static void osv_events(void **state)
{
	static const struct {
		const char *version, *ids;
	} rows[] = {
	    {"0.9", "before listed"},
	    {"1.0", "range before last"},
	    {"1.1.0", "range before last"},
	    {"1.2", "before last"},
	    {"1.9", "before"},
	    {"2.0", "range before"},
	    {"2.0.1", "range"},
	    {"3.0", "range limited"},
	    {"4.0", "range"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct world w;
		struct adv_rule r = {0};

		begin(&w, "", "");
		simple(&w, "range", "PyPI", "x", "introduced 1.0 fixed 1.2 introduced 2");
		simple(&w, "before", "PyPI", "x", "introduced 0 fixed 2.0.1");
		simple(&w, "last", "PyPI", "x", "introduced 1 last_affected 1.2.0");
		simple(&w, "limited", "PyPI", "x", "introduced 3 limit 3.5");
		r.card = card(&w, "listed", NULL, no_card);
		add_rule(&w, "PyPI", "x", r, "", "0.8 0.9.0");
		add_pkg(&w, "pypi", "X", rows[i].version);
		match(&w);
		expect(&w, rows[i].ids);
		end(&w);
	}
}

static void next_fix_of_a_listed_version(void **state)
{
	struct world w;
	struct adv_rule r = {0};

	(void)state;
	begin(&w, "", "");
	r.card = card(&w, "CVE-1", NULL, no_card);
	add_rule(&w, "npm", "@s/x", r, "introduced 1.0.0 fixed 1.2.0 introduced 2.0.0 fixed 2.1.0",
		 "1.5.0");
	add_pkg(&w, "npm", "x", "1.5.0")->ns = S("@s");
	match(&w);
	expect(&w, "CVE-1");
	assert_true(span_is(w.v->findings[0].fixed[0], S("2.1.0")));
	assert_true(span_is(w.v->findings[0].why, S("npm @s/x: version 1.5.0 is listed")));
	end(&w);
}

static void tracker_before_its_copy(void **state)
{
	struct world w;
	struct adv_rule r;

	(void)state;
	begin(&w, "debian", "12");
	for (unsigned i = 1; i <= 4; i++) {
		static const char *const ids[] = {"", "D-1", "D-2", "D-3", "D-4"};
		static const char *const cves[] = {"", "CVE-1", "CVE-2", "CVE-3", "CVE-4"};

		r = (struct adv_rule){.card = card(&w, ids[i], cves[i], no_card)};
		add_rule(&w, "Debian:12", "bash", r, "introduced 0", "");
	}
	r = (struct adv_rule){.source = w.debian, .status = ADV_NOT_AFFECTED};
	r.card = card(&w, "CVE-1", NULL, (struct adv_card){.source = w.debian});
	add_rule(&w, "Debian:12", "bash", r, "introduced 0", "");
	r = (struct adv_rule){.source = w.debian};
	r.card = card(&w, "CVE-2", NULL, (struct adv_card){.source = w.debian});
	add_rule(&w, "Debian:12", "bash", r, "introduced 0 fixed 5.1-1", "");
	r = (struct adv_rule){.source = w.debian,
			      .status = ADV_WONT_FIX,
			      .severity = SEV_NEGLIGIBLE,
			      .status_text = S("no-dsa: minor")};
	r.card =
	    card(&w, "CVE-3", NULL, (struct adv_card){.source = w.debian, .severity = SEV_HIGH});
	add_rule(&w, "Debian:12", "bash", r, "introduced 0", "");
	add_pkg(&w, "deb", "bash", "5.2-1");
	match(&w);
	expect(&w, "CVE-3 CVE-4");
	for (size_t i = 0; i < 2; i++) {
		const struct finding *f = &w.v->findings[i];

		if (!span_is(f->id, S("CVE-3")))
			continue;
		assert_int_equal(f->status, ADV_WONT_FIX);
		assert_true(span_is(f->status_text, S("no-dsa: minor")));
		assert_int_equal(f->severity, SEV_NEGLIGIBLE);
		assert_true(span_is(f->severity_from, S("debian")));
		assert_true(span_is(f->source, S("debian")));
	}
	end(&w);
}

static void apk_by_origin_and_by_name(void **state)
{
	struct world w;

	(void)state;
	begin(&w, "alpine", "3.18.5");
	simple(&w, "CVE-1", "Alpine:v3.18", "openssl", "introduced 0 fixed 3.1.4-r1");
	simple(&w, "CVE-2", "Alpine:v3.18", "libcrypto3", "introduced 0 fixed 3.1.4-r2");
	simple(&w, "CVE-3", "Alpine:v3.18", "openssl", "introduced 0 fixed 3.1.4-r0");
	add_pkg(&w, "apk", "libcrypto3", "3.1.4-r0")->src_name = S("openssl");
	match(&w);
	expect(&w, "CVE-1 CVE-2");
	end(&w);
}

static void rpm_epochs_and_sources(void **state)
{
	struct world w;
	struct pkg *p;

	(void)state;
	begin(&w, "rocky", "9.3");
	simple(&w, "own", "Rocky Linux:9", "bind-libs", "introduced 0 fixed 32:9.16.23-15");
	simple(&w, "old", "Rocky Linux:9", "bind-libs", "introduced 0 fixed 9.16.23-15");
	simple(&w, "source", "Rocky Linux:9", "perl", "introduced 0 fixed 4:5.26.3-420");
	simple(&w, "sane", "Rocky Linux:9", "perl", "introduced 0 fixed 4:5.26.3-419");
	add_pkg(&w, "rpm", "bind-libs", "32:9.16.23-14");
	p = add_pkg(&w, "rpm", "perl-Errno", "1.28-419");
	p->src_name = S("perl");
	p->src_version = S("5.26.3-419");
	match(&w);
	expect(&w, "own source");
	for (size_t i = 0; i < 2; i++)
		if (span_is(w.v->findings[i].id, S("source")))
			assert_true(span_ends(w.v->findings[i].why, S("(epochs ignored)")));
	end(&w);
}

static void rpm_modules(void **state)
{
	struct world w;
	struct adv_rule r;
	static const char *const ids[] = {"stream", "other", "modular", "plain"};
	static const char *const modules[] = {"nodejs:18", "nodejs:20", "", ""};
	static const char *const fixes[] = {
	    "introduced 0 fixed 1:18.9-1.module+el9+1", "introduced 0 fixed 1:20.9-1.module+el9+1",
	    "introduced 0 fixed 1:18.8-1.module+el9+1", "introduced 0 fixed 1:18.9-1.el9"};

	(void)state;
	begin(&w, "rocky", "9");
	for (size_t i = 0; i < 4; i++) {
		r = (struct adv_rule){.module = span_cstr(modules[i])};
		r.card = card(&w, ids[i], NULL, no_card);
		add_rule(&w, "Rocky Linux:9", "nodejs", r, fixes[i], "");
	}
	add_pkg(&w, "rpm", "nodejs", "1:18.1-1.module+el9+7")->module =
	    S("nodejs:18:8090020231208:rhel9");
	match(&w);
	expect(&w, "stream modular");
	end(&w);
}

static void aliases_make_one_finding(void **state)
{
	struct world w;
	struct adv_rule r = {0};
	const struct finding *f;

	(void)state;
	begin(&w, "", "");
	r.card = card(&w, "GHSA-a", "CVE-1",
		      (struct adv_card){.severity = SEV_MEDIUM, .severity_from = S("ghsa")});
	add_rule(&w, "Go", "example.org/m", r, "introduced 0 fixed 1.2.0", "");
	r.card = card(&w, "GO-1", "GHSA-a", (struct adv_card){.summary = S("said here")});
	add_rule(&w, "Go", "example.org/m", r, "introduced 0 fixed 1.1.9", "");
	r.card = card(&w, "GO-2", "GHSA-b", no_card);
	add_rule(&w, "Go", "example.org/m", r, "introduced 0", "");
	r.card = card(&w, "GHSA-b", NULL,
		      (struct adv_card){.severity = SEV_HIGH, .severity_from = S("ghsa")});
	add_rule(&w, "Go", "example.org/m", r, "introduced 0", "");
	r.card = card(&w, "CVE-9", NULL, (struct adv_card){.withdrawn = S("2024-01-01")});
	add_rule(&w, "Go", "example.org/m", r, "introduced 0", "");
	add_pkg(&w, "golang", "m", "v1.0.0")->ns = S("example.org");
	match(&w);
	expect(&w, "GHSA-b CVE-1");
	assert_int_equal(w.v->findings[0].severity, SEV_HIGH);
	f = &w.v->findings[1];
	assert_int_equal(f->n_aliases, 2);
	assert_true(span_is(f->aliases[0], S("GHSA-a")) && span_is(f->aliases[1], S("GO-1")));
	assert_int_equal(f->n_fixed, 2);
	assert_true(span_is(f->fixed[0], S("1.1.9")) && span_is(f->fixed[1], S("1.2.0")));
	assert_true(span_is(f->summary, S("said here")));
	assert_true(span_is(f->severity_from, S("ghsa")));
	end(&w);
}

static void headers_are_not_a_kernel(void **state)
{
	struct world w;

	(void)state;
	begin(&w, "debian", "12");
	simple(&w, "CVE-1", "Debian:12", "linux", "introduced 0");
	add_pkg(&w, "deb", "linux-libc-dev", "6.1.90-1")->src_name = S("linux");
	match(&w);
	expect(&w, "");
	expect_note(&w, "kernel-headers");
	assert_true(w.v->complete);
	end(&w);

	begin(&w, "debian", "12");
	simple(&w, "CVE-1", "Debian:12", "linux", "introduced 0");
	add_pkg(&w, "deb", "linux-image-6.1.0-21-amd64", "6.1.90-1")->src_name = S("linux");
	match(&w);
	expect(&w, "CVE-1");
	end(&w);
}

/* R6: never "0 vulnerabilities" where nobody could judge. */
static void doubt_where_no_feed_covers(void **state)
{
	static const char *const systems[][3] = {
	    {"debian", "99", "no-feed"},
	    {"debian", "", "no-feed"},
	    {"", "", "no-distribution"},
	    {"gentoo", "2.15", "no-feed"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(systems); i++) {
		struct world w;

		begin(&w, systems[i][0], systems[i][1]);
		simple(&w, "CVE-1", "Debian:12", "bash", "introduced 0");
		add_pkg(&w, "deb", "bash", "5.2-1");
		match(&w);
		expect(&w, "");
		expect_note(&w, systems[i][2]);
		assert_false(w.v->complete);
		end(&w);
	}
}

static void doubt_about_languages(void **state)
{
	struct world w;

	(void)state;
	begin(&w, "", "");
	simple(&w, "CVE-1", "PyPI", "x", "introduced 0");
	add_pkg(&w, "npm", "x", "1.0.0");
	add_pkg(&w, "npm", "y", "1.0.0");
	match(&w);
	expect_note(&w, "no-feed");
	assert_int_equal(w.v->n_notes, 1);
	assert_false(w.v->complete);
	end(&w);

	begin(&w, "", "");
	simple(&w, "CVE-1", "PyPI", "x", "introduced 0");
	add_pkg(&w, "generic", "x", "1");
	add_pkg(&w, "pypi", "x", "");
	match(&w);
	expect_note(&w, "no-ecosystem");
	expect(&w, "");
	expect_note(&w, "no-version");
	assert_true(w.v->complete);
	end(&w);
}

static void worst_first(void **state)
{
	struct world w;
	struct adv_rule r = {0};
	static const char *const ids[] = {"CVE-a", "CVE-b", "CVE-c"};
	static const enum adv_severity severities[] = {SEV_LOW, SEV_CRITICAL, SEV_HIGH};

	(void)state;
	begin(&w, "", "");
	for (size_t i = 0; i < 3; i++) {
		r.card = card(&w, ids[i], NULL, (struct adv_card){.severity = severities[i]});
		add_rule(&w, "PyPI", "x", r, "introduced 0", "");
	}
	add_pkg(&w, "pypi", "x", "1");
	match(&w);
	expect(&w, "CVE-a CVE-b CVE-c");
	assert_true(span_is(w.v->findings[0].id, S("CVE-b")));
	assert_true(span_is(w.v->findings[2].id, S("CVE-a")));
	end(&w);
}

static void releases(void **state)
{
	static const struct {
		const char *id, *version, *codename, *first;
		size_t n;
	} rows[] = {
	    {"debian", "12.4", "bookworm", "Debian:12", 1},
	    {"debian", "", "trixie", "Debian:13", 1},
	    {"debian", "6.0.10", "", "Debian:6.0", 2},
	    {"ubuntu", "22.04", "jammy", "Ubuntu:22.04:LTS", 2},
	    {"ubuntu", "23.10", "mantic", "Ubuntu:23.10", 1},
	    {"alpine", "3.18.5", "", "Alpine:v3.18", 1},
	    {"alpine", "3.21.0_alpha20240923", "", "Alpine:edge", 1},
	    {"wolfi", "20230201", "", "Wolfi", 1},
	    {"chainguard", "20230214", "", "Chainguard", 2},
	    {"rocky", "9.3", "", "Rocky Linux:9", 1},
	    {"almalinux", "8.9", "", "AlmaLinux:8", 1},
	    {"rhel", "9.3", "", "Red Hat:enterprise_linux:9::baseos", 10},
	    {"centos", "7", "", "Red Hat:enterprise_linux:7::server", 4},
	    {"mariner", "2.0", "", "Azure Linux:2", 1},
	    {"azurelinux", "3.0", "", "Azure Linux:3", 1},
	    {"photon", "4.0", "", "Photon OS:4.0", 1},
	    {"sles", "15.5", "", "SUSE:Linux Enterprise Server 15 SP5", 12},
	    {"opensuse-leap", "15.5", "", "openSUSE:Leap 15.5", 1},
	    {"opensuse-tumbleweed", "20240101", "", "openSUSE:Tumbleweed", 1},
	    {"amzn", "2023", "", "Amazon Linux:2023", 1},
	    {"amzn", "2018.03", "", "Amazon Linux:1", 1},
	    {"fedora", "35", "", "Fedora:35", 1},
	    {"mageia", "9", "", "Mageia:9", 1},
	    {"gentoo", "2.15", "", "", 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct os os = {.id = span_cstr(rows[i].id),
				.version_id = span_cstr(rows[i].version),
				.codename = span_cstr(rows[i].codename)};
		struct span out[24] = {{0}};
		struct arena a;

		arena_init(&a, 1 << 16);
		assert_int_equal(os_ecosystems(&os, &a, out, COUNT_OF(out)), rows[i].n);
		if (!span_is(out[0], span_cstr(rows[i].first)))
			fail_msg("%s: " SPAN_FMT, rows[i].id, SPAN_ARG(out[0]));
		arena_done(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(deb_is_judged_by_its_source),
	    cmocka_unit_test(osv_events),
	    cmocka_unit_test(next_fix_of_a_listed_version),
	    cmocka_unit_test(tracker_before_its_copy),
	    cmocka_unit_test(apk_by_origin_and_by_name),
	    cmocka_unit_test(rpm_epochs_and_sources),
	    cmocka_unit_test(rpm_modules),
	    cmocka_unit_test(aliases_make_one_finding),
	    cmocka_unit_test(headers_are_not_a_kernel),
	    cmocka_unit_test(doubt_where_no_feed_covers),
	    cmocka_unit_test(doubt_about_languages),
	    cmocka_unit_test(worst_first),
	    cmocka_unit_test(releases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
