/* SPDX-License-Identifier: Apache-2.0 */
/* tag_poll.h - the registries that tags in use are of: has them asked for all machines, where this
 * hub does that and leads; and says how they are doing: what is behind, once as it begins and once
 * as it ends, figures, and the answer of the API. */
#ifndef SERVE_TAG_POLL_H
#define SERVE_TAG_POLL_H

#include "base/strbuf.h"
#include "serve/parts.h"

struct tag_poll;
/* tags NULL: this hub asks nobody. Borrowed, both. */
MUST enum rmg_rc tag_poll_new(struct env *env, struct tags *tags, struct tag_poll **out,
			      struct rmg_err *err);
void tag_poll_free(struct tag_poll *p);

void tag_poll_turn(struct tag_poll *p); /* the main thread's, some times a second */

/* Any thread; p NULL: nothing is known yet. */
void tag_poll_metrics(struct tag_poll *p, struct strbuf *out);
void tag_poll_answer(struct tag_poll *p, uint64_t from, uint64_t most, struct strbuf *out);

#endif
