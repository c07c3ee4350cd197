/* SPDX-License-Identifier: Apache-2.0 */
/* What is written on an Image, what is there of it, and whose it is. */
#include "kube/quality.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "kube/openshift.h"

#define NOW "2026-01-01T00:00:00Z"
#define BEFORE "{\"metadata\":{\"uid\":\"u1\",\"resourceVersion\":\"7\",\"annotations\":"

static const struct quality bad = {
    .version = "1.0", .reference = "https://hub.test/a", .rows = {1, 0, 3, 2}, .whole = true};

static uint64_t seen(const char *annotations)
{
	struct json_doc doc = {0};
	uint64_t state;

	assert_int_equal(json_parse(&doc, span_cstr(annotations), 4096, NULL), RMG_OK);
	state = quality_seen(doc.root);
	json_done(&doc);
	return state;
}

/* What an Image has that was as "seen" says, once it is patched; the rest of the patch is as it
 * should be. */
static void patch(uint64_t state, const struct quality *q, const char *at, struct strbuf *out)
{
	strbuf_clear(out);
	quality_patch(state, q, S("u1"), S("7"), at, out);
	assert_int_equal(strbuf_rc(out), RMG_OK);
	assert_memory_equal(strbuf_cstr(out), BEFORE, strlen(BEFORE));
}

static uint64_t patched(const struct strbuf *out)
{
	char text[4096];
	size_t n = out->n - strlen(BEFORE) - 2;

	memcpy(text, out->p + strlen(BEFORE), n);
	text[n] = '\0';
	return seen(text);
}

static void the_annotation(void **state)
{
	struct strbuf out = strbuf_of(4096), copy = strbuf_of(4096);
	struct json_doc doc = {0};
	struct quality other = bad;
	struct span provider;
	uint64_t was;

	(void)state;
	patch(0, &bad, NOW, &out);
	assert_int_equal(json_parse(&doc, strbuf_span(&out), 4096, NULL), RMG_OK);
	assert_true(openshift_quality(
	    S(QUALITY_KEY),
	    json_get_str(json_get(json_get(doc.root, "metadata"), "annotations"), QUALITY_KEY),
	    &provider, &copy));
	assert_true(span_is(provider, S("rummage")));
	assert_string_equal(
	    strbuf_cstr(&copy),
	    "{\"name\":\"Rummage\",\"timestamp\":\"" NOW
	    "\",\"description\":\"known vulnerabilities\",\"reference\":\"https://hub.test/a\","
	    "\"scannerVersion\":\"1.0\",\"compliant\":true,\"summary\":["
	    "{\"label\":\"critical\",\"data\":\"2\",\"severityIndex\":3},"
	    "{\"label\":\"important\",\"data\":\"3\",\"severityIndex\":2},"
	    "{\"label\":\"moderate\",\"data\":\"0\",\"severityIndex\":1},"
	    "{\"label\":\"low\",\"data\":\"1\",\"severityIndex\":0}]}");
	json_done(&doc);
	/* Whenever it was written; anything else is not it. */
	was = patched(&out);
	assert_true(was != 0 && was == quality_wanted(0, &bad) && was == quality_wanted(was, &bad));
	patch(0, &bad, "2026-02-02T00:00:00.123Z", &out);
	assert_true(patched(&out) == was);
	other.rows[3]++;
	assert_true(quality_wanted(was, &other) != was);
	assert_true(seen("{\"" QUALITY_KEY "\":\"\"}") != 0);
	assert_true(quality_wanted(seen("{\"" QUALITY_KEY "\":\"{}\"}"), NULL) == 0);
	patch(was, NULL, NOW, &out);
	assert_string_equal(strbuf_cstr(&out), BEFORE "{\"" QUALITY_KEY "\":null}}}");
	strbuf_done(&out);
	strbuf_done(&copy);
}

#define OURS_IS_SET "\"" QUALITY_OURS "\":\"true\""
#define DENIED "\"" OPENSHIFT_DENY "\":\"true\""
#define NOT_DENIED "\"" OPENSHIFT_DENY "\":\"false\""

static void whose_the_denial_is(void **state)
{
	static const struct {
		const char *has;
		bool deny;
		const char *patch; /* NULL: nothing is to be done */
	} rows[] = {
	    {"{}", true, "," OURS_IS_SET "," DENIED},
	    {"{}", false, NULL},
	    {"{" DENIED "}", true, NULL},
	    {"{" DENIED "}", false, NULL},
	    {"{" NOT_DENIED "}", true, NULL},
	    {"{" DENIED "," OURS_IS_SET "}", true, NULL},
	    {"{" DENIED "," OURS_IS_SET "}", false,
	     ",\"" QUALITY_OURS "\":null,\"" OPENSHIFT_DENY "\":null"},
	    /* Somebody took it away; somebody made another of it, which is theirs then. */
	    {"{" OURS_IS_SET "}", true, "," DENIED},
	    {"{" OURS_IS_SET "}", false, ",\"" QUALITY_OURS "\":null"},
	    {"{" NOT_DENIED "," OURS_IS_SET "}", true, ",\"" QUALITY_OURS "\":null"},
	    {"{" NOT_DENIED "," OURS_IS_SET "}", false, ",\"" QUALITY_OURS "\":null"},
	};
	struct strbuf out = strbuf_of(4096);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct quality q = bad;
		uint64_t has = seen(rows[i].has);
		const char *rest;

		q.deny = rows[i].deny;
		patch(has, &q, NOW, &out);
		assert_non_null(strstr(strbuf_cstr(&out), q.deny ? "\\\"compliant\\\":false"
								 : "\\\"compliant\\\":true"));
		rest = strstr(strbuf_cstr(&out), "]}\"") + 3;
		if (strncmp(rest, rows[i].patch ? rows[i].patch : "",
			    rows[i].patch ? strlen(rows[i].patch) : 0) != 0 ||
		    strlen(rest) != (rows[i].patch ? strlen(rows[i].patch) : 0) + 3)
			fail_msg("%s: %s", rows[i].has, rest);
	}
	strbuf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_annotation),
	    cmocka_unit_test(whose_the_denial_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
