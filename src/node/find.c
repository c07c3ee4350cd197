/* SPDX-License-Identifier: Apache-2.0 */
/* find.c - runtimes at the places where they are wont to be. A socket alone is none: somebody must
 * answer there. */
#include <stdio.h>
#include <sys/stat.h>

#include "base/env.h"
#include "base/strbuf.h"
#include "io/http.h"
#include "node/agent.h"

/* "XDG:x" is x below $XDG_RUNTIME_DIR, which a user's own services have. */
static const struct place_of_runtime {
	const char *kind, *path;
} places[] = {
    {"docker", "/run/docker.sock"},
    {"docker", "XDG:docker.sock"},
    {"podman", "/run/podman/podman.sock"},
    {"podman", "XDG:podman/podman.sock"},
};

static bool path_of(const char *pattern, struct strbuf *out)
{
	const char *xdg = env_get("XDG_RUNTIME_DIR");

	strbuf_clear(out);
	if (strncmp(pattern, "XDG:", 4) != 0)
		strbuf_puts(out, pattern);
	else if (xdg)
		strbuf_printf(out, "%s/%s", xdg, pattern + 4);
	return out->n && strbuf_rc(out) == RMG_OK;
}

static bool answers(const char *path)
{
	struct http_opts opts = {.connect_s = 1, .stall_s = 2};
	struct http_request req = {.url = "http://engine/_ping", .unix_socket = path};
	struct http_response resp;
	struct rmg_err err = {0};
	struct http *h = NULL;
	struct stat st;
	bool good;

	if (stat(path, &st) != 0 || !S_ISSOCK(st.st_mode) || http_new(&opts, &h, &err) != RMG_OK)
		return false;
	good = http_do(h, &req, &resp, &err) == RMG_OK && resp.status == 200;
	http_free(h);
	return good;
}

size_t agent_find(struct node_watch *out, size_t max, struct arena *a)
{
	struct strbuf path = strbuf_of(4096);
	size_t n = 0;

	for (size_t i = 0; i < COUNT_OF(places) && n < max; i++) {
		const char *copy;

		if (!path_of(places[i].path, &path) || !answers(strbuf_cstr(&path)))
			continue;
		copy = arena_cstr(a, strbuf_span(&path));
		if (copy)
			out[n++] = (struct node_watch){places[i].kind, copy, NULL};
	}
	strbuf_done(&path);
	return n;
}
