/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles as docs/API.md describes them. */
#include "watch/profile_json.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/limits.h"

#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct arena arena;

static enum rmg_rc parse(const char *text, struct profile *p)
{
	struct rmg_err err = {0};
	enum rmg_rc rc = profile_parse(span_cstr(text), MIB(1), &arena, p, &err);

	if (rc != RMG_OK)
		assert_true(err.msg[0] != '\0');
	return rc;
}

static void a_profile_is_read_whole(void **state)
{
	const char text[] = "{\"image\":\"" DIGEST "\",\"from\":\"2026-11-20T10:00:00Z\","
			    "\"to\":\"2026-11-20T11:00:00Z\",\"containers\":2,\"asks\":true,"
			    "\"watched\":[{\"component\":\"00000000000000ff\",\"bytes\":7}],"
			    "\"used\":[\"ffffffffffffffff\"],\"executed\":[\"0000000000000001\","
			    "\"0000000000000002\"],\"later\":1}";
	struct profile p;

	(void)state;
	arena_init(&arena, MIB(1));
	assert_int_equal(parse(text, &p), RMG_OK);
	assert_true(span_is(p.image, S(DIGEST)));
	assert_int_equal(p.to_ms - p.from_ms, 3600000);
	assert_int_equal(p.containers, 2);
	assert_true(p.asks);
	assert_int_equal(p.n_watched, 1);
	assert_int_equal(p.watched[0].component, 255);
	assert_int_equal(p.watched[0].bytes, 7);
	assert_int_equal(p.n_used, 1);
	assert_true(p.used[0] == UINT64_MAX);
	assert_int_equal(p.n_executed, 2);
	assert_int_equal(p.executed[1], 2);
	assert_int_equal(parse("{\"image\":\"" DIGEST "\"}", &p), RMG_OK);
	assert_int_equal(p.to_ms + (int64_t)p.n_used + (int64_t)p.containers, 0);
	arena_done(&arena);
}

static void what_is_wrong_is_refused(void **state)
{
	static const char *const rows[] = {
	    "[]",
	    "{}",
	    "{\"image\":\"x\"}",
	    "{\"image\":\"" DIGEST "\",\"used\":{}}",
	    "{\"image\":\"" DIGEST "\",\"used\":[1]}",
	    "{\"image\":\"" DIGEST "\",\"used\":[\"00\"]}",
	    "{\"image\":\"" DIGEST "\",\"used\":[\"0x00000000000000\"]}",
	    "{\"image\":\"" DIGEST "\",\"executed\":\"0000000000000001\"}",
	    "{\"image\":\"" DIGEST "\",\"watched\":[{\"component\":\"0000000000000001\"}]}",
	    "{\"image\":\"" DIGEST "\",\"containers\":-1}",
	    "{\"image\":\"" DIGEST "\",\"from\":\"2026-11-20T10:00:00Z\"}",
	    "{\"image\":\"" DIGEST "\",\"from\":\"2026-11-20T10:00:00Z\","
	    "\"to\":\"2026-11-20T09:00:00Z\"}",
	};

	(void)state;
	arena_init(&arena, MIB(1));
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct profile p;

		assert_int_not_equal(parse(rows[i], &p), RMG_OK);
	}
	arena_done(&arena);
}

static void too_much_is_refused(void **state)
{
	struct strbuf b = strbuf_of(MIB(8));
	struct profile p;

	(void)state;
	arena_init(&arena, MIB(8));
	strbuf_puts(&b, "{\"image\":\"" DIGEST "\",\"used\":[\"0000000000000000\"");
	for (size_t i = 0; i < LIMIT_PROFILE_KEYS; i++)
		strbuf_puts(&b, ",\"0000000000000000\"");
	strbuf_puts(&b, "]}");
	assert_int_not_equal(profile_parse(strbuf_span(&b), MIB(8), &arena, &p, NULL), RMG_OK);
	strbuf_done(&b);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_profile_is_read_whole),
	    cmocka_unit_test(what_is_wrong_is_refused),
	    cmocka_unit_test(too_much_is_refused),
	};

	return cmocka_run_group_tests_name("R19: profiles as JSON", tests, NULL, NULL);
}
