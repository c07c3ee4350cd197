/* SPDX-License-Identifier: Apache-2.0 */
/* rows.h - the rows of the store, and what can be done with each. See store.h for transactions,
 * failures and lifetimes.
 *
 * Ids of places, workloads, operating systems, components, images, alerts and uses are given by the
 * hub (from 1, ascending; 0 is none), so that they index its arrays. _put inserts or replaces by
 * id. An _each calls back in order of id, or as said; RMG_E_STOPPED from the callback ends it and
 * is not a failure. JSON columns are the hub's own writing. */
#ifndef STORE_ROWS_H
#define STORE_ROWS_H

#include "model/event.h"
#include "model/inventory.h"
#include "store/store.h"

/* Where. */
struct place_row {
	uint32_t id;
	struct place place;
};
typedef enum rmg_rc place_row_fn(void *user, const struct place_row *row);
MUST enum rmg_rc store_place_put(struct store *st, const struct place_row *row,
				 struct rmg_err *err);
MUST enum rmg_rc store_place_each(struct store *st, place_row_fn *fn, void *user,
				  struct rmg_err *err);

/* Distributions, so that a component is judged as the distribution's that it is of. */
struct os_row {
	uint32_t id;
	struct os os;
};
typedef enum rmg_rc os_row_fn(void *user, const struct os_row *row);
MUST enum rmg_rc store_os_put(struct store *st, const struct os_row *row, struct rmg_err *err);
MUST enum rmg_rc store_os_each(struct store *st, os_row_fn *fn, void *user, struct rmg_err *err);

/* Components, each distinct one once. */
struct component_row {
	uint32_t id, os; /* os: 0 for language packages */
	bool is_os;
	struct pkg pkg;
	struct span purl, cataloger;
};
typedef enum rmg_rc component_row_fn(void *user, const struct component_row *row);
MUST enum rmg_rc store_component_put(struct store *st, const struct component_row *row,
				     struct rmg_err *err);
MUST enum rmg_rc store_component_each(struct store *st, component_row_fn *fn, void *user,
				      struct rmg_err *err);
MUST enum rmg_rc store_component_after(struct store *st, uint32_t id, component_row_fn *fn,
				       void *user, struct rmg_err *err); /* ids above id */

/* Images: one row per content. */
struct image_row {
	uint32_t id;
	struct span digest; /* what it is called: the configuration's digest, else the manifest's */
	struct span platform, ref;
	uint32_t os;
	int64_t created_ms; /* by its configuration; 0 not said */
	int64_t seen_ms;    /* when the hub first heard of it */
	int64_t read_ms; /* when its inventory was taken; 0: not yet, it is unknown what is in it */
	bool complete;
	uint64_t size_bytes;
	struct span read_by;    /* the source whose facts these are */
	struct span components; /* packed: hub/packed.h */
	struct span about;      /* JSON: layers, base, labels, notes, revision */
};
typedef enum rmg_rc image_row_fn(void *user, const struct image_row *row);
MUST enum rmg_rc store_image_put(struct store *st, const struct image_row *row,
				 struct rmg_err *err);
MUST enum rmg_rc store_image_each(struct store *st, image_row_fn *fn, void *user,
				  struct rmg_err *err);
MUST enum rmg_rc store_image_get(struct store *st, uint32_t id, image_row_fn *fn, void *user,
				 struct rmg_err *err);

/* The alias graph: any digest -> the images that it may mean (an index means one a platform). */
struct alias_row {
	struct span digest;
	struct span kind; /* "index", "manifest", "config" */
	uint32_t image;
};
typedef enum rmg_rc alias_row_fn(void *user, const struct alias_row *row);
MUST enum rmg_rc store_alias_put(struct store *st, const struct alias_row *row,
				 struct rmg_err *err);
MUST enum rmg_rc store_alias_each(struct store *st, alias_row_fn *fn, void *user,
				  struct rmg_err *err);

/* How an image came to be where it is, and what it is based on: of those of which a runtime said
 * so.
 */
