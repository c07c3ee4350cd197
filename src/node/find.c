/* SPDX-License-Identifier: Apache-2.0 */
/* find.c - runtimes at the places where they are wont to be. A socket alone is none: somebody must
 * answer there. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/env.h"
#include "base/strbuf.h"
#include "io/socket.h"
#include "node/agent.h"

/* "XDG:x" is x below $XDG_RUNTIME_DIR, which a user's own services have; "USERS:x" is that of every
 * user who is there, for who may look into them. */
static const struct place_of_runtime {
	const char *kind, *path;
} places[] = {
    {"docker", "/run/docker.sock"},
    {"docker", "XDG:docker.sock"},
    {"podman", "/run/podman/podman.sock"},
    {"podman", "XDG:podman/podman.sock"},
    {"podman", "USERS:podman/podman.sock"},
    {"containerd", "/run/containerd/containerd.sock"},
    {"containerd", "/run/k3s/containerd/containerd.sock"},
    {"cri", "/run/crio/crio.sock"},
};

/* Podman needs no service. Who answers at one of these has the machine's own store. */
static const char store[] = "/var/lib/containers/storage";
static const char *const store_sockets[] = {"/run/podman/podman.sock", "/run/crio/crio.sock"};

struct finding {
	struct node_watch *out;
	size_t n, max;
	struct arena *a;
	struct strbuf path;
};

/* Tests look below another root. */
static const char *root(void)
{
	const char *other = env_get("RUMMAGE_TEST_ROOT");

	return other ? other : "";
}

static void add(struct finding *f, const char *kind)
{
	const char *copy = arena_cstr(f->a, strbuf_span(&f->path));

	for (size_t i = 0; copy && i < f->n; i++)
		if (strcmp(f->out[i].address, copy) == 0)
			return;
	if (copy && f->n < f->max)
		f->out[f->n++] = (struct node_watch){kind, copy, NULL};
}

static void try_socket(struct finding *f, const char *kind, const char *dir, const char *name)
{
	strbuf_clear(&f->path);
	strbuf_printf(&f->path, "%s%s", dir, name);
	if (strbuf_rc(&f->path) == RMG_OK && socket_answers(strbuf_cstr(&f->path)))
		add(f, kind);
}

static void try_users(struct finding *f, const char *kind, const char *name)
{
	char dir[4096];
	struct dirent *e;
	DIR *d;

	snprintf(dir, sizeof dir, "%s/run/user", root());
	d = opendir(dir);
	while (d && (e = readdir(d)) != NULL) {
		char below[4096 + 300];
		uint64_t uid;

		snprintf(below, sizeof below, "%s/%s/", dir, e->d_name);
		if (span_u64(span_cstr(e->d_name), 10, UINT32_MAX, &uid))
			try_socket(f, kind, below, name);
	}
	if (d)
		closedir(d);
}

static void try_place(struct finding *f, const struct place_of_runtime *p)
{
	const char *xdg = env_get("XDG_RUNTIME_DIR");
	char below[4096];

	if (strncmp(p->path, "USERS:", 6) == 0) {
		try_users(f, p->kind, p->path + 6);
	} else if (strncmp(p->path, "XDG:", 4) != 0) {
		try_socket(f, p->kind, root(), p->path);
	} else if (xdg) {
		snprintf(below, sizeof below, "%s/", xdg);
		try_socket(f, p->kind, below, p->path + 4);
	}
}

/* Whether an address is, below the root that tests have, the path of one of ours. */
static bool is_at(const char *address, const char *path)
{
	size_t n = strlen(root());

	return strncmp(address, root(), n) == 0 && strcmp(address + n, path) == 0;
}

bool agent_same_store(const char *one, const char *other)
{
	const char *socket = is_at(one, store) ? other : one;

	if (!is_at(one, store) && !is_at(other, store))
		return false;
	for (size_t i = 0; i < COUNT_OF(store_sockets); i++)
		if (is_at(socket, store_sockets[i]))
			return true;
	return false;
}

static void try_store(struct finding *f)
{
	struct stat st;

	strbuf_clear(&f->path);
	strbuf_printf(&f->path, "%s%s", root(), store);
	for (size_t i = 0; i < f->n; i++)
		if (agent_same_store(f->out[i].address, strbuf_cstr(&f->path)))
			return;
	if (stat(strbuf_cstr(&f->path), &st) == 0 && S_ISDIR(st.st_mode))
		add(f, "podman");
}

size_t agent_find(struct node_watch *out, size_t max, struct arena *a)
{
	struct finding f = {.out = out, .max = max, .a = a, .path = strbuf_of(4096)};

	for (size_t i = 0; i < COUNT_OF(places); i++)
		try_place(&f, &places[i]);
	try_store(&f);
	strbuf_done(&f.path);
	return f.n;
}
