/* SPDX-License-Identifier: Apache-2.0 */
/* A child process answers on a Unix socket; the method of a call names the answer. */
#include "io/grpc.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../tests/grpc_frames.h"
#include "base/clock.h"

static char dir[64], path[96];
static pid_t server;

/* Sends one answer after the other for the calls of one connection, whose streams are 1, 3, ... */
static void answer(int fd)
{
	static uint8_t in[1 << 16];
	uint32_t stream = 1;
	struct strbuf out = strbuf_of(1 << 24);

	put_settings(&out);
	for (;;) {
		ssize_t n = recv(fd, in, sizeof in, 0);
		struct span got = span_of(in, n > 0 ? (size_t)n : 0);

		if (n <= 0)
			break;
		if (span_has(got, S("one"))) {
			put_answer(&out, stream, S("1"));
			stream += 2;
		} else if (span_has(got, S("bye"))) {
			put_answer(&out, stream, S("bye"));
			(void)!write(fd, out.p, out.n);
			break;
		} else if (span_has(got, S("many"))) {
			put_head(&out, stream, "200", "application/grpc");
			for (unsigned i = 0; i < 1000; i++)
				put_message(&out, stream, false, 4, S("many"));
			put_end(&out, stream, "0", NULL);
		} else if (span_has(got, S("drop"))) {
			put_head(&out, stream, "200", "application/grpc");
			put_message(&out, stream, false, 4, S("so far"));
			(void)!write(fd, out.p, out.n);
			break;
		} else if (span_has(got, S("slow"))) {
			put_frame(&out, H2_PING, 1, 0, S("\0\0\0\0\0\0\0\0"));
			(void)!write(fd, out.p, out.n);
			strbuf_clear(&out);
			usleep(1000000);
			put_answer(&out, stream, S("late"));
		} else if (span_has(got, S("hang"))) {
			continue;
		}
		(void)!write(fd, out.p, out.n);
		strbuf_clear(&out);
	}
	strbuf_done(&out);
	close(fd);
}

static int setup(void **state)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	snprintf(dir, sizeof dir, "/tmp/grpc-test-XXXXXX");
	if (fd < 0 || mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof path, "%s/s", dir);
	memcpy(at.sun_path, path, strlen(path));
	if (bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 8) != 0)
		return 1;
	server = fork();
	if (server == 0) {
		alarm(600);
		signal(SIGPIPE, SIG_IGN);
		signal(SIGCHLD, SIG_IGN);
		for (;;) {
			int got = accept(fd, NULL, NULL);

			if (got >= 0 && fork() == 0) {
				answer(got);
				_exit(0);
			}
			close(got);
		}
	}
	close(fd);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	unlink(path);
	rmdir(dir);
	return 0;
}

struct got {
	struct strbuf text;
	size_t n;
};

static enum rmg_rc keep(void *user, struct span message, struct rmg_err *err)
{
	struct got *g = user;

	(void)err;
	strbuf_put(&g->text, message);
	g->n++;
	return RMG_OK;
}

static enum rmg_rc call(struct grpc *g, const char *what, bool stream, struct got *got,
			struct rmg_err *err)
{
	struct grpc_call c = {.method = "/x.Y/Z",
			      .request = span_cstr(what),
			      .stream = stream,
			      .stall_s = 1,
			      .sink = keep,
			      .user = got};

	got->text.max = 1 << 20;
	strbuf_clear(&got->text);
	got->n = 0;
	return grpc_do(g, &c, NULL, err);
}

static void test_calls_share_a_connection(void **state)
{
	struct grpc_opts opts = {.socket = path};
	struct got got = {0};
	struct grpc *g;

	(void)state;
	assert_int_equal(grpc_new(&opts, &g, NULL), RMG_OK);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(call(g, "one", false, &got, NULL), RMG_OK);
		assert_string_equal(strbuf_cstr(&got.text), "1");
	}
	assert_int_equal(call(g, "many", true, &got, NULL), RMG_OK);
	assert_int_equal(got.n, 1000);
	grpc_free(g);
	strbuf_done(&got.text);
}

