/* SPDX-License-Identifier: Apache-2.0 */
/* admission_missed.h - pods that are there and were not asked about: what a watch of the cluster
 * sees against the reviews that came. Which of them another hub was asked about, the hub knows that
 * leads (hub/hub_missed.c): it is told of all that this one was not. Pods of other clusters than
 * the one whose admission is answered are none of ours. */
#ifndef SERVE_ADMISSION_MISSED_H
#define SERVE_ADMISSION_MISSED_H

#include "serve/admission_scope.h"
#include "serve/admission_tell.h"
#include "watch/watch.h"

struct admission_missed;
MUST enum rmg_rc admission_missed_new(struct env *env, struct admission_missed **out,
				      struct rmg_err *err);
void admission_missed_free(struct admission_missed *m);

/* Any thread. */
void admission_missed_pod(struct admission_missed *m, const struct watch_pod *pod);
void admission_missed_reviewed(struct admission_missed *m, struct span uid);

/* About once a second, one thread. */
void admission_missed_beat(struct admission_missed *m, struct admission_scope *scope,
			   struct admission_tell *tell);

#endif
