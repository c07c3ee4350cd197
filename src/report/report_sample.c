/* SPDX-License-Identifier: Apache-2.0 */
#include "report/report_sample.h"

#include "vuln/advdb_build.h"

#define CONST_SPAN(literal)                                                                        \
	{                                                                                          \
		(const uint8_t *)(literal), sizeof(literal) - 1                                    \
	}

static struct layer layers[] = {
    {.digest = CONST_SPAN("sha256:"
			  "1111111111111111111111111111111111111111111111111111111111111111"),
     .diff_id = CONST_SPAN("sha256:"
			   "2222222222222222222222222222222222222222222222222222222222222222"),
     .diff_id_verified = true,
     .media_type = CONST_SPAN("application/vnd.oci.image.layer.v1.tar+gzip"),
     .created = CONST_SPAN("2026-01-02T03:04:05Z"),
     .created_by = CONST_SPAN("ADD rootfs \"x\" in /"),
     .size = 1000,
     .origin = ORIGIN_BASE},
    {.diff_id = CONST_SPAN("sha256:"
			   "3333333333333333333333333333333333333333333333333333333333333333"),
     .size = 500,
     .origin = ORIGIN_APP},
};

static const struct span dpkg_paths[] = {CONST_SPAN("var/lib/dpkg/status")};
static const struct span jar_paths[] = {
    CONST_SPAN("opt/app \xe6\xbc\xa2%/a.jar!BOOT-INF/lib/log4j-core-2.14.1.jar"),
    CONST_SPAN("opt/b.jar"),
};
static const struct span npm_paths[] = {CONST_SPAN("srv/node_modules/\xff\x1b[31m/package.json")};
static const struct span provided[] = {CONST_SPAN("pkg:pypi/cryptography@38.0.4")};

static struct component components[] = {
    {.pkg = {.type = CONST_SPAN("deb"),
	     .name = CONST_SPAN("libssl3"),
	     .version = CONST_SPAN("3.0.11-1~deb12u2"),
	     .arch = CONST_SPAN("amd64"),
	     .src_name = CONST_SPAN("openssl"),
	     .license = CONST_SPAN("Apache-2.0 AND (MIT OR GPL-2.0-only WITH x)"),
	     .vendor = CONST_SPAN("Debian OpenSSL Team")},
     .purl = CONST_SPAN("pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&distro=debian-12"),
     .cataloger = CONST_SPAN("dpkg"),
     .paths = dpkg_paths,
     .n_paths = 1,
     .layer = 0,
     .origin = ORIGIN_BASE,
     .is_os = true,
     .provides = provided,
     .n_provides = 1},
    {.pkg = {.type = CONST_SPAN("maven"),
	     .ns = CONST_SPAN("org.apache.logging.log4j"),
	     .name = CONST_SPAN("log4j-core"),
	     .version = CONST_SPAN("2.14.1"),
	     .license = CONST_SPAN("Apache-2.0"),
	     .cpe = CONST_SPAN("cpe:2.3:a:apache:log4j:2.14.1:*:*:*:*:*:*:*")},
     .purl = CONST_SPAN("pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1"),
     .cataloger = CONST_SPAN("java"),
     .paths = jar_paths,
     .n_paths = 2,
     .layer = 1,
     .origin = ORIGIN_APP},
    {.pkg = {.type = CONST_SPAN("npm"),
	     .ns = CONST_SPAN("@evil"),
	     .name = CONST_SPAN("a\"b\x1b]0;\xff"),
	     .license = CONST_SPAN("MIT OR Apache-2.0")},
     .purl = CONST_SPAN("pkg:npm/%40evil/x"),
     .cataloger = CONST_SPAN("node"),
     .paths = npm_paths,
     .n_paths = 1,
     .layer = NO_LAYER},
    /* the same purl again, and none: references must stay unique */
    {.pkg = {.type = CONST_SPAN("npm"), .name = CONST_SPAN("x")},
     .purl = CONST_SPAN("pkg:npm/%40evil/x"),
     .cataloger = CONST_SPAN("node"),
     .layer = NO_LAYER},
    {.pkg = {.type = CONST_SPAN("generic"), .name = CONST_SPAN("nothing")},
     .cataloger = CONST_SPAN("node"),
     .layer = NO_LAYER},
};

