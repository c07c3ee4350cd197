/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/route.h"

#include <stdio.h>

#include "base/limits.h"

static const struct route routes[] = {
#define X(name, method, path, need, max_body, query, what)                                         \
	{#name, method, path, NEED_##need, max_body, api_##name, query, what},
#include "serve/route.def"
#undef X
};

const struct route *route_at(size_t i)
{
	return i < COUNT_OF(routes) ? &routes[i] : NULL;
}

/* "/api/v1/alerts/{id}" takes "/api/v1/alerts/7": *param is what stands for the braces. What is
 * last may hold slashes ("sha256:..." does not, a name may). */
static bool path_takes(const char *pattern, const char *path, const char **param)
{
	const char *brace = strchr(pattern, '{');
	size_t n = brace ? (size_t)(brace - pattern) : 0;

	*param = "";
	if (brace == NULL)
		return strcmp(pattern, path) == 0;
	if (strncmp(pattern, path, n) != 0 || path[n] == '\0')
		return false;
	*param = path + n;
	return true;
}

/* Methods of the rows of one path. */
static void add_method(char allow[ROUTE_ALLOW], const char *method)
{
	size_t n = strlen(allow);

	snprintf(allow + n, ROUTE_ALLOW - n, "%s%s", n ? ", " : "",
		 strcmp(method, "GET") == 0 ? "GET, HEAD" : method);
}

/* Rows without braces come before those with. */
const struct route *route_of(const char *method, const char *path, const char **param,
			     char allow[ROUTE_ALLOW])
{
	const char *asked = strcmp(method, "HEAD") == 0 ? "GET" : method;

	allow[0] = '\0';
	for (int braces = 0; braces < 2 && allow[0] == '\0'; braces++) {
		for (size_t i = 0; i < COUNT_OF(routes); i++) {
			if ((strchr(routes[i].path, '{') != NULL) != braces ||
			    !path_takes(routes[i].path, path, param))
				continue;
			if (strcmp(routes[i].method, asked) == 0)
				return &routes[i];
			add_method(allow, routes[i].method);
		}
	}
	return NULL;
}

bool route_lets(const struct route *r, enum role role)
{
	switch (r->need) {
	case NEED_NOTHING:
		return true;
	case NEED_READ:
		return role == ROLE_READER || role == ROLE_OPERATOR || role == ROLE_ADMIN;
	case NEED_SPEAK:
		return role == ROLE_AGENT || role == ROLE_ADMIN;
	case NEED_OPERATE:
		return role == ROLE_OPERATOR || role == ROLE_ADMIN;
	case NEED_ADMIN:
		return role == ROLE_ADMIN;
	case NEED_SECRET:
		return false; /* no role: api_hooks.c */
	}
	return false;
}

bool route_parameter(struct span *left, struct span *name, bool *must)
{
	if (!span_word(left, name))
		return false;
	*must = span_ends(*name, S("!"));
	name->n -= *must;
	return true;
}

bool route_takes(const struct route *r, const char *name)
{
	struct span left = span_cstr(r->query), one;
	bool must;

	while (route_parameter(&left, &one, &must))
		if (span_is(one, span_cstr(name)))
			return true;
	return false;
}

const char *route_type(const struct route *r)
{
	return r->fn == api_metrics   ? "text/plain"
	       : r->fn == api_changes ? "text/event-stream"
				      : "application/json";
}
