/* SPDX-License-Identifier: Apache-2.0 */
/* client_place.h - one place of a repository (the registry or a mirror of it): how it is spoken to,
 * and its token; and requests to it. The inside of client.h. */
#ifndef LIB_CLIENT_PLACE_H
#define LIB_CLIENT_PLACE_H

#include <pthread.h>
#include <stdatomic.h>

#include "io/http.h"
#include "lib/client.h"
#include "oci/authfile.h"
#include "oci/challenge.h"
#include "oci/ratelimit.h"

enum { CONNECTIONS_KEPT = 8 };

struct place {
	const struct rmg_opts *opts;
	struct span host;       /* as images are named, "docker.io" */
	struct span repository; /* here: a mirror may have it below another path */
	bool mirror, insecure, loopback;
	bool push;             /* something will be put there: tokens are asked for accordingly */
	struct http_opts http; /* with certificates of this host */

	pthread_mutex_t first; /* held while it is found out how the host speaks */
	atomic_bool plain;     /* by http: https did not answer */
	atomic_bool reached;   /* it has answered once: the scheme is settled */

	pthread_mutex_t lock; /* guards what follows */
	struct arena arena;   /* of secrets and texts */
	struct challenge challenge;
	bool asked_credentials;
	struct credentials credentials;
	struct span from;      /* of the credentials, for messages */
	struct rmg_err helper; /* why there are none */
	char *authorization;   /* the header, malloc'ed; NULL: none needed so far */
	uint64_t expires_ms;   /* of authorization; 0: never */
	unsigned
	    generation; /* of authorization: who was refused with an older one just tries again */
	struct http *idle[CONNECTIONS_KEPT];
	size_t n_idle;
};

MUST enum rmg_rc place_init(struct place *p, const struct rmg_opts *opts, struct span host,
			    struct span repository, bool mirror, struct rmg_err *err);
void place_done(struct place *p);

/* "https://HOST" as it is spoken to now, into buf. */
enum { PLACE_BASE = 320 };
void place_base(struct place *p, char buf[PLACE_BASE]);

/* Asks for base + path with authentication, scheme fallback and retries before the first byte of
 * the body. RMG_OK: a 2xx answer, whole. progress counts bytes that reached the sink: once it
 * moves, a broken connection is the caller's to take up. */
struct place_request {
	const char *method;  /* NULL: GET */
	const char *path;    /* "/v2/..." */
	const char *accept;  /* headers, whole; NULL: none */
	const char *content; /* "Content-Type: ...", where there is a body to send */
	struct span body;
	bool once; /* only authentication is tried again; anything else is the caller's business */
	uint64_t range_first, range_last, max_bytes;
	unsigned broken_before; /* attempts that ended where this one begins */
	http_sink_fn *sink;
	void *user;
	const uint64_t *progress;
	/* Filled from the answer before the connection is given back: */
	struct span content_type, digest, location, link; /* in the arena of whoever asks */
	struct arena *arena;                              /* NULL: they are not wanted */
	unsigned status;                                  /* 0: no answer came */
	bool unknown; /* of 404: the registry itself says that it has no such thing */
	struct ratelimit limit;
	bool may_retry; /* it failed, and another time it may not: after so long */
	unsigned pause_s;
};
MUST enum rmg_rc place_ask(struct place *p, struct place_request *r, struct rmg_err *err);

/* client.c: the place that is no mirror. */
struct place *client_registry(struct client *c);

MUST enum rmg_rc place_connection(struct place *p, struct http **out, struct rmg_err *err);
void place_give_back(struct place *p, struct http *h);

/* Sleeps, polling the wish to stop. */
MUST enum rmg_rc place_pause(const struct place *p, unsigned seconds, struct rmg_err *err);

/* client_auth.c: makes p->authorization anew after a refusal with the one of generation. */
MUST enum rmg_rc place_authenticate(struct place *p, struct http *h,
				    const struct http_response *resp, unsigned generation,
				    struct rmg_err *err);

/* Says why nothing was given, after a new token was refused as well. Returns RMG_E_AUTH. */
enum rmg_rc place_refused(struct place *p, struct rmg_err *err);

/* The header to send now (copied, malloc'ed; NULL: none), renewed where it is about to expire. */
MUST enum rmg_rc place_authorization(struct place *p, struct http *h, char **out,
				     unsigned *generation, struct rmg_err *err);

#endif
