/* SPDX-License-Identifier: Apache-2.0 */
/* cri_read.h - a runtime's answers and events by the CRI, as plain structs: ctrd_read.h's terms. */
#ifndef RUNTIME_CRI_READ_H
#define RUNTIME_CRI_READ_H

#include <rummage.h>

#include "base/arena.h"
#include "base/err.h"
#include "model/event.h"

/* "containerd", "cri-o" */
MUST enum rmg_rc cri_read_version(struct span message, struct arena *a, struct span *out,
				  struct rmg_err *err);

struct cri_pod {
	struct span id, name, ns;
	bool ready;
	int64_t created_ms;
	struct event_label *labels; /* EVENT_LABELS at most */
	size_t n_labels;
};
MUST enum rmg_rc cri_read_pods(struct span message, struct arena *a, struct cri_pod **out,
			       size_t *n, struct rmg_err *err);

/* The image of a pod's sandbox, where the runtime tells of it among what it says beyond the
 * interface (JSON); "" where it does not. */
MUST enum rmg_rc cri_read_pod_info(struct span message, struct arena *a, struct span *json,
				   struct rmg_err *err);

struct cri_container {
	struct span id, pod, name;
	struct span asked;               /* the image, as the pod's author wrote it */
	struct span image_ref, image_id; /* what the runtime found it to be */
	bool running;
	int64_t began_ms; /* started, where that is told, else made */
	struct event_label *labels;
	size_t n_labels;
};
MUST enum rmg_rc cri_read_containers(struct span message, struct arena *a,
				     struct cri_container **out, size_t *n, struct rmg_err *err);
MUST enum rmg_rc cri_read_status(struct span message, struct arena *a, struct cri_container *out,
				 struct rmg_err *err);

struct cri_image {
	struct span id; /* of its configuration, with its algorithm */
	struct span *tags, *digests;
	size_t n_tags, n_digests;
};
MUST enum rmg_rc cri_read_images(struct span message, struct arena *a, struct cri_image **out,
				 size_t *n, struct rmg_err *err);

enum cri_what { CRI_CREATED, CRI_STARTED, CRI_STOPPED, CRI_DELETED, CRI_OTHER };

struct cri_event {
	enum cri_what what;
	struct span id; /* of a container, or of a sandbox */
	int64_t at_ms;
	struct cri_pod pod;              /* id "": not told */
	struct cri_container *container; /* that it is about, where it is one; NULL: not told */
};
MUST enum rmg_rc cri_read_event(struct span message, struct arena *a, struct cri_event *out,
				struct rmg_err *err);

#endif
