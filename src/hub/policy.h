/* SPDX-License-Identifier: Apache-2.0 */
/* policy.h - which findings and happenings raise an alert, to whom, how often: rummage-policy(5).
 *
 * One YAML file. A rule has conditions, all of which must hold, and what follows from it. Unknown
 * keys are errors that name the line: a rule that silently does not apply is worse than none.
 * Without a file the rules of policy_default() hold. Immutable once read. */
#ifndef HUB_POLICY_H
#define HUB_POLICY_H

#include "base/err.h"
#include "hub/world.h"

enum rule_kind {
	RULE_FINDING,  /* an advisory on an image in use, running or dormant */
	RULE_ROLLBACK, /* a workload went back to a worse version */
	RULE_TAG_MOVED,
	RULE_TAG_SKEW,   /* one tag, several contents on the nodes */
	RULE_INCOMPLETE, /* what could not be read of an image in use, or an image that nobody read
			  */
	RULE_SILENT,     /* a source has not been heard of */
	RULE_FEED_AGE,
	RULE_DRIFT, /* a change inside a container */
	RULE_FACTS_DISAGREE,
	RULE_VERSION_SAID, /* the tag says one version, the content is another */
};

struct rule {
	struct span name;
	enum rule_kind kind;
	enum adv_severity severity;                    /* at least */
	bool kev, fixable, dormant_only, running_only; /* must be so */
	uint16_t epss_permille;                        /* at least */
	uint32_t age_days;                             /* published so long ago, 0 any */
	struct span *namespaces; /* any of; a trailing * is a prefix; none: all */
	size_t n_namespaces;
	struct span *workloads;
	size_t n_workloads;
	struct event_label *labels; /* all of */
	size_t n_labels;
	uint32_t seconds;   /* silent, feed age */
	struct span *sinks; /* names; none: all */
	size_t n_sinks;
	uint32_t escalate_days[8]; /* 7, 30, 90 of continued use */
	size_t n_escalate;
};

/* "22:00-06:00": what is not critical or known-exploited waits until they end. */
struct quiet_hours {
	bool set;
	uint16_t from_minute, to_minute; /* of the day, UTC */
};

struct policy {
	struct arena arena;
	struct rule *rules;
	size_t n_rules;
	uint32_t group_s;        /* what comes within so many seconds is one message */
	uint32_t max_per_minute; /* messages a sink; the rest is counted and told as one */
	struct quiet_hours quiet;
	uint32_t epss_steps[8]; /* permille; crossing one worsens */
	size_t n_epss_steps;
};

MUST enum rmg_rc policy_parse(struct span yaml, const char *name, struct policy **out,
			      struct rmg_err *err);
MUST enum rmg_rc policy_default(struct policy **out);
void policy_free(struct policy *p);

/* Whether a rule holds for a finding of an image as this workload uses it (0: a bare container). */
MUST bool policy_holds(const struct policy *p, const struct rule *r, const struct world *w,
		       uint32_t workload, const struct world_finding *f, bool dormant);

#endif
