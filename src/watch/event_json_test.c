/* SPDX-License-Identifier: Apache-2.0 */
/* Events as docs/API.md describes them. */
#include "watch/event_json.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEAD "\"source\":\"n\",\"seq\":1,\"at\":\"2026-11-24T12:00:00.5Z\""

static enum rmg_rc parse(const char *text, struct event *e, struct arena *a)
{
	struct rmg_err err = {0};

	arena_init(a, 1 << 20);
	return event_parse(span_cstr(text), a, e, &err);
}

static void a_use_is_read_whole(void **state)
{
	struct arena a;
	struct event e;

	(void)state;
	assert_int_equal(
	    parse("{\"type\":\"use.began\"," HEAD ",\"epoch\":7,\"cluster\":\"c\",\"node\":\"n1\","
		  "\"namespace\":\"shop\",\"workload\":{\"kind\":\"Deployment\",\"name\":\"web\"},"
		  "\"container\":\"abc\",\"image\":{\"ref\":\"app:1\",\"digests\":[\"sha256:" HEX
		  "\"]},\"labels\":{\"team\":\"a\"},\"later\":[1,2]}",
		  &e, &a),
	    RMG_OK);
	assert_int_equal(e.type, EVENT_USE_BEGAN);
	assert_int_equal(e.epoch, 7);
	assert_int_equal(e.at_ms, INT64_C(1795521600500));
	assert_true(span_is(e.place.ns, S("shop")));
	assert_true(span_is(e.workload_name, S("web")));
	assert_int_equal(e.image.n_digests, 1);
	assert_true(span_is(e.image.digests[0], S("sha256:" HEX)));
	assert_int_equal(e.n_labels, 1);
	arena_done(&a);
}

static void what_an_image_is_called_is_read_and_written(void **state)
{
	struct strbuf text = strbuf_of(4096);
	struct arena a;
	struct event e;

	(void)state;
	assert_int_equal(parse("{\"type\":\"image.seen\"," HEAD ",\"image\":{\"ref\":\"app:1\","
			       "\"names\":[\"app:1\",\"app:2\"]}}",
			       &e, &a),
			 RMG_OK);
	assert_int_equal(e.image.n_names, 2);
	assert_true(span_is(e.image.names[1], S("app:2")));
	event_write(&e, &text);
	assert_true(span_has(strbuf_span(&text), S("\"names\":[\"app:1\",\"app:2\"]")));
	strbuf_done(&text);
	arena_done(&a);
}

static void what_is_missing_or_wrong_is_refused(void **state)
{
	static const char *const rows[] = {
	    "[]",
	    "{\"type\":\"use.ended\"," HEAD "}",                     /* no container */
	    "{\"type\":\"use.began\"," HEAD ",\"container\":\"c\"}", /* no image */
	    "{\"type\":\"tag.resolved\"," HEAD ",\"image\":{\"ref\":\"a\"}}",
	    "{\"type\":\"workload.declared\"," HEAD "}",
	    "{\"type\":\"heartbeat\",\"seq\":1,\"at\":\"2026-11-24\"}", /* no source */
	    "{\"type\":\"heartbeat\",\"source\":\"n\",\"at\":\"2026-11-24\"}",
	    "{\"type\":\"heartbeat\",\"source\":\"n\",\"seq\":1,\"at\":\"soon\"}",
	    "{\"type\":\"heartbeat\",\"source\":\"n\",\"seq\":1,\"at\":\"1969-01-01\"}",
	    "{\"type\":\"heartbeat\",\"source\":\"a\\u0000b\",\"seq\":1,\"at\":\"2026-11-24\"}",
	    "{\"type\":\"heartbeat\",\"source\":3,\"seq\":1,\"at\":\"2026-11-24\"}",
	    "{\"type\":\"image.seen\"," HEAD ",\"image\":{\"digests\":[\"sha256:xyz\"]}}",
	    "{\"type\":\"image.seen\"," HEAD ",\"image\":{\"digests\":\"sha256:" HEX "\"}}",
	    "{\"type\":\"image.seen\"," HEAD ",\"image\":{\"ref\":\"a\",\"names\":\"a\"}}",
	    "{\"type\":\"image.seen\"," HEAD ",\"image\":{\"ref\":\"a\",\"names\":[1]}}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct arena a;
		struct event e;

		if (parse(rows[i], &e, &a) != RMG_E_FORMAT)
			fail_msg("%s", rows[i]);
		arena_done(&a);
	}
}

static void an_unknown_type_is_told_apart(void **state)
{
	struct arena a;
	struct event e;

	(void)state;
	assert_int_equal(parse("{\"type\":\"use.paused\"," HEAD "}", &e, &a), RMG_E_UNSUPPORTED);
	arena_done(&a);
}

static void what_is_written_is_one_line(void **state)
{
	struct strbuf out = strbuf_of(1 << 16);
	struct event e = {.type = EVENT_HEARTBEAT,
			  .source = S("a\nb"),
			  .seq = 1,
			  .at_ms = 1000,
			  .place = {.node = S("n")}};

	(void)state;
	event_write(&e, &out);
	assert_string_equal(strbuf_cstr(&out),
			    "{\"type\":\"heartbeat\",\"source\":\"a\\nb\",\"seq\":1,"
			    "\"at\":\"1970-01-01T00:00:01Z\",\"node\":\"n\"}\n");
	strbuf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_use_is_read_whole),
	    cmocka_unit_test(what_an_image_is_called_is_read_and_written),
	    cmocka_unit_test(what_is_missing_or_wrong_is_refused),
	    cmocka_unit_test(an_unknown_type_is_told_apart),
	    cmocka_unit_test(what_is_written_is_one_line),
	};

	return cmocka_run_group_tests_name("event_json", tests, NULL, NULL);
}
