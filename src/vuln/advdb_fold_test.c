/* SPDX-License-Identifier: Apache-2.0 */
#include "vuln/advdb_fold.h"

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

/* A database of n packages, without the one of number without. */
static struct advdb_builder *build(uint32_t n, uint32_t without, struct span *out)
{
	struct adv_source source = {S("osv"), S("2026-01-02T03:04:05Z"), n, false};
	struct adv_event events[] = {{EV_INTRODUCED, S("0")}, {EV_FIXED, S("")}};
	struct advdb_builder *b;
	uint32_t osv;

	assert_int_equal(advdb_builder_new(&b), RMG_OK);
	osv = advdb_add_source(b, &source);
	for (uint32_t i = 0; i < n; i++) {
		char id[40], fixed[40], name[40];
		struct span alias =
		    span_of(id, (size_t)snprintf(id, sizeof id, "CVE-2030-%06u", i));
		struct adv_card card = {
		    .id = alias, .source = osv, .severity = SEV_HIGH, .n_aliases = 1};
		struct adv_rule rule = {.source = osv, .n_events = 2};

		if (i == without)
			continue;
		snprintf(fixed, sizeof fixed, "1.%u.%u", i % 50, i % 3);
		snprintf(name, sizeof name, "package-%05u", i);
		events[1].version = span_cstr(fixed);
		card.summary = span_cstr(name);
		rule.card = advdb_add_card(b, &card, &alias, NULL, NULL);
		advdb_add_rule(b, S("npm"), span_cstr(name), &rule, events, NULL);
		advdb_add_epss(b, alias, (i % 977) / 1000.0, (i % 983) / 1000.0);
	}
	assert_int_equal(advdb_builder_done(b, S("2026-08-01T00:00:00Z"), hash32, out, NULL, NULL),
			 RMG_OK);
	return b;
}

static void drop(struct span *s)
{
	free((void *)(uintptr_t)s->p);
	*s = (struct span){0};
}

static void there_and_back(void **state)
{
	static const uint32_t sizes[] = {1, 2, 20, 3000};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		struct span file, folded, again;
		struct advdb_builder *b = build(sizes[i], UINT32_MAX, &file);

		assert_int_equal(advdb_fold(file, &folded, NULL), RMG_OK);
		assert_true(folded.n > file.n && folded.n < file.n + file.n / 4 + 64);
		assert_int_equal(advdb_unfold(folded, &again, NULL), RMG_OK);
		assert_true(span_is(again, file));
		drop(&folded);
		drop(&again);
		advdb_builder_free(b);
	}
}

/* Blocks of 64 bytes of b that are not in a, wherever they lie. */
static size_t new_blocks(struct span a, struct span b)
{
	enum { BLOCK = 64, TABLE = 1 << 18 };
	uint64_t *have = calloc(TABLE, sizeof *have);
	size_t n = 0;

	assert_non_null(have);
	for (size_t i = 0; i + BLOCK <= a.n; i++) {
		uint64_t h = hash_span(span_of(a.p + i, BLOCK));

		have[h % TABLE] |= UINT64_C(1) << (h >> 58);
	}
	for (size_t i = 0; i + BLOCK <= b.n; i += BLOCK) {
		uint64_t h = hash_span(span_of(b.p + i, BLOCK));

		n += ((have[h % TABLE] >> (h >> 58)) & 1) == 0;
	}
	free(have);
	return n;
}

/* One package more, in the middle: of the file nearly all of the fields change, folded little. */
static void little_changes_little(void **state)
{
	struct span file[2], folded[2];
	struct advdb_builder *b[2] = {build(3000, 1500, &file[0]),
				      build(3000, UINT32_MAX, &file[1])};
	size_t plain, after;

	(void)state;
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(advdb_fold(file[i], &folded[i], NULL), RMG_OK);
	plain = new_blocks(file[0], file[1]);
	after = new_blocks(folded[0], folded[1]);
	assert_true(after * 5 < plain);
	for (size_t i = 0; i < 2; i++) {
		drop(&folded[i]);
		advdb_builder_free(b[i]);
	}
}

static void bad_bytes(void **state)
{
	struct span file, folded, out = {0};
	struct advdb_builder *b = build(20, UINT32_MAX, &file);
	uint8_t *copy;

	(void)state;
	assert_int_equal(advdb_fold(file, &folded, NULL), RMG_OK);
	for (size_t n = 0; n < folded.n; n++) {
		assert_int_equal(advdb_unfold(span_head(folded, n), &out, NULL), RMG_E_DB);
		assert_int_equal(advdb_fold(span_head(file, MIN_OF(n, file.n - 1)), &out, NULL),
				 RMG_E_DB);
	}
	copy = malloc(folded.n);
	assert_non_null(copy);
	memcpy(copy, folded.p, folded.n);
	for (size_t i = 0; i < folded.n; i++) {
		copy[i] ^= 0xff;
		if (advdb_unfold(span_of(copy, folded.n), &out, NULL) == RMG_OK) {
			assert_int_equal(out.n, file.n);
			drop(&out);
		} else {
			assert_true(i < ADVDB_START);
		}
		copy[i] ^= 0xff;
	}
	free(copy);
	drop(&folded);
	advdb_builder_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(there_and_back),
	    cmocka_unit_test(little_changes_little),
	    cmocka_unit_test(bad_bytes),
	};

	return cmocka_run_group_tests_name("advdb_fold", tests, NULL, NULL);
}
