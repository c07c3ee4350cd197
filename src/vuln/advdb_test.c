/* SPDX-License-Identifier: Apache-2.0 */
/* The reader and the writer of the advisory database against each other and against damage. */
#include "vuln/advdb.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/hash.h"
#include "vuln/advdb_build.h"
#include "vuln/advdb_layout.h"

/* Stands for SHA-256: any function of all the bytes serves here. */
static void hash32(struct span bytes, uint8_t out[32])
{
	uint64_t hash = hash_span(bytes);

	for (size_t i = 0; i < 32; i++)
		out[i] = (uint8_t)(hash_mix(hash + i / 8) >> i % 8 * 8);
}

/* Record k of the little world below; the same whoever adds it and when. */
static void add_record(struct advdb_builder *b, uint32_t k, uint32_t osv, uint32_t debian)
{
	static const struct span versions[] = {{(const uint8_t *)"1.0", 3},
					       {(const uint8_t *)"1.1", 3}};
	struct span aliases[] = {S("GHSA-aaaa-bbbb-cccc"), S("CVE-2021-44228")};
	struct adv_cvss cvss = {S("3.1"), S("CVSS:3.1/AV:N"), S("ghsa"), 9.8};
	struct adv_card card = {.source = osv, .severity = SEV_HIGH};
	struct adv_rule rule = {.source = osv};
	struct adv_event events[] = {
	    {EV_INTRODUCED, S("0")},
	    {EV_FIXED, S("2.15.0")},
	};
	char id[32];

	if (k == 0) {
		card.id = S("GHSA-jfh8-c2jp-5v3q");
		card.canonical = S("CVE-2021-44228");
		card.summary = S("remote code through look-ups");
		card.n_aliases = 2;
		card.n_cvss = 1;
		rule.card = advdb_add_card(b, &card, aliases, &cvss, NULL);
		rule.n_events = 2;
		advdb_add_rule(b, S("Maven"), S("org.apache.logging.log4j:log4j-core"), &rule,
			       events, NULL);
		rule.n_events = 0;
		rule.n_versions = 2;
		advdb_add_rule(b, S("PyPI"), S("log4j"), &rule, NULL, versions);
		return;
	}
	snprintf(id, sizeof id, "CVE-2020-%04u", k);
	card.id = span_cstr(id);
	card.source = rule.source = debian;
	rule.card = advdb_add_card(b, &card, NULL, NULL, NULL);
	rule.n_events = 2;
	rule.status = k % 3 ? ADV_AFFECTED : ADV_WONT_FIX;
	rule.status_text = k % 3 ? S("") : S("no-dsa: minor");
	events[1].version = k % 2 ? S("1.2-3") : S("1.2-4");
	snprintf(id, sizeof id, "pkg%u", k % 7);
	advdb_add_rule(b, S("Debian:12"), span_cstr(id), &rule, events, NULL);
}

static struct advdb_builder *begin(bool backwards, uint32_t *osv, uint32_t *debian)
{
	struct adv_source of_osv = {S("osv"), S("2026-01-02T03:04:05Z"), 7, false};
	struct adv_source of_debian = {S("debian"), S(""), 9, true};
	struct advdb_builder *b;

	assert_int_equal(advdb_builder_new(&b), RMG_OK);
	if (backwards)
		*debian = advdb_add_source(b, &of_debian);
	*osv = advdb_add_source(b, &of_osv);
	if (!backwards)
		*debian = advdb_add_source(b, &of_debian);
	return b;
}

static struct advdb_builder *build(bool backwards, struct span *out)
{
	enum { RECORDS = 20 };
	uint32_t osv, debian;
	struct advdb_builder *b = begin(backwards, &osv, &debian);
	struct advdb_counts counts;

