/* SPDX-License-Identifier: Apache-2.0 */
/* hub.h - the monitor itself: events and databases in, changes and alerts out.
 *
 *     events --> world + store --> lineage -->+
 *     database --> judge --> deltas --------->+--> alerts --> outbox (store) --> sinks (serve)
 *     clock --> escalation, silence, expiry ->+           --> stream (store) --> users, other hubs
 *
 * One struct hub per process, any number of threads: each call takes the lock that it needs. A
 * writing call is one transaction of the store; when it fails nothing has happened, and where
 * memory had gone ahead of the store the world is loaded anew before the call returns. What
 * returned RMG_OK is on disk. Several hubs on one PostgreSQL: hub_turn() makes one of them the
 * leader. Others put what they take into the inbox (still RMG_OK: it is on disk and will be
 * applied) and follow the stream. */
#ifndef HUB_HUB_H
#define HUB_HUB_H

#include "base/strbuf.h"
#include "hub/packed.h"
#include "hub/policy.h"
#include "hub/world.h"
#include "model/event.h"
#include "model/profile.h"
#include "oci/digest.h"
#include "watch/hook.h"

struct alerts;
struct hub;

struct hub_opts {
	const char *store;             /* URL of store.h */
	const struct policy *policy;   /* borrowed, until replaced; NULL: the default */
	int64_t (*now_ms)(void *user); /* NULL: the system's clock */
	void *user;
	/* Names that alerts may go to, NULL-terminated; and those of them that make something of
	 * their own of each alert (or NULL): for these a large group becomes several messages, and
	 * no alert is counted only. */
	const char *const *sinks, *const *sinks_each;
	const char *link; /* the hub's own address, for messages; NULL: none */
	/* References of base images to follow whether or not something is known to stand on them,
	 * NULL-terminated, or NULL. */
	const char *const *bases;
};

MUST enum rmg_rc hub_open(const struct hub_opts *opts, struct hub **out, struct rmg_err *err);
void hub_close(struct hub *h);

/* The calls block while the store does. hub_close() comes after every other call has returned. */

/* What applying did, one an event. */
enum applied { APPLIED, APPLIED_KNOWN /* seen before */, APPLIED_REFUSED, APPLIED_QUEUED };
struct hub_result {
	enum applied applied;
	bool resync;  /* a gap: send a snapshot */
	bool unknown; /* nobody has read this image: scan it, or say its layers */
	char why[120];
};
/* A batch in one transaction. now-verdicts of known images cost no reading. */
MUST enum rmg_rc hub_apply(struct hub *h, const struct event *events, size_t n,
			   struct hub_result *results, struct rmg_err *err);

/* The inventory of an image, whoever took it (read_by). Makes or completes the image, its aliases
 * and its executables, judges it, resolves uses that waited for it. queued (or NULL): another hub
 * leads, and will do so. */
struct hub_reading {
	const struct inventory *inventory;
	struct span read_by;
	struct span asked; /* the digest that it was read under, one more alias; "" none */
	int64_t taken_ms;
	int64_t created_ms; /* the image, by its configuration */
	struct span revision;
	struct span ref; /* what hub_wanted named, where it was a reference alone: it means this
			    image from now on; else "" */
};
MUST enum rmg_rc hub_image_put(struct hub *h, const struct hub_reading *r, bool *queued,
			       struct rmg_err *err);

/* Images in use, running or dormant, that nobody has read, most used first: work for the scanner.
 * Of an image that several nodes have, the one that asks is told of, if it is among them. */
struct hub_wanted {
	struct span ref, digest, runtime, node;
};
typedef bool hub_wanted_fn(void *user, const struct hub_wanted *w);
MUST enum rmg_rc hub_wanted_each(struct hub *h, struct span node, hub_wanted_fn *fn, void *user,
				 struct rmg_err *err);

/* Base images that are to be read from their registries, each under the digest that its reference
 * means now: of those that images in use stand on, and that the hub follows. fn false: enough. */
