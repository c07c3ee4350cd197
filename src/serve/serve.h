/* SPDX-License-Identifier: Apache-2.0 */
/* serve.h - `rummage hub`: the hub with all that it lives among.
 *
 *     threads: HTTP server's pool | turn | feeder | scanner | host | drift | execs | watchers |
 * sinks
 *
 * serve_run() returns when stop() says so, after draining: no new request is taken, running ones
 * end, the spool is on disk. reload() says that settings and policy should be read again. */
#ifndef SERVE_SERVE_H
#define SERVE_SERVE_H

#include <rummage.h>

#include "base/err.h"
#include "node/node.h"

struct serve_opts {
	const char *store; /* NULL: sqlite: in the state folder */
	const char *state_dir;
	const char *listen; /* "HOST:PORT"; NULL: 127.0.0.1:7381 */
	const char *cert, *key,
	    *client_ca;     /* PEM; without a certificate, outside loopback, one is made */
	bool plain_http;    /* only on loopback, unless insecure is asked for */
	const char *config; /* the hub's own file: sinks, policy, oidc, retention; NULL: none */
	const char *policy; /* a file; NULL: the default rules */
	const char *cluster, *node; /* names of this place; NULL: "default", the host's */
	const struct node_watch *watches;
	size_t n_watches;
	bool host;                         /* the machine itself is a place with software too */
	bool no_tags;                      /* registries are not asked what tags mean */
	bool all_tags;                     /* they are, for every machine, not this one alone */
	const char *const *registry_scans; /* "harbor=https://HOST": whose own scanners are asked */
	const char *const *crawls;         /* "HOST[/NAME][,...]": walked through (crawl_entry.h) */
	const char *const *bases; /* ... and of these base images; NULL-terminated, or NULL */
	bool drift;               /* what is changed in the containers that run here */
	bool profile;             /* what of their images they use */
	bool execs, enforce;      /* programs that start in them; rules may refuse some */
	const char *feed_dir; /* air gap: a folder of the publishers' files, watched; NULL: fetch */
	const char *const *feed_urls; /* as rmg_db_opts.urls */
	const char *db;               /* a database file instead of feeds; NULL: the user's */
	/* Where a database is pulled from, by what scan says of registries, and kept in db; NULL:
	 * nowhere. */
	const char *db_ref;
	/* Where Kubernetes' admission is answered, "HOST:PORT"; NULL: nowhere. A certificate that
	 * is made is for these names (NULL-terminated); webhooks: the configurations of the first
	 * cluster that is watched in which it is written; NULL: none. */
	const char *admission, *admission_cert, *admission_key, *admission_webhooks;
	const char *const *admission_names;
	bool admission_pull_secrets; /* registries are asked with the pods' own secrets */
	/* What is written into clusters that are watched: "[CLUSTER=]FORM[,...]" each,
	 * NULL-terminated; NULL: nothing. */
	const char *const *kube_write;
	uint32_t feed_s;             /* between updates, 300 at most by default */
	const struct rmg_opts *scan; /* how images are scanned */
	bool (*stop)(void *user);
	bool (*reload)(void *user);
	void (*say)(void *user, const char *level, const char *text); /* a line of the log */
	void *user;
};

/* Options whose words the hub reads itself, all of them before anything of it starts. */
struct serve_words {
	const char *option;
	enum rmg_rc (*check)(const struct serve_opts *o, struct rmg_err *err);
};
enum { SERVE_WORDS = 3 };
extern const struct serve_words serve_words[SERVE_WORDS];

MUST enum rmg_rc serve_run(const struct serve_opts *opts, struct rmg_err *err);

#endif
