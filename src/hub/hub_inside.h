/* SPDX-License-Identifier: Apache-2.0 */
/* hub_inside.h - what the files of the hub share; nobody else includes this.
 *
 * Locks, in the order in which they are taken: writing (one writing call at a time, from the begin
 * of its transaction to its end on disk), then lock (the world, the alerts, the database, the
 * policy: written while a writing call changes memory, read by questions). The commit itself waits
 * for the disk without lock, so that questions do not. */
#ifndef HUB_HUB_INSIDE_H
#define HUB_HUB_INSIDE_H

#include <pthread.h>

#include "hub/alerts.h"
#include "hub/hub.h"
#include "hub/judge.h"
#include "hub/packed.h"

struct batch; /* a caller of hub_apply() in the queue */

struct hub {
	struct hub_opts opts;
	const struct policy *policy;
	struct policy *own_policy; /* where opts had none */

	pthread_mutex_t setting; /* one database at a time; taken before writing */
	pthread_mutex_t writing;
	pthread_rwlock_t lock;
	pthread_mutex_t gate; /* readers wait here while a writer does */
	struct store *st;     /* of who holds writing */
	pthread_mutex_t asking;
	struct store *asked; /* of who holds asking */
	pthread_mutex_t committing;
	pthread_cond_t committed;
	uint64_t commits_begun, commits_over; /* under committing */

	struct world *world;
	struct alerts *alerts;
	_Atomic bool stale; /* memory is not what the store says: load anew first, ask nothing */
	_Atomic bool leads, judged;
	_Atomic int64_t feeds_checked_ms;
	bool alerts_due;   /* all of them are to be looked at in the next transaction */
	uint64_t loads;    /* how often the world was loaded: what was worked out before is void */
	uint64_t verdicts; /* how often findings became others, all at once */
	uint64_t stream_seq;   /* what memory has of the stream */
	uint64_t spoilt;       /* a row of the inbox that cannot be applied */
	struct rmg_err untold; /* why; of who holds writing */
	struct hub_database db;
	bool has_db;

	pthread_mutex_t queueing;
	pthread_cond_t served;
	struct batch *first, **last;
	bool serving;

	pthread_mutex_t tagging;
	struct tag_asks *tag_asks; /* made when first needed; under tagging */

	struct reviews *reviews; /* of who holds writing */

	pthread_mutex_t counting;
	struct hub_figures figures; /* counters; the rest is filled when asked */
};

struct advdb *hub_db(struct hub *h); /* NULL: none yet */
void hub_count_event(struct hub *h, const struct hub_result *r);

void hub_write_lock(struct hub *h); /* memory; writing is held */
void hub_write_unlock(struct hub *h);
void hub_look_lock(struct hub *h); /* as hub_read_lock(), whatever memory is worth */

/* A writing call from its begin to its end. _begin takes writing and lock and begins a transaction;
 * _end commits where rc is RMG_OK, else rolls back and loads anew, and gives back both locks. What
 * _begin refuses needs no _end. */
struct tx {
	struct hub *h;
	struct world *w;
	struct store *st; /* NULL: another hub leads and has written it; memory alone follows */
	struct alerts_env env;
	int64_t now_ms;
	struct ids images;  /* touched: their alerts are looked at in the end */
	struct ids sources; /* heard */
	struct strbuf text, names;
	uint32_t use_id, image_id; /* following: what the leader gave and chose */
	uint32_t chosen;           /* by the last tx_image() */
	/* Another hub leads, and what this one was given is kept for it: memory is as it was, also
	 * where the transaction fails. Who changes memory all the same clears it. */
	bool apart;
	/* What the hub had: it has it again where the transaction fails. */
	struct hub_database was_db;
	bool had_db;
	const struct policy *was_policy;
	struct rmg_err *err;
};
MUST enum rmg_rc tx_begin(struct tx *tx, struct hub *h, struct rmg_err *err);
MUST enum rmg_rc tx_end(struct tx *tx, enum rmg_rc rc);

/* The same without alerts and writing, in memory alone; the caller holds both locks. */
void tx_follow(struct tx *tx, struct hub *h, struct rmg_err *err);
void tx_done(struct tx *tx);

MUST enum rmg_rc tx_no_memory(struct tx *tx);
MUST enum rmg_rc tx_touch(struct tx *tx, uint32_t image);
/* Exceptions were put or deleted: audited, told, and held against the alerts. */
MUST enum rmg_rc tx_exceptions_changed(struct tx *tx, struct span actor, const char *action,
				       uint64_t id, struct span body);
