/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/artifact.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "oci/digest.h"

#define D(c) "sha256:" c c c c c c c c
#define A D("aaaaaaaa")
#define B D("bbbbbbbb")
#define C D("cccccccc")
#define E D("eeeeeeee")

static struct arena arena;
static struct rmg_err err;

static int begin(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 24);
	err = (struct rmg_err){0};
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

static struct artifact sample(void)
{
	return (struct artifact){
	    .database = S(C),
	    .built = S("2026-11-24T12:00:00Z"),
	    .format = 1,
	    .bytes = 42555738,
	    .advisories = 149394,
	    .packages = 39618,
	    .digest = S(D("dddddddd")),
	    .size_bytes = 1000,
	    .patches = {{S(D("12121212")), S(B), S(C), 100}, {S(D("34343434")), S(A), S(B), 200}},
	    .n_patches = 2,
	};
}

static struct span text_of(const struct artifact *a)
{
	struct strbuf text = strbuf_of(1 << 16);
	struct span s;

	artifact_write(a, &text);
	assert_int_equal(strbuf_rc(&text), RMG_OK);
	s = arena_dup(&arena, strbuf_span(&text));
	strbuf_done(&text);
	return s;
}

static enum rmg_rc parse(struct span text, struct artifact *out)
{
	return artifact_parse(text, S(""), &arena, out, &err);
}

static void there_and_back(void **state)
{
	struct artifact a = sample(), b;
	struct span text = text_of(&a);
	char digest[DIGEST_TEXT];

	(void)state;
	assert_int_equal(parse(text, &b), RMG_OK);
	assert_true(span_is(b.database, a.database) && span_is(b.built, a.built));
	assert_true(span_is(b.digest, a.digest) && b.size_bytes == a.size_bytes);
	assert_true(b.format == 1 && b.bytes == a.bytes);
	assert_true(b.advisories == a.advisories && b.packages == a.packages);
	assert_int_equal(b.n_patches, 2);
	assert_true(span_is(b.patches[1].from, S(A)) && span_is(b.patches[1].to, S(B)));
	assert_true(span_is(text_of(&b), text));
	assert_string_equal(digest_text_of(S(ARTIFACT_EMPTY), digest), ARTIFACT_EMPTY_DIGEST);
}

/* The text with one piece replaced. */
static struct span with(struct span text, const char *from, const char *to)
{
	size_t at = span_find(text, span_cstr(from));

	assert_true(at != SIZE_MAX);
	return ARENA_JOIN(&arena, span_head(text, at), span_cstr(to),
			  span_from(text, at + strlen(from)));
}

static void other_things(void **state)
{
	struct artifact a = sample(), b;
	struct span text = text_of(&a);
	const struct {
		struct span text;
		enum rmg_rc rc;
		const char *says;
	} rows[] = {
	    {with(text, "advisories.v1\"", "advisories.v9\""), RMG_E_FORMAT, "advisories.v9"},
	    {with(text, "\"artifactType\":\"" ARTIFACT_TYPE "\",", ""), RMG_E_FORMAT, "empty.v1"},
	    {with(text, ARTIFACT_WHOLE, "text/plain"), RMG_E_FORMAT, "whole"},
	    {with(text, ARTIFACT_PATCH, ARTIFACT_WHOLE), RMG_E_FORMAT, "two whole"},
	    {with(text, "\"42555738\"", "\"2147483649\""), RMG_E_LIMIT, "larger"},
	    {with(text, "\"42555738\"", "\"-1\""), RMG_E_FORMAT, "has to say"},
	    {with(text, "\"42555738\"", "42555738"), RMG_E_FORMAT, "has to say"},
	    {with(text, "\"size\":1000", "\"size\":1073741825"), RMG_E_LIMIT, "larger"},
	    {with(text, "2026-11-24T12:00:00Z", "yesterday"), RMG_E_FORMAT, "has to say"},
	    {with(text, "db.digest\":\"sha256:", "db.digest\":\"sha512:"), RMG_E_FORMAT,
	     "has to say"},
	    {with(text, "db.packages", "db.boxes"), RMG_E_FORMAT, "has to say"},
	    {S("{\"schemaVersion\":2,\"manifests\":[]}"), RMG_E_FORMAT, "index"},
	    {S("{}"), RMG_E_FORMAT, "neither"},
	    {S("<html>"), RMG_E_FORMAT, ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(parse(rows[i].text, &b), rows[i].rc);
		if (strstr(err.msg, rows[i].says) == NULL)
			fail_msg("%s: %s", rows[i].says, err.msg);
	}
	/* A patch that says nothing usable is none. */
	assert_int_equal(parse(with(text, "vnd.rummage.db.from\":\"sha256", "x\":\"sha256"), &b),
			 RMG_OK);
	assert_int_equal(b.n_patches, 1);
}

static void ways(void **state)
{
	struct artifact a = sample();
	const struct artifact_patch *way[ARTIFACT_PATCHES];

	(void)state;
	assert_int_equal(artifact_way(&a, S(B), way), 1);
	assert_int_equal(artifact_way(&a, S(A), way), 2);
	assert_true(span_is(way[0]->from, S(A)) && span_is(way[1]->to, S(C)));
	assert_int_equal(artifact_way(&a, S(E), way), 0);
	assert_int_equal(artifact_way(&a, S(C), way), 0);
	a.size_bytes = 300; /* the whole is no longer than both patches */
	assert_int_equal(artifact_way(&a, S(A), way), 0);
	assert_int_equal(artifact_way(&a, S(B), way), 1);
	a = sample();
	a.patches[0].to = S(A); /* round and round */
	assert_int_equal(artifact_way(&a, S(A), way), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(there_and_back, begin, end),
	    cmocka_unit_test_setup_teardown(other_things, begin, end),
	    cmocka_unit_test_setup_teardown(ways, begin, end),
	};

	return cmocka_run_group_tests_name("artifact", tests, NULL, NULL);
}
