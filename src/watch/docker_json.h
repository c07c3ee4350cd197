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
	DOCKER_IMAGE_CAME,      /* pulled, loaded, imported, tagged, untagged (it is still there);
				   committed */
	DOCKER_IMAGE_WENT,      /* or a name of it: Podman says both so */
	DOCKER_SOME_IMAGE_CAME, /* which is not said */
	DOCKER_ENTERED, /* a program was started in it by somebody, or by its health check */
};

struct docker_event {
	enum docker_what what;
	struct span id;            /* of the container, or what names the image */
	struct span name;          /* of the container, where somebody gave it one */
	struct span ref;           /* of the container's image, as it was asked for */
	enum event_way way;        /* of images that came */
	struct span container;     /* of an image: that it was made of */
	struct span exec, command; /* of what was started in it; "" not said */
	int64_t at_ms;
};

/* One line of /events. */
MUST enum rmg_rc docker_event_parse(struct span line, struct arena *a, struct docker_event *out,
				    struct rmg_err *err);

enum { DOCKER_EXECS = 32 };

struct docker_container {
	struct span id, name, image_id, ref;
	struct span workload_kind, workload_name, ns, revision;
	bool running;
	bool named; /* by somebody, not by the engine: it may be started again as what it is */
	int64_t started_ms, finished_ms; /* last; 0 never, or not known */
	uint32_t pid;                    /* 0: it does not run */
	struct event_label labels[EVENT_LABELS];
	size_t n_labels;
	struct span health; /* the command that looks whether it is well, as events have it */
	struct span execs[DOCKER_EXECS]; /* that run in it, the newest */
	size_t n_execs;
};
MUST enum rmg_rc docker_container_parse(struct span json, struct arena *a,
					struct docker_container *out, struct rmg_err *err);

/* /exec/ID/json: a program that was started in a container. */
struct docker_exec {
	struct span command, user;
	bool terminal;
	bool started; /* it runs, or has */
	uint32_t pid; /* 0: it does not run */
};
MUST enum rmg_rc docker_exec_parse(struct span json, struct arena *a, struct docker_exec *out,
				   struct rmg_err *err);

/* The digests and the names of an image: its id (a configuration's digest, with the containerd
 * store a manifest's), and the digests that it was pulled under;
 * whether a registry has it; its parent. */
MUST enum rmg_rc docker_image_parse(struct span json, struct arena *a, struct event_image *out,
				    struct rmg_err *err);
/* ... as Podman says it: of each of its images it has a digest, which no registry need have. */
MUST enum rmg_rc podman_image_parse(struct span json, struct arena *a, struct event_image *out,
				    struct rmg_err *err);

/* The ids of /containers/json and /images/json. */
MUST enum rmg_rc docker_ids_parse(struct span json, struct arena *a, struct span **out, size_t *n,
				  struct rmg_err *err);

#endif
