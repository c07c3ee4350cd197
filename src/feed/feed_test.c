/* SPDX-License-Identifier: Apache-2.0 */
/* What records of each publisher's format come to, by the formats' own descriptions: the OSV
 * schema's evaluation of events, the tracker's statuses, secdb's "0". Samples are testdata/feed. */
#include "feed/fuzz.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/limits.h"
#include "feed/intervals.h"
#include "feed/starter.h"

struct world {
	struct fuzz f;
	struct advdb db;
	struct rmg_db_opts opts;
	unsigned warnings;
};

static void count_warning(void *user, const char *text)
{
	struct world *w = user;

	assert_true(strlen(text) > 0);
	w->warnings++;
}

static void begin(struct world *w, const char *feed)
{
	*w = (struct world){.opts = RMG_DB_OPTS};
	assert_true(fuzz_begin(&w->f, feed, 0));
	w->opts.warn = count_warning;
	w->opts.user = w;
	w->f.in.opts = &w->opts;
}

static void take(struct world *w, const char *sample, void (*fn)(struct input *in, json *root))
{
	char path[512];
	struct span bytes;

	snprintf(path, sizeof path, "%s/feed/%s", getenv("TESTDATA"), sample);
	assert_int_equal(file_read(path, 1 << 20, &bytes, NULL), RMG_OK);
	assert_int_equal(json_parse(&w->f.in.doc, bytes, 1 << 20, NULL), RMG_OK);
	fn(&w->f.in, w->f.in.doc.root);
	file_free(&bytes);
}

static void open_db(struct world *w)
{
	assert_true(fuzz_open(&w->f, &w->db));
}

/* The one rule of a key. */
static void rule_of(struct world *w, const char *ecosystem, const char *name, struct adv_rule *rule,
		    struct adv_card *card)
{
	struct adv_range found = advdb_find(&w->db, span_cstr(ecosystem), span_cstr(name));

	assert_int_equal(found.n, 1);
	assert_true(advdb_rule(&w->db, found.first, rule));
	assert_true(advdb_card(&w->db, rule->card, card));
}

/* "0 <1.5 2.0 <2.1": introduced as it is, fixed "<", last affected "<=", limit "|". */
static void assert_events(struct world *w, const struct adv_rule *rule, const char *expected)
{
	static const char *const marks[] = {"", "<", "<=", "|"};
	struct adv_event event;
	char text[256] = "";

	for (uint32_t i = 0; i < rule->n_events; i++) {
		size_t n = strlen(text);

		assert_true(advdb_event(&w->db, rule, i, &event));
		snprintf(text + n, sizeof text - n, "%s%s" SPAN_FMT, i ? " " : "",
			 marks[event.kind], SPAN_ARG(event.version));
	}
	assert_string_equal(text, expected);
}

#define assert_span(a, b) assert_true(span_is((a), span_cstr(b)))

static void test_osv_language_record(void **state)
{
	struct world w;
	struct adv_rule rule;
	struct adv_card card;
	struct adv_cvss cvss;
	struct span s;

	(void)state;
	begin(&w, "osv");
	take(&w, "osv/ok-ghsa.json", osv_record);
	open_db(&w);
	rule_of(&w, "PyPI", "example-pkg", &rule, &card); /* PEP 503 */
	assert_events(&w, &rule, "0 <1.5 2.0 <2.1");
	assert_int_equal(rule.n_versions, 1); /* 1.0 lies in a range */
	assert_true(advdb_version(&w.db, &rule, 0, &s));
	assert_span(s, "3.0.dev1");
	assert_span(card.id, "GHSA-test-0000-0001");
	assert_span(card.canonical, "CVE-2030-0001");
	assert_span(card.url, "https://example.org/b");
	assert_span(card.severity_from, "ghsa");
	assert_int_equal(card.severity, SEV_MEDIUM);
	assert_true(advdb_cvss(&w.db, &card, 0, &cvss) && cvss.score == 9.8);
	rule_of(&w, "npm", "example", &rule, &card);
	assert_events(&w, &rule, "1.0.0 <=1.9.9");
	assert_int_equal(w.warnings, 0);
	fuzz_end(&w.f);
}