	for (uint32_t i = 0; i < RECORDS; i++)
		add_record(b, backwards ? RECORDS - 1 - i : i, osv, debian);
	add_record(b, 3, osv, debian); /* twice: once in the file */
	advdb_add_epss(b, S("CVE-2021-44228"), 0.97565, 0.99999);
	advdb_add_epss(b, S("CVE-1999-0001"), 0.5, 0.5);
	advdb_add_kev(b, S("CVE-2021-44228"), S("2021-12-10"), S("2021-12-24"));
	assert_int_equal(
	    advdb_builder_done(b, S("2026-08-01T00:00:00Z"), hash32, out, &counts, NULL), RMG_OK);
	assert_int_equal(counts.keys, 9);
	assert_int_equal(counts.rules, 21);
	assert_int_equal(counts.cards, 20);
	return b;
}

static void test_what_goes_in_comes_out(void **state)
{
	struct span file, s;
	struct advdb_builder *b = build(false, &file);
	struct advdb db;
	struct adv_range found;
	struct adv_rule rule;
	struct adv_event event;
	struct adv_card card;
	struct adv_cvss cvss;
	struct adv_source source;

	(void)state;
	assert_int_equal(advdb_of(file, &db, NULL), RMG_OK);
	assert_int_equal(advdb_verify(&db, hash32, NULL), RMG_OK);
	assert_true(span_is(db.built, S("2026-08-01T00:00:00Z")));
	assert_true(advdb_source(&db, 0, &source) && span_is(source.name, S("debian")));
	assert_true(source.starter);
	assert_true(advdb_source(&db, 1, &source) && source.count == 7);
	assert_true(span_is(source.fetched, S("2026-01-02T03:04:05Z")));

	found = advdb_find(&db, S("Maven"), S("org.apache.logging.log4j:log4j-core"));
	assert_int_equal(found.n, 1);
	assert_true(advdb_rule(&db, found.first, &rule));
	assert_int_equal(rule.n_events, 2);
	assert_true(advdb_event(&db, &rule, 1, &event) && event.kind == EV_FIXED);
	assert_true(span_is(event.version, S("2.15.0")));
	assert_false(advdb_event(&db, &rule, 2, &event));
	assert_true(advdb_card(&db, rule.card, &card));
	assert_true(span_is(card.canonical, S("CVE-2021-44228")));
	assert_true(card.has_epss && card.epss == 0.97565 && card.epss_percentile == 0.99999);
	assert_true(card.has_kev && span_is(card.kev_due, S("2021-12-24")));
	assert_int_equal(card.severity, SEV_HIGH);
	assert_int_equal(card.n_aliases, 2);
	assert_true(advdb_alias(&db, &card, 1, &s) && span_is(s, S("CVE-2021-44228")));
	assert_true(advdb_cvss(&db, &card, 0, &cvss) && cvss.score == 9.8);
	assert_true(span_is(cvss.vector, S("CVSS:3.1/AV:N")));

	found = advdb_find(&db, S("PyPI"), S("log4j"));
	assert_true(found.n == 1 && advdb_rule(&db, found.first, &rule));
	assert_int_equal(rule.n_versions, 2);
	assert_true(advdb_version(&db, &rule, 1, &s) && span_is(s, S("1.1")));
	found = advdb_find(&db, S("Debian:12"), S("pkg3"));
	assert_int_equal(found.n, 3);
	assert_true(advdb_rule(&db, found.first, &rule));
	assert_int_equal(rule.status, ADV_WONT_FIX);
	assert_true(span_is(rule.status_text, S("no-dsa: minor")));

	assert_int_equal(advdb_find(&db, S("PyPI"), S("pkg3")).n, 0);
	assert_int_equal(advdb_find(&db, S(""), S("")).n, 0);
	assert_true(advdb_covers(&db, S("Debian:12")));
	assert_false(advdb_covers(&db, S("Debian:11")));
	assert_false(db.bad);
	advdb_builder_free(b);
}

