/* SPDX-License-Identifier: Apache-2.0 */
/* judge.h - components x advisory database = findings, and what a change of either side changes.
 *
 * A component's findings depend on itself, its distribution and the database alone, so each
 * distinct component is judged once (match.h, batches by distribution), however many images have
 * it. A new database is diffed by key against the old one; only components that a changed name may
 * concern are judged again. A full judgement gives the same state: hub_test.c holds the two against
 * each other over random histories. */
#ifndef HUB_JUDGE_H
#define HUB_JUDGE_H

#include "hub/world.h"

enum delta_kind { DELTA_APPEARED, DELTA_WORSENED, DELTA_IMPROVED, DELTA_WENT };

/* What one advisory newly is for one image. was or is may be NULL (appeared, went). Worsened:
 * higher severity, known-exploited, EPSS over a step, a fix withdrawn; improved: none of these but
 * the opposite of one. */
struct delta {
	uint32_t image, advisory;
	enum delta_kind kind;
	const struct world_finding *was, *is;
};
typedef enum rmg_rc delta_fn(void *user, const struct delta *d);

/* Judges these components (NULL: all) against db, without telling anybody: at start, and for the
 * components of a new image. */
MUST enum rmg_rc judge_components(struct world *w, struct advdb *db, const uint32_t *components,
				  size_t n, struct rmg_err *err);

/* From one database to the next: judges again what may have changed, calls back each delta grouped
 * by image, and sets the images' counts before. steps: EPSS scores (permille) that crossing
 * worsens or improves. Where fn fails the world is of neither database: load it anew. */
struct judge_steps {
	const uint32_t *permille;
	size_t n;
};
struct judge_figures {
	size_t keys, components, images,
	    deltas; /* keys that changed; components whose findings did */
};
MUST enum rmg_rc judge_database(struct world *w, struct advdb *older, struct advdb *newer,
				struct judge_steps steps, delta_fn *fn, void *user,
				struct judge_figures *out, struct rmg_err *err);

/* The same in parts, so that others may go on meanwhile; each call is short. _begin and _some read
 * the world (read lock): which components have other findings. Where that is much, _number makes
 * room for new advisories in it (write lock), and _look sees what it will be for images (read
 * lock); else, and of what came between, that is left to _end, which changes the world (write
 * lock). Until then components are judged against older, as before. */
struct judgement;
MUST enum rmg_rc judge_begin(const struct world *w, struct advdb *older, struct advdb *newer,
			     struct judgement **out, struct rmg_err *err);
MUST enum rmg_rc judge_some(const struct world *w, struct judgement *j, bool *more,
			    struct rmg_err *err);
bool judge_is_much(const struct judgement *j);
MUST enum rmg_rc judge_number(struct world *w, struct judgement *j, bool *more,
			      struct rmg_err *err);
MUST enum rmg_rc judge_look(const struct world *w, struct judgement *j, struct judge_steps steps,
			    bool *more, struct rmg_err *err);
MUST enum rmg_rc judge_end(struct world *w, struct judgement *j, struct judge_steps steps,
			   delta_fn *fn, void *user, struct judge_figures *out,
			   struct rmg_err *err);
void judge_free(struct judgement *j);

/* The counts of one image from its components' findings. */
MUST enum rmg_rc judge_counts(struct world *w, uint32_t image);

/* What policy asks of a finding in full; which advisory it is, is not said. */
struct world_finding judge_finding(const struct finding *f);

/* What one advisory is for one component, in full: microseconds. NULL: nothing, by this database
 * (NULL: none). Free the verdict in any case. */
const struct finding *judge_one(const struct world *w, const struct advdb *db, uint32_t component,
				uint32_t advisory, struct verdict **out);

/* The findings of one image in full, for a report: the inventory of its components only. Free the
 * verdict first. */
MUST enum rmg_rc judge_image(const struct world *w, struct advdb *db, uint32_t image,
			     struct verdict **out, struct inventory **inv, struct rmg_err *err);

#endif
