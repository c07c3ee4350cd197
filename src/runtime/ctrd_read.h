/* SPDX-License-Identifier: Apache-2.0 */
/* ctrd_read.h - containerd's answers and events, as plain structs.
 *
 * Pure: a message in, structs out; spans and arrays live in the arena that is given. Text that is
 * no clean UTF-8 or longer than LIMIT_TEXT_BYTES is as good as not there (a runtime has no reason
 * for it); what cannot be without it is left out. A message that is none is RMG_E_FORMAT. */
#ifndef RUNTIME_CTRD_READ_H
#define RUNTIME_CTRD_READ_H

#include <rummage.h>

#include "base/arena.h"
#include "base/err.h"
#include "model/event.h"

MUST enum rmg_rc ctrd_read_namespaces(struct span message, struct arena *a, struct span **out,
				      size_t *n, struct rmg_err *err);

struct ctrd_container {
	struct span id, image, snapshotter, snapshot_key;
	struct span spec; /* JSON of the OCI runtime-spec, as it came */
	int64_t created_ms;
	struct event_label *labels; /* EVENT_LABELS at most */
	size_t n_labels;
};
MUST enum rmg_rc ctrd_read_containers(struct span message, struct arena *a,
				      struct ctrd_container **out, size_t *n, struct rmg_err *err);

struct ctrd_task {
	struct span container;
	uint32_t pid;
	bool running;      /* or paused: it is there, and may go on */
	int64_t exited_ms; /* where it does not; 0 not known */
};
MUST enum rmg_rc ctrd_read_tasks(struct span message, struct arena *a, struct ctrd_task **out,
				 size_t *n, struct rmg_err *err);

struct ctrd_image {
	struct span name, digest, media_type;
	uint64_t size_bytes; /* of the document that the digest names */
};
MUST enum rmg_rc ctrd_read_images(struct span message, struct arena *a, struct ctrd_image **out,
				  size_t *n, struct rmg_err *err);

/* A blob of the content store; of an image's configuration, the snapshots that were made of it. */
struct ctrd_blob {
	uint64_t size_bytes;
	bool pulled;                   /* a registry gave it */
	struct event_label *snapshots; /* snapshotter, and the snapshot's name */
	size_t n_snapshots;
};
MUST enum rmg_rc ctrd_read_blob(struct span message, struct arena *a, struct ctrd_blob *out,
				struct rmg_err *err);

/* A piece of a blob: data borrows from nobody, it is the arena's. */
MUST enum rmg_rc ctrd_read_piece(struct span message, struct arena *a, uint64_t *offset,
				 struct span *data, struct rmg_err *err);

/* The snapshot that this one stands on; "" none. */
MUST enum rmg_rc ctrd_read_parent(struct span message, struct arena *a, struct span *out,
				  struct rmg_err *err);

/* Folders of a view's mounts, the topmost first. RMG_E_UNSUPPORTED: it is neither a bind mount nor
 * an overlay. */
MUST enum rmg_rc ctrd_read_folders(struct span message, struct arena *a, struct span **out,
				   size_t *n, struct rmg_err *err);

/* Where a plug-in says that it keeps its files; "" nothing. */
MUST enum rmg_rc ctrd_read_root(struct span message, struct span type, struct span id,
				struct arena *a, struct span *out, struct rmg_err *err);

enum ctrd_what {
	CTRD_OTHER, /* not of interest */
	CTRD_CREATED,
	CTRD_UPDATED,
	CTRD_DELETED,
	CTRD_STARTED,
	CTRD_EXITED, /* the container's own process, not one that was run in it */
	CTRD_TASK_DELETED,
	CTRD_ENTERED, /* another process was started in it */
	CTRD_IMAGE_CAME,
	CTRD_IMAGE_CHANGED,
	CTRD_IMAGE_WENT,
};

struct ctrd_event {
	enum ctrd_what what;
	struct span ns;
	struct span name;  /* the container's id, or the image's name */
	struct span image; /* of a container that was created: as it is called there */
	struct span exec;  /* of a process that was started in a container: its id */
	uint32_t pid;      /* of that, or of a container's first process; 0 not said */
	int64_t at_ms;
};
MUST enum rmg_rc ctrd_read_event(struct span message, struct arena *a, struct ctrd_event *out,
				 struct rmg_err *err);

#endif
