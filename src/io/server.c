/* SPDX-License-Identifier: Apache-2.0 */
#include "io/server.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netdb.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/server_tls.h"

/* What is dropped of the body of a request that was refused: who sends less learns why. */
enum { DROPPED_BYTES = 1 << 20 };

struct server {
	struct MHD_Daemon *daemon;
	struct server_opts opts;
	char *cert, *key, *client_ca;
	unsigned port;
	int quiet_fd;         /* the socket of a server that takes nothing new; -1 none */
	pthread_mutex_t lock; /* of what follows */
	struct stream *sleeping;
	bool closing;
};

struct server_request {
	struct server *server;
	struct MHD_Connection *connection;
	const char *method, *path;
	struct strbuf body;
	uint64_t max_body, dropped;
	int64_t began_s;
	bool refused;
	struct server_response answer; /* where it is refused */
	struct server_peer peer;
	alignas(max_align_t) unsigned char note[];
};

/* A stream that is being sent; asleep while it has nothing and waits to be woken. */
struct stream {
	struct server *server;
	struct MHD_Connection *connection;
	ptrdiff_t (*more)(void *stream, char *buf, size_t max);
	void (*end)(void *stream);
	void *user;
	bool asleep, woken;
	struct stream *next, *prev; /* all streams of the server */
};

const char *server_method(const struct server_request *r)
{
	return r->method;
}

const char *server_path(const struct server_request *r)
{
	return r->path;
}

struct span server_body(const struct server_request *r)
{
	return strbuf_span(&r->body);
}

const char *server_query(const struct server_request *r, const char *name)
{
	return MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, name);
}

