/* SPDX-License-Identifier: Apache-2.0 */
/* api.h - the HTTP API of the hub: one row of route.def a question, one function a row.
 *
 * A call has been authenticated, is allowed by its role, and is within its rate before its body is
 * read and its function runs. A function fills the response; api_fail() makes the JSON of an error
 * from a struct rmg_err. What a GET answers gets a tag, by which it is not sent again, and is
 * packed where the caller takes gzip and that pays. The OpenAPI document is made of the same table,
 * so that it says what is. */
#ifndef SERVE_API_H
#define SERVE_API_H

#include <stdatomic.h>

#include "hub/ask.h"
#include "serve/route.h"

struct api {
	struct hub *hub;
	struct auth *auth;
	struct streams *streams;
	atomic_bool open_metrics; /* no token for /metrics */
	void *user;
	void (*poke)(
	    void *user); /* something is to be scanned or sent: do not wait for the clock */
};

/* For struct server_opts. user: a struct api. */
bool api_admit(void *user, struct server_request *r, uint64_t *max_body,
	       struct server_response *out);
void api_handle(void *user, const struct server_request *r, struct server_response *out);
enum { API_NOTE_BYTES = sizeof(struct call) + sizeof(void *) };

void api_fail(struct server_response *out, enum rmg_rc rc, const struct rmg_err *err);
void api_error(struct server_response *out, unsigned status, const char *fmt, ...) PRINTF(3, 4);

/* What is done to an answer that a function gave, for a client with these header fields ("" none):
 * its tag, 304 where the client has it already, and gzip. */
void api_dress(struct server_response *out, struct span if_none_match, struct span accept_encoding);

#endif
