/* SPDX-License-Identifier: Apache-2.0 */
/* ruling.h - which odd programs an agent tells of, and which it does not let run: what its hub's
 * policy says, or a file of this machine's own in place of that.
 *
 * The hub is asked when it says that it has other rules than these, and twice a minute; what it
 * said last is kept in a file, and holds while the hub is away and from the agent's start on.
 * Rules that cannot be read change nothing, and are said. Before any are known everything is told
 * of, and nothing refused. A thread of its own; questions are any thread's. */
#ifndef NODE_RULING_H
#define NODE_RULING_H

#include "node/uplink.h"

struct ruling;

/* As watch/rules_json.h writes them. */
typedef enum rmg_rc ruling_source(void *user, struct strbuf *out, struct rmg_err *err);

struct ruling_opts {
	struct node *node;
	struct uplink *uplink;
	const char *state_dir;
	ruling_source *own; /* in place of the hub's; NULL: the hub's */
	void *user;
};

/* Own rules that cannot be read end it here. */
MUST enum rmg_rc ruling_open(const struct ruling_opts *opts, struct ruling **out,
			     struct rmg_err *err);
void ruling_close(struct ruling *r);

void ruling_again(struct ruling *r); /* own rules are to be read anew */

/* For struct node. */
uint32_t ruling_hows(struct ruling *r);
uint32_t ruling_refused(struct ruling *r, const struct event *began);

#endif