enum { DESCENT_COUNTS = 6 }; /* packages, executables: that came, went, changed */
struct descent_row {
	uint32_t image, parent; /* parent: 0 not known */
	enum event_way way;
	struct span how;       /* the parent is known by: "container", "runtime", "layers" */
	struct span container; /* that it was made of, by the runtime */
	struct span said;      /* the parent's digest, by the runtime */
	bool counted;          /* against the parent */
	uint32_t counts[DESCENT_COUNTS];
};
typedef enum rmg_rc descent_row_fn(void *user, const struct descent_row *row);
MUST enum rmg_rc store_descent_put(struct store *st, const struct descent_row *row,
				   struct rmg_err *err);
MUST enum rmg_rc store_descent_each(struct store *st, descent_row_fn *fn, void *user,
				    struct rmg_err *err);
MUST enum rmg_rc store_descent_get(struct store *st, uint32_t image, descent_row_fn *fn, void *user,
				   struct rmg_err *err); /* none: fn is not called */

/* The chain of all layers of an image, where it is known. */
MUST enum rmg_rc store_alias_chain(struct store *st, uint32_t image, alias_row_fn *fn, void *user,
				   struct rmg_err *err);

/* What an image stands on: the reference of a base image that it was built on. */
struct base_row {
	/* parent: the base image as it was; 0 not known; image: the reference meant it itself */
	uint32_t image, parent;
	uint32_t layers; /* of the parent, that are the image's first; 0 not known */
	struct span ref;
	struct span how;  /* it is known by: "layers", or as the image says it */
	struct span was;  /* the digest that the reference meant when it was built */
	struct span now;  /* what it means instead; "" the same */
	int64_t since_ms; /* that it does */
};
typedef enum rmg_rc base_row_fn(void *user, const struct base_row *row);
MUST enum rmg_rc store_base_put(struct store *st, const struct base_row *row, struct rmg_err *err);
MUST enum rmg_rc store_base_each(struct store *st, base_row_fn *fn, void *user,
				 struct rmg_err *err);

/* Images whose first layers have a chain (by its hash), but are not all of its layers. */
typedef enum rmg_rc prefix_fn(void *user, uint32_t image, uint32_t layers);
MUST enum rmg_rc store_prefix_put(struct store *st, uint64_t chain, uint32_t image, uint32_t layers,
				  struct rmg_err *err);
MUST enum rmg_rc store_prefix_of(struct store *st, uint64_t chain, prefix_fn *fn, void *user,
				 struct rmg_err *err);

/* What a registry's scanner says of an image (oci/other.h); source: "harbor:HOST". */
struct other_row {
	uint32_t image;
	struct span source, report;
	int64_t at_ms; /* when it was asked for */
};
typedef enum rmg_rc other_row_fn(void *user, const struct other_row *row);
MUST enum rmg_rc store_other_put(struct store *st, const struct other_row *row,
				 struct rmg_err *err);
MUST enum rmg_rc store_other_of(struct store *st, uint32_t image, other_row_fn *fn, void *user,
				struct rmg_err *err);

/* What a platform says of an image; a source's last word, as a whole. */
struct said_row {
	uint32_t image;
	struct span source, key, value;
	int64_t at_ms;
};
typedef enum rmg_rc said_row_fn(void *user, const struct said_row *row);
MUST enum rmg_rc store_said_put(struct store *st, const struct said_row *row, struct rmg_err *err);
MUST enum rmg_rc store_said_delete(struct store *st, uint32_t image, struct span source,
				   struct rmg_err *err);
MUST enum rmg_rc store_said_each(struct store *st, said_row_fn *fn, void *user,
				 struct rmg_err *err);
MUST enum rmg_rc store_said_of(struct store *st, uint32_t image, said_row_fn *fn, void *user,
			       struct rmg_err *err);

/* Executables of images, asked for by hash or by path. _put replaces the image's. What is read has
 * no owner, which is of one inventory only. */
struct executable_row {
	uint32_t image;
	const struct executable *executable;
};
typedef enum rmg_rc executable_row_fn(void *user, const struct executable_row *row);
MUST enum rmg_rc store_executables_put(struct store *st, uint32_t image, const struct executable *e,
				       size_t n, struct rmg_err *err);
MUST enum rmg_rc store_executables_by_sha256(struct store *st, const uint8_t sha256[32],
					     executable_row_fn *fn, void *user,
					     struct rmg_err *err);
MUST enum rmg_rc store_executables_by_path(struct store *st, struct span path,
					   executable_row_fn *fn, void *user, struct rmg_err *err);