typedef bool hub_base_fn(void *user, struct span ref, struct span digest);
MUST enum rmg_rc hub_bases_wanted(struct hub *h, hub_base_fn *fn, void *user, struct rmg_err *err);

/* Images in use that were read, each with the reference that it is used under, for who asks their
 * registries' own scanners; fn is called under the read lock. The digest of an image's manifest,
 * for the question (RMG_E_NOTFOUND: not known), and the answer, as oci/other.h keeps it; source:
 * "harbor:HOST". */
typedef bool hub_used_fn(void *user, uint32_t image, struct span ref);
MUST enum rmg_rc hub_used_each(struct hub *h, hub_used_fn *fn, void *user, struct rmg_err *err);
MUST enum rmg_rc hub_manifest_of(struct hub *h, uint32_t image, struct strbuf *out,
				 struct rmg_err *err);
MUST enum rmg_rc hub_other_put(struct hub *h, uint32_t image, struct span source,
			       struct span report, struct rmg_err *err);

/* References whose registry should be asked what they mean now, by node, which told these events;
 * the more so as something began that runs under one. Each is given out once, and again when nobody
 * has answered for a while. all: that node asks for every machine. fn false: enough. Any hub. */
struct hub_tag_wanted {
	struct span ref, known[EVENT_DIGESTS + 1]; /* known: what is used here */
	size_t n_known;
	unsigned after_ms; /* not before; only of what this hub's node asks */
};
typedef bool hub_tag_wanted_fn(void *user, const struct hub_tag_wanted *w);
void hub_tags_wanted(struct hub *h, const struct event *e, const struct hub_result *results,
		     size_t n, struct span node, bool all, hub_tag_wanted_fn *fn, void *user);
/* What a registry says by itself: which of the references in use it may be of are asked for, the
 * registry being asked whatever the message says. By fn where the hub asks for all, or for its own
 * machine's; else by the machines that use them, when they are heard of next. How many those are.
 */
struct hub_asker {
	struct span node; /* the hub's */
	bool all, own;
	hub_tag_wanted_fn *fn;
	void *user;
};
size_t hub_tags_hinted(struct hub *h, const struct hooks *hooks, const struct hub_asker *by);
/* What is due in turn, for all machines and for workloads that sleep; about once a second, while
 * this hub leads. */
void hub_tags_poll(struct hub *h, const struct hub_asker *by);

/* How often a reference is asked for, by what it is used for, and how much of a registry. */
enum tag_state {
	TAG_RUNNING,
	TAG_DORMANT,
	TAG_BASE /* others stand on it */,
	TAG_CACHED,
	TAG_STATES
};
struct hub_tag_host {
	char name[260];
	unsigned per_minute;
};
struct hub_tag_opts {
	unsigned per_minute; /* questions to a registry that is not among hosts */
	int64_t period_ms[TAG_STATES];
	const struct hub_tag_host *hosts;
	size_t n_hosts;
	int64_t crawl_ms; /* between two walks through a whole registry */
};
#define HUB_TAG_OPTS                                                                               \
	((struct hub_tag_opts){120, {900000, 3600000, 3600000, 86400000}, NULL, 0, 86400000})
void hub_tags_set(struct hub *h, const struct hub_tag_opts *opts);

/* A registry that references in use are of, as the last look found it: how many of them, how many
 * were not answered within their period, and by how much the worst of them. Borrowed. */
struct hub_registry {
	const char *host;
	unsigned per_minute;
	uint64_t asked; /* since the start */
	size_t tags[TAG_STATES], late;
	int64_t behind_ms, failed_ms;
	char trouble[200]; /* the last that is not over; "" none */
};
typedef void hub_registry_fn(void *user, const struct hub_registry *r);
void hub_registries_each(struct hub *h, struct hub_tag_opts *opts, hub_registry_fn *fn, void *user);

