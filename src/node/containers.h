/* SPDX-License-Identifier: Apache-2.0 */
/* containers.h - the containers that run on this machine, as the watchers tell of them, and what
 * the kernel says of each: its first process, its mounts, the overlay that its root is.
 *
 * Watchers tell; the parts that look into containers ask for the list when they hear of it. A
 * container is made once for each of its runs, does not change, and lives as long as somebody holds
 * it. What the kernel says is asked for once, by who needs it first. LIMIT_NODE_CONTAINERS of them:
 * more are not looked into, and said once. Any thread. */
#ifndef NODE_CONTAINERS_H
#define NODE_CONTAINERS_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/vec.h"
#include "lib/container_root.h"
#include "model/event.h"

enum { CONTAINER_LABELS = EVENT_LABELS };

struct container {
	struct event began; /* texts are the arena's; of its image the digests and the reference */
	_Atomic bool ended;

	/* Of container_look(). */
	unsigned pid; /* its first process */
	uint64_t mnt_ns;
	struct container_root root;

	/* Internal. */
	atomic_uint held;
	pthread_mutex_t looking;
	bool looked;
	struct rmg_err why; /* RMG_OK: all of it is known */
	struct arena arena;
	uint64_t round; /* of its source's snapshot that mentioned it */
};

struct containers;

MUST enum rmg_rc containers_new(struct containers **out);
void containers_free(struct containers *c); /* nobody holds one any more */

/* What a watcher told, in order. False once where there are too many of them. */
bool containers_tell(struct containers *c, const struct event *e, size_t n);

/* A descriptor that can be read from when one has come or gone (eventfd(2)), the caller's to close;
 * CONTAINERS_LISTENERS of them at most. */
enum { CONTAINERS_LISTENERS = 4 };
MUST enum rmg_rc containers_listen(struct containers *c, int *fd, struct rmg_err *err);

/* How many watchers have told all that runs at least once. */
size_t containers_rounds(struct containers *c);

/* All that run, each held for the caller, who lets them go. False: no memory, and none is held. */
struct container_list {
	struct container **v;
	size_t n, cap;
};
MUST bool containers_list(struct containers *c, struct container_list *out);
void container_list_done(struct container_list *l);

struct container *container_hold(struct container *x);
void container_let_go(struct container *x); /* NULL too */

/* Its process and its root, from the kernel. RMG_E_NOTFOUND: it has ended; RMG_E_UNSUPPORTED: it
 * cannot be looked into. */
MUST enum rmg_rc container_look(struct container *x, struct rmg_err *err);

/* The container that a process is in, held; NULL: none that is known. Remembered by the process's
 * mount namespace, so that most answers cost one readlink(2). */
struct container *containers_of_pid(struct containers *c, unsigned pid);

#endif