MUST enum rmg_rc store_executables_of(struct store *st, uint32_t image, executable_row_fn *fn,
				      void *user, struct rmg_err *err);

/* What of an image was used, by what was watched: packed as hub/profiled.h says. */
struct profile_row {
	uint32_t image;
	int64_t first_ms, last_ms; /* of what was watched */
	uint64_t observed_ms, containers;
	struct span watched, used, executed;
};
typedef enum rmg_rc profile_row_fn(void *user, const struct profile_row *row);
MUST enum rmg_rc store_profile_put(struct store *st, const struct profile_row *row,
				   struct rmg_err *err);
/* Nothing is called back where there is none. */
MUST enum rmg_rc store_profile_get(struct store *st, uint32_t image, profile_row_fn *fn, void *user,
				   struct rmg_err *err);
/* Until the end of the transaction nobody else, by whatever hub, changes a profile. */
MUST enum rmg_rc store_profile_hold(struct store *st, struct rmg_err *err);

/* Layer facts as they were uploaded (box/facts_wire.h), by the digest of the blob. */
struct facts_row {
	struct span digest; /* of the blob */
	struct span packed;
	struct span reader; /* who read the layer */
	int64_t at_ms;
};
typedef enum rmg_rc facts_row_fn(void *user, const struct facts_row *row);
MUST enum rmg_rc store_facts_put(struct store *st, const struct facts_row *row,
				 struct rmg_err *err); /* keeps the first */
MUST enum rmg_rc store_facts_get(struct store *st, struct span digest, facts_row_fn *fn, void *user,
				 struct rmg_err *err); /* RMG_E_NOTFOUND */
MUST enum rmg_rc store_facts_has(struct store *st, struct span digest, bool *has,
				 struct rmg_err *err);
/* That another reader read the same: content is the hash of what it says. *agrees false: the first
 * of them said something else. */
MUST enum rmg_rc store_facts_reading(struct store *st, struct span digest, struct span reader,
				     const uint8_t content[32], int64_t at_ms, bool *agrees,
				     struct rmg_err *err);

/* What runs under a name. */
struct workload_row {
	uint32_t id, place; /* the place's node is "" */
	struct span kind, name;
	bool declared; /* somebody says that it exists, whether it runs or not */
	bool suspended;
	uint64_t replicas;
	struct span schedule;
	struct span labels; /* JSON object */
	struct span images; /* JSON array of {container, ref, digests} */
	struct span source;
	int64_t first_ms, last_ms, removed_ms;
	uint32_t of; /* a pod: the workload whose it is; 0 itself */
};
typedef enum rmg_rc workload_row_fn(void *user, const struct workload_row *row);
MUST enum rmg_rc store_workload_put(struct store *st, const struct workload_row *row,
				    struct rmg_err *err);
MUST enum rmg_rc store_workload_each(struct store *st, workload_row_fn *fn, void *user,
				     struct rmg_err *err);

/* One container (or one cached image) from its begin to its end. */
struct use_row {
	uint32_t id, image, workload, place; /* image 0: not resolved yet, see digests */
	bool cached; /* lies on the node, does not run; container is the image's digest then, and
			name all that it is called there, divided by spaces */
	struct span container, name, runtime, ref, source;
	struct span digests; /* space-separated, as the source gave them */
	int64_t began_ms, ended_ms;
	struct span pod; /* "" in none, or not known */
};
typedef enum rmg_rc use_row_fn(void *user, const struct use_row *row);
MUST enum rmg_rc store_use_put(struct store *st, const struct use_row *row, struct rmg_err *err);
/* One column of a use that is there: it ended; its image is known now. */
MUST enum rmg_rc store_use_end(struct store *st, uint32_t id, int64_t ended_ms,
			       struct rmg_err *err);
MUST enum rmg_rc store_use_image(struct store *st, uint32_t id, uint32_t image,
				 struct rmg_err *err);
MUST enum rmg_rc store_use_name(struct store *st, uint32_t id, struct span ref, struct span name,
				struct rmg_err *err);
MUST enum rmg_rc store_use_began(struct store *st, uint32_t id, int64_t began_ms,
				 struct rmg_err *err);
