/* SPDX-License-Identifier: Apache-2.0 */
/* event_json.h - events (model/event.h) as lines of JSON and back: what agents send to the hub.
 * Schema: docs/API.md. Unknown members are skipped, unknown types are RMG_E_UNSUPPORTED. */
#ifndef WATCH_EVENT_JSON_H
#define WATCH_EVENT_JSON_H

#include "base/arena.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "model/event.h"

/* Spans and arrays of out are in a. */
MUST enum rmg_rc event_parse(struct span line, struct arena *a, struct event *out,
			     struct rmg_err *err);
void event_write(const struct event *e, struct strbuf *out); /* one line, with its end */
const char *event_type_name(enum event_type t);

#endif
