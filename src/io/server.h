/* SPDX-License-Identifier: Apache-2.0 */
/* server.h - an HTTP/1.1 server (RFC 9110, 9112) by libmicrohttpd, with TLS and client
 * certificates.
 *
 * A request is admitted by its head: what is refused then has its answer, and its body is read, if
 * at all, to be dropped. A handler is called once a request, when its whole body is there, on a
 * thread of the pool; it fills the response and returns. Bodies are bounded before they are read,
 * connections in all and by address, silence by idle_s, and the time that a request may take to
 * arrive by arrive_s, so that slow clients hold nothing but themselves. A stream (server-sent
 * events) is pulled: `more` is asked for bytes, and a stream that has none sleeps until
 * server_wake(). Spans of a request live until the handler returns. */
#ifndef IO_SERVER_H
#define IO_SERVER_H

#include <rummage.h>

#include "base/err.h"
#include "base/span.h"
#include "base/strbuf.h"

struct server;
struct server_request;

/* What a client certificate says, where one was given and its chain holds. */
struct server_peer {
	char address[64]; /* "127.0.0.1" */
	char name[256];   /* the certificate's first DNS name, else its common name; "" none */
};

struct server_response {
	unsigned status;
	const char *content_type; /* NULL: application/json */
	struct strbuf body;       /* the server ends it */
	char etag[80];            /* "" none; with the quotes */
	char vary[64], content_encoding[16];
	char retry_after[16];
	char allow[64];
	char location[256];
	char www_authenticate[160];
	/* A stream instead of body: bytes into buf, 0 none now, -1 the end. end() is called once.
	 */
	ptrdiff_t (*more)(void *stream, char *buf, size_t max);
	void (*end)(void *stream);
	void *stream;
};

struct server_opts {
	const char *listen; /* "HOST:PORT", "[::1]:PORT"; PORT 0: any, ask server_port() */
	struct span cert, key, client_ca;              /* PEM; empty cert: plain HTTP */
	unsigned threads;                              /* 0: 4 */
	unsigned connections, connections_per_address; /* 0: 1000, 100 */
	unsigned idle_s, arrive_s;                     /* 0: 15, 60 */
	/* By the head alone: whether the request is taken, and how long its body may be (0: there
	 * may be none). false: *out is the answer. NULL: all are taken, without a body. */
	bool (*admit)(void *user, struct server_request *req, uint64_t *max_body,
		      struct server_response *out);
	void (*handle)(void *user, const struct server_request *req, struct server_response *out);
	void *user;
	size_t note_bytes; /* of server_note() */
};

MUST enum rmg_rc server_open(const struct server_opts *opts, struct server **out,
			     struct rmg_err *err);
/* No new connection is taken from now on; running requests go on. */
void server_quiesce(struct server *s);
/* Ends streams, waits for running requests. */
void server_close(struct server *s);
unsigned server_port(const struct server *s);
/* Asks every sleeping stream again. From any thread. */
void server_wake(struct server *s);

const char *server_method(const struct server_request *r);
const char *server_path(const struct server_request *r); /* decoded, without the query */
struct span server_body(const struct server_request *r);
/* The value of a parameter of the query (decoded) or of a header; NULL where there is none. */
const char *server_query(const struct server_request *r, const char *name);
const char *server_header(const struct server_request *r, const char *name);
/* Calls back for each parameter of the query; false stops, and is what comes back. */
typedef bool server_query_fn(void *user, const char *name, const char *value);
bool server_each_query(const struct server_request *r, server_query_fn *fn, void *user);
const struct server_peer *server_peer(const struct server_request *r);
/* Memory of this request's own, note_bytes of zeros: what admit() wants handle() to know. */
void *server_note(const struct server_request *r);

#endif
