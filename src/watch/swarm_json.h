/* SPDX-License-Identifier: Apache-2.0 */
/* swarm_json.h - what a manager of Docker Swarm says (Engine API v1.40 on): services with the
 * revision before and the state of their update, tasks, nodes.
 *
 * Pure: documents of /info, /services, /tasks and /nodes in. Spans of the results are in the arena
 * that is given, clean and bounded. A member of a list that has not what names it is left out. */
#ifndef WATCH_SWARM_JSON_H
#define WATCH_SWARM_JSON_H

#include "base/arena.h"
#include "base/err.h"
#include "model/event.h"

struct swarm_self {
	struct span node; /* id of the engine's own node */
	bool manager;     /* it answers for the cluster */
};
MUST enum rmg_rc swarm_self_parse(struct span json, struct arena *a, struct swarm_self *out,
				  struct rmg_err *err);

struct swarm_service {
	struct span id, name, ns;   /* ns: of the stack, as its containers have it */
	struct span ref, was_ref;   /* of the image, now and in the revision before; "" none */
	struct span update;         /* "updating", "rollback_started"; "" there was none yet */
	uint64_t version, replicas; /* replicas: tasks that are wanted */
	int64_t changed_ms;
	struct event_label *labels;
	size_t n_labels;
};
MUST enum rmg_rc swarm_services_parse(struct span json, struct arena *a, struct swarm_service **out,
				      size_t *n, struct rmg_err *err);

struct swarm_task {
	struct span service, node, container, ref;
	uint64_t slot; /* 0: of a service that is everywhere */
	struct span id;
	bool running;
	int64_t created_ms, state_ms; /* state_ms: when it began to be in the state that it is in */
};
MUST enum rmg_rc swarm_tasks_parse(struct span json, struct arena *a, struct swarm_task **out,
				   size_t *n, struct rmg_err *err);

struct swarm_node {
	struct span id, name; /* name: of the host */
	struct span availability, state;
	bool leader;
};
MUST enum rmg_rc swarm_nodes_parse(struct span json, struct arena *a, struct swarm_node **out,
				   size_t *n, struct rmg_err *err);

/* "name:tag@sha256:..." as an image: its reference, and the digest where it has one. */
void swarm_image(struct span ref, struct event_image *out);

#endif
