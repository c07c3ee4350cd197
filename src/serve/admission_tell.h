/* SPDX-License-Identifier: Apache-2.0 */
/* admission_tell.h - what admission was asked, told to the hub as events of a source of its own
 * ("NODE/admission"), by a thread: no answer waits for the store. LIMIT_ADMISSION_TOLD of them
 * wait; what is more is left out, and said. What is told of is told in milliseconds; a hub that is
 * killed within these has not heard of it. */
#ifndef SERVE_ADMISSION_TELL_H
#define SERVE_ADMISSION_TELL_H

#include "serve/parts.h"

struct admission_tell;
MUST enum rmg_rc admission_tell_start(struct env *env, struct admission_tell **out,
				      struct rmg_err *err);
void admission_tell_stop(struct admission_tell *t); /* what waits is told */

void admission_tell(struct admission_tell *t, const struct event *e); /* any thread; copied */
void admission_tell_beat(struct admission_tell *t);                   /* about once a second */

#endif
