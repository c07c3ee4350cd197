/* SPDX-License-Identifier: Apache-2.0 */
/* lineage.h - what a workload ran, one after the other, and what that means.
 *
 * Rollback: it runs content that it ran before another one, or that is older by the image's
 * creation and the declared revision, and the verdict got worse or not: said either way, an alert
 * where worse. "Before" is the order in which this workload's digests were first seen; creation
 * times decide only between contents that it never ran, since they are what the image says (often a
 * constant). Returned: nothing ran for DORMANT days and now does. Tag moved, tag skew: from tags
 * and uses. */
#ifndef HUB_LINEAGE_H
#define HUB_LINEAGE_H

#include "hub/alerts.h"

/* A use of this workload began; the use is in the world already. Writes lineage rows, and tells
 * alerts. */
MUST enum rmg_rc lineage_began(struct alerts *a, const struct alerts_env *env, uint32_t use,
			       struct rmg_err *err);
MUST enum rmg_rc lineage_ended(struct alerts *a, const struct alerts_env *env, uint32_t use,
			       struct rmg_err *err);
MUST enum rmg_rc lineage_tag(struct alerts *a, const struct alerts_env *env, uint32_t tag,
			     struct span was, struct rmg_err *err);

#endif
