/* SPDX-License-Identifier: Apache-2.0 */
/* agent.h - `rummage node`: one machine, told to a hub elsewhere.
 *
 *     threads: agent (finds runtimes, beats) | watchers | scanner | host | drift | execs | rules |
 *     sender
 *
 * Runtimes that nobody named are found at their well-known sockets, whenever they come. agent_run()
 * returns when stop() says so. One agent per state folder. */
#ifndef NODE_AGENT_H
#define NODE_AGENT_H

#include "node/hubline.h"
#include "node/node.h"
#include "node/ruling.h"

enum { AGENT_WATCHES = 16 };

struct agent_opts {
	struct hubline_opts hub;    /* stop and user are set by the agent */
	const char *state_dir;      /* NULL: the user's */
	uint64_t spool_bytes;       /* of events that wait there; 0: LIMIT_SPOOL_BYTES */
	const char *cluster, *node; /* NULL: "default", the host's name */
	const struct node_watch *watches;
	size_t n_watches;      /* 0: what is found */
	bool host;             /* the machine itself is a place with software too */
	const char *host_root; /* where its files are; NULL: / */
	bool no_images;        /* none is read here */
	bool no_tags;          /* registries are not asked what tags mean */
	bool drift;            /* what is changed in the containers that run here */
	bool profile;          /* what of their images they use */
	bool execs;            /* programs that start in them; its rules may refuse some */
	bool enforce;
	ruling_source *rules; /* in place of the hub's; NULL: the hub's */
	const struct rmg_opts *scan;
	bool eager; /* images are read at once, not only while nobody else wants the machine */
	struct cage_limits cage; /* where it is not eager; 0: half a processor, SCAN_MEMORY_BYTES */
	bool (*stop)(void *user);
	bool (*reload)(void *user); /* rules are to be read again; NULL: never */
	void (*say)(void *user, const char *level, const char *text); /* a line of the log */
	void *user;
};

MUST enum rmg_rc agent_run(const struct agent_opts *opts, struct rmg_err *err);

/* The runtimes that answer at well-known sockets now, and Podman's store where nobody does who has
 * it; at most max, texts in a. */
size_t agent_find(struct node_watch *out, size_t max, struct arena *a);

/* Whether one is the machine's own store of Podman and CRI-O, and the other a socket of who has it:
 * what is there is told by one of them alone. */
bool agent_same_store(const char *one, const char *other);

/* What is seen now, without a hub, as a JSON document: runtimes, uses, images and whether they
 * could be read. opts: cluster and node are not NULL; hub and state are not used. *whole: all could
 * be listed and read. */
MUST enum rmg_rc agent_once(const struct agent_opts *opts, struct strbuf *out, bool *whole,
			    struct rmg_err *err);

#endif
