/* SPDX-License-Identifier: Apache-2.0 */
/* The server is asked by our HTTP client (libcurl), and by bare sockets where a client misbehaves.
 */
#include "io/server.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/file.h"
#include "io/http.h"
#include "io/server_tls.h"

static struct server *server;
static atomic_int ticks, ended;

enum { NOTE_BYTES = 16 };
static atomic_int handled;

static bool admit(void *user, struct server_request *r, uint64_t *max_body,
		  struct server_response *out)
{
	(void)user;
	*max_body = strcmp(server_method(r), "POST") == 0 ? 1000 : 0;
	snprintf(server_note(r), NOTE_BYTES, "%s", server_method(r));
	if (strcmp(server_path(r), "/closed") != 0)
		return true;
	out->status = 401;
	out->body = strbuf_of(100);
	strbuf_puts(&out->body, "who are you?");
	return false;
}

/* One line a tick, five in all. */
static ptrdiff_t more(void *stream, char *buf, size_t max)
{
	int *told = stream;

	if (*told == 5)
		return -1;
	if (*told == atomic_load(&ticks))
		return 0;
	return snprintf(buf, max, "data: %d\n\n", ++*told);
}

static void stream_over(void *stream)
{
	free(stream);
	atomic_fetch_add(&ended, 1);
}

static void handle(void *user, const struct server_request *r, struct server_response *out)
{
	const char *a = server_query(r, "a"), *x = server_header(r, "X-Test");

	(void)user;
	atomic_fetch_add(&handled, 1);
	out->status = 200;
	assert_string_equal(server_note(r), server_method(r));
	if (strcmp(server_path(r), "/stream") == 0) {
		out->content_type = "text/event-stream";
		out->more = more;
		out->end = stream_over;
		out->stream = calloc(1, sizeof(int));
		return;
	}
	out->body = strbuf_of(4096);
	strbuf_printf(&out->body, "%s %s a=%s x=%s from=%s name=%s body=" SPAN_FMT,
		      server_method(r), server_path(r), a ? a : "-", x ? x : "-",
		      server_peer(r)->address, server_peer(r)->name, SPAN_ARG(server_body(r)));
}

static struct strbuf got;

static bool keep(void *user, const struct http_response *resp, struct span bytes)
{
	(void)user;
	(void)resp;
	strbuf_put(&got, bytes);
	return true;
}

static unsigned ask_with(struct http_opts opts, const char *scheme, const char *path,
			 struct span body)
{
	static const char *const headers[] = {"X-Test: 1", NULL};
	struct http_response resp = {0};
	struct rmg_err err = {0};
	struct http *h = NULL;
	char url[200];
	struct http_request req = {.url = url,
				   .method = body.n ? "POST" : NULL,
				   .body = body,
				   .headers = headers,
				   .sink = keep};

	strbuf_done(&got);
	got = strbuf_of(1 << 20);
	snprintf(url, sizeof url, "%s://127.0.0.1:%u%s", scheme, server_port(server), path);
	assert_int_equal(http_new(&opts, &h, &err), RMG_OK);
	if (http_do(h, &req, &resp, &err) != RMG_OK) {
		print_message("%s\n", err.msg);
		resp.status = 0;
	}
	http_free(h);
	return resp.status;
}

static unsigned ask(const char *scheme, const char *path, struct span body, const char *ca)
{
	return ask_with((struct http_opts){.ca_file = ca, .stall_s = 10}, scheme, path, body);
}

static void open_server(struct server_opts opts)
{
	struct rmg_err err = {0};

	opts.listen = "127.0.0.1:0";
	opts.admit = admit;
	opts.note_bytes = NOTE_BYTES;
	opts.handle = handle;
	if (server_open(&opts, &server, &err) != RMG_OK)
		fail_msg("%s", err.msg);
}

static void a_request_comes_whole(void **state)
{
	(void)state;
	open_server((struct server_opts){0});
	assert_int_equal(ask("http", "/x%2Fy?a=%41&b", S("hello"), NULL), 200);
	assert_string_equal(strbuf_cstr(&got), "POST /x/y a=A x=1 from=127.0.0.1 name= body=hello");
	server_close(server);
}

