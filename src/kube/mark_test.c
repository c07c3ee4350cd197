/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/mark.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct kube_mark mark = {.verdict = "alert",
				      .critical = 2,
				      .exploited = 1,
				      .findings = "2 critical",
				      .link = "https://hub.test"};

static uint64_t seen(const char *text)
{
	struct json_doc doc = {0};
	uint64_t sum;

	assert_int_equal(json_parse(&doc, span_cstr(text), 4096, NULL), RMG_OK);
	sum = kube_mark_seen(json_get(doc.root, "labels"), json_get(doc.root, "annotations"));
	json_done(&doc);
	return sum;
}

static void test_patch(void **state)
{
	struct strbuf out = strbuf_of(4096);

	(void)state;
	kube_mark_patch(&mark, S("u1"), "2026-01-01T00:00:00Z", &out);
	assert_string_equal(
	    strbuf_cstr(&out),
	    "{\"metadata\":{\"uid\":\"u1\",\"labels\":{\"rummage/verdict\":\"alert\","
	    "\"rummage/critical\":\"2\",\"rummage/high\":null,\"rummage/exploited\":\"1\"},"
	    "\"annotations\":{\"rummage/findings\":\"2 critical\",\"rummage/link\":"
	    "\"https://hub.test\",\"rummage/at\":\"2026-01-01T00:00:00Z\"}}}");
	strbuf_clear(&out);
	kube_mark_patch(&(struct kube_mark){.verdict = "unread", .findings = "x", .alone = true},
			S("u1"), "2026-01-01T00:00:00Z", &out);
	assert_non_null(strstr(strbuf_cstr(&out), "\"rummage/verdict\":\"unread\""));
	assert_non_null(strstr(strbuf_cstr(&out), "\"annotations\":{\"rummage/findings\":null,"
						  "\"rummage/link\":null,\"rummage/at\":null}"));
	strbuf_clear(&out);
	kube_mark_patch(&(struct kube_mark){0}, S("u1"), "2026-01-01T00:00:00Z", &out);
	assert_string_equal(
	    strbuf_cstr(&out),
	    "{\"metadata\":{\"uid\":\"u1\",\"labels\":{\"rummage/verdict\":null,"
	    "\"rummage/critical\":null,\"rummage/high\":null,\"rummage/exploited\":null},"
	    "\"annotations\":{\"rummage/findings\":null,\"rummage/link\":null,"
	    "\"rummage/at\":null}}}");
	strbuf_done(&out);
}

/* What was written reads as what was meant, whenever that was; anything else does not. */
static void test_seen(void **state)
{
	uint64_t sum = kube_mark_sum(&mark);

	(void)state;
	assert_true(sum != 0);
	assert_true(kube_mark_sum(&(struct kube_mark){0}) == 0);
	assert_true(seen("{}") == 0);
	assert_true(seen("{\"labels\":{\"app\":\"x\"},\"annotations\":"
			 "{\"rummage/break-glass\":\"why\"}}") == 0);
	assert_true(seen("{\"labels\":{\"rummage/verdict\":\"alert\",\"rummage/critical\":\"2\","
			 "\"rummage/exploited\":\"1\"},\"annotations\":{\"rummage/findings\":"
			 "\"2 critical\",\"rummage/link\":\"https://hub.test\",\"rummage/at\":"
			 "\"2020-01-01T00:00:00Z\"}}") == sum);
	assert_true(
	    seen("{\"labels\":{\"rummage/verdict\":\"alert\",\"rummage/critical\":\"3\"}}") != sum);
	assert_true(seen("{\"annotations\":{\"rummage/at\":\"\"}}") != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_patch),
	    cmocka_unit_test(test_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