static struct executable executables[] = {
    {.path = CONST_SPAN("usr/bin/passwd"),
     .sha256 = {0xab, 0xcd},
     .size = 68248,
     .mode = 04755,
     .format = EXEC_ELF,
     .arch = CONST_SPAN("amd64"),
     .owner = 0,
     .layer = 0,
     .origin = ORIGIN_BASE},
    {.path = CONST_SPAN("usr/local/bin/\xff"),
     .size = 12,
     .mode = 0755,
     .format = EXEC_SCRIPT,
     .owner = NO_COMPONENT,
     .layer = 1,
     .origin = ORIGIN_APP},
    {.path = CONST_SPAN("usr/local/bin/\xfe"),
     .size = 12,
     .mode = 0755,
     .format = EXEC_SCRIPT,
     .owner = NO_COMPONENT,
     .layer = NO_LAYER},
};

static struct layer_note notes[] = {
    {.note = {.level = NOTE_LOST,
	      .code = CONST_SPAN("gzip-truncated"),
	      .cataloger = CONST_SPAN("layer"),
	      .text = CONST_SPAN("the layer ends too early; files behind are not seen")},
     .layer = 1},
    {.note = {.level = NOTE_WARN,
	      .code = CONST_SPAN("dpkg-line"),
	      .cataloger = CONST_SPAN("dpkg"),
	      .path = CONST_SPAN("var/lib/dpkg/status"),
	      .text = CONST_SPAN("line that is no field: \x1b[2J")},
     .layer = 0},
};

static struct layer_note verdict_notes[] = {
    {.note = {.level = NOTE_INFO,
	      .code = CONST_SPAN("ignore-unused"),
	      .cataloger = CONST_SPAN("ignore"),
	      .text = CONST_SPAN("the row for CVE-1999-1 matches no finding")},
     .layer = NO_LAYER},
};

static struct label labels[] = {
    {CONST_SPAN("org.opencontainers.image.vendor"), CONST_SPAN("Acme \"Inc\"")},
};

static const struct span aliases[] = {CONST_SPAN("GHSA-jfh8-c2jp-5v3q")};
static const struct span fixed[] = {CONST_SPAN("2.15.0"), CONST_SPAN("2.12.2")};
static const struct span fixed_deb[] = {CONST_SPAN("3.0.13-1~deb12u1")};
static const struct adv_cvss cvss[] = {
    {.version = CONST_SPAN("3.1"),
     .vector = CONST_SPAN("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H"),
     .source = CONST_SPAN("nvd"),
     .score = 10.0},
    {.version = CONST_SPAN("2.0"), .score = 9.3},
    {.version = CONST_SPAN("4.0"), .score = 6.9},
};
static const struct suppression accepted = {.by = CONST_SPAN("team-a"),
					    .reason = CONST_SPAN("never reached"),
					    .until = CONST_SPAN("2027-01-31")};

static struct finding findings[] = {
    {.id = CONST_SPAN("CVE-2021-44228"),
     .aliases = aliases,
     .n_aliases = 1,
     .component = 1,
     .fixed = fixed,
     .n_fixed = 2,
     .status = ADV_FIXED,
     .severity = SEV_CRITICAL,
     .severity_from = CONST_SPAN("ghsa"),
     .cvss = cvss,
     .n_cvss = 3,
     .has_epss = true,
     .epss = 0.94358,
     .epss_percentile = 0.99957,
     .has_kev = true,
     .kev_added = CONST_SPAN("2021-12-10"),
     .kev_due = CONST_SPAN("2021-12-24"),
     .published = CONST_SPAN("2021-12-10T00:40:56Z"),
     .modified = CONST_SPAN("2024-05-15"),
     .summary = CONST_SPAN("Remote code injection in Log4j"),
     .url = CONST_SPAN("https://example.com/advisories/GHSA-jfh8-c2jp-5v3q?a=b#c"),
     .why =
	 CONST_SPAN("Maven org.apache.logging.log4j:log4j-core: introduced 2.13.0, fixed 2.15.0"),
     .source = CONST_SPAN("osv")},
    {.id = CONST_SPAN("CVE-2024-0727"),
     .component = 0,
     .fixed = fixed_deb,
     .n_fixed = 1,
     .status = ADV_FIXED,
     .severity = SEV_MEDIUM,
     .url = CONST_SPAN("not a url <x>"),
     .why = CONST_SPAN("Debian:12 openssl: introduced 0, fixed 3.0.13-1~deb12u1"),
     .source = CONST_SPAN("debian")},
    {.id = CONST_SPAN("CVE-2021-44228"), /* one rule, two results */
     .component = 2,
     .status = ADV_AFFECTED,
     .severity = SEV_MEDIUM,
     .source = CONST_SPAN("osv")},
    {.id = CONST_SPAN("CVE-2023-0001"),
     .component = 0,
     .status = ADV_WONT_FIX,
     .status_text = CONST_SPAN("no-dsa: Minor issue"),
     .severity = SEV_NEGLIGIBLE,
     .suppressed = &accepted,
     .source = CONST_SPAN("debian")},
    {.id = CONST_SPAN("CVE-2023-0002"),
     .component = 3,
     .status = ADV_UNDER_INVESTIGATION,
     .severity = SEV_UNKNOWN},
    {.id = CONST_SPAN("CVE-2023-0003"),
     .component = 4,
     .status = ADV_END_OF_LIFE,
     .severity = SEV_LOW},
};

