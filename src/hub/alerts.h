/* SPDX-License-Identifier: Apache-2.0 */
/* alerts.h - alerts as states: one per image content and advisory (or rule and subject), with the
 * uses it lasts for.
 *
 *     firing --acknowledge--> acknowledged --worse--> firing
 *     firing, acknowledged --suppress, exception--> suppressed --until--> firing
 *     any --last use ends, finding goes--> resolved --use, finding returns--> firing (reopened)
 *
 * It fires while at least one use, or a dormant workload that would run the image, matches a rule
 * of the policy; a use that ends and begins again within ALERTS_GRACE_MS has not ended. Escalates
 * at the rule's days of continued use. Exceptions suppress with themselves as the reason and end by
 * themselves.
 *
 * All calls that change anything are made under the hub's write lock inside its transaction; they
 * write alert rows and their log, and remember what is to be told until alerts_flush(), which the
 * hub calls last before it commits: it writes messages into the outbox, grouped and bounded as the
 * policy says. What must wait (quiet hours, rates, grouping) is in the outbox too, in state "held",
 * and told later as one message. After a failure make and load another struct alerts: this one may
 * be ahead of the store.
 *
 * In memory are the open alerts; resolved ones are a hash of their key and an id, and read again
 * when they return. */
#ifndef HUB_ALERTS_H
#define HUB_ALERTS_H

#include "base/strbuf.h"
#include "hub/judge.h"
#include "hub/policy.h"

struct alerts;

enum { ALERTS_GRACE_MS = 5000 };

enum alert_state { ALERT_FIRING, ALERT_ACKNOWLEDGED, ALERT_SUPPRESSED, ALERT_RESOLVED };
const char *alert_state_name(enum alert_state s); /* "firing", ... as rows have it */

struct alert { /* in memory */
	uint32_t id, image, workload, advisory;
	uint32_t next_of_image, prev_of_image; /* internal */
	uint16_t rule;                         /* index into the policy's; ALERT_NO_RULE */
	uint16_t epss_permille;
	uint8_t state, severity, escalation; /* escalation: steps that were told */
	bool kev : 1, fixable : 1;
	bool excepted : 1; /* suppressed by an exception, not by a person */
	int64_t opened_ms; /* of this opening: continued use counts from here */
	int64_t until_ms;  /* suppressed until; 0: no end */
	char *key;         /* internal; NULL for findings. Ask alert_key() */
};
#define ALERT_NO_RULE UINT16_MAX

struct alerts_env { /* what the calls below need; the hub's */
	struct world *world;
	struct store *store;
	const struct policy *policy;
	const char *const *sinks, *const *sinks_each; /* as in struct hub_opts */
	struct advdb *db; /* for summaries and links in messages; NULL: nothing is judged yet */
	int64_t now_ms;
	const struct use_row *begins; /* the use that begins now; NULL: none */
	const char *link;             /* of the hub, for messages; or NULL */
	/* When a round over all feeds last ended well, also where it found nothing new; 0: not
	 * known. */
	int64_t feeds_checked_ms;
	/* An alert changed: a line of the stream, {"id":N,"what":"fired",...}. NULL: nobody asks.
	 */
	enum rmg_rc (*tell)(void *user, struct span body, struct rmg_err *err);
	void *user;
};

MUST enum rmg_rc alerts_new(struct alerts **out);
void alerts_free(struct alerts *a);

/* From the store, into a new one. Changes nothing: call alerts_all() in the next transaction after
 * the world was judged. */
MUST enum rmg_rc alerts_load(struct alerts *a, const struct alerts_env *env, struct rmg_err *err);

/* A finding of an image changed. */
MUST enum rmg_rc alerts_delta(struct alerts *a, const struct alerts_env *env, const struct delta *d,
			      struct rmg_err *err);
/* An image's uses (or who would run it) changed, or it was read: holds what fires against what
 * should. */
MUST enum rmg_rc alerts_image(struct alerts *a, const struct alerts_env *env, uint32_t image,
			      struct rmg_err *err);
