/* SPDX-License-Identifier: Apache-2.0 */
/* policy.h - which findings and happenings raise an alert, to whom, how often: rummage-policy(5).
 *
 * One YAML file. A rule has conditions, all of which must hold, and what follows from it; the first
 * rule that holds decides. Unknown keys, and conditions that a rule of its kind cannot have, are
 * errors that name the line: a rule that silently does not apply is worse than none. Without a file
 * the rules of policy_default() hold. Immutable once read. Bounded by LIMIT_POLICY_BYTES and
 * _RULES.
 *
 * Conditions about the finding and conditions about where it is used do not depend on each other,
 * so that each is asked once: policy_takes() and policy_applies(). */
#ifndef HUB_POLICY_H
#define HUB_POLICY_H

#include "base/err.h"
#include "hub/world.h"
#include "model/exec_rule.h"

/* X(name, "as written", its alerts' severity unless the rule says another) */
#define RULE_KINDS(X)                                                                              \
	/* an advisory on an image in use, running or dormant; its severity is the finding's */    \
	X(FINDING, "finding", SEV_UNKNOWN)                                                         \
	/* a workload went back to a worse version */                                              \
	X(ROLLBACK, "rollback", SEV_HIGH)                                                          \
	X(TAG_MOVED, "tag-moved", SEV_LOW)                                                         \
	/* its registry has a tag no more that is in use */                                        \
	X(TAG_VANISHED, "tag-vanished", SEV_MEDIUM)                                                \
	/* one tag, several contents on the nodes */                                               \
	X(TAG_SKEW, "tag-skew", SEV_MEDIUM)                                                        \
	/* what could not be read of an image in use, or an image that nobody read */              \
	X(INCOMPLETE, "incomplete", SEV_MEDIUM)                                                    \
	/* a source has not been heard of */                                                       \
	X(SILENT, "silent", SEV_HIGH)                                                              \
	X(FEED_AGE, "feed-age", SEV_HIGH)                                                          \
	/* a change inside a container */                                                          \
	X(DRIFT, "drift", SEV_HIGH)                                                                \
	/* two readers of one layer say different things */                                        \
	X(FACTS_DISAGREE, "facts-disagree", SEV_CRITICAL)                                          \
	/* the tag says one version, the content is another */                                     \
	X(VERSION_SAID, "version-said", SEV_LOW)                                                   \
	/* a program that was started in a container, and is odd in one of EVENT_HOWS */           \
	X(EXEC, "exec", SEV_HIGH)                                                                  \
	/* somebody started a program in a container, through its runtime */                       \
	X(ENTERED, "entered", SEV_MEDIUM)                                                          \
	/* an image in use that no registry has, as far as anybody knows */                        \
	X(NO_REGISTRY, "no-registry", SEV_MEDIUM)                                                  \
	/* an image in use whose base's reference means something else now; its severity is that   \
	 * of the worst that building it anew would mend, unless the rule says another */          \
	X(BASE_BEHIND, "base-behind", SEV_UNKNOWN)                                                 \
	/* a pod started where admission is asked, and no hub was */                               \
	X(ADMISSION_MISSED, "admission-missed", SEV_MEDIUM)

enum rule_kind {
#define X(name, text, severity) RULE_##name,
	RULE_KINDS(X)
#undef X
	    RULE_KIND_COUNT
};

const char *rule_kind_name(enum rule_kind k);

/* What becomes of something that asks to start, where a rule takes it. X(name, "as written") */
#define ADMITS(X)                                                                                  \
	X(WARN, "warn")                                                                            \
	X(DENY, "deny")                                                                            \
	X(ALLOW, "allow")

enum admit {
#define X(name, text) ADMIT_##name,
	ADMITS(X)
#undef X
	    ADMIT_COUNT
};

const char *policy_admit_name(enum admit a); /* "deny", ... */

enum { POLICY_STEPS = 8 };

struct rule {
	struct span name;
	enum rule_kind kind;
	enum adv_severity severity; /* at least; of other kinds: what its alerts have */
	bool kev, fixable, dormant_only, running_only; /* must be so */
	uint16_t epss_permille;                        /* at least */
	uint32_t age_days;                             /* published so long ago, 0 any */
	struct where where;
	uint32_t seconds;    /* silent, feed age, not read */
	uint32_t how;        /* exec: any of these bits; 0: any at all */
	bool enforce;        /* exec: it is not let run */
	enum admit admit;    /* finding, incomplete, entered */
	struct span *except; /* entered: commands that are nobody's; a trailing * is a prefix */
	size_t n_except;
	struct span *sinks; /* names; none: all */
	size_t n_sinks;
	uint32_t escalate_days[POLICY_STEPS]; /* ascending: 7, 30, 90 of continued use */
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
	struct exec_rule *execs; /* of the rules those about programs that start, in their order */
	size_t n_execs;
	struct span execs_text;  /* the same as agents are told it (watch/rules_json.h) */
	uint32_t group_s;        /* what comes within so many seconds is one message */
	uint32_t profile_s;      /* what was watched for less says nothing of what is never used */
	uint32_t max_per_minute; /* messages a sink; the rest is held and told as one */
	struct quiet_hours quiet;
	uint32_t epss_steps[POLICY_STEPS]; /* permille, ascending; crossing one worsens */
	size_t n_epss_steps;
};

/* name: of the file, for messages. */
MUST enum rmg_rc policy_parse(struct span yaml, const char *name, struct policy **out,
			      struct rmg_err *err);
MUST enum rmg_rc policy_default(struct policy **out);
extern const char policy_default_text[]; /* the same as YAML */
void policy_free(struct policy *p);

/* Whether a rule's conditions on the finding hold. age_ms: since it was published, < 0 where that
 * is not known (no rule about age holds then). */
MUST bool policy_takes(const struct rule *r, const struct world_finding *f, int64_t age_ms);

/* Whether a rule's conditions on the place hold for a use: of a workload, or of a bare container
 * (0) at its place. */
MUST bool policy_applies(const struct rule *r, const struct world *w, uint32_t workload,
			 uint32_t place, bool dormant);

/* A command that a rule says is nobody's: a probe's. */
MUST bool policy_excepts(const struct rule *r, struct span command);

/* Whether a rule asks where at all. */
MUST bool policy_asks_where(const struct rule *r);

/* The number of steps that an EPSS score has reached. */
size_t policy_epss_step(const struct policy *p, uint32_t permille);

/* Until when quiet hours last that hold at now_ms; 0: they do not. */
int64_t policy_quiet_until(const struct policy *p, int64_t now_ms);
/* ... and since when. */
int64_t policy_quiet_since(const struct policy *p, int64_t now_ms);

#endif
