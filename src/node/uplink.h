/* SPDX-License-Identifier: Apache-2.0 */
/* uplink.h - where an agent's node is told: a hub elsewhere, over HTTPS.
 *
 * Events go to the hub by the spool (sender.h). Of an image only the facts that the hub lacks
 * are sent, and then what the image is made of; the hub merges the layers itself. What the hub
 * wants to be read is asked for when its answers speak of an image that nobody has read, and
 * otherwise once a minute. */
#ifndef NODE_UPLINK_H
#define NODE_UPLINK_H

#include "node/hubline.h"
#include "node/node.h"

struct uplink;
/* n: outlives it; its `to` is set here. */
MUST enum rmg_rc uplink_open(struct node *n, const struct hubline_opts *hub, const char *state_dir,
			     uint64_t spool_bytes, struct uplink **out, struct rmg_err *err);
void uplink_close(struct uplink *u); /* after those who speak have ended */

/* As sender_lost(). */
uint64_t uplink_lost(struct uplink *u);

/* What the hub's policy says of programs that start, as watch/rules_json.h writes it. */
MUST enum rmg_rc uplink_rules(struct uplink *u, struct strbuf *out, struct rmg_err *err);
/* Rung when the hub says that it has other rules than it said before; NULL: no more. */
void uplink_watch_rules(struct uplink *u, struct bell *bell);

#endif
