/* SPDX-License-Identifier: Apache-2.0 */
#include "io/grpc.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "io/grpc_wire.h"
#include "io/socket.h"

enum { POLL_MS = 500, PIECE = 64 << 10 };

struct grpc {
	struct grpc_opts opts;
	int fd; /* -1: there is no connection */
	struct grpc_wire *wire;
	struct span unsent; /* the wire's */
	uint8_t *piece;
	bool lost; /* the other side ended the connection */
	const struct grpc_call *call;
	int64_t began_ms, moved_ms;
};

enum rmg_rc grpc_new(const struct grpc_opts *opts, struct grpc **out, struct rmg_err *err)
{
	struct grpc *g = calloc(1, sizeof *g);

	if (g)
		g->piece = malloc(PIECE);
	if (g == NULL || g->piece == NULL) {
		free(g);
		return err_set(err, RMG_E_NOMEM, "no memory for a gRPC client");
	}
	g->opts = *opts;
	if (strncmp(opts->socket, "unix://", 7) == 0)
		g->opts.socket += 7;
	g->fd = -1;
	*out = g;
	return RMG_OK;
}

static void disconnect(struct grpc *g)
{
	if (g->fd >= 0)
		close(g->fd);
	g->fd = -1;
	grpc_wire_free(g->wire);
	g->wire = NULL;
	g->unsent = (struct span){0};
	g->lost = false;
}

void grpc_free(struct grpc *g)
{
	if (g == NULL)
		return;
	disconnect(g);
	free(g->piece);
	free(g);
}

static enum rmg_rc connect_to(struct grpc *g, struct rmg_err *err)
{
	enum rmg_rc rc;

	g->fd = socket_connect(g->opts.socket);
	if (g->fd < 0 && errno == ENAMETOOLONG)
		return err_set(err, RMG_E_ARG, "the path of a socket is too long");
	if (g->fd < 0) {
		bool refused = errno == EACCES || errno == EPERM;

		return err_os(err, refused ? RMG_E_AUTH : RMG_E_NET, "connect");
	}
	rc = grpc_wire_new(&g->wire, err);
	if (rc != RMG_OK)
		disconnect(g);
	return rc;
}

