/* SPDX-License-Identifier: Apache-2.0 */
#include "io/grpc_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "../tests/grpc_frames.h"
#include "base/limits.h"

struct asked {
	struct grpc_wire *wire;
	struct grpc_call call;
	struct strbuf got; /* messages, each between brackets */
	struct rmg_err err;
	enum grpc_status status;
	enum rmg_rc refuse; /* what the sink returns */
};

static enum rmg_rc keep(void *user, struct span message, struct rmg_err *err)
{
	struct asked *a = user;

	strbuf_putc(&a->got, '[');
	strbuf_put(&a->got, message);
	strbuf_putc(&a->got, ']');
	return a->refuse ? err_set(err, a->refuse, "not wanted") : RMG_OK;
}

static void drain(struct asked *a, struct strbuf *to)
{
	struct span out;

	do {
		assert_int_equal(grpc_wire_out(a->wire, &out, NULL), RMG_OK);
		if (to)
			strbuf_put(to, out);
	} while (out.n);
}

static void ask(struct asked *a)
{
	a->call.sink = keep;
	a->call.user = a;
	if (a->call.method == NULL)
		a->call.method = "/x.Y/Z";
	if (a->wire == NULL)
		assert_int_equal(grpc_wire_new(&a->wire, NULL), RMG_OK);
	a->got.max = 1 << 20;
	assert_int_equal(grpc_wire_begin(a->wire, &a->call, NULL), RMG_OK);
	drain(a, NULL);
}

static void done(struct asked *a)
{
	grpc_wire_free(a->wire);
	strbuf_done(&a->got);
}

/* The server's bytes in pieces of so many. */
static enum rmg_rc hear(struct asked *a, struct strbuf *server, size_t piece)
{
	struct span rest = strbuf_span(server);

	while (rest.n) {
		grpc_wire_in(a->wire, span_head(rest, piece));
		rest = span_from(rest, piece);
		drain(a, NULL);
	}
	strbuf_clear(server);
	return grpc_wire_over(a->wire) ? grpc_wire_end(a->wire, &a->status, &a->err) : RMG_E_IO;
}

static void test_calls_in_turn(void **state)
{
	struct strbuf server = strbuf_of(1 << 20), sent = strbuf_of(1 << 20);
	struct asked a = {.call = {.request = S("what?"), .timeout_ms = 1500}};

	(void)state;
	ask(&a);
	put_settings(&server);
	put_answer(&server, 1, S("this"));
	assert_int_equal(hear(&a, &server, 1), RMG_OK);
	assert_int_equal(a.status, GRPC_OK);
	assert_true(grpc_wire_fresh(a.wire));
	ask(&a);
	put_answer(&server, 3, S(""));
	assert_int_equal(hear(&a, &server, 4096), RMG_OK);
	assert_string_equal(strbuf_cstr(&a.got), "[this][]");
	strbuf_done(&sent);
	strbuf_done(&server);
	done(&a);
}

static void test_what_is_sent(void **state)
{
	struct grpc_header ns = {"containerd-namespace", "k8s.io"};
	struct asked a = {.call = {.request = S("what?"), .headers = &ns, .n_headers = 1}};
	struct strbuf sent = strbuf_of(1 << 20);
	struct span all;

	(void)state;
	a.call.method = "/x.Y/Z";
	assert_int_equal(grpc_wire_new(&a.wire, NULL), RMG_OK);
	assert_int_equal(grpc_wire_begin(a.wire, &a.call, NULL), RMG_OK);
	drain(&a, &sent);
	all = strbuf_span(&sent);
	assert_true(span_starts(all, S("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")));
	/* The last frame: 10 bytes of DATA that end stream 1. */
	assert_true(
	    span_ends(all, S("\x00\x00\x0a\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x05what?")));
	strbuf_done(&sent);
	done(&a);
}

static void test_stream(void **state)
{
	struct strbuf server = strbuf_of(1 << 20);
	struct asked a = {.call = {.stream = true}};
	struct strbuf two = strbuf_of(64);

	(void)state;
	ask(&a);
	put_settings(&server);
	put_head(&server, 1, "200", "application/grpc+proto");
	put_message(&server, 1, false, 3, S("one"));
	/* A message over two frames, and the next one in the second of them. */
	put_message(&server, 1, false, 4, S("tw"));
	strbuf_put(&two, S("o!\x00\x00\x00\x00\x05three"));
	put_frame(&server, H2_DATA, 0, 1, strbuf_span(&two));
	assert_int_equal(hear(&a, &server, 7), RMG_E_IO); /* it goes on */
	assert_string_equal(strbuf_cstr(&a.got), "[one][two!][three]");
	put_end(&server, 1, "0", NULL);
	assert_int_equal(hear(&a, &server, 7), RMG_OK);
	strbuf_done(&two);
	strbuf_done(&server);
	done(&a);
}

