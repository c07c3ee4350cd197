/* SPDX-License-Identifier: Apache-2.0 */
/* route.h - the table of route.def: which row a request is for, who may ask it, with what. */
#ifndef SERVE_ROUTE_H
#define SERVE_ROUTE_H

#include "io/server.h"
#include "serve/auth.h"

/* Who may: a row names one, route_lets() knows which roles that takes. */
enum need {
	NEED_NOTHING,
	NEED_READ,
	NEED_SPEAK /* agents */,
	NEED_OPERATE,
	NEED_ADMIN,
	NEED_SECRET /* registries: the hub's own for hints */
};

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

/* The row of a request, and what stands for {…} in its path. HEAD is asked of GET's row. NULL:
 * nothing is there, or what is there takes other methods, which allow then names ("GET, HEAD"). */
enum { ROUTE_ALLOW = 64 };
const struct route *route_of(const char *method, const char *path, const char **param,
			     char allow[ROUTE_ALLOW]);

bool route_lets(const struct route *r, enum role role);

/* Whether a parameter of the query is one of this row's. */
bool route_takes(const struct route *r, const char *name);

/* The next name of a row's parameters off *left, without its mark; must: it has one. */
bool route_parameter(struct span *left, struct span *name, bool *must);

/* "application/json", or what else this row answers with. */
const char *route_type(const struct route *r);

#endif
