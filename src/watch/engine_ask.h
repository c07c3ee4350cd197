/* SPDX-License-Identifier: Apache-2.0 */
/* engine_ask.h - questions to an engine that speaks Docker's API, over its socket. One thread. */
#ifndef WATCH_ENGINE_ASK_H
#define WATCH_ENGINE_ASK_H

#include "base/strbuf.h"
#include "io/http.h"
#include "watch/watch.h"

struct engine_ask {
	const char *socket;
	struct http *http;
	struct strbuf url, body; /* body: of the last answer */
};

/* engine_ask_close() comes in any case. */
MUST enum rmg_rc engine_ask_open(struct engine_ask *a, const struct watch_opts *opts,
				 struct rmg_err *err);
void engine_ask_close(struct engine_ask *a);

/* An engine that is no manager answers so, of what its swarm is made of. */
enum { ENGINE_NO_MANAGER = 503, ENGINE_NO_MANAGER_OF_OLD = 406 };

/* The path is what, id escaped, tail. *status is 200, 404 (it has gone since it was named), or one
 * of the above; others are failures. */
MUST enum rmg_rc engine_ask(struct engine_ask *a, const char *what, struct span id,
			    const char *tail, unsigned *status, struct rmg_err *err);

#endif