/* Two uses of one container turn out to be one: what changed in it is the other's, and it is gone.
 */
MUST enum rmg_rc store_use_take_over(struct store *st, uint32_t id, uint32_t by,
				     struct rmg_err *err);
/* A workload stands for another (0: for itself): what it ran, and what was done in it, is that
 * one's, and its lineage is void. */
MUST enum rmg_rc store_workload_becomes(struct store *st, uint32_t id, uint32_t other,
					struct rmg_err *err);
/* Whether a use of this container ended since then. */
MUST enum rmg_rc store_use_ended_since(struct store *st, struct span container, int64_t since_ms,
				       bool *has, struct rmg_err *err);
/* When the last use of an image ended that ran in a place; in no order. */
typedef enum rmg_rc use_ended_fn(void *user, uint32_t place, int64_t ended_ms);
MUST enum rmg_rc store_use_ended_of_image(struct store *st, uint32_t image, use_ended_fn *fn,
					  void *user, struct rmg_err *err);
MUST enum rmg_rc store_use_open_each(struct store *st, use_row_fn *fn, void *user,
				     struct rmg_err *err); /* not ended */
MUST enum rmg_rc store_use_of_workload(struct store *st, uint32_t workload, use_row_fn *fn,
				       void *user, struct rmg_err *err); /* newest first */
MUST enum rmg_rc store_use_last_id(struct store *st, uint32_t *id, struct rmg_err *err);

/* What changed inside a container since it began. The same finding (all but time, text and who)
 * replaces the one before. In order of time. */
struct change_row {
	uint32_t use;
	int64_t at_ms;
	struct event_change change;
};
typedef enum rmg_rc change_row_fn(void *user, const struct change_row *row);
/* With the use that it was found in. */
struct change_of {
	struct change_row row;
	struct span pod, container; /* names */
	uint32_t place, image;
};
typedef enum rmg_rc change_of_fn(void *user, const struct change_of *of);
MUST enum rmg_rc store_change_put(struct store *st, const struct change_row *row,
				  struct rmg_err *err);
MUST enum rmg_rc store_change_each(struct store *st, uint32_t use, change_row_fn *fn, void *user,
				   struct rmg_err *err); /* use 0: of all open uses */

MUST enum rmg_rc store_change_of_workload(struct store *st, uint32_t workload, change_of_fn *fn,
					  void *user, struct rmg_err *err); /* ended uses too */

/* What a tag meant, and from when to when it was seen to mean it; digest "": its registry did not
 * have it. */
struct tag_row {
	struct span ref, digest, source;
	int64_t first_ms, last_ms;
};
typedef enum rmg_rc tag_row_fn(void *user, const struct tag_row *row);
MUST enum rmg_rc store_tag_put(struct store *st, const struct tag_row *row, struct rmg_err *err);
MUST enum rmg_rc store_tag_history(struct store *st, struct span ref, tag_row_fn *fn, void *user,
				   struct rmg_err *err); /* newest first */
MUST enum rmg_rc store_tag_of_image(struct store *st, uint32_t image, tag_row_fn *fn, void *user,
				    struct rmg_err *err); /* that ever meant it; newest first */
MUST enum rmg_rc store_tag_current_each(struct store *st, tag_row_fn *fn, void *user,
					struct rmg_err *err); /* the newest of each */
/* Of those that their registry did not have, now or once: the newest that has a digest. */
MUST enum rmg_rc store_tag_meant_each(struct store *st, tag_row_fn *fn, void *user,
				      struct rmg_err *err);

/* The lineage of a workload: what happened to it. */
struct lineage_row {
	uint64_t id;                    /* given by the store */
	uint32_t workload, image, from; /* from: the image before, 0 none */
	int64_t at_ms;
	struct span what;   /* "started", "updated", "rolled-back", "returned", "tag-moved",
			       "tag-vanished",   "ended" */
	struct span text;   /* a sentence */
	struct span counts; /* JSON: {"before":{"critical":0,...},"after":{...}} */
};
typedef enum rmg_rc lineage_row_fn(void *user, const struct lineage_row *row);
MUST enum rmg_rc store_lineage_add(struct store *st, const struct lineage_row *row,
				   struct rmg_err *err);
