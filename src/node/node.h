/* SPDX-License-Identifier: Apache-2.0 */
/* node.h - what is known of one machine from within: threads that watch its runtimes, read images
 * from the runtimes' own stores, and look at the machine itself.
 *
 *     watcher  one a runtime: what starts and ends
 *     scanner  reads images in use that nobody has read; no registry is asked, nothing is pulled
 *     host     this machine's own software, as a use that lasts
 *     drift    what is changed in a container after it started
 *     execs    programs that are started in containers, and are odd
 *     profiles what of their images containers use
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
#include "model/profile.h"
#include "node/bell.h"
#include "node/cage.h"

struct watch_eye;
struct watch_pod;

struct node_watch {
	const char *kind, *address; /* "docker", "/run/docker.sock": a row of watch.def */
	const char *name;           /* of its source, below the node's; NULL: as the kind */
	const char *const *kinds;   /* as watch_opts.kinds; NULL: none */
	const char *const *namespaces, *const *without; /* likewise */
	const struct watch_eye *eye; /* as watch_opts.eye; it outlives the watcher */
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

/* What is known of the profile of an image: whether enough was seen, and then, where it was asked
 * for, what is executed (path_hash(), ascending, malloc'ed). */
struct node_profiled {
	bool closed;
	uint64_t *executed;
	size_t n_executed;
};

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
	/* What was used of an image; where it is NULL, nothing is watched for that. */
	enum rmg_rc (*profile)(void *user, const struct profile *p, struct node_profiled *out,
			       struct rmg_err *err);
	void *user;
};

/* The cluster of who was not told one. */
#define NODE_CLUSTER "default"

struct node {
	const char *cluster, *name; /* of this machine; nobody named it: NODE_CLUSTER */
	const char *state_dir;      /* what is remembered beyond this process; NULL: nothing */
	const char *host_root;      /* this machine's own files; NULL: / */
	const struct node_watch *watches;
	atomic_size_t n_watches;     /* may grow */
	const struct rmg_opts *scan; /* how images are read; NULL: as by default */
	bool idle;                   /* and only while nobody else wants the machine */
	struct node_to to;
	const struct cage *cage;           /* that workers are put in; NULL: none */
	atomic_bool out_of_cage;           /* one could not be, and that was said */
	atomic_size_t watch_bytes;         /* what watchers remember of what they were told */
	struct bell wanted;                /* an image may be wanted */
	struct profiles *_Atomic profiles; /* of their images; NULL: nobody knows */
	struct tags *_Atomic tags; /* where the hub's wish to know of a tag goes; NULL: nowhere */
	/* Questions a minute to a registry; NULL: TAGS_A_MINUTE. And how many registries at a time;
	 * 0: a few. */
	unsigned (*tag_rate)(void *user, const char *host);
	unsigned tag_threads;
	struct containers *containers; /* that run, for the parts that look into them; NULL: none */
	struct guard *guard;           /* where anything may be refused; NULL: nothing is */
	int64_t (*now_ms)(void *user);
	bool (*stop)(void *user);
	/* Of EVENT_HOWS what anybody wants to be told of (NULL: all of it), and what is not let run
	 * in a container (NULL: nothing is refused). Any thread; both may answer otherwise later.
	 */
	uint32_t (*hows)(void *user);
	uint32_t (*refused)(void *user, const struct event *began);
	void (*say)(void *user, const char *level, const char *text); /* a line of the log */
	/* A pod of a cluster that is watched (watch.h); NULL: nobody asks. */
	void (*pod)(void *user, const struct watch_pod *pod);
	void *user;
};

/* What an image's configuration says of itself: when it was made (0: not said), and the version
 * that its label gives, which is the inventory's. */
void node_image_says(const struct inventory *inv, int64_t *created_ms, struct span *revision);

void node_say(const struct node *n, const char *level, const char *fmt, ...) PRINTF(3, 4);
/* What this machine calls itself, in buf, for who was not told a name; gives buf. */
const char *node_own_name(char *buf, size_t n);

static inline int64_t node_now_ms(const struct node *n)
{
	return n->now_ms(n->user);
}
uint64_t node_epoch(struct node *n);
bool node_stopping(void *node); /* as a stop callback */
/* "docker:sha256:...": an image of a runtime, as a scan is asked for it. */
void node_reference(struct span runtime, struct span digest, char *buf, size_t n);
struct rmg_opts node_scan_opts(struct node *n); /* as asked for, ended by the node's end */

struct watcher;
MUST enum rmg_rc watcher_start(struct node *n, const struct node_watch *what, struct watcher **out,
			       struct rmg_err *err);
void watcher_stop(struct watcher *w);

struct scanner;
MUST enum rmg_rc scanner_start(struct node *n, struct scanner **out, struct rmg_err *err);
void scanner_stop(struct scanner *s);

/* Registries are asked what tags mean (tags.c). Wanting may be done by any thread, of nobody too.
 */
struct tags;
struct node_tag {
	struct span ref;
	const struct span *known; /* digests that are what is used here: the tag may mean them */
	size_t n_known;
	unsigned after_ms; /* not before */
};
MUST enum rmg_rc tags_start(struct node *n, struct tags **out, struct rmg_err *err);
void tags_want(struct tags *t, const struct node_tag *want);
enum { TAGS_A_MINUTE = 120, TAGS_THREADS_MAX = 16 };
void tags_stop(struct tags *t); /* it asks no more */
/* How a registry is doing; nothing of one that was not asked. t NULL: none was. */
struct tags_host {
	bool limited; /* it said how much more may be asked: */
	uint64_t left;
	int64_t wait_ms; /* it is not asked for so long */
	size_t waiting;  /* questions */
};
void tags_host(struct tags *t, const char *host, struct tags_host *out);
void tags_free(struct tags *t); /* nobody wants any more */

struct host;
MUST enum rmg_rc host_start(struct node *n, struct host **out, struct rmg_err *err);
void host_stop(struct host *h);

struct drift; /* needs containers */
MUST enum rmg_rc drift_start(struct node *n, struct drift **out, struct rmg_err *err);
void drift_stop(struct drift *d);

struct profiles; /* needs containers, and to.profile */
MUST enum rmg_rc profiles_start(struct node *n, struct profiles **out, struct rmg_err *err);
void profiles_stop(struct profiles *p);

/* Whether a program of an image (its digest; the path without the first slash) was never executed
 * in all the time that the image was watched for that: HOW_UNPROFILED. false: that is not known.
 * Any thread; short. */
bool node_is_unprofiled(struct node *n, const char *image, struct span path);

struct execs; /* needs containers */
MUST enum rmg_rc execs_start(struct node *n, struct execs **out, struct rmg_err *err);
void execs_stop(struct execs *e);

#endif
