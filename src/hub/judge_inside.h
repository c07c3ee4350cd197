/* SPDX-License-Identifier: Apache-2.0 */
/* judge_inside.h - what judge_delta.c, judge_tell.c and judge_few.c share. */
#ifndef HUB_JUDGE_INSIDE_H
#define HUB_JUDGE_INSIDE_H

#include "hub/judge.h"
#include "hub/judge_match.h"
#include "hub/packed.h"
#include "hub/world_inside.h"

/* A component whose findings are others now. */
struct changed {
	uint32_t component;
	uint32_t first, n; /* in found */
	struct world_finding
	    *other; /* what it will have, numbered; once it has that, what it had */
	uint32_t n_other;
	uint32_t first_touched, n_touched;
};

/* What one advisory was and is for one image. */
struct change {
	uint32_t image, advisory;
	bool had, has;
	struct world_finding was, is;
};

/* An image that was looked at ahead. */
struct looked {
	uint32_t first, n; /* in kept */
	bool hit;          /* some finding of it is another, be it of no account */
	int64_t read_ms;   /* the reading that was looked at */
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
	size_t numbered,
	    much; /* of changed: before it they have numbers; from so many on it is much */
	VEC(uint32_t) touched; /* advisories */
	/* Of judge_look(): the images that it has come to, and what of their changes matters. */
	struct telling *looking;
	VEC(uint32_t) steps; /* that it asked about */
	VEC(struct looked) looked;
	VEC(struct change) kept;
};

/* The same by advisory, where many of an image's have changed: good for the image of this round. */
struct spread {
	uint32_t was_round, is_round;
	struct world_finding was, is;
};

struct telling {
	const struct world *w;
	struct world *change; /* the same; NULL: looking alone */
	struct judgement *j;
	bool given;    /* the components have their new findings */
	uint32_t *nth; /* by component: its place in changed and one more; 0: not changed */
	struct judge_steps steps;
	delta_fn *fn;
	void *user;
	struct ids advisories; /* of one image */
	VEC(struct change) changes;
	VEC(struct spread) spread; /* by advisory */
	uint32_t round;
	size_t images, deltas;
	enum rmg_rc rc;
};

/* What a component had before, and what it has after. */
struct sides {
	const struct world_finding *were, *are;
	uint32_t n_were, n_are;
};
struct sides sides_of(const struct telling *t, uint32_t component);

/* Every image of which a finding is another. */
MUST enum rmg_rc tell_images(struct telling *t);
void look_free(struct judgement *j);

/* Keeps the worse of two; f may be NULL. */
void take_worst(const struct world_finding *f, bool *have, struct world_finding *out);

/* Tells of one image, whose changes are all here. False: stop, see t->rc. */
MUST bool tell_changes(struct telling *t, uint32_t image, const struct change *x, size_t n);

/* Where few advisories changed: from them by their components to images, and not by all that each
 * image has. *few false: they are not few, and nothing was told. */
MUST enum rmg_rc tell_few(struct telling *t, bool *few);
/* Whether it will be so, before findings are given; false: no memory. */
MUST bool few_fits(struct telling *t, bool *yes);

#endif