MUST enum rmg_rc tx_touch_would(struct tx *tx, uint32_t workload); /* what it would run */
/* The alerts of touched images, and the rows of sources. */
MUST enum rmg_rc tx_settle(struct tx *tx);
/* A line of the stream: body is JSON. */
MUST enum rmg_rc tx_tell(struct tx *tx, const char *kind, struct span body);

MUST enum rmg_rc tx_place(struct tx *tx, const struct place *p, uint32_t *id);
MUST enum rmg_rc tx_os(struct tx *tx, const struct os *os, uint32_t *id);
MUST enum rmg_rc tx_alias(struct tx *tx, struct span digest, const char *kind, uint32_t image);
/* The image that an event means; 0: nobody knows. Made where a digest is new. Of several the worst,
 * by what this hub knows: followers are told which. */
MUST enum rmg_rc tx_image(struct tx *tx, const struct event_image *e, uint32_t *id);
MUST enum rmg_rc tx_use_end(struct tx *tx, uint32_t slot, int64_t at_ms);
/* hub_event.c: a use that begins, whoever else tells of its container; one that is over, told as if
 * its source had said so (gone: source and time); a workload by its name, made where it is new. */
MUST enum rmg_rc tx_use_begin(struct tx *tx, const struct event *e, uint32_t source, uint32_t image,
			      bool cached);
MUST enum rmg_rc tx_end_unheard(struct tx *tx, const struct event *gone, uint32_t slot);
MUST enum rmg_rc tx_workload_of(struct tx *tx, const struct event *e, uint32_t *workload);
/* hub_pod.c: of two who tell of one container the one whose word stands is kept (model/event.h); of
 * two managers of one cluster the one that told last. Followers are told of both. */
MUST enum rmg_rc tx_use_meets(struct tx *tx, const struct event *e, uint32_t source, uint32_t image,
			      struct hub_result *r);
/* A use that is known is told again. */
MUST enum rmg_rc tx_pod_again(struct tx *tx, const struct event *e, uint32_t slot);
/* A pod is a workload's (0: its own): what was told of it is that one's. */
MUST enum rmg_rc tx_pod_is(struct tx *tx, uint32_t pod, uint32_t workload);
struct span pod_name(const struct event *e); /* "" in none */
uint32_t workload_stands_for(const struct tx *tx, const struct event *e, uint32_t source,
			     uint32_t workload);
/* hub_change.c: the use that a change is about, whoever tells of it; 0: none runs. */
uint32_t change_use(const struct tx *tx, const struct event *e, uint32_t source);
/* What was found in a container; the row, and what is alerted of it. */
MUST enum rmg_rc tx_change(struct tx *tx, uint32_t slot, const struct event_change *c,
			   int64_t at_ms);
/* hub_entered.c: one entry of what a cluster says of somebody who enters, and a machine. */
MUST enum rmg_rc entered_join(struct tx *tx, struct change_row *row, struct arena *a);
/* The use ends: so does what was found. */
MUST enum rmg_rc tx_changes_over(struct tx *tx, uint32_t slot);
/* hub_node.c: a node of a cluster (news: not known, or not so), one that has gone (false: nobody
 * knew it), and one that a snapshot of its source did not mention (NULL: all were). */
MUST enum rmg_rc tx_node_seen(struct tx *tx, const struct event *e, uint32_t source, bool *news);
bool tx_node_removed(struct tx *tx, const struct event *e, uint32_t source);
const struct world_node *tx_node_unheard(const struct tx *tx, uint32_t source);
/* hub_heartbeat.c */
MUST enum rmg_rc tx_heartbeat(struct tx *tx, const struct event *e, uint32_t source);
MUST enum rmg_rc tx_declared(struct tx *tx, const struct event *e);
/* hub_missed.c: a pod was reviewed; one may not have been. tick: what is due is told. */
MUST enum rmg_rc reviews_load(struct hub *h, struct rmg_err *err);
void reviews_free(struct reviews *r);
void tx_reviewed(struct tx *tx, const struct event *e);
MUST enum rmg_rc tx_unreviewed(struct tx *tx, const struct event *e);
MUST enum rmg_rc tx_missed_tick(struct tx *tx);
/* Somebody asks for it: nothing of it is so yet. */
MUST enum rmg_rc tx_asked(struct tx *tx, const struct event *e);
MUST enum rmg_rc tx_removed(struct tx *tx, uint32_t workload, int64_t at_ms);
/* hub_descent.c: what an event says of how an image came, and of what it is made. */
MUST enum rmg_rc tx_descent(struct tx *tx, uint32_t image, const struct event_image *e,
			    uint32_t source);