static void test_osv_go_symbols(void **state)
{
	struct world w;
	struct adv_rule rule;
	struct adv_card card;
	struct span s;

	(void)state;
	begin(&w, "osv");
	take(&w, "osv/ok-go.json", osv_record);
	open_db(&w);
	rule_of(&w, "Go", "example.org/mod", &rule, &card);
	assert_int_equal(card.n_symbols, 3);
	assert_true(advdb_symbol(&w.db, &card, 1, &s));
	assert_span(s, "example.org/mod/a.T.Run");
	assert_true(advdb_symbol(&w.db, &card, 2, &s));
	assert_span(s, "example.org/mod/b");
	assert_span(card.canonical, "CVE-2030-0002");
	assert_span(card.summary, "first line");
	assert_span(card.modified, "");
	fuzz_end(&w.f);
}

static void test_osv_distributions(void **state)
{
	struct world w;
	struct adv_rule rule;
	struct adv_card card;

	(void)state;
	begin(&w, "osv");
	take(&w, "osv/ok-debian.json", osv_record);
	take(&w, "osv/ok-ubuntu.json", osv_record);
	open_db(&w);
	rule_of(&w, "Debian:12", "example", &rule, &card);
	assert_span(card.canonical, "CVE-2030-0003");
	assert_int_equal(rule.severity, SEV_NEGLIGIBLE);
	assert_int_equal(rule.status, ADV_AFFECTED);
	rule_of(&w, "Debian:11", "example", &rule, &card);
	assert_int_equal(rule.status, ADV_END_OF_LIFE);
	rule_of(&w, "Ubuntu:22.04:LTS", "example", &rule, &card);
	assert_int_equal(rule.status, ADV_UNDER_INVESTIGATION);
	assert_int_equal(card.severity, SEV_LOW);
	assert_span(card.severity_from, "ubuntu");
	rule_of(&w, "Ubuntu:20.04:LTS", "example", &rule, &card);
	assert_int_equal(rule.status, ADV_AFFECTED); /* there is a fix */
	fuzz_end(&w.f);
}

static void test_osv_advisory_for_several_cves_keeps_its_id(void **state)
{
	struct world w;
	struct adv_rule rule;
	struct adv_card card;

	(void)state;
	begin(&w, "osv");
	take(&w, "osv/ok-dsa-many-cves.json", osv_record);
	open_db(&w);
	rule_of(&w, "Debian:12", "example", &rule, &card);
	assert_span(card.canonical, "DSA-9999-1");
	assert_int_equal(card.n_aliases, 2);
	assert_span(card.withdrawn, "2030-02-01T00:00:00Z");
	assert_events(&w, &rule, "0 |1.0-1");
	fuzz_end(&w.f);
}

static void test_odd_shapes_are_warned_of(void **state)
{
	struct world w;

	(void)state;
	begin(&w, "osv");
	take(&w, "osv/bad-shapes.json", osv_record);
	assert_in_range(w.warnings, 5, 12);
	w.warnings = 0;
	take(&w, "osv/bad-no-id.json", osv_record);
	assert_int_equal(input_verdict(&w.f.in, NULL), RMG_E_FORMAT);
	w.f.in.refused.rc = RMG_OK;
	assert_int_equal(w.warnings, 0);
	take(&w, "debian/bad-shapes.json", debian_tracker);
	assert_int_equal(w.warnings, 5);
	w.warnings = 0;
	take(&w, "debian/bad-array.json", debian_tracker);
	assert_int_equal(input_verdict(&w.f.in, NULL), RMG_E_FORMAT);
	assert_int_equal(w.warnings, 0);
	open_db(&w);
	assert_int_equal(w.db.n_rules, 0);
	fuzz_end(&w.f);
}

