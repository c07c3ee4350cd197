/* SPDX-License-Identifier: Apache-2.0 */
/* alerts_firing.h - what fires, for sinks that are to hear of it again and again. All of it follows
 * from the alerts as they are: nothing is in the outbox for it, and nothing is changed.
 *
 * Some of it is told at a time, in steps, so that nobody waits for the store:
 *
 *     firing_look() --texts that are in the store alone--> firing_read() --> firing_write()
 *
 * firing_look() and firing_write() need the hub's read lock, firing_read() a store of the caller's
 * own. In between alerts may end or be others'; those that still fire are told as they are last. */
#ifndef HUB_ALERTS_FIRING_H
#define HUB_ALERTS_FIRING_H

#include "hub/alerts.h"
#include "hub/packed.h"

/* The ids of what fires and a sink was told of, or would be: what somebody acknowledged is among it
 * and what is suppressed is not; nor what began in quiet hours that last, and can wait for their
 * end. */
MUST enum rmg_rc alerts_firing(const struct alerts *a, const struct alerts_env *env,
			       const char *sink, struct ids *out);

struct firing;

/* ids are the caller's and stay; MESSAGE_ITEMS at most. */
MUST enum rmg_rc firing_new(const uint32_t *ids, size_t n, struct firing **out);
void firing_free(struct firing *f);

void firing_look(struct firing *f, const struct alerts *a);
MUST enum rmg_rc firing_read(struct firing *f, struct store *st, struct rmg_err *err);
/* A message of kind MESSAGE_FIRING; where none of them fires any more, nothing. */
MUST enum rmg_rc firing_write(struct firing *f, struct alerts *a, const struct alerts_env *env,
			      struct span id, struct strbuf *out, struct rmg_err *err);

#endif