const char *server_header(const struct server_request *r, const char *name)
{
	return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

struct each_query {
	server_query_fn *fn;
	void *user;
	bool stopped;
};

static enum MHD_Result each_query(void *user, enum MHD_ValueKind kind, const char *name,
				  const char *value)
{
	struct each_query *e = user;

	(void)kind;
	e->stopped = !e->fn(e->user, name, value ? value : "");
	return e->stopped ? MHD_NO : MHD_YES;
}

bool server_each_query(const struct server_request *r, server_query_fn *fn, void *user)
{
	struct each_query e = {.fn = fn, .user = user};

	(void)MHD_get_connection_values(r->connection, MHD_GET_ARGUMENT_KIND, each_query, &e);
	return !e.stopped;
}

const struct server_peer *server_peer(const struct server_request *r)
{
	return &r->peer;
}

void *server_note(const struct server_request *r)
{
	return (void *)(uintptr_t)r->note;
}

static void stream_link(struct stream *st)
{
	struct server *s = st->server;

	pthread_mutex_lock(&s->lock);
	st->next = s->sleeping;
	if (st->next)
		st->next->prev = st;
	s->sleeping = st;
	pthread_mutex_unlock(&s->lock);
}

static void stream_end(void *user)
{
	struct stream *st = user;
	struct server *s = st->server;

	pthread_mutex_lock(&s->lock);
	if (st->prev)
		st->prev->next = st->next;
	else
		s->sleeping = st->next;
	if (st->next)
		st->next->prev = st->prev;
	pthread_mutex_unlock(&s->lock);
	if (st->end)
		st->end(st->user);
	free(st);
}

/* Nothing now: the connection sleeps, unless the word to wake came while `more` was looking. */
static ssize_t stream_more(void *user, uint64_t at, char *buf, size_t max)
{
	struct stream *st = user;
	ptrdiff_t n;
	bool closing;

	(void)at;
	n = st->more(st->user, buf, max);
	if (n > 0)
		return n;
	pthread_mutex_lock(&st->server->lock);
	closing = st->server->closing;
	if (n == 0 && !closing && !st->woken) {
		st->asleep = true;
		MHD_suspend_connection(st->connection);
	}
	st->woken = false;
	pthread_mutex_unlock(&st->server->lock);
	return n < 0 || closing ? MHD_CONTENT_READER_END_OF_STREAM : 0;
}

void server_wake(struct server *s)
{
	pthread_mutex_lock(&s->lock);
	for (struct stream *st = s->sleeping; st; st = st->next) {
		if (st->asleep)
			MHD_resume_connection(st->connection);
		else
			st->woken = true;
		st->asleep = false;
	}
	pthread_mutex_unlock(&s->lock);
}

static struct MHD_Response *stream_response(const struct server_request *r,
					    const struct server_response *out)
{
	struct stream *st = calloc(1, sizeof *st);
	struct MHD_Response *resp;

	if (st == NULL)
		return NULL;
	*st = (struct stream){.server = r->server,
			      .connection = r->connection,
			      .more = out->more,
			      .end = out->end,
			      .user = out->stream};
	stream_link(st);
	resp =
	    MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16384, stream_more, st, stream_end);
	if (resp == NULL) {
		stream_end(st);
		return NULL;
	}
	/* libmicrohttpd ends what is chunked with a last chunk, in the answer to HEAD too (RFC 9112
	 * 6.3: it has no body): the next answer on that connection would begin with it. */
	if (strcmp(r->method, MHD_HTTP_METHOD_HEAD) == 0)
		(void)MHD_set_response_options(resp, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
	return resp;
}

static void header(struct MHD_Response *resp, const char *name, const char *value)
{
	if (value && *value)
		(void)MHD_add_response_header(resp, name, value);
}

static struct MHD_Response *response_of(const struct server_request *r, struct server_response *out)
{
	struct MHD_Response *resp;

	if (out->more)
		return stream_response(r, out);
	if (strbuf_rc(&out->body) != RMG_OK) { /* half an answer is worse than none */
		strbuf_done(&out->body);
		out->status = 500;
	}
	resp = MHD_create_response_from_buffer(out->body.n, out->body.p ? out->body.p : (char *)"",
					       out->body.p ? MHD_RESPMEM_MUST_FREE
							   : MHD_RESPMEM_PERSISTENT);
	if (resp)
		out->body = (struct strbuf){0};
	return resp;
}

static enum MHD_Result answer(const struct server_request *r, struct server_response *out)
{
	struct MHD_Response *resp = response_of(r, out);
	enum MHD_Result done;

	strbuf_done(&out->body);
	if (resp == NULL)
		return MHD_NO;
	header(resp, MHD_HTTP_HEADER_CONTENT_TYPE,
	       out->content_type ? out->content_type : "application/json");
	header(resp, MHD_HTTP_HEADER_CONTENT_ENCODING, out->content_encoding);
	header(resp, MHD_HTTP_HEADER_VARY, out->vary);
	header(resp, MHD_HTTP_HEADER_ETAG, out->etag);
	header(resp, MHD_HTTP_HEADER_RETRY_AFTER, out->retry_after);
	header(resp, MHD_HTTP_HEADER_ALLOW, out->allow);
	header(resp, MHD_HTTP_HEADER_LOCATION, out->location);
	header(resp, MHD_HTTP_HEADER_WWW_AUTHENTICATE, out->www_authenticate);
	header(resp, "X-Content-Type-Options", "nosniff");
	header(resp, MHD_HTTP_HEADER_CACHE_CONTROL, out->etag[0] ? "no-cache" : "no-store");
	done = MHD_queue_response(r->connection, out->status, resp);
	MHD_destroy_response(resp);
	return done;
}

/* The answer is known, and is given when the body has come. */
static void refuse(struct server_request *r, unsigned status)
{
	r->refused = true;
	strbuf_done(&r->body);
	r->answer = (struct server_response){.status = status, .body = strbuf_of(256)};
	strbuf_printf(&r->answer.body, "{\"error\":\"%s\"}",
		      status == 413 ? "the body is too large"
				    : "the request took too long to arrive");
}

static void read_peer(struct server_request *r)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

	if (info && info->client_addr)
		(void)getnameinfo(info->client_addr,
				  info->client_addr->sa_family == AF_INET6
				      ? sizeof(struct sockaddr_in6)
				      : sizeof(struct sockaddr_in),
				  r->peer.address, sizeof r->peer.address, NULL, 0, NI_NUMERICHOST);
	info = MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	if (info && info->tls_session && r->server->client_ca)
		server_tls_peer(info->tls_session, r->peer.name, sizeof r->peer.name);
}

/* Whether the rest of a request that was refused is not worth waiting for: it is long, or its
 * sender waits for our word to send it. */
static bool answer_at_once(const struct server_request *r, uint64_t length)
{
	return length > DROPPED_BYTES || server_header(r, MHD_HTTP_HEADER_EXPECT);
}

