/* SPDX-License-Identifier: Apache-2.0 */
/* What is done to an answer before it goes: its tag, 304, gzip; and the statuses of failures. */
#include "serve/api.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/limits.h"
#include "format/codec.h"

static struct server_response answer_of(const char *body, size_t times)
{
	struct server_response out = {.status = 200, .body = strbuf_of(MIB(4))};

	for (size_t i = 0; i < times; i++)
		strbuf_puts(&out.body, body);
	return out;
}

static void tag_of(const char *body, char tag[80])
{
	struct server_response out = answer_of(body, 1);

	api_dress(&out, S(""), S(""));
	assert_int_equal(out.status, 200);
	assert_string_equal(strbuf_cstr(&out.body), body);
	snprintf(tag, 80, "%s", out.etag);
	strbuf_done(&out.body);
}

static void the_same_has_the_same_tag(void **state)
{
	char a[80], b[80];

	(void)state;
	tag_of("{\"items\":[1],\"next\":null,\"as_of\":\"2026-11-24T20:00:00Z\"}", a);
	tag_of("{\"items\":[1],\"next\":null,\"as_of\":\"2026-11-24T20:00:00.123Z\"}", b);
	assert_string_equal(a, b);
	assert_true(strncmp(a, "W/\"", 3) == 0 && strlen(a) == 36);
	tag_of("{\"items\":[2],\"next\":null,\"as_of\":\"2026-11-24T20:00:00Z\"}", b);
	assert_string_not_equal(a, b);
	tag_of("{\"statements\":[],\"timestamp\":\"2026-11-24T20:00:00Z\"}", a);
	tag_of("{\"statements\":[],\"timestamp\":\"2026-11-25T20:00:00Z\"}", b);
	assert_string_equal(a, b);
}

static void only_the_moment_is_left_out(void **state)
{
	char a[80], b[80];

	(void)state;
	tag_of("{\"as_of\":\"2026-11-24T20:00:00Z\",\"items\":[1]}", a);
	tag_of("{\"as_of\":\"2026-11-25T20:00:00Z\",\"items\":[1]}", b);
	assert_string_not_equal(a, b); /* not where it stands */
	tag_of("{\"text\":\"x\\\",\\\"as_of\\\":\\\"1\"}", a);
	tag_of("{\"text\":\"x\\\",\\\"as_of\\\":\\\"2\"}", b);
	assert_string_not_equal(a, b);
	tag_of("{\"a\":1,\"as_of\":\"1\",\"b\":2}", a);
	tag_of("{\"a\":1,\"as_of\":\"2\",\"b\":2}", b);
	assert_string_not_equal(a, b);
	tag_of("", a);
	tag_of(",\"as_of\":\"", b);
	assert_string_not_equal(a, b);
}

static void what_the_client_has_is_not_sent(void **state)
{
	struct server_response out = answer_of("{\"items\":[]}", 1);
	char tag[80];

	(void)state;
	tag_of("{\"items\":[]}", tag);
	api_dress(&out, span_cstr(tag), S("gzip"));
	assert_int_equal(out.status, 304);
	assert_int_equal(out.body.n, 0);
	assert_string_equal(out.etag, tag);
	assert_string_equal(out.vary, "Accept-Encoding");
	assert_string_equal(out.content_encoding, "");
	out = answer_of("{\"items\":[]}", 1);
	api_dress(&out, S("W/\"0\", \"1\""), S(""));
	assert_int_equal(out.status, 200);
	strbuf_done(&out.body);
}

static void what_pays_is_packed(void **state)
{
	struct server_response out = answer_of("{\"state\":\"running\"},", 1000);
	size_t n = out.body.n;

	(void)state;
	api_dress(&out, S(""), S("br, gzip"));
	assert_string_equal(out.content_encoding, "gzip");
	assert_true(out.body.n < n / 10);
	assert_int_equal(codec_detect(strbuf_span(&out.body)), CODEC_GZIP);
	strbuf_done(&out.body);
	out = answer_of("{\"state\":\"running\"},", 1000);
	api_dress(&out, S(""), S("gzip;q=0"));
	assert_string_equal(out.content_encoding, "");
	assert_string_equal(out.vary, "Accept-Encoding");
	assert_int_equal(out.body.n, n);
	strbuf_done(&out.body);
	out = answer_of("{\"state\":\"running\"},", 10); /* short */
	api_dress(&out, S(""), S("gzip"));
	assert_string_equal(out.content_encoding, "");
	strbuf_done(&out.body);
}

static void noise_is_not_packed(void **state)
{
	struct server_response out = answer_of("", 0);
	uint32_t x = 1;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		x = x * 1664525u + 1013904223u;
		strbuf_putc(&out.body, (char)(x >> 24));
	}
	api_dress(&out, S(""), S("gzip"));
	assert_string_equal(out.content_encoding, "");
	assert_int_equal(out.body.n, 5000);
	strbuf_done(&out.body);
}

static ptrdiff_t no_more(void *stream, char *buf, size_t max)
{
	(void)stream;
	(void)buf;
	(void)max;
	return -1;
}

static void what_is_no_answer_is_left_alone(void **state)
{
	struct server_response out = answer_of("{\"error\":\"no\"}", 500), stream = {.status = 200};

	(void)state;
	out.status = 404;
	api_dress(&out, S("*"), S("gzip"));
	assert_int_equal(out.status, 404);
	assert_string_equal(out.etag, "");
	assert_string_equal(out.content_encoding, "");
	strbuf_done(&out.body);
	stream.more = no_more;
	api_dress(&stream, S("*"), S("gzip"));
	assert_int_equal(stream.status, 200);
	assert_string_equal(stream.etag, "");
}

static void failures_have_their_statuses(void **state)
{
	static const struct {
		enum rmg_rc rc;
		unsigned status;
	} rows[] = {{RMG_E_ARG, 400},   {RMG_E_FORMAT, 400}, {RMG_E_AUTH, 403},
		    {RMG_E_LIMIT, 413}, {RMG_E_IO, 503},     {RMG_E_NOTFOUND, 404},
		    {RMG_E_DB, 503},    {RMG_E_NOMEM, 503},  {RMG_E_UNSUPPORTED, 422},
		    {RMG_E_NET, 503},   {RMG_E_STOPPED, 503}};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct server_response out = answer_of("half an answer", 1);
		struct rmg_err err = {.msg = "a \"reason\""};

		api_fail(&out, rows[i].rc, &err);
		assert_int_equal(out.status, rows[i].status);
		assert_string_equal(strbuf_cstr(&out.body), "{\"error\":\"a \\\"reason\\\"\"}");
		assert_string_equal(out.retry_after, rows[i].status == 503 ? "1" : "");
		strbuf_done(&out.body);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_same_has_the_same_tag),
	    cmocka_unit_test(only_the_moment_is_left_out),
	    cmocka_unit_test(what_the_client_has_is_not_sent),
	    cmocka_unit_test(what_pays_is_packed),
	    cmocka_unit_test(noise_is_not_packed),
	    cmocka_unit_test(what_is_no_answer_is_left_alone),
	    cmocka_unit_test(failures_have_their_statuses),
	};

	return cmocka_run_group_tests_name("api", tests, NULL, NULL);
}
