/* SPDX-License-Identifier: Apache-2.0 */
/* docker_json.h - what the Docker Engine API (v1.40 on; Podman's compatible one) says, as events.
 *
 * Pure: the documents of /containers/ID/json, /images/ID/json and lines of /events in, parts of
 * struct event out. Spans of the results are in the arena that is given. */
#ifndef WATCH_DOCKER_JSON_H
#define WATCH_DOCKER_JSON_H

#include "base/arena.h"
#include "base/err.h"
#include "model/event.h"

enum docker_what {
	DOCKER_OTHER, /* not of interest */
	DOCKER_CREATED,
	DOCKER_STARTED,
	DOCKER_DIED,
	DOCKER_DESTROYED,
	DOCKER_IMAGE_CAME, /* pulled, loaded, imported, tagged, untagged (it is still there);
			      committed */
	DOCKER_IMAGE_WENT,
};

struct docker_event {
	enum docker_what what;
	struct span id;   /* of the container, or what names the image */
	struct span name; /* of the container, where somebody gave it one */
	struct span ref;  /* of the container's image, as it was asked for */
	int64_t at_ms;
};

/* One line of /events. */
MUST enum rmg_rc docker_event_parse(struct span line, struct arena *a, struct docker_event *out,
				    struct rmg_err *err);

struct docker_container {
	struct span id, name, image_id, ref;
	struct span workload_kind, workload_name, ns, revision;
	bool running;
	bool named; /* by somebody, not by the engine: it may be started again as what it is */
	int64_t started_ms, finished_ms; /* last; 0 never, or not known */
	uint32_t pid;                    /* 0: it does not run */
	struct event_label labels[EVENT_LABELS];
	size_t n_labels;
};
MUST enum rmg_rc docker_container_parse(struct span json, struct arena *a,
					struct docker_container *out, struct rmg_err *err);

/* The digests and the first name of an image: its id (a configuration's digest, with the containerd
 * store a manifest's), and the digests that it was pulled under. */
MUST enum rmg_rc docker_image_parse(struct span json, struct arena *a, struct event_image *out,
				    struct rmg_err *err);

/* The ids of /containers/json and /images/json. */
MUST enum rmg_rc docker_ids_parse(struct span json, struct arena *a, struct span **out, size_t *n,
				  struct rmg_err *err);

#endif
