/* SPDX-License-Identifier: Apache-2.0 */
/* kube_owners.h - whose an object of a cluster is, and in which revision: pods are a ReplicaSet's,
 * and that a Deployment's. Keys are hashes of uids. */
#ifndef WATCH_KUBE_OWNERS_H
#define WATCH_KUBE_OWNERS_H

#include <rummage.h>

#include "base/map.h"
#include "base/span.h"
#include "base/vec.h"

struct kube_owned {
	uint64_t uid, owner; /* owner 0: it is nobody's */
	char *texts;         /* the owner's kind, NUL, its name, NUL */
};

struct kube_owners {
	VEC(struct kube_owned) v;
	VEC(uint32_t) unused;
	struct map by_uid, revisions;
	size_t bytes; /* of texts */
};

void kube_owners_done(struct kube_owners *o);

/* owner_uid "": it is nobody's. */
MUST enum rmg_rc kube_owners_put(struct kube_owners *o, struct span uid, struct span owner_kind,
				 struct span owner_name, struct span owner_uid);
void kube_owners_drop(struct kube_owners *o, struct span uid);
bool kube_owners_know(const struct kube_owners *o, struct span uid);

/* From this object upwards to the outermost that is known: *kind and *name become that one's, and
 * borrow from o. */
void kube_owners_top(const struct kube_owners *o, struct span uid, struct span *kind,
		     struct span *name);

/* The number of a revision by what names it ("uid", "namespace/name"); 0: not known, or not any
 * more. An object's own goes with it. */
MUST enum rmg_rc kube_owners_revise(struct kube_owners *o, struct span key, uint64_t revision);
uint32_t kube_owners_revision(const struct kube_owners *o, struct span key);

size_t kube_owners_bytes(const struct kube_owners *o);

#endif