static void test_statuses(void **state)
{
	static const struct {
		const char *status, *text;
		enum grpc_status want;
		enum rmg_rc rc;
		const char *says;
	} rows[] = {
	    {"5", "image \"a%25b\": not%20found", GRPC_NOT_FOUND, RMG_E_NOTFOUND,
	     "NOT_FOUND: image \"a%b\": not found"},
	    {"7", NULL, GRPC_PERMISSION_DENIED, RMG_E_AUTH, "PERMISSION_DENIED"},
	    {"12", "x", GRPC_UNIMPLEMENTED, RMG_E_UNSUPPORTED, "UNIMPLEMENTED: x"},
	    {"14", "%00%1b[2J", GRPC_UNAVAILABLE, RMG_E_NET, "UNAVAILABLE: ?"},
	    {"8", "", GRPC_RESOURCE_EXHAUSTED, RMG_E_LIMIT, "RESOURCE_EXHAUSTED"},
	    {"99", NULL, GRPC_UNKNOWN, RMG_E_NET, "UNKNOWN"},
	    {"-1", NULL, GRPC_UNKNOWN, RMG_E_NET, "UNKNOWN"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct strbuf server = strbuf_of(1 << 20);
		struct asked a = {0};

		ask(&a);
		put_settings(&server);
		put_head(&server, 1, "200", "application/grpc");
		put_end(&server, 1, rows[i].status, rows[i].text);
		assert_int_equal(hear(&a, &server, 3), rows[i].rc);
		assert_int_equal(a.status, rows[i].want);
		assert_ptr_equal(strstr(a.err.msg, rows[i].says), a.err.msg);
		assert_true(grpc_wire_fresh(a.wire)); /* the call failed, not the connection */
		strbuf_done(&server);
		done(&a);
	}
}

static void test_http_statuses(void **state)
{
	static const struct {
		const char *http;
		enum rmg_rc rc;
	} rows[] = {{"404", RMG_E_UNSUPPORTED}, {"403", RMG_E_AUTH}, {"503", RMG_E_NET}};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct strbuf server = strbuf_of(1 << 20);
		struct asked a = {0};

		ask(&a);
		put_settings(&server);
		put_head(&server, 1, rows[i].http, "text/html");
		put_frame(&server, H2_DATA, H2_END_STREAM, 1, S("<html>no</html>"));
		assert_int_equal(hear(&a, &server, 5), rows[i].rc);
		assert_string_equal(strbuf_cstr(&a.got), "");
		strbuf_done(&server);
		done(&a);
	}
}

typedef void put_fn(struct strbuf *server);

static void put_rst(struct strbuf *b)
{
	put_head(b, 1, "200", "application/grpc");
	put_reset(b, 1, 8);
}

static void put_leave(struct strbuf *b)
{
	put_goaway(b, 0);
}

static void put_no_status(struct strbuf *b)
{
	put_head(b, 1, "200", "application/grpc");
	put_frame(b, H2_DATA, H2_END_STREAM, 1, S("\x00\x00\x00\x00\x00"));
}

static void put_cut(struct strbuf *b)
{
	put_head(b, 1, "200", "application/grpc");
	put_message(b, 1, false, 9, S("cut"));
	put_end(b, 1, "0", NULL);
}

static void put_none(struct strbuf *b)
{
	put_head(b, 1, "200", "application/grpc");
	put_end(b, 1, "0", NULL);
}

static void put_two(struct strbuf *b)
{
	put_head(b, 1, "200", "application/grpc");
	put_message(b, 1, false, 1, S("1"));
	put_message(b, 1, false, 1, S("2"));
	put_end(b, 1, "0", NULL);
}

static void put_compressed(struct strbuf *b)
{
	put_head(b, 1, "200", "application/grpc");
	put_message(b, 1, true, 1, S("1"));
}

static void put_http1(struct strbuf *b)
{
	strbuf_clear(b);
	strbuf_puts(b, "HTTP/1.1 400 Bad Request\r\n\r\n");
}