static enum MHD_Result begin(struct server *s, struct MHD_Connection *c, const char *path,
			     const char *method, void **state)
{
	struct server_request *r = calloc(1, sizeof *r + s->opts.note_bytes);
	const char *length =
	    MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
	uint64_t n = 0;

	if (r == NULL)
		return MHD_NO;
	r->server = s;
	r->connection = c;
	r->method = method;
	r->path = path;
	r->began_s = clock_tick_s();
	r->answer.status = 500;
	*state = r;
	read_peer(r);
	if (length && !span_u64(span_cstr(length), 10, UINT64_MAX, &n))
		n = UINT64_MAX;
	r->refused = s->opts.admit && !s->opts.admit(s->opts.user, r, &r->max_body, &r->answer);
	r->body = strbuf_of((size_t)r->max_body + 1);
	if (!r->refused && n > r->max_body)
		refuse(r, 413);
	return r->refused && answer_at_once(r, n) ? answer(r, &r->answer) : MHD_YES;
}

/* MHD_NO ends the connection: what is dropped is bounded too, in bytes and time. */
static enum MHD_Result take_body(struct server_request *r, const char *data, size_t *n)
{
	int64_t took_s = clock_tick_s() - r->began_s, may_s = r->server->opts.arrive_s;

	if (r->refused) {
		r->dropped += *n;
		*n = 0;
		return took_s > 2 * may_s || r->dropped > DROPPED_BYTES ? MHD_NO : MHD_YES;
	}
	if (r->body.n + *n > r->max_body)
		refuse(r, 413);
	else if (took_s > may_s)
		refuse(r, 408);
	else
		strbuf_put(&r->body, span_of(data, *n));
	*n = 0;
	return MHD_YES;
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *c, const char *path,
				  const char *method, const char *version, const char *data,
				  size_t *n, void **state)
{
	struct server *s = user;
	struct server_request *r = *state;
	struct server_response out = {.status = 500};

	(void)version;
	if (r == NULL)
		return begin(s, c, path, method, state);
	if (*n)
		return take_body(r, data, n);
	if (r->refused)
		return answer(r, &r->answer);
	if (strbuf_rc(&r->body) != RMG_OK)
		return MHD_NO;
	s->opts.handle(s->opts.user, r, &out);
	return answer(r, &out);
}

static void on_end(void *user, struct MHD_Connection *c, void **state,
		   enum MHD_RequestTerminationCode how)
{
	struct server_request *r = *state;

	(void)user;
	(void)c;
	(void)how;
	if (r == NULL)
		return;
	strbuf_done(&r->body);
	strbuf_done(&r->answer.body);
	free(r);
	*state = NULL;
}

/* "HOST:PORT" or "[HOST]:PORT". */
static enum rmg_rc resolve(const char *listen, struct addrinfo **out, struct rmg_err *err)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct span host, port;
	char h[256], p[8];
	uint64_t number;
	int failed;

	if (!span_rcut(span_cstr(listen), ':', &host, &port) || host.n >= sizeof h ||
	    port.n >= sizeof p || !span_u64(port, 10, UINT16_MAX, &number))
		return err_set(err, RMG_E_ARG, "\"%s\" is not HOST:PORT", listen);
	if (host.n > 1 && host.p[0] == '[' && host.p[host.n - 1] == ']')
		host = span_of(host.p + 1, host.n - 2);
	snprintf(h, sizeof h, SPAN_FMT, SPAN_ARG(host));
	snprintf(p, sizeof p, SPAN_FMT, SPAN_ARG(port));
	failed = getaddrinfo(host.n ? h : NULL, p, &hints, out);
	if (failed)
		return err_set(err, RMG_E_NET, "%s: %s", listen, gai_strerror(failed));
	return RMG_OK;
}

static enum rmg_rc bind_to(const char *listen_at, int *out, unsigned *port, struct rmg_err *err)
{
	struct addrinfo *at = NULL;
	struct sockaddr_storage got = {0};
	socklen_t len = sizeof got;
	enum rmg_rc rc = resolve(listen_at, &at, err);
	int fd, on = 1;