/* What is told with one time is told with an earlier one. */
MUST enum rmg_rc store_lineage_earlier(struct store *st, uint32_t workload, int64_t was_ms,
				       int64_t now_ms, struct rmg_err *err);
MUST enum rmg_rc store_lineage_each(struct store *st, uint32_t workload, lineage_row_fn *fn,
				    void *user, struct rmg_err *err); /* 0: all; oldest first */

/* Alerts: one per image content and advisory, or per rule and subject. */
struct alert_row {
	uint32_t id, image, workload; /* image or workload 0: the rule is not about one */
	struct span key;  /* unique: "vuln:IMAGE-DIGEST:CVE-2024-3094", "rollback:...", */
	struct span rule; /* of the policy */
	struct span advisory, severity, title;
	struct span state;   /* "firing", "acknowledged", "suppressed", "resolved" */
	struct span details; /* JSON: what the message says beyond this */
	bool kev, fixable;
	uint32_t epss_permille, escalation, times_opened;
	int64_t first_ms, opened_ms, changed_ms, resolved_ms, until_ms;
	struct span by, reason; /* who acknowledged or suppressed, and why */
};
typedef enum rmg_rc alert_row_fn(void *user, const struct alert_row *row);
MUST enum rmg_rc store_alert_put(struct store *st, const struct alert_row *row,
				 struct rmg_err *err);
MUST enum rmg_rc store_alert_each(struct store *st, alert_row_fn *fn, void *user,
				  struct rmg_err *err);
MUST enum rmg_rc store_alert_get(struct store *st, uint32_t id, alert_row_fn *fn, void *user,
				 struct rmg_err *err); /* RMG_E_NOTFOUND */
/* What happened to an alert, for its page and the auditor. */
struct alert_log_row {
	uint32_t alert;
	int64_t at_ms;
	struct span what, by, text;
};
typedef enum rmg_rc alert_log_fn(void *user, const struct alert_log_row *row);
MUST enum rmg_rc store_alert_log_add(struct store *st, const struct alert_log_row *row,
				     struct rmg_err *err);
MUST enum rmg_rc store_alert_log_each(struct store *st, uint32_t alert, alert_log_fn *fn,
				      void *user, struct rmg_err *err);

/* Exceptions: somebody takes the risk until a day. */
struct exception_row {
	uint64_t id; /* given by the store where 0 */
	struct span owner, reason;
	struct span advisory, purl, image, ns,
	    workload;                          /* the scope; "" is any, a trailing * a prefix */
	struct span vex_status, justification; /* of OpenVEX: "not_affected", ... or "" */
	int64_t created_ms, until_ms;          /* until 0: none */
};
typedef enum rmg_rc exception_row_fn(void *user, const struct exception_row *row);
MUST enum rmg_rc store_exception_put(struct store *st, struct exception_row *row,
				     struct rmg_err *err);
MUST enum rmg_rc store_exception_delete(struct store *st, uint64_t id, struct rmg_err *err);
MUST enum rmg_rc store_exception_each(struct store *st, exception_row_fn *fn, void *user,
				      struct rmg_err *err);

/* Messages on their way out. (sink, dedupe) is unique: a second one of the same is dropped. */
struct outbox_row {
	uint64_t id; /* given by the store */
	struct span sink, dedupe;
	struct span message; /* JSON of alert/message.h */
	struct span state;   /* "waiting", "sent", "dead" */
	uint32_t attempts;
	int64_t created_ms, next_ms, done_ms;
	struct span error; /* of the last attempt */
};
typedef enum rmg_rc outbox_row_fn(void *user, const struct outbox_row *row);
MUST enum rmg_rc store_outbox_add(struct store *st, const struct outbox_row *row, bool *added,
				  struct rmg_err *err);
MUST enum rmg_rc store_outbox_due(struct store *st, struct span sink, int64_t now_ms, uint32_t max,
				  outbox_row_fn *fn, void *user,
				  struct rmg_err *err); /* waiting, oldest first */
MUST enum rmg_rc store_outbox_update(struct store *st, const struct outbox_row *row,
				     struct rmg_err *err); /* state, attempts, next, done, error */
MUST enum rmg_rc store_outbox_count(struct store *st, struct span state, uint64_t *n,
				    struct rmg_err *err);
