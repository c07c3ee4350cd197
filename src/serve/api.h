/* SPDX-License-Identifier: Apache-2.0 */
/* api.h - the HTTP API of the hub: one row of route.def a question, one function a row.
 *
 * A call has been authenticated, is allowed by its role, and is within its rate before its function
 * runs. A function fills the response; api_fail() makes the JSON of an error from a struct rmg_err.
 * The OpenAPI document is made of the same table, so that it says what is. */
#ifndef SERVE_API_H
#define SERVE_API_H

#include "hub/ask.h"
#include "io/server.h"
#include "serve/auth.h"

/* Who may: a row names one, caller_may() knows which roles that takes. */
enum need { NEED_NOTHING, NEED_READ, NEED_SPEAK /* agents */, NEED_OPERATE, NEED_ADMIN };

struct api;

struct call {
	const struct server_request *request;
	struct caller caller;
	const char *param; /* what stands for {…} in the path, decoded; "" none */
};

typedef void api_fn(struct api *api, const struct call *c, struct server_response *out);

struct route {
	const char *name, *method, *path;
	enum need need;
	uint64_t max_body;
	api_fn *fn;
	const char
	    *query; /* "query! limit cursor": names of parameters, ! where one must be there */
	const char *what;
};
const struct route *route_at(size_t i); /* NULL: end */

#define X(name, method, path, need, max_body, query, what) api_fn api_##name;
#include "serve/route.def"
#undef X

struct api {
	struct hub *hub;
	struct auth *auth;
	struct streams *streams;
	bool open_metrics; /* no token for /metrics */
	void *user;
	void (*poke)(
	    void *user); /* something is to be scanned or sent: do not wait for the clock */
};

/* For struct server_opts. user: a struct api. */
void api_handle(void *user, const struct server_request *r, struct server_response *out);
uint64_t api_max_body(void *user, const char *method, const char *path);

void api_fail(struct server_response *out, enum rmg_rc rc, const struct rmg_err *err);
void api_error(struct server_response *out, unsigned status, const char *fmt, ...) PRINTF(3, 4);

#endif