static void test_debian_statuses(void **state)
{
	struct world w;
	struct adv_rule rule;
	struct adv_card card;
	struct adv_range found;

	(void)state;
	begin(&w, "debian");
	take(&w, "debian/ok-statuses.json", debian_tracker);
	open_db(&w);
	rule_of(&w, "Debian:11", "example", &rule, &card);
	assert_int_equal(rule.status, ADV_WONT_FIX);
	assert_int_equal(rule.severity, SEV_LOW);
	assert_span(rule.status_text, "no-dsa: Minor issue");
	assert_events(&w, &rule, "0");
	assert_span(card.url, "https://security-tracker.debian.org/tracker/CVE-2030-0001");
	rule_of(&w, "Debian:10", "example", &rule, &card);
	assert_int_equal(rule.status, ADV_END_OF_LIFE);
	rule_of(&w, "Debian:sid", "example", &rule, &card);
	assert_int_equal(rule.status, ADV_NOT_AFFECTED);
	assert_int_equal(rule.severity, SEV_NEGLIGIBLE);
	rule_of(&w, "Debian:13", "example", &rule, &card);
	assert_int_equal(rule.status, ADV_UNDER_INVESTIGATION);
	found = advdb_find(&w.db, S("Debian:12"), S("example"));
	assert_int_equal(found.n, 2);
	assert_true(advdb_rule(&w.db, found.first, &rule));
	assert_events(&w, &rule, "0 <1.2-3");
	assert_true(advdb_rule(&w.db, found.first + 1, &rule));
	assert_span(rule.status_text, "postponed: later");
	assert_int_equal(w.warnings, 0);
	fuzz_end(&w.f);
}

static void take_alpine(struct input *in, json *root)
{
	secdb_take(in, root, S("Alpine:v3.17"));
}

static void test_alpine_secfixes(void **state)
{
	struct world w;
	struct adv_range found;
	struct adv_rule rule;
	struct adv_card card;
	unsigned not_affected = 0;

	(void)state;
	begin(&w, "alpine");
	take(&w, "alpine/ok-main.json", take_alpine);
	assert_int_equal(w.warnings, 1); /* the remark */
	take(&w, "alpine/bad-shapes.json", take_alpine);
	assert_in_range(w.warnings, 4, 8);
	open_db(&w);
	found = advdb_find(&w.db, S("Alpine:v3.17"), S("example"));
	assert_int_equal(found.n, 5);
	for (uint32_t i = 0; i < found.n; i++) {
		assert_true(advdb_rule(&w.db, found.first + i, &rule));
		assert_true(advdb_card(&w.db, rule.card, &card));
		not_affected += rule.status == ADV_NOT_AFFECTED;
		if (span_is(card.id, S("CVE-2030-0002"))) {
			assert_int_equal(card.n_aliases, 1);
			assert_events(&w, &rule, "0 <1.2.3-r1");
		}
	}
	assert_int_equal(not_affected, 1);
	fuzz_end(&w.f);
}

static void test_scores_join_by_cve(void **state)
{
	struct world w;
	struct adv_rule rule;
	struct adv_card card;
	struct adv_cvss cvss;

	(void)state;
	begin(&w, "debian");
	take(&w, "debian/ok-statuses.json", debian_tracker);
	take(&w, "tables/ok-kev.json", kev_take);
	assert_int_equal(
	    epss_take(&w.f.in, S("#c\ncve,epss,percentile\nCVE-2030-0001,0.97565,0.99999\n"), NULL),
	    RMG_OK);
	severity_take(&w.f.in, S("#cve\tprovider\tvector\nCVE-2030-0001\tadp:CISA-ADP\t"
				 "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H\n"));
	open_db(&w);
	rule_of(&w, "Debian:11", "example", &rule, &card);
	assert_true(card.has_epss && card.epss == 0.97565);
	assert_true(card.has_kev);
	assert_span(card.kev_added, "2030-01-02");
	assert_int_equal(card.severity, SEV_CRITICAL);
	assert_span(card.severity_from, "cvss");
	assert_true(advdb_cvss(&w.db, &card, 0, &cvss));
	assert_span(cvss.source, "cisa");
	fuzz_end(&w.f);
}

static void test_distributions_borrow_severities(void **state)
{
	static const char ghsa[] =
	    "{\"id\":\"GHSA-b\",\"aliases\":[\"CVE-2030-0001\"],\"database_specific\":"
	    "{\"severity\":\"HIGH\"},\"affected\":[{\"package\":{\"ecosystem\":\"npm\","
	    "\"name\":\"x\"},\"ranges\":[{\"type\":\"SEMVER\",\"events\":[{\"introduced\":"
	    "\"0\"}]}]}]}";
	struct world w;
	struct adv_rule rule;
	struct adv_card card;

	(void)state;
	begin(&w, "osv");
	take(&w, "debian/ok-statuses.json", debian_tracker);
	assert_int_equal(json_parse(&w.f.in.doc, span_cstr(ghsa), 4096, NULL), RMG_OK);
	osv_record(&w.f.in, w.f.in.doc.root);
	open_db(&w);
	rule_of(&w, "Debian:11", "example", &rule, &card);
	assert_int_equal(card.severity, SEV_HIGH);
	assert_span(card.severity_from, "ghsa");
	fuzz_end(&w.f);
}