	if (rc != RMG_OK)
		return rc;
	fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
	    bind(fd, at->ai_addr, at->ai_addrlen) != 0 || listen(fd, 511) != 0 ||
	    getsockname(fd, (struct sockaddr *)&got, &len) != 0)
		rc = err_os(err, RMG_E_NET, "listen on %s", listen_at);
	freeaddrinfo(at);
	if (rc != RMG_OK) {
		if (fd >= 0)
			close(fd);
		return rc;
	}
	*port = ntohs(got.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&got)->sin6_port
						: ((struct sockaddr_in *)&got)->sin_port);
	*out = fd;
	return RMG_OK;
}

static char *text_of(struct span s)
{
	return s.n ? span_dup(s) : NULL;
}

static enum rmg_rc start(struct server *s, int fd, struct rmg_err *err)
{
	const struct server_opts *o = &s->opts;
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME;
	struct MHD_OptionItem items[12];
	size_t n = 0;

#define OPTION(name, number, pointer)                                                              \
	items[n++] = (struct MHD_OptionItem){name, (intptr_t)(number), pointer}
	OPTION(MHD_OPTION_LISTEN_SOCKET, fd, NULL);
	OPTION(MHD_OPTION_THREAD_POOL_SIZE, o->threads, NULL);
	OPTION(MHD_OPTION_CONNECTION_LIMIT, o->connections, NULL);
	OPTION(MHD_OPTION_PER_IP_CONNECTION_LIMIT, o->connections_per_address, NULL);
	OPTION(MHD_OPTION_CONNECTION_TIMEOUT, o->idle_s, NULL);
	OPTION(MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL);
	if (s->cert) {
		flags |= MHD_USE_TLS;
		OPTION(MHD_OPTION_HTTPS_MEM_CERT, 0, s->cert);
		OPTION(MHD_OPTION_HTTPS_MEM_KEY, 0, s->key);
		OPTION(MHD_OPTION_HTTPS_PRIORITIES, 0,
		       (void *)(uintptr_t) "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2");
		if (s->client_ca)
			OPTION(MHD_OPTION_HTTPS_MEM_TRUST, 0, s->client_ca);
	}
	OPTION(MHD_OPTION_END, 0, NULL);
#undef OPTION
	s->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, s, MHD_OPTION_ARRAY, items,
				     MHD_OPTION_END);
	if (s->daemon)
		return RMG_OK;
	close(fd);
	return err_set(err, RMG_E_NET, "the HTTP server does not start%s",
		       s->cert ? ": are certificate and key PEM, and do they belong together?"
			       : "");
}

enum rmg_rc server_open(const struct server_opts *opts, struct server **out, struct rmg_err *err)
{
	struct server *s = calloc(1, sizeof *s);
	enum rmg_rc rc;
	int fd = -1;

	if (s == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a server");
	s->quiet_fd = -1;
	s->opts = *opts;
	s->opts.threads = opts->threads ? opts->threads : 4;
	s->opts.connections = opts->connections ? opts->connections : 1000;
	s->opts.connections_per_address =
	    opts->connections_per_address ? opts->connections_per_address : 100;
	s->opts.idle_s = opts->idle_s ? opts->idle_s : 15;
	s->opts.arrive_s = opts->arrive_s ? opts->arrive_s : 60;
	s->cert = text_of(opts->cert);
	s->key = text_of(opts->key);
	s->client_ca = text_of(opts->client_ca);
	pthread_mutex_init(&s->lock, NULL);
	rc = bind_to(opts->listen, &fd, &s->port, err);
	if (rc == RMG_OK)
		rc = start(s, fd, err);
	if (rc != RMG_OK) {
		server_close(s);
		return rc;
	}
	*out = s;
	return RMG_OK;
}

void server_quiesce(struct server *s)
{
	s->quiet_fd = (int)MHD_quiesce_daemon(s->daemon); /* its threads may still look at it */
}

void server_close(struct server *s)
{
	if (s == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	s->closing = true;
	pthread_mutex_unlock(&s->lock);
	server_wake(s);
	if (s->daemon)
		MHD_stop_daemon(s->daemon);
	if (s->quiet_fd >= 0)
		close(s->quiet_fd);
	pthread_mutex_destroy(&s->lock);
	free(s->cert);
	if (s->key)
		explicit_bzero(s->key, strlen(s->key));
	free(s->key);
	free(s->client_ca);
	free(s);
}

unsigned server_port(const struct server *s)
{
	return s->port;
}
