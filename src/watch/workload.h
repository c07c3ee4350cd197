/* SPDX-License-Identifier: Apache-2.0 */
/* workload.h - what a container is an instance of, by its labels and its name: a pod of Kubernetes,
 * a service of Swarm or Compose; itself, where somebody named it; else whatever runs this
 * repository here. Results borrow from the labels and from what is given. */
#ifndef WATCH_WORKLOAD_H
#define WATCH_WORKLOAD_H

#include "model/event.h"

struct workload {
	struct span ns, kind, name; /* ns "": the runtime's own */
	struct span container_name;
	struct span revision;
	bool named; /* by somebody, and of nobody else: it may be started again as what it is */
	bool pod;
};

typedef struct span workload_label_fn(const void *user, const char *key);

/* name: what somebody called it, "" nobody did. */
void workload_of(workload_label_fn *label, const void *user, struct span id, struct span name,
		 struct span ref, struct workload *out);

/* The same of a list of labels. */
void workload_of_list(const struct event_label *labels, size_t n, struct span id, struct span name,
		      struct span ref, struct workload *out);

#endif
