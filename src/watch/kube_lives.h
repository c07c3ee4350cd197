/* SPDX-License-Identifier: Apache-2.0 */
/* kube_lives.h - which lives of containers of a cluster have been told, so that only what changed
 * is told, and what a pod had is ended when the pod is: its last word may leave it out.
 *
 * A life is a container's id with its image. Some 70 bytes each, of which a cluster has some
 * 100,000. What ended and its pod does not mention any more is forgotten: a container that is
 * started again and again leaves no more behind than its pod says. */
#ifndef WATCH_KUBE_LIVES_H
#define WATCH_KUBE_LIVES_H

#include <rummage.h>

#include "base/map.h"
#include "base/span.h"
#include "base/vec.h"

struct kube_life {
	uint64_t pod; /* a hash */
	union {
		uint8_t hex[32]; /* of 64 digits */
		char *text;
	} id;
	uint32_t image; /* a hash */
	/* seen: by the object that its pod is told with. */
	uint32_t round : 28, seen : 1, is_text : 1, running : 1, free : 1;
};

struct kube_lives {
	VEC(struct kube_life) v;
	VEC(uint32_t) unused;
	struct map by_pod; /* of a pod several */
	uint32_t round;
};

void kube_lives_done(struct kube_lives *l);
void kube_lives_begin(struct kube_lives *l); /* all are told anew: what is not seen is gone */
void kube_lives_end(struct kube_lives *l);

enum kube_told { KUBE_TOLD_NOT, KUBE_TOLD_RUNNING, KUBE_TOLD_ENDED };

/* What was told of it until now; it is as running says from here on, and seen. RMG_E_NOMEM. */
MUST enum rmg_rc kube_lives_see(struct kube_lives *l, uint64_t pod, struct span id,
				struct span image, bool running, enum kube_told *was);

/* Takes a running one of a pod, which has ended then; false: none is left. buf holds its id where
 * that is no text. */
enum { KUBE_LIFE_ID = 64 };
bool kube_lives_take(struct kube_lives *l, uint64_t pod, char buf[static KUBE_LIFE_ID],
		     struct span *id);

/* All of a pod was looked at: those that ended and were not seen are forgotten. */
void kube_lives_seen(struct kube_lives *l, uint64_t pod);
void kube_lives_forget(struct kube_lives *l, uint64_t pod); /* the pod is gone */

size_t kube_lives_bytes(const struct kube_lives *l);

#endif