static void test_order_of_adding_does_not_matter(void **state)
{
	struct span one, other;
	struct advdb_builder *a = build(false, &one), *b = build(true, &other);

	(void)state;
	assert_true(span_is(one, other));
	advdb_builder_free(a);
	advdb_builder_free(b);
}

static void test_newer_copy_of_a_record_wins(void **state)
{
	static const struct span times[] = {{(const uint8_t *)"2024-01-01", 10},
					    {(const uint8_t *)"2025-01-01", 10}};
	uint32_t osv, debian;
	struct span file;
	struct advdb db;

	(void)state;
	for (unsigned swap = 0; swap < 2; swap++) {
		struct advdb_builder *b = begin(false, &osv, &debian);

		for (unsigned i = 0; i < 2; i++) {
			struct adv_card card = {.id = S("GHSA-1"), .modified = times[i ^ swap]};
			struct adv_rule rule = {.card = advdb_add_card(b, &card, NULL, NULL, NULL)};

			advdb_add_rule(b, S("npm"), (i ^ swap) ? S("new") : S("old"), &rule, NULL,
				       NULL);
		}
		assert_int_equal(advdb_builder_done(b, S(""), hash32, &file, NULL, NULL), RMG_OK);
		assert_int_equal(advdb_of(file, &db, NULL), RMG_OK);
		assert_int_equal(db.n_cards, 1);
		assert_int_equal(db.n_keys, 1);
		assert_int_equal(advdb_find(&db, S("npm"), S("new")).n, 1);
		advdb_builder_free(b);
	}
}

struct diffs {
	unsigned added, removed, changed, scored;
};

static bool count_diff(void *user, const struct adv_key *was, const struct adv_key *is)
{
	struct diffs *seen = user;

	seen->added += was == NULL;
	seen->removed += is == NULL;
	seen->changed += was && is && was->content != is->content;
	seen->scored += was && is && was->content == is->content && was->scores != is->scores;
	return true;
}

