/* SPDX-License-Identifier: Apache-2.0 */
/* streams.h - changes as server-sent events (HTML standard, 9.2), from the store's stream.
 *
 * A subscriber says the last sequence number that it has and gets all behind it, in pages, so that
 * a slow one costs one page of memory and holds up nobody. Their number is bounded. streams_wake()
 * says that there is something new. */
#ifndef SERVE_STREAMS_H
#define SERVE_STREAMS_H

#include "hub/hub.h"
#include "io/server.h"

struct streams;
MUST enum rmg_rc streams_open(struct hub *hub, struct streams **out, struct rmg_err *err);
void streams_close(struct streams *s);

/* Fills the response; RMG_E_STOPPED: too many subscribers now. */
MUST enum rmg_rc streams_subscribe(struct streams *s, uint64_t after, struct server_response *out,
				   struct rmg_err *err);

#endif