/* As much of what is to be sent as the socket takes now. */
static enum rmg_rc send_some(struct grpc *g, struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;

	for (;;) {
		ssize_t n;

		if (g->unsent.n == 0)
			rc = grpc_wire_out(g->wire, &g->unsent, err);
		if (rc != RMG_OK || g->unsent.n == 0)
			return rc;
		n = send(g->fd, g->unsent.p, g->unsent.n, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return RMG_OK;
		/* What the server has still to say is read; then its end is seen. */
		if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
			g->unsent = (struct span){0};
		if (n < 0)
			return errno == EPIPE || errno == ECONNRESET
				   ? RMG_OK
				   : err_os(err, RMG_E_NET, "send");
		g->unsent = span_from(g->unsent, (size_t)n);
	}
}

static enum rmg_rc receive_some(struct grpc *g, struct rmg_err *err)
{
	ssize_t n = recv(g->fd, g->piece, PIECE, 0);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return RMG_OK;
	g->lost = n <= 0;
	if (n < 0 && errno != ECONNRESET) /* it went with bytes of ours unread */
		return err_os(err, RMG_E_NET, "receive");
	if (n <= 0)
		return err_set(err, RMG_E_NET, "the server closed the connection");
	grpc_wire_in(g->wire, span_of(g->piece, (size_t)n));
	return RMG_OK;
}

/* Milliseconds that may be waited; 0: the time is over. */
static int patience(const struct grpc *g)
{
	const struct grpc_call *c = g->call;
	int64_t now = clock_tick_ms(), left = POLL_MS;
	uint32_t stall_s = c->stall_s ? c->stall_s : (uint32_t)LIMIT_NET_STALL_S;

	left = MIN_OF(left, g->moved_ms + (int64_t)stall_s * 1000 - now);
	if (c->timeout_ms)
		left = MIN_OF(left, g->began_ms + (int64_t)c->timeout_ms - now);
	return (int)MAX_OF(left, INT64_C(0));
}

/* Sends and receives once, or waits for it ms at most. */
static enum rmg_rc turn(struct grpc *g, int ms, struct rmg_err *err)
{
	struct pollfd p = {.fd = g->fd, .events = POLLIN};
	int wait = patience(g), n;
	enum rmg_rc rc;

	if (g->opts.stop && g->opts.stop(g->opts.user))
		return err_set(err, RMG_E_STOPPED, "stopped");
	if (wait == 0)
		return err_set(err, RMG_E_NET, "nothing came within %" PRId64 " seconds",
			       (clock_tick_ms() - g->moved_ms + 999) / 1000);
	rc = send_some(g, err);
	if (rc != RMG_OK || grpc_wire_over(g->wire))
		return rc;
	if (g->unsent.n)
		p.events |= POLLOUT;
	n = poll(&p, 1, MIN_OF(wait, ms));
	if (n < 0 && errno != EINTR)
		return err_os(err, RMG_E_IO, "poll");
	if (n <= 0)
		return RMG_OK;
	if (p.revents & (POLLIN | POLLHUP | POLLERR))
		rc = receive_some(g, err);
	g->moved_ms = clock_tick_ms(); /* after the sink, which may take its time */
	return rc;
}

static enum rmg_rc begin(struct grpc *g, const struct grpc_call *c, struct rmg_err *err)
{
	enum rmg_rc rc = g->wire ? RMG_OK : connect_to(g, err);

	g->call = c;
	g->began_ms = g->moved_ms = clock_tick_ms();
	return rc == RMG_OK ? grpc_wire_begin(g->wire, c, err) : rc;
}

/* The end of a call that went so far as rc says: the connection is kept where it is good. */
static enum rmg_rc finish(struct grpc *g, enum rmg_rc rc, enum grpc_status *status,
			  struct rmg_err *err)
{
	if (rc == RMG_OK) {
		rc = grpc_wire_end(g->wire, status, err);
		g->lost = rc == RMG_E_NET && *status == GRPC_NONE;
	}
	return rc;
}

static void tidy(struct grpc *g, bool good)
{
	if (!good || !grpc_wire_fresh(g->wire) || send_some(g, NULL) != RMG_OK)
		disconnect(g);
}

/* *again: it was the connection's fault, which had been made for another call. */
static enum rmg_rc attempt(struct grpc *g, const struct grpc_call *c, enum grpc_status *status,
			   bool *again, struct rmg_err *err)
{
	bool used = g->wire != NULL;
	enum rmg_rc rc = begin(g, c, err);

	while (rc == RMG_OK && !grpc_wire_over(g->wire))
		rc = turn(g, POLL_MS, err);
	rc = finish(g, rc, status, err);
	*again = used && g->lost && !grpc_wire_heard(g->wire);
	tidy(g, rc == RMG_OK || *status != GRPC_NONE);
	return rc;
}

static enum rmg_rc name_call(const struct grpc *g, const struct grpc_call *c, enum rmg_rc rc,
			     struct rmg_err *err)
{
	if (rc != RMG_OK && rc != RMG_E_STOPPED)
		err_add(err, "%s: %s", g->opts.socket, c->method);
	return rc;
}

enum rmg_rc grpc_do(struct grpc *g, const struct grpc_call *call, enum grpc_status *status,
		    struct rmg_err *err)
{
	enum grpc_status said = GRPC_NONE;
	bool again = false;
	enum rmg_rc rc = attempt(g, call, &said, &again, err);

	if (again)
		rc = attempt(g, call, &said, &again, err);
	if (status)
		*status = said;
	return name_call(g, call, rc, err);
}

enum rmg_rc grpc_begin(struct grpc *g, const struct grpc_call *call, struct rmg_err *err)
{
	enum rmg_rc rc;

	disconnect(g);
	rc = begin(g, call, err);
	if (rc == RMG_OK)
		rc = grpc_wire_ping(g->wire, err);
	while (rc == RMG_OK && !grpc_wire_ponged(g->wire) && !grpc_wire_over(g->wire))
		rc = turn(g, POLL_MS, err);
	if (rc != RMG_OK)
		disconnect(g);
	return name_call(g, call, rc, err);
}

enum rmg_rc grpc_wait(struct grpc *g, uint32_t ms, bool *over, struct rmg_err *err)
{
	int64_t until = clock_tick_ms() + ms, now;
	enum grpc_status status = GRPC_NONE;
	enum rmg_rc rc = RMG_OK;

	*over = false;
	while (rc == RMG_OK && !grpc_wire_over(g->wire) && (now = clock_tick_ms()) < until)
		rc = turn(g, (int)MIN_OF(until - now, INT64_C(1000)), err);
	if (rc == RMG_OK && !grpc_wire_over(g->wire))
		return RMG_OK;
	*over = true;
	rc = finish(g, rc, &status, err);
	disconnect(g);
	return name_call(g, g->call, rc, err);
}