/* The same for every image: after the first judgement, and with another policy in env. */
MUST enum rmg_rc alerts_all(struct alerts *a, const struct alerts_env *env, struct rmg_err *err);
/* Exceptions were put or deleted in the store. */
MUST enum rmg_rc alerts_exceptions(struct alerts *a, const struct alerts_env *env,
				   struct rmg_err *err);

/* Something happened that a rule of its own asks about: lineage, tags, drift, disagreeing facts.
 * subject is part of the key ("KIND:SUBJECT"); over: it is not so any more. Silence, old feeds and
 * unread images are found here, in alerts_tick() and alerts_image(). */
struct happening {
	enum rule_kind kind;
	uint32_t image, workload;
	struct span subject, title, text;
	struct span before, after;  /* "0 critical", "3 critical" */
	struct span details;        /* JSON object, kept with the alert; or "" */
	enum adv_severity severity; /* SEV_UNKNOWN: the rule's */
	const struct rule *rule;    /* NULL: the first of its kind that holds there */
	bool over;
};
MUST enum rmg_rc alerts_happened(struct alerts *a, const struct alerts_env *env,
				 const struct happening *x, struct rmg_err *err);

/* Clockwork, about once a second: escalation, ends of suppressions and exceptions, silence, feeds'
 * age, what was held. Flushes. */
MUST enum rmg_rc alerts_tick(struct alerts *a, const struct alerts_env *env, struct rmg_err *err);

/* What somebody does: to ALERT_ACKNOWLEDGED, ALERT_SUPPRESSED (until_ms in the future) or
 * ALERT_FIRING. RMG_E_NOTFOUND: no open alert has this id. */
MUST enum rmg_rc alerts_act(struct alerts *a, const struct alerts_env *env, uint32_t id,
			    enum alert_state to, int64_t until_ms, struct span by,
			    struct span reason, struct rmg_err *err);

/* Messages for what was decided since the last call. */
MUST enum rmg_rc alerts_flush(struct alerts *a, const struct alerts_env *env, struct rmg_err *err);

/* Another hub changed this alert: memory follows the store. */
MUST enum rmg_rc alerts_follow(struct alerts *a, const struct alerts_env *env, uint32_t id,
			       struct rmg_err *err);

size_t alerts_count(const struct alerts *a, enum alert_state state);
const struct alert *alerts_at(const struct alerts *a, size_t i);       /* open ones; NULL: end */
const struct alert *alerts_by_id(const struct alerts *a, uint32_t id); /* open; NULL: none */
/* Open alerts of an image one after the other: at NULL first; NULL ends. */
const struct alert *alerts_of_image(const struct alerts *a, uint32_t image, const struct alert *at);
/* Open alerts about a workload: *at = 0 first; NULL ends. */
const struct alert *alerts_of_workload(const struct alerts *a, uint32_t workload, size_t *at);
/* A workload's are another's, as the store says already. False: no memory. */
MUST bool alerts_moved(struct alerts *a, uint32_t from, uint32_t to);
bool alerts_have_exceptions(const struct alerts *a);
/* How often they were read from the store: they may be others since. */
uint64_t alerts_exceptions_read(const struct alerts *a);
/* Whether an exception covers a finding of an image in a use that would begin so; NULL: wherever
 * that may run, for which those do not count that are for a namespace or a workload. Changes
 * nothing, any thread under the read lock. */
MUST bool alerts_excepted(const struct alerts *a, const struct world *w, int64_t now_ms,
			  uint32_t image, struct span advisory, struct span purl,
			  const struct event *would);
/* ... or one for any namespace or workload at all. */
MUST bool alerts_excepted_somewhere(const struct alerts *a, const struct world *w, int64_t now_ms,
				    uint32_t image, struct span advisory, struct span purl);
/* "vuln:sha256:...:CVE-2024-3094", or as the row has it; in out, which is cleared first. */
void alert_key(const struct alert *x, const struct world *w, struct strbuf *out);

#endif
