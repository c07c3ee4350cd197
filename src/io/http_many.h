/* SPDX-License-Identifier: Apache-2.0 */
/* http_many.h - exchanges of http.h side by side, on one thread: streams that are followed
 * together.
 *
 * Each has a struct http of its own and is what http_do() says of it; sinks and stop() are called
 * within http_many_wait() alone. */
#ifndef IO_HTTP_MANY_H
#define IO_HTTP_MANY_H

#include "io/http.h"

struct http_many;
MUST enum rmg_rc http_many_new(struct http_many **out, struct rmg_err *err);
/* What is under way is given up. Its struct http are the caller's, to be freed afterwards. */
void http_many_free(struct http_many *m);

/* req and resp live until it has ended. */
MUST enum rmg_rc http_many_start(struct http_many *m, struct http *h,
				 const struct http_request *req, struct http_response *resp,
				 struct rmg_err *err);

/* One that has ended, how in *rc and err; NULL: none did within so many milliseconds, or until
 * something came, all of which the sinks have had then. */
struct http *http_many_wait(struct http_many *m, unsigned ms, enum rmg_rc *rc, struct rmg_err *err);

/* The status of the answer that is coming; 0: none yet. */
unsigned http_many_status(struct http *h);

#endif