static void test_diff_names_what_changed(void **state)
{
	uint32_t osv, debian;
	struct span one, other;
	struct advdb_builder *a = build(false, &one), *b = begin(false, &osv, &debian);
	struct advdb was, is;
	struct diffs seen = {0};

	(void)state;
	for (uint32_t i = 0; i < 19; i++) /* without record 19, of pkg5 */
		add_record(b, i, osv, debian);
	add_record(b, 7 * 100, osv, debian); /* pkg0 */
	advdb_add_epss(b, S("CVE-2021-44228"), 0.5, 0.6);
	advdb_add_kev(b, S("CVE-2021-44228"), S("2021-12-10"), S("2021-12-24"));
	assert_int_equal(advdb_builder_done(b, S(""), hash32, &other, NULL, NULL), RMG_OK);
	assert_int_equal(advdb_of(one, &was, NULL), RMG_OK);
	assert_int_equal(advdb_of(other, &is, NULL), RMG_OK);
	advdb_diff(&was, &was, count_diff, &seen);
	assert_int_equal(seen.added + seen.removed + seen.changed + seen.scored, 0);
	advdb_diff(&was, &is, count_diff, &seen);
	assert_int_equal(seen.changed, 2); /* pkg5, pkg0 */
	assert_int_equal(seen.scored, 2);  /* both keys of the one with a score */
	assert_int_equal(seen.added + seen.removed, 0);
	advdb_builder_free(a);
	advdb_builder_free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An own allocation of the right size lets the sanitizers see one byte too many. */
static void try_bytes(struct span file, size_t n, size_t flip, uint8_t with)
{
	uint8_t *copy = malloc(n ? n : 1);

	assert_non_null(copy);
	memcpy(copy, file.p, n);
	if (flip < n)
		copy[flip] ^= with;
	LLVMFuzzerTestOneInput(copy, n);
	free(copy);
}

static void test_damage_is_never_a_bad_read(void **state)
{
	struct span file;
	struct advdb_builder *b = build(false, &file);
	struct advdb db;

	(void)state;
	for (size_t n = 0; n < file.n; n++) {
		assert_int_equal(advdb_of(span_head(file, n), &db, NULL), RMG_E_DB);
		try_bytes(file, n, SIZE_MAX, 0);
	}
	for (size_t i = 0; i < file.n; i++) {
		static const uint8_t with[] = {1, 0x80, 0xff};

		for (size_t k = 0; k < COUNT_OF(with); k++)
			try_bytes(file, file.n, i, with[k]);
	}
	advdb_builder_free(b);
}

static void test_hash_covers_the_content(void **state)
{
	struct span file;
	struct advdb_builder *b = build(false, &file);
	struct rmg_err err = {0};
	uint8_t *copy = malloc(file.n);
	struct advdb db;

	(void)state;
	memcpy(copy, file.p, file.n);
	copy[file.n - 1] ^= 1;
	assert_int_equal(advdb_of(span_of(copy, file.n), &db, &err), RMG_OK);
	assert_int_equal(advdb_verify(&db, hash32, &err), RMG_E_DB);
	copy[AT_VERSION] = 99;
	assert_int_equal(advdb_of(span_of(copy, file.n), &db, &err), RMG_E_DB);
	assert_non_null(strstr(err.msg, "99"));
	free(copy);
	advdb_builder_free(b);
}

static void test_an_empty_database_opens(void **state)
{
	struct advdb_builder *b;
	struct span file;
	struct advdb db;

	(void)state;
	assert_int_equal(advdb_builder_new(&b), RMG_OK);
	assert_int_equal(advdb_builder_done(b, S(""), hash32, &file, NULL, NULL), RMG_OK);
	assert_int_equal(advdb_of(file, &db, NULL), RMG_OK);
	assert_int_equal(advdb_find(&db, S("a"), S("b")).n, 0);
	assert_false(advdb_covers(&db, S("a")));
	assert_false(db.bad);
	advdb_builder_free(b);
}

/* A generator of its own, so that failures repeat. */
static uint32_t roll(uint64_t *state, uint32_t below)
{
	*state = hash_mix(*state + PATH_ROOT);
	return (uint32_t)(*state >> 33) % below;
}

static struct span text_of(char *buf, size_t n, const char *head, uint32_t i)
{
	int len = snprintf(buf, n, "%s%u", head, i);

	return span_of(buf, (size_t)len);
}

/* One card, with few values for everything, so that copies, outdated copies, shared CVEs, donors of
 * severities and cards without rules all come about. */
static void add_random_card(struct advdb_builder *b, uint64_t *state, const uint32_t *sources)
{
	static const char *const words[] = {"", "ghsa", "debian"};
	uint32_t word = roll(state, COUNT_OF(words));
	char id[32], cve[32], alias[32], modified[32], name[32];
	struct span aliases[] = {text_of(alias, sizeof alias, "CVE-2024-100", roll(state, 8))};
	struct adv_cvss cvss = {S("3.1"), S("CVSS:3.1/AV:N"), S("x"), roll(state, 100) / 10.0};
	struct adv_event events[] = {{EV_INTRODUCED, S("0")}, {EV_FIXED, S("2")}};
	struct adv_card card = {
	    .id = text_of(id, sizeof id, "ID-", roll(state, 12)),
	    .canonical = text_of(cve, sizeof cve, "CVE-2024-100", roll(state, 8)),
	    .modified = text_of(modified, sizeof modified, "2026-01-0", 1 + roll(state, 3)),
	    .severity = word ? (enum adv_severity)(1 + roll(state, 5)) : SEV_UNKNOWN,
	    .severity_from = span_cstr(words[word]),
	    .n_aliases = roll(state, 2),
	    .n_cvss = roll(state, 3) == 0,
	    .source = sources[roll(state, 2)],
	};
	struct adv_rule rule = {.card = advdb_add_card(b, &card, aliases, &cvss, NULL),
				.source = card.source,
				.n_events = 2};

	for (uint32_t n = roll(state, 4); n; n--) {
		events[1].version = span_head(S("12345"), 1 + roll(state, 2));
		advdb_add_rule(b, roll(state, 2) ? S("npm") : S("Debian:12"),
			       text_of(name, sizeof name, "pkg", roll(state, 6)), &rule, events,
			       NULL);
	}
}

/* What the file of this seed says; seed 0 is a file that is not there. */
static void add_random_part(struct advdb_builder *b, uint64_t seed, const uint32_t *sources)
{
	struct adv_cvss cvss = {S("3.1"), S("CVSS:3.1/AV:L"), S("nvd"), 5};
	char cve[32];

	if (seed == 0)
		return;
	for (uint32_t n = roll(&seed, 4); n; n--)
		add_random_card(b, &seed, sources);
	if (roll(&seed, 3))
		return;
	text_of(cve, sizeof cve, "CVE-2024-100", roll(&seed, 8));
	advdb_add_epss(b, span_cstr(cve), roll(&seed, 10) / 10.0, 0.5);
	if (roll(&seed, 2))
		advdb_add_kev(b, span_cstr(cve), S("2026-02-03"), S("2026-03-03"));
	cvss.score = roll(&seed, 10);
	if (roll(&seed, 2))
		advdb_add_cvss(b, span_cstr(cve), &cvss);
}

enum { PARTS = 16 };

static void assert_built_anew(const uint64_t *seeds, struct span is)
{
	uint32_t sources[2];
	struct advdb_builder *b = begin(false, &sources[0], &sources[1]);
	struct span file;

	for (size_t i = PARTS; i-- > 0;) {
		(void)advdb_part_begin(b);
		add_random_part(b, seeds[i], sources);
	}
	assert_int_equal(advdb_builder_done(b, S("now"), hash32, &file, NULL, NULL), RMG_OK);
	assert_true(span_is(file, is));
	advdb_builder_free(b);
}

static void test_parts_changed_are_as_built_anew(void **state)
{
	uint64_t random = 1, seeds[PARTS] = {0};
	uint32_t parts[PARTS], sources[2];
	struct advdb_builder *b = begin(false, &sources[0], &sources[1]);
	struct span file;

	(void)state;
	for (size_t i = 0; i < PARTS; i++)
		parts[i] = advdb_part_begin(b);
	for (unsigned step = 0; step < 400; step++) {
		for (uint32_t n = 1 + roll(&random, 3); n; n--) {
			uint32_t i = roll(&random, PARTS);

			advdb_part_drop(b, parts[i]);
			parts[i] = advdb_part_begin(b);
			seeds[i] = roll(&random, 4) ? 1 + roll(&random, 1000) : 0;
			add_random_part(b, seeds[i], sources);
		}
		assert_int_equal(advdb_builder_done(b, S("now"), hash32, &file, NULL, NULL),
				 RMG_OK);
		assert_built_anew(seeds, file);
	}
	assert_true(advdb_builder_is_stale(b));
	advdb_builder_free(b);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_goes_in_comes_out),
	    cmocka_unit_test(test_order_of_adding_does_not_matter),
	    cmocka_unit_test(test_newer_copy_of_a_record_wins),
	    cmocka_unit_test(test_diff_names_what_changed),
	    cmocka_unit_test(test_damage_is_never_a_bad_read),
	    cmocka_unit_test(test_hash_covers_the_content),
	    cmocka_unit_test(test_an_empty_database_opens),
	    cmocka_unit_test(test_parts_changed_are_as_built_anew),
	};

	if (argc > 1) { /* a seed for the fuzzer */
		struct span file;
		struct advdb_builder *b = build(false, &file);
		FILE *f = fopen(argv[1], "wb");

		if (f == NULL || fwrite(file.p, 1, file.n, f) != file.n || fclose(f) != 0)
			return 1;
		advdb_builder_free(b);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "vuln/advdb_fuzz.c"