static void test_epss_head_is_needed(void **state)
{
	struct world w;

	(void)state;
	begin(&w, "epss");
	assert_int_equal(epss_take(&w.f.in, S("CVE-2030-0001,0.1,0.1\n"), NULL), RMG_E_FORMAT);
	assert_int_equal(epss_take(&w.f.in, S(""), NULL), RMG_E_FORMAT);
	assert_int_equal(
	    epss_take(&w.f.in, S("cve,epss,percentile\nCVE-2030-0001,1.5,0\nx\n"), NULL), RMG_OK);
	assert_int_equal(w.warnings, 2);
	fuzz_end(&w.f);
}

/* Events as "kind version" words: i f l m. */
static void test_intervals(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
	    {"i0 f1", "i0 f1"},
	    {"f1 i0", "i0 f1"},
	    {"i1 i2 f3", "i1 f3"},          /* introduced again says nothing */
	    {"i0 f1 f2", "i0 f1"},          /* fixed again neither */
	    {"i2 f3 i0 f1", "i0 f1 i2 f3"}, /* any order */
	    {"i1 f2 i2 f3", "i1 f2 i2 f3"},
	    {"i2 i1 f3 f2", "i1 f2 i2 f3"},
	    {"i1 f1", ""}, /* nothing is below 1 and not below 1 */
	    {"i1 l1", "i1 l1"},
	    {"i0 m2", "i0 m2"},
	    {"i0 f1 m2", "i0 f1"},
	    {"i0 f3 m2", "i0 m2"},
	    {"i0 l2 m2", "i0 m2"},
	    {"i3 m2", ""},
	    {"i0 m1 m2", "i0 m2"},
	    {"i0 m*", "i0"},
	    {"i0 f10 i9", "i0 f10"}, /* by version, not by letter */
	    {"f1", ""},
	    {"", ""},
	};
	static const char marks[] = "iflm";

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct span rest = span_cstr(cases[i].in), word;
		struct adv_event events[8];
		char text[64] = "";
		size_t n = 0;

		while (span_word(&rest, &word)) {
			const char *mark = strchr(marks, word.p[0]);

			assert_non_null(mark);
			events[n++] = (struct adv_event){(enum adv_event_kind)(mark - marks),
							 span_from(word, 1)};
		}
		n = intervals_of(events, n, ORDER_semver);
		for (size_t k = 0; k < n; k++) {
			size_t at = strlen(text);

			snprintf(text + at, sizeof text - at, "%s%c" SPAN_FMT, k ? " " : "",
				 marks[events[k].kind], SPAN_ARG(events[k].version));
		}
		assert_string_equal(text, cases[i].out);
	}
}

static void test_starter_set_is_well_formed(void **state)
{
	struct rmg_err err = {0};
	struct world w;

	(void)state;
	begin(&w, "starter");
	if (starter_take(&w.f.in, starter_text(), &err) != RMG_OK)
		fail_msg("%s", err.msg);
	assert_true(w.f.in.count > 0);
	assert_int_equal(w.warnings, 0);
	open_db(&w);
	assert_true(advdb_find(&w.db, S("Maven"), S("org.apache.logging.log4j:log4j-core")).n > 0);
	fuzz_end(&w.f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_osv_language_record),
	    cmocka_unit_test(test_osv_go_symbols),
	    cmocka_unit_test(test_osv_distributions),
	    cmocka_unit_test(test_osv_advisory_for_several_cves_keeps_its_id),
	    cmocka_unit_test(test_odd_shapes_are_warned_of),
	    cmocka_unit_test(test_debian_statuses),
	    cmocka_unit_test(test_alpine_secfixes),
	    cmocka_unit_test(test_scores_join_by_cve),
	    cmocka_unit_test(test_distributions_borrow_severities),
	    cmocka_unit_test(test_epss_head_is_needed),
	    cmocka_unit_test(test_intervals),
	    cmocka_unit_test(test_starter_set_is_well_formed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
