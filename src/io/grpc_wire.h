/* SPDX-License-Identifier: Apache-2.0 */
/* grpc_wire.h - the bytes of gRPC over HTTP/2 (RFC 9113) with prior knowledge, a client's side,
 * without a socket: what a server sends goes in, what is to be sent to it comes out.
 *
 *	grpc_wire_begin(); while (!grpc_wire_over()) { send grpc_wire_out(); grpc_wire_in(received);
 *} grpc_wire_end()
 *
 * One call at a time, several in turn. Each message is handed over whole, at most max_bytes long;
 * memory grows with what comes, not with what is announced. After anything but an answer with a
 * status of its own the connection is not to be used again. */
#ifndef IO_GRPC_WIRE_H
#define IO_GRPC_WIRE_H

#include <rummage.h>

#include "base/err.h"
#include "io/grpc.h"

struct grpc_wire;
MUST enum rmg_rc grpc_wire_new(struct grpc_wire **out, struct rmg_err *err);
void grpc_wire_free(struct grpc_wire *w);

/* call must live until grpc_wire_end(). */
MUST enum rmg_rc grpc_wire_begin(struct grpc_wire *w, const struct grpc_call *call,
				 struct rmg_err *err);

/* What is to be sent next, valid until this is called again; "" nothing. It counts as sent. */
MUST enum rmg_rc grpc_wire_out(struct grpc_wire *w, struct span *out, struct rmg_err *err);

/* What the server sent, in any pieces. The call's sink is called from here. */
void grpc_wire_in(struct grpc_wire *w, struct span bytes);

/* Asks the server for a sign that it has read all that came before. */
MUST enum rmg_rc grpc_wire_ping(struct grpc_wire *w, struct rmg_err *err);
bool grpc_wire_ponged(const struct grpc_wire *w);

bool grpc_wire_over(const struct grpc_wire *w);  /* nothing more will come of this call */
bool grpc_wire_heard(const struct grpc_wire *w); /* something has come of it */
bool grpc_wire_fresh(const struct grpc_wire *w); /* another call may follow on this connection */

/* How the call ended: what the server says, what its sink said, or what is wrong with the bytes. */
MUST enum rmg_rc grpc_wire_end(struct grpc_wire *w, enum grpc_status *status, struct rmg_err *err);

#endif