static void put_frame_of_nobody(struct strbuf *b)
{
	put_frame(b, H2_DATA, 0, 0, S("x"));
}

static void test_what_breaks_a_call(void **state)
{
	static const struct {
		put_fn *put;
		const char *says;
	} rows[] = {
	    {put_rst, "broke the call off (CANCEL)"},
	    {put_leave, "takes no calls"},
	    {put_no_status, "did not say how it went"},
	    {put_cut, "cut off"},
	    {put_none, "no answer"},
	    {put_two, "several answers"},
	    {put_compressed, "compresses"},
	    {put_http1, "HTTP/2"},
	    {put_frame_of_nobody, "HTTP/2"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct strbuf server = strbuf_of(1 << 20);
		struct asked a = {0};

		ask(&a);
		put_settings(&server);
		rows[i].put(&server);
		assert_int_equal(hear(&a, &server, 4096), RMG_E_NET);
		assert_non_null(strstr(a.err.msg, rows[i].says));
		strbuf_done(&server);
		done(&a);
	}
}

static void test_leaving_lets_the_call_end(void **state)
{
	struct strbuf server = strbuf_of(1 << 20);
	struct asked a = {0};

	(void)state;
	ask(&a);
	put_settings(&server);
	put_goaway(&server, 1);
	put_answer(&server, 1, S("last"));
	assert_int_equal(hear(&a, &server, 4096), RMG_OK);
	assert_false(grpc_wire_fresh(a.wire));
	strbuf_done(&server);
	done(&a);
}

static void test_bounds(void **state)
{
	struct strbuf server = strbuf_of(1 << 20);
	struct asked a = {.call = {.max_bytes = 4, .stream = true}};

	(void)state;
	ask(&a);
	put_settings(&server);
	put_head(&server, 1, "200", "application/grpc");
	put_message(&server, 1, false, 4, S("four"));
	put_message(&server, 1, false, 5, S("five!"));
	assert_int_equal(hear(&a, &server, 4096), RMG_E_LIMIT);
	assert_string_equal(strbuf_cstr(&a.got), "[four]");
	assert_false(grpc_wire_fresh(a.wire));
	strbuf_done(&server);
	done(&a);
}

static void test_refusal(void **state)
{
	struct strbuf server = strbuf_of(1 << 20);
	struct asked a = {.call = {.stream = true}, .refuse = RMG_E_NOMEM};

	(void)state;
	ask(&a);
	put_settings(&server);
	put_answer(&server, 1, S("one"));
	assert_int_equal(hear(&a, &server, 4096), RMG_E_NOMEM);
	assert_string_equal(a.err.msg, "not wanted");
	strbuf_done(&server);
	done(&a);
}

/* More than the server lets through at first: the rest waits for its leave. */
static void test_flow_control(void **state)
{
	struct strbuf server = strbuf_of(1 << 20), sent = strbuf_of(1 << 20);
	static uint8_t long_question[100000];
	struct asked a = {.call = {.request = span_of(long_question, sizeof long_question)}};

	(void)state;
	a.call.method = "/x.Y/Z";
	a.got.max = 64;
	assert_int_equal(grpc_wire_new(&a.wire, NULL), RMG_OK);
	assert_int_equal(grpc_wire_begin(a.wire, &a.call, NULL), RMG_OK);
	drain(&a, &sent);
	assert_in_range(sent.n, 65535, 66000);
	put_settings(&server);
	put_frame(&server, H2_WINDOW_UPDATE, 0, 0, S("\x00\x01\x00\x00"));
	put_frame(&server, H2_WINDOW_UPDATE, 0, 1, S("\x00\x01\x00\x00"));
	grpc_wire_in(a.wire, strbuf_span(&server));
	drain(&a, &sent);
	assert_in_range(sent.n, 100005, 101000);
	strbuf_done(&server);
	strbuf_done(&sent);
	done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_calls_in_turn),
	    cmocka_unit_test(test_what_is_sent),
	    cmocka_unit_test(test_stream),
	    cmocka_unit_test(test_statuses),
	    cmocka_unit_test(test_http_statuses),
	    cmocka_unit_test(test_what_breaks_a_call),
	    cmocka_unit_test(test_leaving_lets_the_call_end),
	    cmocka_unit_test(test_bounds),
	    cmocka_unit_test(test_refusal),
	    cmocka_unit_test(test_flow_control),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
