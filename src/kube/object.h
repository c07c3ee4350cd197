/* SPDX-License-Identifier: Apache-2.0 */
/* object.h - what is needed of Kubernetes' objects, out of their JSON: who they are, whose they
 * are, what their pods run and what runs now.
 *
 * Pure. Spans borrow from the document. Text that is too long or not clean reads as "". Kinds that
 * nobody told us about are read too: their pod template is found by its shape. */
#ifndef KUBE_OBJECT_H
#define KUBE_OBJECT_H

#include "format/json.h"
#include "model/event.h"

struct kube_owner {
	struct span group /* "apps"; "" core */, kind, name, uid;
};

struct kube_meta {
	struct span kind, name, ns, uid, version; /* version: the resource's */
	struct kube_owner owner;                  /* the controller; name "": none */
	int64_t created_ms;
	json *labels, *annotations;
};
void kube_meta_read(json *object, struct kube_meta *out);
struct span kube_label(json *labels, const char *key); /* an annotation as well */
size_t kube_labels(json *labels, struct event_label *out, size_t max);

/* "apps" of "apps/v1", "" of "v1". */
struct span kube_group(struct span api_version);

/* The spec of the pods that an object is, or makes; NULL: it has none. */
json *kube_pod_spec(json *object, struct span kind);

enum kube_role { KUBE_INIT, KUBE_SIDECAR, KUBE_CONTAINER, KUBE_EPHEMERAL, KUBE_VOLUME };

struct kube_image {
	enum kube_role role;
	uint32_t nth;          /* in its list of the spec */
	struct span name, ref; /* of the container, or of the volume */
	json *at;              /* the object that says "image", or "reference" of a volume */
};
/* "containers": the list of a spec that has those of a role. */
const char *kube_role_list(enum kube_role role);
/* All that the pods of this spec run or mount, max at most; how many there are. */
size_t kube_images(json *pod_spec, struct kube_image *out, size_t max);

enum kube_state { KUBE_WAITING, KUBE_RUNNING, KUBE_ENDED };

/* One life of one container of a pod. */
struct kube_run {
	struct kube_image image;
	enum kube_state state;
	struct span scheme, id;     /* "containerd", 64 digits */
	struct span digest;         /* "sha256:..." of the image that was taken; "" not said */
	int64_t began_ms, ended_ms; /* 0: not said */
};

/* The runs that a pod's status tells of, of those before this one the last as well. Image volumes
 * have no id: they live as long as the pod does. */
size_t kube_runs(json *pod, struct kube_run *out, size_t max);

/* Everything of it has ended for good. */
bool kube_pod_is_over(json *pod);

/* "sha256:..." of an imageID, however its runtime writes it (CRI-O: the 64 digits alone); "" where
 * it names no digest. */
struct span kube_image_digest(struct span image_id);

/* What somebody wants of it. */
struct kube_want {
	uint64_t replicas; /* that are wanted at any time; of jobs 0 once they are over */
	struct span schedule, revision;
	bool suspended;
};
void kube_want_read(json *object, const struct kube_meta *meta, struct kube_want *out);

#endif
