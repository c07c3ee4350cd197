/* SPDX-License-Identifier: Apache-2.0 */
/* review.h - AdmissionReview (admission.k8s.io/v1): what the API server asks before something is
 * written or done, and the answer. Pure; spans borrow from the document. */
#ifndef KUBE_REVIEW_H
#define KUBE_REVIEW_H

#include "base/strbuf.h"
#include "kube/object.h"

struct kube_review {
	struct span uid;
	struct span group, kind;           /* of the object: "apps", "Deployment" */
	struct span resource, subresource; /* "deployments", "scale" */
	struct span operation;             /* "CREATE", "UPDATE", "CONNECT" */
	struct span ns, name;              /* name "": it will be made */
	struct span user;
	json *groups; /* of the user */
	bool dry_run;
	json *object, *old; /* NULL: none */
};
MUST enum rmg_rc kube_review_read(json *root, struct kube_review *out, struct rmg_err *err);

/* A warning is cut to KUBE_WARNING bytes, which is what the API server lets through whole; several
 * of them may hold 4096 together. */
enum { KUBE_WARNING = 256 };

struct kube_ruling {
	struct span uid;
	bool allowed;
	struct span message; /* of a refusal; what kubectl shows */
	const struct span *warnings;
	size_t n_warnings;
	struct span patch; /* JSON Patch (RFC 6902); "" none */
};
void kube_ruling_write(const struct kube_ruling *r, struct strbuf *out);

/* "Deployment" of "deployments", of the resources that have a scale; "" others. */
struct span kube_scaled_kind(struct span resource);

/* The images of two specs are the same ones, container by container. */
bool kube_same_images(json *pod_spec, json *other);

/* The workload that a pod is of, as far as itself says: the Deployment of its ReplicaSet. */
void kube_pod_owner(const struct kube_meta *pod, struct span *kind, struct span *name);

/* A JSON Pointer (RFC 6901) from the object to its pod spec; "" where it has none. */
const char *kube_pod_spec_path(struct span kind);

#endif