/* For who walks through whole registries, of which ref is one's: whether one more question is
 * within what it may be asked now; then it is counted. What keeps it from being walked through; "":
 * nothing does any more. */
bool hub_registry_ask(struct hub *h, struct span ref);
void hub_registry_trouble(struct hub *h, struct span ref, const char *why);
/* What a tag means, whoever said so last ("" nobody did), and as its registry said; whether an
 * image that a digest means was read; and all tags that registries have, as far as they said so. */
MUST enum rmg_rc hub_tag_known(struct hub *h, struct span ref, char digest[static DIGEST_TEXT],
			       struct rmg_err *err);
MUST enum rmg_rc hub_tag_meaning(struct hub *h, struct span ref, char digest[static DIGEST_TEXT],
				 struct rmg_err *err);
MUST enum rmg_rc hub_image_is_read(struct hub *h, struct span digest, bool *read,
				   struct rmg_err *err);
typedef bool hub_tag_there_fn(void *user, struct span ref); /* false: enough */
MUST enum rmg_rc hub_tags_there(struct hub *h, hub_tag_there_fn *fn, void *user,
				struct rmg_err *err);

/* What became of asking for one: when it was answered last, and why it was not (""), into why. */
void hub_tag_asked(struct hub *h, struct span ref, int64_t *told_ms, char *why, size_t why_bytes);

/* Layer facts: which of these blobs nobody has given; giving one. A reader that says other than
 * the first one did raises an alert, and the first stays. */
MUST enum rmg_rc hub_facts_has(struct hub *h, struct span digest, bool *has, struct rmg_err *err);
MUST enum rmg_rc hub_facts_put(struct hub *h, struct span digest, struct span packed,
			       struct span reader, struct rmg_err *err);
typedef enum rmg_rc hub_bytes_fn(void *user, struct span bytes);
MUST enum rmg_rc hub_facts_get(struct hub *h, struct span digest, hub_bytes_fn *fn, void *user,
			       struct rmg_err *err);

/* What of an image was used (model/profile.h), merged with what is known. RMG_E_NOTFOUND: nobody
 * has read the image yet. Gives whether enough has been seen to say what is never used, and then,
 * where it was asked for, what is executed (hashes of paths, malloc'ed). */
struct hub_profiled {
	bool closed;
	uint64_t *executed;
	size_t n_executed;
};
MUST enum rmg_rc hub_profile_put(struct hub *h, const struct profile *told,
				 struct hub_profiled *out, struct rmg_err *err);

/* A new advisory database, from now on the hub's: release(user) is called when it is done with.
 * Returns after every delta is judged, written, and its alerts are in the outbox. */
struct hub_database {
	struct advdb db;
	void (*release)(void *user);
	void *user;
};
struct hub_database_result {
	size_t keys, components, images, deltas, alerts;
	double ms;
};
MUST enum rmg_rc hub_database_set(struct hub *h, const struct hub_database *db,
				  struct hub_database_result *out, struct rmg_err *err);
/* A round over all publishers' feeds ended well, whether it found anything new or not: they are not
 * old. Any thread, no lock. */
void hub_feeds_checked(struct hub *h);
MUST enum rmg_rc hub_policy_set(struct hub *h, const struct policy *p, struct rmg_err *err);
/* The sinks and the link of opts, from the next message on; borrowed. */
void hub_sinks_set(struct hub *h, const struct hub_opts *opts);

/* Clockwork, about once a second: leadership, inbox, stream, escalation, silence, expiry of
 * suppressions and exceptions, digests of grouped alerts. *leads tells who is the leader now. */
MUST enum rmg_rc hub_turn(struct hub *h, bool *leads, struct rmg_err *err);

/* What people do about alerts and risks; all are audited under actor. */
enum alert_act { ACT_ACKNOWLEDGE, ACT_SUPPRESS, ACT_REOPEN };
MUST enum rmg_rc hub_alert_act(struct hub *h, uint32_t alert, enum alert_act act, int64_t until_ms,
			       struct span actor, struct span reason, struct rmg_err *err);
