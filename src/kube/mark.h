/* SPDX-License-Identifier: Apache-2.0 */
/* mark.h - what is written on an object of a cluster: how what it runs stands, as labels and
 * annotations below "rummage/" of its own metadata, never of a pod template: nothing is rolled out.
 *
 *     labels       rummage/verdict, and of what there is any: rummage/critical, /high, /exploited
 *     annotations  rummage/findings: in words; rummage/link: to the hub; rummage/at: since when
 *
 * Of a Deployment an annotation is part of its generation, which its controller works off, and
 * copies to its ReplicaSets: it has labels alone.
 *
 * Pure. A sum says whether two objects have the same marks, whenever they were written; 0: none. */
#ifndef KUBE_MARK_H
#define KUBE_MARK_H

#include "base/strbuf.h"
#include "format/json.h"

enum { KUBE_MARK_TEXT = 256 };

struct kube_mark {
	const char *verdict; /* NULL: there are to be no marks */
	uint32_t critical, high, exploited;
	const char *findings, *link; /* NULL: none */
	bool alone;                  /* labels alone */
};

uint64_t kube_mark_sum(const struct kube_mark *m);
/* Of those that an object has. */
uint64_t kube_mark_seen(json *labels, json *annotations);

/* A merge patch (RFC 7386) that makes an object of this uid have these marks and no other ones of
 * ours. at: of now, RFC 3339. */
void kube_mark_patch(const struct kube_mark *m, struct span uid, const char *at,
		     struct strbuf *out);

#endif
