/* SPDX-License-Identifier: Apache-2.0 */
/* grpc.h - gRPC calls over a Unix socket: one message there, one or a stream of them back.
 *
 * struct grpc keeps a connection, made when the first call needs it, and again when it was lost;
 * it belongs to one thread at a time, and a stream that goes on while questions are asked takes a
 * struct grpc of its own. Calls must be questions: one that was lost with a connection that another
 * call had used before is asked once more.
 *
 * RMG_OK: the server's status was OK, and all messages have reached the sink. Else, by its status:
 * RMG_E_NOTFOUND, RMG_E_AUTH (PERMISSION_DENIED, UNAUTHENTICATED, or the socket's own permissions),
 * RMG_E_UNSUPPORTED (UNIMPLEMENTED), RMG_E_ARG (INVALID_ARGUMENT, OUT_OF_RANGE), RMG_E_LIMIT
 * (RESOURCE_EXHAUSTED, or a message above max_bytes), RMG_E_NET for the rest, for a connection that
 * broke, was silent or spoke nonsense, and for a deadline; RMG_E_STOPPED where stop() said so; or
 * what the sink returned. */
#ifndef IO_GRPC_H
#define IO_GRPC_H

#include <rummage.h>

#include "base/err.h"
#include "base/span.h"

/* Statuses as gRPC numbers them. */
#define GRPC_STATUSES(X)                                                                           \
	X(OK, RMG_OK)                                                                              \
	X(CANCELLED, RMG_E_NET)                                                                    \
	X(UNKNOWN, RMG_E_NET)                                                                      \
	X(INVALID_ARGUMENT, RMG_E_ARG)                                                             \
	X(DEADLINE_EXCEEDED, RMG_E_NET)                                                            \
	X(NOT_FOUND, RMG_E_NOTFOUND)                                                               \
	X(ALREADY_EXISTS, RMG_E_NET)                                                               \
	X(PERMISSION_DENIED, RMG_E_AUTH)                                                           \
	X(RESOURCE_EXHAUSTED, RMG_E_LIMIT)                                                         \
	X(FAILED_PRECONDITION, RMG_E_NET)                                                          \
	X(ABORTED, RMG_E_NET)                                                                      \
	X(OUT_OF_RANGE, RMG_E_ARG)                                                                 \
	X(UNIMPLEMENTED, RMG_E_UNSUPPORTED)                                                        \
	X(INTERNAL, RMG_E_NET)                                                                     \
	X(UNAVAILABLE, RMG_E_NET)                                                                  \
	X(DATA_LOSS, RMG_E_NET)                                                                    \
	X(UNAUTHENTICATED, RMG_E_AUTH)

enum grpc_status {
#define X(name, rc) GRPC_##name,
	GRPC_STATUSES(X)
#undef X
	    GRPC_NONE, /* the server gave none */
};

struct grpc_header {
	const char *name, *value; /* name in lower case */
};

/* A message; what is not RMG_OK ends the call and is what grpc_do() returns. */
typedef enum rmg_rc grpc_sink_fn(void *user, struct span message, struct rmg_err *err);

struct grpc_call {
	const char *method; /* "/package.Service/Method" */
	struct span request;
	const struct grpc_header *headers;
	size_t n_headers;
	bool stream;         /* any number of messages come; else it is one */
	uint32_t timeout_ms; /* for all of it, told to the server too; 0: none */
	uint32_t stall_s;    /* no byte for so long ends it; 0: LIMIT_NET_STALL_S */
	uint64_t max_bytes;  /* of one message; 0: LIMIT_GRPC_BYTES */
	grpc_sink_fn *sink;  /* NULL: messages are dropped */
	void *user;
};

struct grpc_opts {
	const char *socket;       /* a path, or unix:///path */
	bool (*stop)(void *user); /* polled at least twice a second */
	void *user;
};

struct grpc;
MUST enum rmg_rc grpc_new(const struct grpc_opts *opts, struct grpc **out, struct rmg_err *err);
void grpc_free(struct grpc *g);

/* *status may be NULL; what the server said, GRPC_NONE where it did not come to that. */
MUST enum rmg_rc grpc_do(struct grpc *g, const struct grpc_call *call, enum grpc_status *status,
			 struct rmg_err *err);

/* A stream in steps, for those who do other things beside it. grpc_begin() makes a connection of
 * its own and returns once the server has read the question; call lives until the end. grpc_wait()
 * gives the sink what comes within ms: *over tells that the stream has ended well. */
MUST enum rmg_rc grpc_begin(struct grpc *g, const struct grpc_call *call, struct rmg_err *err);
MUST enum rmg_rc grpc_wait(struct grpc *g, uint32_t ms, bool *over, struct rmg_err *err);

#endif
