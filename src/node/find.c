/* SPDX-License-Identifier: Apache-2.0 */
/* find.c - runtimes at the places where they are wont to be. A socket alone is none: somebody must
 * answer there. */
#include <stdio.h>

#include "base/env.h"
#include "base/strbuf.h"
#include "io/socket.h"
#include "node/agent.h"

/* "XDG:x" is x below $XDG_RUNTIME_DIR, which a user's own services have. */
static const struct place_of_runtime {
	const char *kind, *path;
} places[] = {
    {"docker", "/run/docker.sock"},
    {"docker", "XDG:docker.sock"},
    {"podman", "/run/podman/podman.sock"},
    {"podman", "XDG:podman/podman.sock"},
    {"containerd", "/run/containerd/containerd.sock"},
    {"containerd", "/run/k3s/containerd/containerd.sock"},
    {"cri", "/run/crio/crio.sock"},
};

/* Tests look below another root. */
static bool path_of(const char *pattern, struct strbuf *out)
{
	const char *xdg = env_get("XDG_RUNTIME_DIR"), *root = env_get("RUMMAGE_TEST_ROOT");

	strbuf_clear(out);
	if (strncmp(pattern, "XDG:", 4) != 0)
		strbuf_printf(out, "%s%s", root ? root : "", pattern);
	else if (xdg)
		strbuf_printf(out, "%s/%s", xdg, pattern + 4);
	return out->n && strbuf_rc(out) == RMG_OK;
}

size_t agent_find(struct node_watch *out, size_t max, struct arena *a)
{
	struct strbuf path = strbuf_of(4096);
	size_t n = 0;

	for (size_t i = 0; i < COUNT_OF(places) && n < max; i++) {
		const char *copy;

		if (!path_of(places[i].path, &path) || !socket_answers(strbuf_cstr(&path)))
			continue;
		copy = arena_cstr(a, strbuf_span(&path));
		if (copy)
			out[n++] = (struct node_watch){places[i].kind, copy, NULL};
	}
	strbuf_done(&path);
	return n;
}
