/* SPDX-License-Identifier: Apache-2.0 */
/* A child process answers on loopback; the path of a request names the answer. */
#include "io/http.h"
#include "io/http_many.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static unsigned port;
static pid_t server;

static const struct {
	const char *path, *answer;
} answers[] = {
    {"/ok ",
     "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"e1\"\r\nX-A: 1\r\nx-a: 2\r\n\r\nhello"},
    {"/none ", "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone"},
    {"/auth ",
     "HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer realm=\"x\"\r\nContent-Length: 0\r\n\r\n"},
    {"/busy ", "HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"},
    {"/later ", "HTTP/1.1 503 Later\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
		"Retry-After: Sun, 06 Nov 1994 08:51:07 GMT\r\nContent-Length: 0\r\n\r\n"},
    {"/short ", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello"},
    {"/hop ",
     "HTTP/1.1 302 Found\r\nLocation: /ok\r\nETag: \"hop\"\r\nContent-Length: 3\r\n\r\nbad"},
    {"/loop ", "HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n"},
    {"/file ", "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"},
    {"/part ", "HTTP/1.1 206 Part\r\nContent-Range: bytes 2-4/5\r\nContent-Length: 3\r\n\r\nllo"},
    {"/same ", "HTTP/1.1 304 Not Modified\r\n\r\n"},
    {"/stall ", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"},
    {"/junk ", "SSH-2.0-none\r\n\r\n"},
};

static void answer(int fd)
{
	char in[4096];
	ssize_t n = recv(fd, in, sizeof in - 1, 0);

	in[n > 0 ? n : 0] = '\0';
	for (size_t i = 0; n > 0 && i < COUNT_OF(answers); i++) {
		if (strstr(in, answers[i].path) == NULL)
			continue;
		(void)!write(fd, answers[i].answer, strlen(answers[i].answer));
		/* Others are answered meanwhile. */
		if (strcmp(answers[i].path, "/stall ") == 0 && fork() == 0) {
			sleep(20);
			_exit(0);
		}
	}
	close(fd);
}

static int setup(void **state)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 8) != 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &len) != 0)
		return 1;
	port = ntohs(at.sin_port);
	setenv("no_proxy", "*", 1);
	server = fork();
	if (server == 0) {
		setpgid(0, 0);
		alarm(600);
		signal(SIGPIPE, SIG_IGN);
		signal(SIGCHLD, SIG_IGN);
		for (;;) {
			int got = accept(fd, NULL, NULL);

			if (got >= 0)
				answer(got);
		}
	}
	close(fd);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	kill(-server, SIGKILL); /* and who stalls */
	waitpid(server, NULL, 0);
	return 0;
}

static char body[256];

static bool keep(void *user, const struct http_response *resp, struct span bytes)
{
	(void)user;
	assert_in_range(resp->status, 200, 299);
	assert_true(strlen(body) + bytes.n < sizeof body);
	memcpy(body + strlen(body), bytes.p, bytes.n);
	return true;
}

static bool refuse(void *user, const struct http_response *resp, struct span bytes)
{
	(void)user, (void)resp, (void)bytes;
	return false;
}

static enum rmg_rc get(struct http_request req, const char *path, struct http_response *resp,
		       struct http **h, struct rmg_err *err)
{
	char url[128];
	struct http_opts opts = {.stall_s = strcmp(path, "/stall") == 0 ? 1 : 30};
	enum rmg_rc rc;

	memset(body, 0, sizeof body);
	snprintf(url, sizeof url, "http://127.0.0.1:%u%s", port, path);
	req.url = url;
	assert_int_equal(http_new(&opts, h, err), RMG_OK);
	rc = http_do(*h, &req, resp, err);
	if (rc == RMG_OK && resp->status > 299)
		http_status_err(&req, resp, err);
	return rc;
}

static void test_body_and_headers(void **state)
{
	struct http_request req = {.sink = keep};
	struct http_response resp;
	struct rmg_err err = {0};
	struct http *h;
	struct span v;

	(void)state;
	assert_int_equal(get(req, "/ok", &resp, &h, &err), RMG_OK);
	assert_int_equal(resp.status, 200);
	assert_string_equal(body, "hello");
	assert_int_equal(resp.length, 5);
	assert_true(http_header(&resp, "etag", 0, &v) && span_is(v, S("\"e1\"")));
	assert_true(http_header(&resp, "X-A", 1, &v) && span_is(v, S("2")));
	assert_false(http_header(&resp, "X-A", 2, &v));
	http_free(h);
	assert_int_equal(get(req, "/hop", &resp, &h, &err), RMG_OK);
	assert_string_equal(body, "hello");
	assert_true(http_header(&resp, "ETag", 0, &v) && span_is(v, S("\"e1\"")));
	http_free(h);
}

static void test_statuses(void **state)
{
	struct http_request req = {.sink = keep};
	struct http_response resp;
	struct rmg_err err = {0};
	struct http *h;
	unsigned wait;

	(void)state;
	assert_int_equal(get(req, "/none", &resp, &h, &err), RMG_OK);
	assert_int_equal(err.rc, RMG_E_NOTFOUND);
	assert_true(span_is(resp.error, S("gone")));
	assert_string_equal(body, "");
	http_free(h);
	assert_int_equal(get(req, "/auth", &resp, &h, &err), RMG_OK);
	assert_int_equal(err.rc, RMG_E_AUTH);
	http_free(h);
	assert_int_equal(get(req, "/busy", &resp, &h, &err), RMG_OK);
	assert_true(http_may_retry(RMG_OK, &resp, &wait) && wait == 7);
	http_free(h);
	assert_int_equal(get(req, "/later", &resp, &h, &err), RMG_OK);
	assert_true(http_may_retry(RMG_OK, &resp, &wait) && wait == 90);
	http_free(h);
	req.secret_path = true;
	assert_int_equal(get(req, "/none", &resp, &h, &err), RMG_OK);
	assert_null(strstr(err.msg, "none"));
	http_free(h);
	assert_int_equal(get(req, "/same", &resp, &h, &err), RMG_OK);
	assert_int_equal(resp.status, 304);
	http_free(h);
}

