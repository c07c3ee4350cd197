/* SPDX-License-Identifier: Apache-2.0 */
/* where.h - the places that a rule is about, by patterns: "shop", "shop-*", and "Deployment/web" of
 * workloads. Plain data, all spans borrowed. */
#ifndef MODEL_WHERE_H
#define MODEL_WHERE_H

#include "model/event.h"

struct where {
	struct span *namespaces; /* any of; none: all */
	size_t n_namespaces;
	struct span *workloads; /* any of: "Deployment/web", "web" */
	size_t n_workloads;
	struct event_label *labels; /* all of */
	size_t n_labels;
};

/* Equal, or begins with what is before the asterisk at the end. "" and "*" take all. */
bool where_glob(struct span pattern, struct span text);

/* Everything but the labels. A container without a workload has no name. */
bool where_names(const struct where *w, struct span ns, struct span kind, struct span name);

/* All of it, of a use that begins. */
bool where_takes(const struct where *w, const struct event *began);

#endif
