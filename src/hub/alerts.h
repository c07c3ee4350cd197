/* SPDX-License-Identifier: Apache-2.0 */
/* alerts.h - alerts as states: one per image content and advisory (or rule and subject), with the
 * uses it lasts for.
 *
 *     firing --acknowledge--> acknowledged --worse--> firing
 *     firing, acknowledged --suppress--> suppressed --until--> firing
 *     any --last use ends, finding goes--> resolved --use, finding returns--> firing (reopened)
 *
 * It fires while at least one use, or a dormant workload that would run the image, matches a rule
 * of the policy. Escalates at the rule's days of continued use. All calls are made under the hub's
 * write lock inside its transaction; they write alert rows, their log, and messages into the outbox
 * (grouped and bounded as the policy says), and keep the open alerts in memory. */
#ifndef HUB_ALERTS_H
#define HUB_ALERTS_H

#include "hub/judge.h"
#include "hub/policy.h"

struct alerts;

struct alert { /* in memory */
	uint32_t id, image, workload, advisory;
	uint16_t rule; /* index into the policy's */
	uint8_t state, severity, escalation;
	bool kev, fixable;
	uint16_t epss_permille;
	int64_t opened_ms; /* of this opening: continued use counts from here */
	struct span key;
};
enum alert_state { ALERT_FIRING, ALERT_ACKNOWLEDGED, ALERT_SUPPRESSED, ALERT_RESOLVED };

struct alerts_env { /* what the calls below need; the hub's */
	struct world *world;
	struct store *store;
	const struct policy *policy;
	const char *const *sinks;
	struct advdb *db; /* for summaries and links in messages */
	int64_t now_ms;
};

MUST enum rmg_rc alerts_new(struct alerts **out);
void alerts_free(struct alerts *a);
MUST enum rmg_rc alerts_load(struct alerts *a, const struct alerts_env *env, struct rmg_err *err);

/* A finding of an image changed. */
MUST enum rmg_rc alerts_delta(struct alerts *a, const struct alerts_env *env, const struct delta *d,
			      struct rmg_err *err);
/* An image's uses (or who would run it) changed, or it was read: holds what fires against what
 * should. */
MUST enum rmg_rc alerts_image(struct alerts *a, const struct alerts_env *env, uint32_t image,
			      struct rmg_err *err);
/* Something happened that a rule of its own asks about: lineage, tags, silence, drift, ... subject
 * is part of the key; over: it is not so any more. */
struct happening {
	enum rule_kind kind;
	uint32_t image, workload;
	struct span subject, title, text;
	struct span details; /* JSON */
	enum adv_severity severity;
	bool over;
};
MUST enum rmg_rc alerts_happened(struct alerts *a, const struct alerts_env *env,
				 const struct happening *x, struct rmg_err *err);
/* Escalation, expiry, groups that are due. */
MUST enum rmg_rc alerts_tick(struct alerts *a, const struct alerts_env *env, struct rmg_err *err);

size_t alerts_count(const struct alerts *a, enum alert_state state);
const struct alert *alerts_at(const struct alerts *a, size_t i); /* open ones; NULL: end */
const struct alert *alerts_by_id(const struct alerts *a, uint32_t id);

#endif
