/* SPDX-License-Identifier: Apache-2.0 */
/* node.h - what is known of one machine from within: threads that watch its runtimes, read images
 * from the runtimes' own stores, and look at the machine itself.
 *
 *     watcher  one a runtime: what starts and ends
 *     scanner  reads images in use that nobody has read; no registry is asked, nothing is pulled
 *     host     this machine's own software, as a use that lasts
 *     drift    what is changed in a container after it started
 *     execs    programs that are started in containers, and are odd
 *
 * Where it goes is a struct of functions: into the hub of the same process (serve/), or to a hub
 * elsewhere. Each part is a struct, a start, and a stop that waits for it; the struct node outlives
 * them. A part says what a person should know once when a trouble begins and once when it ends. */
#ifndef NODE_NODE_H
#define NODE_NODE_H

#include <rummage.h>

#include <stdatomic.h>

#include "base/err.h"
#include "model/event.h"
#include "model/inventory.h"
#include "node/bell.h"

struct node_watch {
	const char *kind, *address; /* "docker", "/run/docker.sock": a row of watch.def */
	const char *name;           /* of its source, below the node's; NULL: as the kind */
};

/* An image that was read here. All is borrowed. */
struct node_image {
	const struct inventory *inventory;
	/* Of its notes, from here on up to there are those that come out of the layers' facts. */
	size_t notes_of_facts, notes_of_facts_end;
	struct span asked; /* the digest that it was read under, one more name of it; "" none */
	int64_t taken_ms;
	int64_t created_ms; /* by its configuration; 0 not known */
	struct span revision;
};

/* An image in use that nobody has read. */
struct node_wanted {
	struct span ref, digest, runtime, node;
};
typedef bool node_wanted_fn(void *user, const struct node_wanted *w); /* false: enough */

/* Where it goes. Any thread; each call blocks until it is taken, or has failed. */
struct node_to {
	/* In the order of each source. *resync: a snapshot is asked for. */
	enum rmg_rc (*events)(void *user, const struct event *e, size_t n, bool *resync,
			      struct rmg_err *err);
	enum rmg_rc (*image)(void *user, const struct node_image *image, struct rmg_err *err);
	enum rmg_rc (*wanted)(void *user, node_wanted_fn *fn, void *fn_user, struct rmg_err *err);
	/* Those that follow may be NULL. What the layers of an image say, before it is handed over;
	 * a layer that could not be read is NULL. */
	enum rmg_rc (*facts)(void *user, const struct facts *const *layers, size_t n,
			     struct rmg_err *err);
	/* Whether a snapshot of this source was asked for since; once each time. */
	bool (*resync)(void *user, struct span source);
	/* An epoch for a source that begins: at least now_ms, and above all that were given. */
	uint64_t (*epoch)(void *user, int64_t now_ms);
	void *user;
};

struct node {
	const char *cluster, *name; /* of this machine */
	const char *state_dir;      /* what is remembered beyond this process; NULL: nothing */
	const struct node_watch *watches;
	atomic_size_t n_watches;     /* may grow */
	const struct rmg_opts *scan; /* how images are read; NULL: as by default */
	bool idle;                   /* and only while nobody else wants the machine */
	struct node_to to;
	struct bell wanted;            /* an image may be wanted */
	struct containers *containers; /* that run, for the parts that look into them; NULL: none */
	int64_t (*now_ms)(void *user);
	bool (*stop)(void *user);
	/* Of EVENT_HOWS what anybody wants to be told of (NULL: all of it), and what is not let run
	 * in a container (NULL: nothing is refused). Any thread; both may answer otherwise later.
	 */
	uint32_t (*hows)(void *user);
	uint32_t (*refused)(void *user, const struct event *began);
	void (*say)(void *user, const char *level, const char *text); /* a line of the log */
	void *user;
};

void node_say(const struct node *n, const char *level, const char *fmt, ...) PRINTF(3, 4);
static inline int64_t node_now_ms(const struct node *n)
{
	return n->now_ms(n->user);
}
uint64_t node_epoch(struct node *n);
bool node_stopping(void *node);                 /* as a stop callback */
struct rmg_opts node_scan_opts(struct node *n); /* as asked for, ended by the node's end */

struct watcher;
MUST enum rmg_rc watcher_start(struct node *n, const struct node_watch *what, struct watcher **out,
			       struct rmg_err *err);
void watcher_stop(struct watcher *w);

struct scanner;
MUST enum rmg_rc scanner_start(struct node *n, struct scanner **out, struct rmg_err *err);
void scanner_stop(struct scanner *s);

struct host;
MUST enum rmg_rc host_start(struct node *n, struct host **out, struct rmg_err *err);
void host_stop(struct host *h);

struct drift; /* needs containers */
MUST enum rmg_rc drift_start(struct node *n, struct drift **out, struct rmg_err *err);
void drift_stop(struct drift *d);

struct execs; /* needs containers */
MUST enum rmg_rc execs_start(struct node *n, struct execs **out, struct rmg_err *err);
void execs_stop(struct execs *e);

#endif
