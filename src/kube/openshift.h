/* SPDX-License-Identifier: Apache-2.0 */
/* openshift.h - what is needed of OpenShift's own kinds, out of their JSON: what the tags of an
 * image stream mean and meant, which image an Image is, and which one a Build made.
 *
 * Pure. Spans borrow from the document. A digest is "sha256:" and 64 digits, or it reads as "". */
#ifndef KUBE_OPENSHIFT_H
#define KUBE_OPENSHIFT_H

#include "base/limits.h"
#include "base/strbuf.h"
#include "format/json.h"

/* ImageStream (image.openshift.io/v1). */
struct openshift_stream {
	/* "image-registry.openshift-image-registry.svc:5000/shop/web", and what the registry is
	 * called outside; "" there is none */
	struct span repository, outside;
	json *tags; /* each for openshift_tag_read() */
};
void openshift_stream_read(json *object, struct openshift_stream *out);

struct openshift_meaning {
	struct span digest;
	int64_t since_ms; /* 0: not said */
};
struct openshift_tag {
	struct span name;
	struct openshift_meaning v[LIMIT_TAG_MEANINGS_MAX]; /* newest first */
	size_t n;
};
/* false: it means nothing that has a digest. */
bool openshift_tag_read(json *tag, struct openshift_tag *out);

/* Image. What is annotated so is not to run. */
#define OPENSHIFT_DENY "images.openshift.io/deny-execution"

struct openshift_image {
	struct span digest, config; /* config "": not said, as of one that is an index */
	struct span ref;            /* "quay.io/shop/web@sha256:..." */
	bool denied;                /* nobody is to run it, says somebody's OPENSHIFT_DENY */
	bool managed;               /* the cluster's own registry has it */
	json *annotations;
};
/* false: no digest is its name. */
bool openshift_image_read(json *object, struct openshift_image *out);

/* What another scanner says of it: an annotation whose name is "quality.images.openshift.io/" and
 * "vulnerability.PROVIDER", in one line and bounded: what is known of its members, and
 * OPENSHIFT_SUMMARY rows of its summary at most. false: it is no such annotation, or not readable.
 */
enum { OPENSHIFT_SUMMARY = 8 };
bool openshift_quality(struct span key, struct span value, struct span *provider,
		       struct strbuf *out);

/* Build (build.openshift.io/v1). */
struct openshift_build {
	struct span name, ns, config; /* of the build, and of its BuildConfig; "" it has none */
	struct span digest;           /* of what was made; "" nothing (yet) */
	struct span ref;              /* under which it was pushed */
	struct span git, commit;      /* what it was made of; "" not said */
	int64_t made_ms;
};
void openshift_build_read(json *object, struct openshift_build *out);

#endif