/* An image was read: it may be the parent of others, and others its own. diff_ids: of its layers.
 */
MUST enum rmg_rc tx_descent_read(struct tx *tx, uint32_t image, const struct span *diff_ids,
				 size_t n);
/* Another hub learned of it. */
MUST enum rmg_rc tx_descent_follow(struct tx *tx, uint32_t image);
/* hub_base.c: a tag means something, or more is known of what it means; an image was read, with the
 * diff_ids of its layers and what it says it is based on; another hub learned of a base. */
MUST enum rmg_rc tx_base_tag(struct tx *tx, uint32_t tag);
MUST enum rmg_rc tx_base_read(struct tx *tx, uint32_t image, const struct span *diff_ids, size_t n,
			      const struct base_image *base);
MUST enum rmg_rc tx_base_follow(struct tx *tx, struct span body);
/* References whose registries are asked though nothing may run under them: what images in use stand
 * on, and what the hub is to follow; each once. False: fn said so, or there is no memory. */
typedef bool hub_ref_fn(void *user, struct span ref);
bool hub_base_refs(const struct hub *h, const struct world *w, hub_ref_fn *fn, void *user);
/* hub_said.c: a platform's word on an image (news: it is another one); what the store has of it. */
MUST enum rmg_rc tx_said(struct tx *tx, const struct event *e, bool *news);
MUST enum rmg_rc tx_said_follow(struct tx *tx, uint32_t image);
void tag_asks_free(struct tag_asks *t);
/* What a reference means from now on. */
MUST enum rmg_rc tx_tag(struct tx *tx, struct span ref, struct span digest, struct span source,
			int64_t at_ms);
/* ... by somebody's word. *taken: it counts; who follows believes the leader. */
MUST enum rmg_rc tx_tag_said(struct tx *tx, const struct event *e, bool *taken);
/* Its registry says that it has no such tag. *news: it once had. */
MUST enum rmg_rc tx_tag_vanished(struct tx *tx, const struct event *e, bool *news);
/* A tag that this source mentions in its snapshot; and the end of one that tells of all its tags.
 */
void tx_tag_heard(struct tx *tx, struct span ref, uint32_t source);
MUST enum rmg_rc tx_tags_unheard(struct tx *tx, const struct event *e, uint32_t source);
/* Uses and workloads that waited for a digest or a reference. */
MUST enum rmg_rc tx_use_becomes(struct tx *tx, uint32_t slot, uint32_t image);
MUST enum rmg_rc tx_workload_anew(struct tx *tx, uint32_t workload);

/* The event as followers and listeners are told of it. */
MUST enum rmg_rc tx_tell_event(struct tx *tx, const struct event *e, uint32_t use);
/* One event, whatever its place in the order of its source. RMG_OK with result->applied. */
MUST enum rmg_rc tx_event(struct tx *tx, const struct event *e, struct hub_result *result);
/* ... in its order. */
MUST enum rmg_rc tx_event_in_order(struct tx *tx, const struct event *e, struct hub_result *result);

/* Uses and workloads of images that turned out to be this one, which these digests mean. */
MUST enum rmg_rc tx_merge(struct tx *tx, const struct span *digests, size_t n, uint32_t image);

/* What a hub that does not lead was given, as hub_act.c, hub_image.c and hub_facts.c wrote it. */
MUST enum rmg_rc tx_act(struct tx *tx, struct span body);
MUST enum rmg_rc tx_image_put(struct tx *tx, struct span packed);
MUST enum rmg_rc tx_facts_disagree(struct tx *tx, struct span body);

/* All findings and counts, against db. */
MUST enum rmg_rc hub_judge_all(struct world *w, struct advdb *db, struct rmg_err *err);
/* Makes the store usable, and memory what it says; writing is held. */
MUST enum rmg_rc hub_ready(struct hub *h, struct rmg_err *err);
/* Everything anew from the store, in place of what memory has. Both locks are held. */
MUST enum rmg_rc hub_load(struct hub *h, struct rmg_err *err);
/* Whether others took anything for the leader that is not applied yet. */
MUST enum rmg_rc hub_inbox_waits(struct tx *tx, bool *waits);
/* Applies what others took for the leader before now. Where it is a row's fault that it failed,
 * that one is left out the next time. */
MUST enum rmg_rc hub_take_inbox(struct hub *h, struct rmg_err *err);
bool hub_is_row_fault(enum rmg_rc rc);
/* Reads what the leader wrote since; writing is held. */
MUST enum rmg_rc hub_follow(struct hub *h, struct rmg_err *err);

#endif
