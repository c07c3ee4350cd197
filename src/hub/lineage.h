/* SPDX-License-Identifier: Apache-2.0 */
/* lineage.h - what a workload ran, one after the other, and what that means.
 *
 * Rollback: it runs content that it ran before another one, or that is older by the image's
 * creation and not newer by the declared revision. It is said either way, with the verdicts before
 * and after, and an alert where it is worse, or where nobody can tell yet. "Before" is the order in
 * which this workload's contents were first seen; creation times decide only about contents that it
 * never ran, since they are what the image says (often a constant). Each text says on what it
 * rests. It is judged by the verdicts of then, or by the first that there are: what advisories say
 * later makes no rollback of it and mends none.
 *
 * A workload has a line for each of its containers, told apart by repository and name: a sidecar is
 * not a version of the application. Content that another use of the line runs already is no step:
 * while an update rolls, both versions begin in turns. What an orchestrator declares is believed
 * where what begins cannot tell: that it went back, by its own word; and where an update is undone
 * halfway, once nothing of the other version runs. Returned: nothing ran for
 * LINEAGE_DORMANT_DAYS and now does.
 *
 * References: a tag that moved while its old content is in use, or a node that starts an old one
 * from its cache; one that its registry has no more; skew, one tag with several contents of one
 * platform in use; and a tag that says another version than the image does, only where the image's
 * labels are its own (their title is the repository's name) or one component alone has that name.
 */
#ifndef HUB_LINEAGE_H
#define HUB_LINEAGE_H

#include "hub/alerts.h"
#include "model/event.h"

enum { LINEAGE_DORMANT_DAYS = 7, LINEAGE_ASKED_MS = 60000 };

/* A workload that nobody had heard of: the store, which is asked of others once, has nothing of it.
 */
MUST enum rmg_rc lineage_made(struct alerts *a, const struct alerts_env *env, uint32_t workload,
			      struct rmg_err *err);
/* A use of this workload began; the use is in the world already. Writes lineage rows, and tells
 * alerts. To be called again for a use whose image was not known, once it is. */
MUST enum rmg_rc lineage_began(struct alerts *a, const struct alerts_env *env, uint32_t use,
			       struct rmg_err *err);
/* A workload was declared: where its orchestrator says that it went back (event.h: update), that is
 * a step before anything of it begins, once. */
MUST enum rmg_rc lineage_said(struct alerts *a, const struct alerts_env *env, uint32_t workload,
			      const struct event *e, struct rmg_err *err);
/* Somebody asks the orchestrator for it (event.h: asked): a way back is told now, before anything
 * of it is declared or begins, which then is no step any more. What has not come about
 * LINEAGE_ASKED_MS later is taken back. */
MUST enum rmg_rc lineage_asked(struct alerts *a, const struct alerts_env *env, uint32_t workload,
			       const struct event *e, struct rmg_err *err);
/* The use is still in the world. */
MUST enum rmg_rc lineage_ended(struct alerts *a, const struct alerts_env *env, uint32_t use,
			       struct rmg_err *err);
/* was: the digest that the tag meant before. */
MUST enum rmg_rc lineage_tag(struct alerts *a, const struct alerts_env *env, uint32_t tag,
			     struct span was, struct rmg_err *err);

/* Its registry does not have it any more. */
MUST enum rmg_rc lineage_vanished(struct alerts *a, const struct alerts_env *env, uint32_t tag,
				  struct rmg_err *err);
/* References (hashes) that a workload had or has which was declared or removed: those that are gone
 * may be its own, or nobody's. */
MUST enum rmg_rc lineage_refs(struct alerts *a, const struct alerts_env *env, const uint64_t *refs,
			      size_t n, struct rmg_err *err);

#endif
