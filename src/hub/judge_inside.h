/* SPDX-License-Identifier: Apache-2.0 */
/* judge_inside.h - what judge_delta.c and judge_few.c share. */
#ifndef HUB_JUDGE_INSIDE_H
#define HUB_JUDGE_INSIDE_H

#include "hub/judge.h"
#include "hub/judge_match.h"
#include "hub/world_inside.h"

/* A component whose findings are others now. */
struct changed {
	uint32_t component;
	uint32_t first, n;           /* in found, until judge_end numbers them */
	struct world_finding *other; /* what it had, once it has the new ones */
	uint32_t n_other;
	uint32_t first_touched, n_touched;
};

struct judgement {
	struct advdb *older, *newer;
	struct map names;
	size_t keys;
	bool failed;
	VEC(uint32_t) candidates;
	size_t at; /* candidates before it are judged */
	uint32_t n_components;
	const struct world *w;
	VEC(struct found) found;
	VEC(struct changed) changed;
	VEC(uint32_t) touched; /* advisories */
};

/* What one advisory was and is for one image. */
struct change {
	uint32_t image, advisory;
	bool had, has;
	struct world_finding was, is;
};

/* The same by advisory, where many of an image's have changed: good for the image of this round. */
struct spread {
	uint32_t was_round, is_round;
	struct world_finding was, is;
};

struct telling {
	struct world *w;
	struct judgement *j;
	uint32_t *nth; /* by component: its place in changed and one more; 0: not changed */
	struct judge_steps steps;
	delta_fn *fn;
	void *user;
	VEC(uint32_t) advisories; /* of one image */
	VEC(struct change) changes;
	struct spread *spread; /* by advisory; made when it is first needed */
	uint32_t round;
	size_t images, deltas;
	enum rmg_rc rc;
};

/* What a component had before; n of them. */
const struct world_finding *findings_were(const struct telling *t, uint32_t component, uint32_t *n);

/* Keeps the worse of two; f may be NULL. */
void take_worst(const struct world_finding *f, bool *have, struct world_finding *out);

/* Tells of one image, whose changes are all here. False: stop, see t->rc. */
MUST bool tell_changes(struct telling *t, uint32_t image, const struct change *x, size_t n);

/* Where few advisories changed: from them by their components to images, and not by all that each
 * image has. *fits false: they are not few, and nothing was told. */
MUST enum rmg_rc tell_few(struct telling *t, bool *fits);

#endif