MUST enum rmg_rc hub_exception_put(struct hub *h, struct exception_row *row, struct span actor,
				   struct rmg_err *err);
MUST enum rmg_rc hub_exception_delete(struct hub *h, uint64_t id, struct span actor,
				      struct rmg_err *err);
/* An OpenVEX document (JSON) becomes exceptions; and the hub's exceptions as one. */
MUST enum rmg_rc hub_vex_in(struct hub *h, struct span json, struct span actor, size_t *taken,
			    struct rmg_err *err);
MUST enum rmg_rc hub_vex_out(struct hub *h, struct strbuf *out, struct rmg_err *err);
/* A change of the store that memory has no part in, and its record in the audit log: both or
 * neither. */
struct hub_record {
	struct span actor, action, subject, body;
};
typedef enum rmg_rc hub_change_fn(void *user, struct store *st, struct rmg_err *err);
MUST enum rmg_rc hub_change(struct hub *h, const struct hub_record *record, hub_change_fn *fn,
			    void *user, struct rmg_err *err);

/* What fires, for sinks that are to hear of it again and again (alerts_firing.h): ids of all that a
 * sink is told of; and of some of these (MESSAGE_ITEMS at most) those that still fire as a message,
 * nothing where none does. st is the caller's own. */
MUST enum rmg_rc hub_firing(struct hub *h, const char *sink, struct ids *out, struct rmg_err *err);
MUST enum rmg_rc hub_firing_message(struct hub *h, struct store *st, const uint32_t *ids, size_t n,
				    struct span id, struct strbuf *out, struct rmg_err *err);

int64_t hub_now_ms(const struct hub *h); /* by its clock */

/* For ask.h: the world under the read lock, and the database that it was judged by (*db NULL: none
 * yet; db NULL: nobody asks). A question asks the database through its own copy of **db: what it
 * finds damaged is then noted by itself alone. RMG_E_STOPPED, and nothing is locked, while memory
 * is not what the store says: a transaction failed, and the store could not be read since. */
MUST enum rmg_rc hub_read_lock(struct hub *h, const struct world **w, struct advdb **db,
			       struct rmg_err *err);
void hub_read_unlock(struct hub *h);
const struct alerts *hub_alerts(const struct hub *h); /* under the read lock */
const struct policy *hub_policy(const struct hub *h); /* the same */
/* A connection of its own for reading what is not in memory; one user at a time. It has all that
 * memory had when it was asked for. */
struct store *hub_store_lock(struct hub *h, struct rmg_err *err);
void hub_store_unlock(struct hub *h);

/* Pods that were made before this were reviewed by admission, as far as anybody knows. */
int64_t hub_reviewed_since(const struct hub *h);

struct hub_figures { /* for /metrics, /readyz and coverage */
	bool ready, leads;
	size_t images, images_unread, components, pairs, uses, cached, workloads, dormant,
	    advisories;
	size_t alerts_firing, alerts_acknowledged, alerts_suppressed;
	uint64_t events, events_known, events_refused, deltas, outbox_waiting, outbox_dead;
	double judge_ms_last, start_ms;
	int64_t database_loaded_ms, database_built_ms;
	size_t store_bytes;
	size_t bytes[WORLD_PARTS]; /* of memory */
};
void hub_figures(struct hub *h, struct hub_figures *out);
/* Of each machine that lets rules refuse programs, as it said it last. The hub is locked meanwhile.
 */
typedef void hub_answers_fn(void *user, const struct place *where, const struct event_answers *a);
void hub_answers_each(struct hub *h, hub_answers_fn *fn, void *user);
/* What of them is asked for every few seconds, without a look at the world or the store. NULL: it
 * is ready; else why it is not. */
const char *hub_not_ready(const struct hub *h, bool *leads);

#endif
