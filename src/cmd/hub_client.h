/* SPDX-License-Identifier: Apache-2.0 */
/* hub_client.h - asks a hub: address, token and certificates out of the options. */
#ifndef CMD_HUB_CLIENT_H
#define CMD_HUB_CLIENT_H

#include "base/err.h"
#include "base/strbuf.h"
#include "cmd/options.h"
#include "node/hubline.h"

/* What an agent connects to: as it was told, without a guess. */
struct hubline_opts hub_of_agent(const struct options *o);

struct hub_client;
MUST enum rmg_rc hub_client_open(const struct options *o, struct hub_client **out,
				 struct rmg_err *err);
void hub_client_close(struct hub_client *c);

/* path: from "/api" on, with its query. The body lives until the next call. What the hub answers
 * other than 200 is a failure with the hub's own words. */
MUST enum rmg_rc hub_client_get(struct hub_client *c, const char *path, struct span *body,
				struct rmg_err *err);

/* The same of something that is written: a document of JSON. */
MUST enum rmg_rc hub_client_post(struct hub_client *c, const char *path, struct span document,
				 struct span *body, struct rmg_err *err);

void hub_client_escape(struct strbuf *url, struct span s); /* for a query or a part of a path */

#endif