static void test_a_connection_that_went_is_made_again(void **state)
{
	char url[128];
	struct grpc_opts opts = {.socket = url};
	struct got got = {0};
	struct grpc *g;

	(void)state;
	snprintf(url, sizeof url, "unix://%s", path);
	assert_int_equal(grpc_new(&opts, &g, NULL), RMG_OK);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(call(g, "bye", false, &got, NULL), RMG_OK);
	assert_string_equal(strbuf_cstr(&got.text), "bye");
	grpc_free(g);
	strbuf_done(&got.text);
}

static void test_what_goes_wrong_is_said(void **state)
{
	static const struct {
		const char *what, *says;
	} rows[] = {{"drop", "closed the connection"}, {"hang", "nothing came within"}};
	struct grpc_opts opts = {.socket = path}, nowhere = {.socket = "/nonexistent/socket"};
	struct got got = {0};
	struct grpc *g;

	(void)state;
	assert_int_equal(grpc_new(&opts, &g, NULL), RMG_OK);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct rmg_err err = {0};

		assert_int_equal(call(g, rows[i].what, true, &got, &err), RMG_E_NET);
		assert_non_null(strstr(err.msg, rows[i].says));
		assert_non_null(strstr(err.msg, path));
		assert_int_equal(call(g, "one", false, &got, &err), RMG_OK);
	}
	grpc_free(g);
	assert_int_equal(grpc_new(&nowhere, &g, NULL), RMG_OK);
	assert_int_equal(call(g, "one", false, &got, NULL), RMG_E_NET);
	grpc_free(g);
	strbuf_done(&got.text);
}

static bool stop_now(void *user)
{
	return clock_tick_ms() > *(int64_t *)user;
}

static void test_stop_and_deadline(void **state)
{
	int64_t at = clock_tick_ms() + 100;
	struct grpc_opts opts = {.socket = path, .stop = stop_now, .user = &at};
	struct grpc_call c = {.method = "/x.Y/Z", .request = S("hang"), .timeout_ms = 50};
	struct rmg_err err = {0};
	struct grpc *g;

	(void)state;
	assert_int_equal(grpc_new(&opts, &g, NULL), RMG_OK);
	c.timeout_ms = 20000;
	assert_int_equal(grpc_do(g, &c, NULL, &err), RMG_E_STOPPED);
	at = INT64_MAX;
	c.timeout_ms = 50;
	assert_int_equal(grpc_do(g, &c, NULL, &err), RMG_E_NET);
	assert_non_null(strstr(err.msg, "nothing came within 1 seconds"));
	grpc_free(g);
}

static void test_stream_in_steps(void **state)
{
	struct grpc_opts opts = {.socket = path};
	struct got got = {.text = strbuf_of(1 << 20)};
	struct grpc_call c = {.method = "/x.Y/Z", .stream = true, .sink = keep, .user = &got};
	struct grpc *g;
	bool over = false;

	(void)state;
	assert_int_equal(grpc_new(&opts, &g, NULL), RMG_OK);
	c.request = S("slow");
	assert_int_equal(grpc_begin(g, &c, NULL), RMG_OK);
	assert_int_equal(got.n, 0); /* the server has read the question and goes on to think */
	assert_int_equal(grpc_wait(g, 10, &over, NULL), RMG_OK);
	assert_false(over);
	while (!over)
		assert_int_equal(grpc_wait(g, 1000, &over, NULL), RMG_OK);
	assert_string_equal(strbuf_cstr(&got.text), "late");
	c.request = S("drop"); /* gone before it says that it has read the question */
	assert_int_equal(grpc_begin(g, &c, NULL), RMG_E_NET);
	grpc_free(g);
	strbuf_done(&got.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_calls_share_a_connection),
	    cmocka_unit_test(test_a_connection_that_went_is_made_again),
	    cmocka_unit_test(test_what_goes_wrong_is_said),
	    cmocka_unit_test(test_stop_and_deadline),
	    cmocka_unit_test(test_stream_in_steps),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