static const struct policy_violation violations[] = {
    {CONST_SPAN("fail-on high"), CONST_SPAN("CVE-2021-44228 is critical in log4j-core 2.14.1"),
     CONST_SPAN("pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1")},
};

/* Stands in for SHA-256, which this folder does not have. */
static void no_hash(struct span bytes, uint8_t out[32])
{
	memset(out, (int)(bytes.n & 0xff), 32);
}

/* A database with a card, so that its header and sources are real. */
static void make_db(struct report_sample *s)
{
	struct span bytes;
	struct adv_card card = {.id = S("CVE-2021-44228"), .canonical = S("CVE-2021-44228")};
	struct adv_source source = {.name = S("osv"), .fetched = S("2026-11-24T00:00:00Z")};
	struct adv_source starter = {.name = S("starter"), .count = 150, .starter = true};

	CHECK(advdb_builder_new(&s->builder) == RMG_OK);
	card.source = advdb_add_source(s->builder, &source);
	(void)advdb_add_source(s->builder, &starter);
	(void)advdb_add_card(s->builder, &card, NULL, NULL, NULL);
	CHECK(advdb_builder_done(s->builder, S("2026-11-24T09:00:00Z"), no_hash, &bytes, NULL,
				 NULL) == RMG_OK);
	CHECK(advdb_of(bytes, &s->db, NULL) == RMG_OK);
}

void report_sample_init(struct report_sample *s)
{
	*s = (struct report_sample){0};
	make_db(s);
	s->inv = (struct inventory){
	    .ref = S("registry:localhost:5000/team/app:1.4"),
	    .source = S("registry"),
	    .manifest_digest =
		S("sha256:"
		  "4444444444444444444444444444444444444444444444444444444444444444"),
	    .platform = S("linux/amd64"),
	    .size = 1500,
	    .author = S("Acme"),
	    .labels = labels,
	    .n_labels = COUNT_OF(labels),
	    .sandbox = "seccomp+landlock/4",
	    .os = {.id = S("debian"),
		   .version_id = S("12.4"),
		   .codename = S("bookworm"),
		   .name = S("Debian GNU/Linux 12 (bookworm)"),
		   .eol = S("2028-06-30")},
	    .base = {.known = true, .name = S("debian:12"), .how = "chain", .layers = 1},
	    .layers = layers,
	    .n_layers = COUNT_OF(layers),
	    .components = components,
	    .n_components = COUNT_OF(components),
	    .executables = executables,
	    .n_executables = COUNT_OF(executables),
	    .notes = notes,
	    .n_notes = COUNT_OF(notes),
	    .unattributed_files = 2,
	    .unattributed_bytes = 24,
	};
	s->verdict = (struct verdict){
	    .inventory = &s->inv,
	    .db = &s->db,
	    .findings = findings,
	    .n_findings = COUNT_OF(findings),
	    .notes = verdict_notes,
	    .n_notes = COUNT_OF(verdict_notes),
	};
	s->in = (struct report_input){
	    .inv = &s->inv,
	    .verdict = &s->verdict,
	    .created = S("2026-11-24T12:00:00Z"),
	    .version = "0.1.0",
	    .db_age_s = 10800,
	    .violations = violations,
	    .n_violations = COUNT_OF(violations),
	    .ms_fetch = 1.5,
	};
}

void report_sample_large(struct report_sample *s, size_t n)
{
	report_sample_init(s);
	s->components = calloc(n, sizeof *s->components);
	s->findings = calloc(n, sizeof *s->findings);
	CHECK(s->components && s->findings);
	for (size_t i = 0; i < n; i++) {
		s->components[i] = components[i % 2];
		s->findings[i] = findings[i % 2];
		s->findings[i].component = (uint32_t)i;
	}
	s->inv.components = s->components;
	s->verdict.findings = s->findings;
	s->inv.n_components = s->verdict.n_findings = n;
}

void report_sample_done(struct report_sample *s)
{
	advdb_builder_free(s->builder);
	free(s->components);
	free(s->findings);
}