MUST enum rmg_rc store_outbox_each(struct store *st, struct span state, outbox_row_fn *fn,
				   void *user, struct rmg_err *err);

/* The audit log: append-only, each record hashed with the one before. Hashes are given by the
 * caller (hub/audit.h), who knows the rule; here they are kept. */
struct audit_row {
	uint64_t seq; /* from 1, without gaps */
	int64_t at_ms;
	struct span actor, action, subject, body;
	uint8_t prev[32], hash[32];
};
typedef enum rmg_rc audit_row_fn(void *user, const struct audit_row *row);
MUST enum rmg_rc store_audit_add(struct store *st, const struct audit_row *row,
				 struct rmg_err *err);
MUST enum rmg_rc store_audit_last(struct store *st, struct audit_row *out,
				  struct rmg_err *err); /* seq 0: none; spans are empty */
MUST enum rmg_rc store_audit_each(struct store *st, uint64_t from, audit_row_fn *fn, void *user,
				  struct rmg_err *err);

/* How far each source has come. */
struct source_row {
	struct span source;
	struct place place;
	uint64_t epoch, seq;
	int64_t heard_ms;
};
typedef enum rmg_rc source_row_fn(void *user, const struct source_row *row);
MUST enum rmg_rc store_source_put(struct store *st, const struct source_row *row,
				  struct rmg_err *err);
MUST enum rmg_rc store_source_each(struct store *st, source_row_fn *fn, void *user,
				   struct rmg_err *err);

/* Databases that were used, newest last. */
struct generation_row {
	uint64_t id; /* given by the store */
	struct span digest, built;
	int64_t loaded_ms;
	uint64_t advisories;
};
typedef enum rmg_rc generation_row_fn(void *user, const struct generation_row *row);
MUST enum rmg_rc store_generation_add(struct store *st, const struct generation_row *row,
				      struct rmg_err *err);
MUST enum rmg_rc store_generation_each(struct store *st, generation_row_fn *fn, void *user,
				       struct rmg_err *err);

/* Who may talk to the hub. hash is SHA-256 of the token; the token itself is never kept. */
struct token_row {
	uint8_t hash[32];
	struct span name, role; /* "reader", "agent", "operator", "admin" */
	struct place place;     /* of an agent: the only one it may speak for; "" any */
	int64_t created_ms, until_ms;
};
typedef enum rmg_rc token_row_fn(void *user, const struct token_row *row);
MUST enum rmg_rc store_token_put(struct store *st, const struct token_row *row,
				 struct rmg_err *err);
MUST enum rmg_rc store_token_delete(struct store *st, struct span name, struct rmg_err *err);
MUST enum rmg_rc store_token_each(struct store *st, token_row_fn *fn, void *user,
				  struct rmg_err *err);

/* The stream of changes, in the order of commits: what followers apply and what users subscribe to.
 */
struct stream_row {
	uint64_t seq; /* given by the store, ascending, without gaps for those who read it */
	int64_t at_ms;
	struct span kind; /* "event", "image", "place", "alert", "generation", "exception" */
	struct span body; /* JSON */
};
typedef enum rmg_rc stream_row_fn(void *user, const struct stream_row *row);
MUST enum rmg_rc store_stream_add(struct store *st, struct stream_row *row, struct rmg_err *err);
MUST enum rmg_rc store_stream_each(struct store *st, uint64_t after, uint32_t max,
				   stream_row_fn *fn, void *user, struct rmg_err *err);
MUST enum rmg_rc store_stream_last(struct store *st, uint64_t *seq, struct rmg_err *err);

/* Work that a hub took which does not lead: applied by the leader in order, then deleted. */
struct inbox_row {
	uint64_t id;      /* given by the store */
	struct span kind; /* "events", "image", "facts", "alert", "exception" */
	struct span body;
};
typedef enum rmg_rc inbox_row_fn(void *user, const struct inbox_row *row);
MUST enum rmg_rc store_inbox_add(struct store *st, struct inbox_row *row, struct rmg_err *err);
MUST enum rmg_rc store_inbox_each(struct store *st, uint32_t max, inbox_row_fn *fn, void *user,
				  struct rmg_err *err);
MUST enum rmg_rc store_inbox_delete(struct store *st, uint64_t id, struct rmg_err *err);

#endif
