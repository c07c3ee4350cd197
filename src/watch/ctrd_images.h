/* SPDX-License-Identifier: Apache-2.0 */
/* ctrd_images.h - what containerd calls its images, and what their digests stand for.
 *
 * An image is a name, in a namespace, of a digest: an index's or a manifest's. Which configuration
 * and which layers that means on this machine's platform is read from the content store, once a
 * digest. A name may move to another digest while containers of the old one run: these are known by
 * what their snapshot stands on, the chain of their layers. */
#ifndef WATCH_CTRD_IMAGES_H
#define WATCH_CTRD_IMAGES_H

#include "runtime/ctrd.h"

enum { CTRD_DIGEST = 80 };

struct ctrd_known {
	char target[CTRD_DIGEST];                        /* what a name means */
	char manifest[CTRD_DIGEST], config[CTRD_DIGEST]; /* "" not known */
	char chain[CTRD_DIGEST];                         /* of all its layers; "" not known */
	enum event_way way;
	bool tried;     /* in this round: what is not in the content store stays unknown */
	bool said;      /* in this round */
	uint32_t names; /* images that are called so */
};

struct ctrd_images;
MUST enum rmg_rc ctrd_images_new(struct ctrd_images **out, struct rmg_err *err);
void ctrd_images_free(struct ctrd_images *t);

/* Forgets every name, and what was tried and said; what digests stand for stays known. */
void ctrd_images_round(struct ctrd_images *t);

/* The name means this digest now; *was what it meant before, NULL nothing. What it stands for is
 * asked of c where that is not known: failing to say is no failure, breaking off is. */
MUST enum rmg_rc ctrd_images_put(struct ctrd_images *t, struct ctrd *c, struct span ns,
				 const struct ctrd_image *image, struct ctrd_known **now,
				 struct ctrd_known **was, struct rmg_err *err);
/* By number, from 0; NULL: no more. Some may have no name. */
struct ctrd_known *ctrd_images_at(const struct ctrd_images *t, size_t i);
struct ctrd_known *ctrd_images_find(struct ctrd_images *t, struct span ns, struct span name);
struct ctrd_known *ctrd_images_forget(struct ctrd_images *t, struct span ns, struct span name);

/* All that it is called, EVENT_NAMES at most, into out: the names that a person gave first. They
 * borrow from t until the next call that changes it. */
size_t ctrd_images_names(const struct ctrd_images *t, const struct ctrd_known *k,
			 struct span out[static EVENT_NAMES]);
/* "app:1" before "app@sha256:..." before "sha256:...", which is the CRI's. */
int ctrd_name_rank(struct span name);

struct ctrd_known *ctrd_images_of_chain(struct ctrd_images *t, struct span chain);

/* Its digests, the one first that says most; they borrow from it. */
void ctrd_known_digests(const struct ctrd_known *k, struct event_image *out);

#endif
