/* SPDX-License-Identifier: Apache-2.0 */
/* ctrd.h - questions to containerd (its services of version 1) over its socket.
 *
 * Each is asked of one namespace. Answers live in the arena that is given; their shapes are
 * ctrd_read.h's. A struct ctrd belongs to one thread at a time. RMG_E_NOTFOUND: there is no such
 * thing there; other failures are grpc.h's. */
#ifndef RUNTIME_CTRD_H
#define RUNTIME_CTRD_H

#include "io/grpc.h"
#include "runtime/ctrd_read.h"

/* Where it is unless somebody says another. */
#define CTRD_SOCKET "/run/containerd/containerd.sock"

struct ctrd;
MUST enum rmg_rc ctrd_open(const struct grpc_opts *opts, struct ctrd **out, struct rmg_err *err);
void ctrd_close(struct ctrd *c);

MUST enum rmg_rc ctrd_namespaces(struct ctrd *c, struct arena *a, struct span **out, size_t *n,
				 struct rmg_err *err);

/* Every container, running or not. The container is gone after the call. */
typedef enum rmg_rc ctrd_container_fn(void *user, const struct ctrd_container *container,
				      struct rmg_err *err);
MUST enum rmg_rc ctrd_containers_each(struct ctrd *c, struct span ns, ctrd_container_fn *fn,
				      void *user, struct rmg_err *err);
MUST enum rmg_rc ctrd_container(struct ctrd *c, struct span ns, struct span id, struct arena *a,
				struct ctrd_container *out, struct rmg_err *err);

MUST enum rmg_rc ctrd_tasks(struct ctrd *c, struct span ns, struct arena *a, struct ctrd_task **out,
			    size_t *n, struct rmg_err *err);

MUST enum rmg_rc ctrd_images(struct ctrd *c, struct span ns, struct arena *a,
			     struct ctrd_image **out, size_t *n, struct rmg_err *err);
MUST enum rmg_rc ctrd_image(struct ctrd *c, struct span ns, struct span name, struct arena *a,
			    struct ctrd_image *out, struct rmg_err *err);

/* A blob of the content store; document: as a whole, of max_bytes at most. */
typedef enum rmg_rc ctrd_sink(void *user, struct span bytes, struct rmg_err *err);
MUST enum rmg_rc ctrd_blob(struct ctrd *c, struct span ns, struct span digest, struct arena *a,
			   struct ctrd_blob *out, struct rmg_err *err);
MUST enum rmg_rc ctrd_blob_read(struct ctrd *c, struct span ns, struct span digest, ctrd_sink *sink,
				void *user, struct rmg_err *err);
MUST enum rmg_rc ctrd_document(struct ctrd *c, struct span ns, struct span digest,
			       uint64_t max_bytes, struct arena *a, struct span *out,
			       struct rmg_err *err);

/* The snapshot that one stands on, by its name (an image's: the chain id of its layers). */
MUST enum rmg_rc ctrd_snapshot_parent(struct ctrd *c, struct span ns, struct span snapshotter,
				      struct span key, struct arena *a, struct span *out,
				      struct rmg_err *err);

/* Folders of a snapshot's layers on this machine's disk, the topmost first: by a view of it, which
 * is made and taken away again. */
MUST enum rmg_rc ctrd_snapshot_folders(struct ctrd *c, struct span ns, struct span snapshotter,
				       struct span name, struct arena *a, struct span **out,
				       size_t *n, struct rmg_err *err);

/* Where the plug-in keeps its files: "io.containerd.content.v1", "content". "" where it does not
 * say. */
MUST enum rmg_rc ctrd_plugin_root(struct ctrd *c, struct span type, struct span id, struct arena *a,
				  struct span *out, struct rmg_err *err);

/* What happens in all namespaces, as it comes (CTRD_OTHER left out): grpc_begin()'s and
 * grpc_wait()'s terms. A stream takes a struct ctrd of its own. */
typedef enum rmg_rc ctrd_event_fn(void *user, const struct ctrd_event *e, struct rmg_err *err);
MUST enum rmg_rc ctrd_subscribe(struct ctrd *c, uint32_t stall_s, ctrd_event_fn *fn, void *user,
				struct rmg_err *err);
MUST enum rmg_rc ctrd_wait(struct ctrd *c, uint32_t ms, bool *over, struct rmg_err *err);

#endif