static void bodies_are_bounded(void **state)
{
	static char large[5000];

	(void)state;
	open_server((struct server_opts){0});
	assert_int_equal(ask("http", "/", span_of(large, 1000), NULL), 200);
	assert_int_equal(ask("http", "/", span_of(large, 1001), NULL), 413);
	assert_int_equal(ask("http", "/", span_of(large, sizeof large), NULL), 413);
	server_close(server);
}

static int connected(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)server_port(server)),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
	return fd;
}

/* Says this and so many bytes more, as long as the server takes them (what is left comes back);
 * what it answers until it closes. */
static size_t talk(const char *said, size_t more_bytes, char *answer, size_t size)
{
	static const char more[4096];
	int fd = connected();
	size_t n = 0;
	ssize_t some;

	assert_int_equal(write(fd, said, strlen(said)), (ssize_t)strlen(said));
	while (more_bytes && (some = write(fd, more, sizeof more)) > 0)
		more_bytes -= MIN_OF(more_bytes, (size_t)some);
	while (n + 1 < size && (some = read(fd, answer + n, size - 1 - n)) > 0)
		n += (size_t)some;
	answer[n] = '\0';
	close(fd);
	return more_bytes;
}

/* Nobody makes us hold a body that we do not want; yet whoever sends one hears why. */
static void what_is_not_admitted_costs_nothing(void **state)
{
	static const char large[900];
	char answer[1000];

	(void)state;
	open_server((struct server_opts){.idle_s = 2});
	atomic_store(&handled, 0);
	assert_int_equal(ask("http", "/closed", S(""), NULL), 401);
	assert_int_equal(ask("http", "/closed", span_of(large, sizeof large), NULL), 401);
	(void)talk("POST /closed HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
		   "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		   0, answer, sizeof answer);
	assert_non_null(strstr(answer, " 401 "));
	assert_non_null(strstr(answer, "who are you?"));
	/* It waits for our word to send its gigabyte. */
	(void)talk("POST /closed HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
		   "Content-Length: 1000000000\r\n\r\n",
		   0, answer, sizeof answer);
	assert_null(strstr(answer, " 100 "));
	assert_non_null(strstr(answer, " 401 "));
	/* It goes on and on. */
	assert_int_not_equal(
	    talk("POST /closed HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
		 "10000000\r\n",
		 64 << 20, answer, sizeof answer),
	    0);
	assert_int_equal(atomic_load(&handled), 0);
	assert_int_equal(ask("http", "/", S(""), NULL), 200);
	server_close(server);
}

static void *ticker(void *user)
{
	(void)user;
	for (int i = 1; i <= 5; i++) {
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
		atomic_store(&ticks, i);
		server_wake(server);
	}
	return NULL;
}

static void a_stream_sleeps_until_it_is_woken(void **state)
{
	pthread_t thread;

	(void)state;
	atomic_store(&ticks, 0);
	atomic_store(&ended, 0);
	open_server((struct server_opts){0});
	pthread_create(&thread, NULL, ticker, NULL);
	assert_int_equal(ask("http", "/stream", S(""), NULL), 200);
	pthread_join(thread, NULL);
	assert_string_equal(strbuf_cstr(&got),
			    "data: 1\n\ndata: 2\n\ndata: 3\n\ndata: 4\n\ndata: 5\n\n");
	server_close(server);
	assert_int_equal(atomic_load(&ended), 1);
}

/* What comes after the head would be read as the next answer's. */
static void head_has_no_body(void **state)
{
	static const char *const asked[] = {
	    "HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
	    "HEAD /closed HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
	    "HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n",
	};
	char answer[1000];

	(void)state;
	atomic_store(&ended, 0);
	open_server((struct server_opts){.idle_s = 10});
	for (size_t i = 0; i < COUNT_OF(asked); i++) {
		(void)talk(asked[i], 0, answer, sizeof answer);
		assert_int_equal(strncmp(answer, "HTTP/1.1 ", 9), 0);
		assert_ptr_equal(strstr(answer, "\r\n\r\n") + 4, answer + strlen(answer));
	}
	server_close(server);
	assert_int_equal(atomic_load(&ended), 1);
}

/* The server ends this connection; it is not waited for longer than a busy machine may need. */
static bool cut_off(int fd)
{
	struct timeval patience = {.tv_sec = 30};
	char c;

	return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
	       recv(fd, &c, 1, 0) == 0;
}

/* The trap of one stuck peer that holds up the rest. */
static void slow_clients_hold_up_nobody(void **state)
{
	int slow[40];

	(void)state;
	open_server((struct server_opts){.threads = 2, .idle_s = 1});
	for (size_t i = 0; i < COUNT_OF(slow); i++) {
		slow[i] = connected();
		assert_int_equal(write(slow[i], "GET / HT", 8), 8);
	}
	assert_int_equal(ask("http", "/", S(""), NULL), 200);
	for (size_t i = 0; i < COUNT_OF(slow); i++) {
		assert_true(cut_off(slow[i]));
		close(slow[i]);
	}
	server_close(server);
}

static void one_address_has_only_so_many_connections(void **state)
{
	int fds[5];

	(void)state;
	open_server((struct server_opts){.connections_per_address = 4, .threads = 1, .idle_s = 60});
	for (size_t i = 0; i < COUNT_OF(fds); i++)
		fds[i] = connected();
	assert_true(cut_off(fds[4]));
	for (size_t i = 0; i < COUNT_OF(fds); i++)
		close(fds[i]);
	server_close(server);
}

static void tls_with_a_certificate_of_its_own(void **state)
{
	static const char *const names[] = {"localhost", "127.0.0.1", NULL};
	struct strbuf cert = strbuf_of(1 << 16), key = strbuf_of(1 << 16);
	char path[] = "/tmp/server_test_XXXXXX", print[128];
	struct http_opts trust = {.stall_s = 10};
	struct rmg_err err = {0};
	struct http *h = NULL;
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(server_tls_make(names, &cert, &key, &err), RMG_OK);
	assert_int_equal(server_tls_fingerprint(strbuf_span(&cert), print, sizeof print, &err),
			 RMG_OK);
	assert_int_equal(strlen(print), 6 + 32 * 3);
	assert_int_equal(write(fd, cert.p, cert.n), (ssize_t)cert.n);
	close(fd);
	open_server((struct server_opts){.cert = strbuf_span(&cert), .key = strbuf_span(&key)});
	assert_int_equal(ask("https", "/", S(""), path), 200);
	assert_int_equal(ask("https", "/", S(""), NULL), 0); /* nobody vouches for it */
	/* By its fingerprint, as it is shown to people. */
	trust.fingerprint = print;
	assert_int_equal(ask_with(trust, "https", "/", S("")), 200);
	print[8] = print[8] == 'A' ? 'B' : 'A';
	assert_int_equal(ask_with(trust, "https", "/", S("")), 0);
	trust.ca_file = path; /* who vouches for it makes no difference then */
	assert_int_equal(ask_with(trust, "https", "/", S("")), 0);
	print[20] = '\0';
	assert_int_equal(http_new(&trust, &h, &err), RMG_E_ARG);
	server_close(server);
	unlink(path);
	strbuf_done(&cert);
	strbuf_done(&key);
}

static void what_cannot_be_listened_on_is_said(void **state)
{
	struct server_opts opts = {.listen = "nowhere", .handle = handle};
	struct server *s = NULL;
	struct rmg_err err = {0};

	(void)state;
	assert_int_equal(server_open(&opts, &s, &err), RMG_E_ARG);
	opts.listen = "127.0.0.1:65536";
	assert_int_equal(server_open(&opts, &s, &err), RMG_E_ARG);
	opts.listen = "127.0.0.1:";
	assert_int_equal(server_open(&opts, &s, &err), RMG_E_ARG);
	opts.listen = "192.0.2.1:1";
	assert_int_equal(server_open(&opts, &s, &err), RMG_E_NET);
	assert_null(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_request_comes_whole),
	    cmocka_unit_test(bodies_are_bounded),
	    cmocka_unit_test(what_is_not_admitted_costs_nothing),
	    cmocka_unit_test(a_stream_sleeps_until_it_is_woken),
	    cmocka_unit_test(head_has_no_body),
	    cmocka_unit_test(slow_clients_hold_up_nobody),
	    cmocka_unit_test(one_address_has_only_so_many_connections),
	    cmocka_unit_test(tls_with_a_certificate_of_its_own),
	    cmocka_unit_test(what_cannot_be_listened_on_is_said),
	};
	int failed;

	signal(SIGPIPE, SIG_IGN);
	failed = cmocka_run_group_tests_name("server", tests, NULL, NULL);
	strbuf_done(&got);
	return failed;
}
