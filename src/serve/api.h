/* SPDX-License-Identifier: Apache-2.0 */
/* api.h - the HTTP API of the hub: one row of route.def a question, one function a row.
 *
 * A call has been authenticated, is allowed by its role, and is within its rate before its body is
 * read and its function runs. A function fills the response; api_fail() makes the JSON of an error
 * from a struct rmg_err. What a GET answers gets a tag, by which it is not sent again, and is
 * packed where the caller takes gzip and that pays. The OpenAPI document is made of the same table,
 * so that it says what is. */
#ifndef SERVE_API_H
#define SERVE_API_H

#include <stdatomic.h>

#include "hub/ask.h"
#include "serve/route.h"

struct api {
	struct hub *hub;
	struct auth *auth;
	struct streams *streams;
	const char *node;         /* this hub's own */
	atomic_bool open_metrics; /* no token for /metrics */
	atomic_bool started;      /* all that the hub was asked to do; it is not ready before */
	void *user;
	/* What agents are told of the policy; its name is another one when it is. */
	void (*rules)(void *user, struct strbuf *out);
	void (*rules_name)(void *user, struct strbuf *out);
	void (*more_metrics)(void *user, struct strbuf *out);
	/* What becomes of pods while no hub answers (admission.h). */
	enum rmg_rc (*admission)(void *user, const struct ask *q, struct strbuf *out,
				 struct rmg_err *err);
	/* How the registries are doing that tags in use are of, as JSON. */
	void (*registries)(void *user, uint64_t from, uint64_t most, struct strbuf *out);
	/* A registry is to be asked for this, by the hub itself; NULL: by who tells of it. */
	void (*tag)(void *user, const struct hub_tag_wanted *w);
	/* The same where only its own machine's are the hub's business; NULL: not these either. */
	void (*own_tag)(void *user, const struct hub_tag_wanted *w);
	bool (*hook_secret)(void *user, struct strbuf *out); /* false: hints are not taken */
	void (*poke)(
	    void *user); /* something is to be scanned or sent: do not wait for the clock */
};

/* For struct server_opts. user: a struct api. */
bool api_admit(void *user, struct server_request *r, uint64_t *max_body,
	       struct server_response *out);
void api_handle(void *user, const struct server_request *r, struct server_response *out);
enum { API_NOTE_BYTES = sizeof(struct call) + sizeof(void *) };

/* Whether a registry's message may be taken, by its head, or out says why not; what a signature
 * says of its body is looked at when that is there. */
bool api_hooks_admit(struct api *api, const struct call *c, struct server_response *out);
void api_later(struct server_response *out, unsigned status, unsigned seconds, const char *why);

void api_fail(struct server_response *out, enum rmg_rc rc, const struct rmg_err *err);
void api_error(struct server_response *out, unsigned status, const char *fmt, ...) PRINTF(3, 4);

/* What is done to an answer that a function gave, for a client with these header fields ("" none):
 * its tag, 304 where the client has it already, and gzip. */
void api_dress(struct server_response *out, struct span if_none_match, struct span accept_encoding);

#endif
