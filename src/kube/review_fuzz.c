/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a review says, the answer to it is JSON with its uid. */
#include "kube/review.h"

#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void answer(const struct kube_review *r)
{
	struct strbuf out = strbuf_of(KIB(256));
	struct kube_ruling ruling = {.uid = r->uid,
				     .allowed = r->dry_run,
				     .message = r->name,
				     .warnings = &r->user,
				     .n_warnings = 1,
				     .patch = r->ns};
	struct json_doc doc = {0};

	kube_ruling_write(&ruling, &out);
	if (json_parse(&doc, strbuf_span(&out), KIB(256), NULL) != RMG_OK ||
	    !span_is(json_get_str(json_get(doc.root, "response"), "uid"), r->uid))
		__builtin_trap();
	json_done(&doc);
	strbuf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_doc doc = {0};
	struct kube_review r;
	struct kube_meta m;
	struct span kind, name;

	if (size > KIB(32) || json_parse(&doc, span_of(data, size), KIB(32), NULL) != RMG_OK)
		return 0;
	if (kube_review_read(doc.root, &r, NULL) == RMG_OK) {
		answer(&r);
		kube_meta_read(r.object, &m);
		kube_pod_owner(&m, &kind, &name);
		if (!kube_same_images(kube_pod_spec(r.object, r.kind),
				      kube_pod_spec(r.object, r.kind)) &&
		    kube_images(kube_pod_spec(r.object, r.kind), NULL, 0) <= EVENT_IMAGES)
			__builtin_trap();
	}
	json_done(&doc);
	return 0;
}
