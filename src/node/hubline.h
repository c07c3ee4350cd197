/* SPDX-License-Identifier: Apache-2.0 */
/* hubline.h - a connection to a hub: its address, whom it is trusted by, and who we are. One thread
 * at a time; side by side each takes one of its own.
 *
 * The token is read from its file anew when the hub refuses it, so that it may be replaced there.
 * It is not sent in the clear beyond this machine unless that is asked for. */
#ifndef NODE_HUBLINE_H
#define NODE_HUBLINE_H

#include <rummage.h>

#include "base/err.h"
#include "base/strbuf.h"

struct hubline_opts {
	const char *hub;        /* "https://HOST:PORT" */
	const char *token;      /* NULL: by its file */
	const char *token_file; /* NULL: none */
	/* As http.h has them. */
	const char *ca_file, *fingerprint, *client_cert, *client_key;
	bool plain_http; /* the token may be sent in the clear */
	uint32_t stall_s;
	bool (*stop)(void *user);
	void *user;
};

struct hubline;
MUST enum rmg_rc hubline_open(const struct hubline_opts *opts, struct hubline **out,
			      struct rmg_err *err);
void hubline_close(struct hubline *l);

struct hub_ask {
	const char *method; /* NULL: GET */
	const char *path;   /* from "/api" on, with its query */
	const char *type;   /* of the body */
	struct span body;
	bool gzip; /* the body is */
};

/* What became of it beyond its code. */
struct hub_answer {
	struct span body; /* lives until the next call */
	unsigned status;  /* 0: nobody answered */
	bool later;       /* the same request may do later: the hub is away, or busy */
	unsigned retry_s; /* what it asks for; 0: nothing said */
	int64_t date_s;   /* by its clock; 0: not said */
};

/* RMG_OK: 2xx. Else the failure in the hub's own words, where it has any. */
MUST enum rmg_rc hubline_do(struct hubline *l, const struct hub_ask *ask, struct hub_answer *out,
			    struct rmg_err *err);

#endif