static void test_ranges(void **state)
{
	struct http_request req = {.sink = keep, .range_first = 2};
	struct http_response resp;
	struct rmg_err err = {0};
	struct http *h;

	(void)state;
	assert_int_equal(get(req, "/part", &resp, &h, &err), RMG_OK);
	assert_string_equal(body, "llo");
	assert_int_equal(resp.range_first, 2);
	assert_int_equal(resp.total, 5);
	http_free(h);
	req.range_first = 3; /* the server answers with another part */
	assert_int_equal(get(req, "/part", &resp, &h, &err), RMG_E_NET);
	http_free(h);
	req.range_first = 0;
	assert_int_equal(get(req, "/part", &resp, &h, &err), RMG_E_NET);
	assert_string_equal(body, "");
	http_free(h);
	req.range_first = 2; /* a server that knows no ranges sends all of it */
	assert_int_equal(get(req, "/ok", &resp, &h, &err), RMG_OK);
	assert_int_equal(resp.range_first, 0);
	assert_string_equal(body, "hello");
	http_free(h);
}

static void test_what_goes_wrong_is_said(void **state)
{
	static const struct {
		const char *path;
		enum rmg_rc rc;
		const char *says;
	} cases[] = {
	    {"/short", RMG_E_NET, ""},        {"/stall", RMG_E_NET, "no byte came for 1 seconds"},
	    {"/junk", RMG_E_NET, "HTTP/0.9"}, {"/loop", RMG_E_NET, "redirect"},
	    {"/file", RMG_E_NET, ""},
	};
	struct http_request req = {.sink = keep};
	struct http_response resp;
	struct http *h;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct rmg_err err = {0};

		assert_int_equal(get(req, cases[i].path, &resp, &h, &err), cases[i].rc);
		assert_non_null(strstr(err.msg, cases[i].says));
		assert_non_null(strstr(err.msg, cases[i].path));
		http_free(h);
	}
}

static void test_limit_and_refusal(void **state)
{
	struct http_request req = {.sink = keep, .max_bytes = 4};
	struct http_response resp;
	struct rmg_err err = {0};
	struct http *h;

	(void)state;
	assert_int_equal(get(req, "/ok", &resp, &h, &err), RMG_E_LIMIT);
	assert_string_equal(body, "");
	http_free(h);
	req = (struct http_request){.sink = refuse};
	assert_int_equal(get(req, "/ok", &resp, &h, &err), RMG_E_IO);
	http_free(h);
}

static void test_url_secrets_stay_out_of_failures(void **state)
{
	struct http_request req = {.url = "http://user:pw@127.0.0.1:1/p?token=1"};
	struct http_response resp;
	struct rmg_err err = {0};
	struct http *h;

	(void)state;
	assert_int_equal(http_new(NULL, &h, &err), RMG_OK);
	assert_int_equal(http_do(h, &req, &resp, &err), RMG_E_NET);
	assert_null(strstr(err.msg, "pw"));
	assert_null(strstr(err.msg, "token"));
	http_free(h);
}

static bool count(void *user, const struct http_response *resp, struct span bytes)
{
	(void)resp;
	*(size_t *)user += bytes.n;
	return true;
}

static void test_side_by_side(void **state)
{
	static const struct {
		const char *path;
		enum rmg_rc rc;
		unsigned status;
		size_t bytes;
	} rows[] = {
	    {"/ok", RMG_OK, 200, 5}, {"/none", RMG_OK, 404, 0}, {"/short", RMG_E_NET, 200, 5}};
	struct http_request req[COUNT_OF(rows)];
	struct http_response resp[COUNT_OF(rows)];
	struct http *h[COUNT_OF(rows)];
	size_t got[COUNT_OF(rows)] = {0}, n = 0;
	char urls[COUNT_OF(rows)][64];
	struct http_many *m;

	(void)state;
	assert_int_equal(http_many_new(&m, NULL), RMG_OK);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		snprintf(urls[i], sizeof urls[i], "http://127.0.0.1:%u%s", port, rows[i].path);
		req[i] = (struct http_request){.url = urls[i], .sink = count, .user = &got[i]};
		assert_int_equal(http_new(NULL, &h[i], NULL), RMG_OK);
		assert_int_equal(http_many_start(m, h[i], &req[i], &resp[i], NULL), RMG_OK);
	}
	while (n < COUNT_OF(rows)) {
		struct rmg_err err = {0};
		enum rmg_rc rc;
		struct http *one = http_many_wait(m, 30000, &rc, &err);
		size_t i = 0;

		if (one == NULL)
			continue;
		while (h[i] != one)
			i++;
		assert_int_equal(rc, rows[i].rc);
		assert_int_equal(resp[i].status, rows[i].status);
		assert_int_equal(got[i], rows[i].bytes);
		n++;
	}
	/* One is given up. */
	assert_int_equal(http_many_start(m, h[0], &req[0], &resp[0], NULL), RMG_OK);
	http_many_free(m);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		http_free(h[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_body_and_headers),
	    cmocka_unit_test(test_statuses),
	    cmocka_unit_test(test_ranges),
	    cmocka_unit_test(test_what_goes_wrong_is_said),
	    cmocka_unit_test(test_limit_and_refusal),
	    cmocka_unit_test(test_url_secrets_stay_out_of_failures),
	    cmocka_unit_test(test_side_by_side),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
