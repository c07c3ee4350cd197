/* SPDX-License-Identifier: Apache-2.0 */
/* alerts_inside.h - what the files of the alerts share; nobody else includes this.
 *
 *     alerts.c            the open ones and their tables, loading, what people do
 *     alerts_change.c     one alert from state to state: its row, its log, what is to be told
 *     alerts_image.c      an image's findings and uses against the rules
 *     alerts_exception.c  exceptions: what they cover
 *     alerts_tick.c       what time brings
 *     alerts_unknown.c    uses of which nobody knows the image
 *     alerts_item.c       one alert as a message tells it
 *     alerts_tell.c       messages: grouping, what must wait, what waited
 *     alerts_firing.c     what fires, for those who want to hear of it again and again */
#ifndef HUB_ALERTS_INSIDE_H
#define HUB_ALERTS_INSIDE_H

#include "alert/message.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/vec.h"
#include "hub/alerts.h"

/* Of one image: its open alerts, and what they were last held against. */
struct image_alerts {
	uint32_t first; /* index of an alert and one; 0: none */
	bool settled;   /* nothing but what follows can have changed */
	bool waiting;   /* nobody has read it yet; in the list of those */
	uint64_t rules; /* hash of which rules hold for its uses */
	int64_t read_ms,
	    closing_ms;    /* closing: when the last use has really ended; 0: it has not */
	int64_t judged_ms; /* the reading by which the lines that run it were judged */
};

struct due {
	uint32_t image;
	int64_t at_ms;
};

/* An exception as it stands in the store. */
struct excuse {
	struct exception_row row; /* spans are the arena's */
	bool somewhere; /* for a namespace, a workload or a package: not for all of an image */
};

/* What is to be told of one alert, until alerts_flush(). Texts are those of other than findings. */
struct notice_text {
	struct span key, title, text, before, after;
};
struct notice {
	uint32_t alert, image, advisory, workload;
	uint32_t opening, days;
	uint16_t rule, epss_permille;
	uint8_t kind, severity; /* enum message_kind, enum adv_severity */
	bool kev : 1, fixable : 1, is_new : 1;
	int64_t opened_ms;
	uint64_t detail;          /* tells two messages of one kind apart */
	struct notice_text *text; /* or NULL */
};

/* What nobody knows the image of: a reference, or a source that names none. */
struct unknown {
	char *text;
	struct span subject; /* text */
	uint32_t workload;   /* that uses it */
	bool is_ref, seen, many /* workloads */, told;
	size_t rule;
	int64_t since_ms;
};

struct pace {
	int64_t told_ms, minute_ms; /* the last message; when the minute began */
	uint32_t in_minute;
};

struct sink_state {
	char *name;
	struct pace all,
	    urgent; /* what is urgent is counted by itself, and waits for nothing else */
};

struct alerts {
	VEC(struct alert) v;
	struct map by_id, by_pair, by_key, by_workload; /* to indexes of v */
	struct map closed;               /* hash of a key, to the id of a resolved alert */
	VEC(struct image_alerts) images; /* by image */
	uint32_t last_id;
	size_t counts[4];

	const struct policy *policy; /* that rules are indexes of */
	VEC(struct span) rule_names; /* ... in names_arena, for when it is another */
	struct arena names_arena;

	VEC(struct excuse) excuses;
	struct map excuse_of; /* hash of an advisory, to indexes of excuses */
	VEC(uint32_t) excuses_of_any;
	struct arena excuse_arena;
	uint64_t excuses_read;
	bool excuses_somewhere;  /* one of them asks who uses the image */
	int64_t next_excuse_end; /* 0: never */

	VEC(uint8_t) rules; /* of the image that is looked at: which hold for its uses */
	uint32_t rules_of;  /* the image; 0: none */
	bool in_use;
	VEC(uint32_t) stamp; /* by advisory: seen in the image that is looked at */
	uint32_t stamp_now;
	VEC(struct world_finding) worst; /* ... and what it is for it */
	VEC(uint32_t) found;             /* the advisories that were seen */
	VEC(uint32_t) workload_stamp;
	uint32_t workload_stamp_now;

	VEC(struct due) closing, waiting;
	int64_t next_due_ms; /* of escalations and suppressions; 0: look */
	int64_t last_tick_ms, listening_ms, next_age_ms, next_feed_ms;
	VEC(uint8_t) silent; /* by source: what was said of it, enum in alerts_tick.c */
	VEC(struct unknown) unknown;
	struct map unknown_of; /* hash of a subject, to unknown */
	bool unknown_begun;    /* they were looked for since the start */
	int64_t next_unknown_ms;

	VEC(struct notice) notices;
	struct arena scratch;
	VEC(struct sink_state) sinks;
	struct lineage *lineage; /* made when it is first asked for */
	int64_t held_due_ms;     /* when something in the outbox may go; 0: nothing waits */
};

/* Whether a moment has come; one that is too far away was set by a clock that went back since. */
static inline bool has_come(int64_t at_ms, int64_t now_ms, int64_t at_most_ms)
{
	return at_ms <= now_ms || at_ms > now_ms + at_most_ms;
}

/* One call: who, what it needs. */
struct call {
	struct alerts *a;
	const struct alerts_env *env;
	struct world *w;
	struct rmg_err *err;
	struct arena *items; /* where items are made */
};

static inline struct call call_of(struct alerts *a, const struct alerts_env *env,
				  struct rmg_err *err)
{
	return (struct call){a, env, env->world, err, &a->scratch};
}

MUST enum rmg_rc call_no_memory(const struct call *c);

/* The texts of a happening while they are made. What has none keeps what the happening has. */
struct wording {
	struct strbuf subject, title, text;
};
/* It happened, in these words; they end here. */
MUST enum rmg_rc wording_end(struct call *c, struct happening *x, struct wording *t);

/* alerts.c */
/* Alerts are found by their key: of one that is longer than the store takes the head, and a hash of
 * all of it. */
void key_fit(struct strbuf *key);
struct alert *alerts_find(struct alerts *a, uint32_t image, uint32_t advisory);
struct alert *alerts_find_key(struct alerts *a, struct span key);
struct image_alerts *image_alerts(struct alerts *a, uint32_t image); /* NULL: no memory */
/* Copies x; gives the one in memory, NULL where there is no memory. */
MUST struct alert *alerts_insert(struct alerts *a, const struct alert *x);
/* The last one takes its place. */
void alerts_drop(struct alerts *a, struct alert *x);
void alerts_set_state(struct alerts *a, struct alert *x, enum alert_state state);
/* Rules are those of env's policy from now on. */
MUST enum rmg_rc alerts_take_policy(struct call *c);

/* alerts_change.c */
struct opening { /* what is not in struct alert */
	struct span title, text, before, after, details;
};
/* x without an id, state and times; said is NULL for findings. */
MUST enum rmg_rc alert_open(struct call *c, const struct alert *x, const struct opening *said);
MUST enum rmg_rc alert_resolve(struct call *c, struct alert *x, const char *why);
/* From what x is to what now says; tells where it got worse. */
MUST enum rmg_rc alert_compare(struct call *c, struct alert *x, const struct world_finding *now,
			       size_t rule);
MUST enum rmg_rc alert_escalate(struct call *c, struct alert *x, size_t steps, uint32_t days);
/* Into a state, by somebody, for a reason. */
struct turn {
	enum alert_state to;
	int64_t until_ms;
	const char *what; /* for the log */
	struct span by, reason;
	bool excepted;
	bool told; /* it fires again: say so */
};
MUST enum rmg_rc alert_turn(struct call *c, struct alert *x, const struct turn *t);
/* The texts of an alert that is no finding, from the store, into c->items. */
MUST enum rmg_rc alert_texts(struct call *c, uint32_t id, struct notice_text *out);
/* The texts of something that still happens. */
MUST enum rmg_rc alert_say(struct call *c, struct alert *x, const struct opening *said,
			   enum adv_severity severity);

/* alerts_image.c */
#define NO_RULE SIZE_MAX
/* Which rules hold for an image's uses, into a->rules and a->in_use. */
MUST enum rmg_rc image_rules(struct call *c, uint32_t image);
/* The first rule of a kind that holds for the image looked at, from at on; NO_RULE. */
size_t image_rule_of(const struct call *c, enum rule_kind kind);
MUST enum rmg_rc image_close(struct call *c, uint32_t image);
MUST enum rmg_rc image_unread(struct call *c, uint32_t image, bool waited);

/* alerts_behind.c */
/* The image that was looked at stands on what references mean no more; or does so no more. */
MUST enum rmg_rc image_behind(struct call *c, uint32_t image);

/* alerts_local.c */
/* The image that was looked at runs, and no registry has it; or not so any more. */
MUST enum rmg_rc image_unlisted(struct call *c, uint32_t image);

/* "KIND:SUBJECT", as alerts that are no findings are found by. */
void happening_key(enum rule_kind kind, struct span subject, struct strbuf *out);

/* alerts_unknown.c */
MUST enum rmg_rc look_at_unknown(struct call *c);
void unknown_free(struct alerts *a);

/* alerts_exception.c */
MUST enum rmg_rc excuses_load(struct call *c);
/* The exception that covers a finding of an image wherever the rule holds; NULL: none does. */
const struct excuse *excuse_for(struct call *c, uint32_t image, uint32_t advisory, size_t rule);
/* Open alerts against the exceptions as they are now. */
MUST enum rmg_rc excuses_apply(struct call *c);
MUST enum rmg_rc excuses_apply_to_image(struct call *c, uint32_t image);

/* alerts_item.c */
/* What a notice is about, in c->items; NULL: no memory. */
struct message_item *notice_item(struct call *c, const struct notice *n);
int64_t finding_published(struct call *c, uint32_t image, uint32_t advisory); /* 0: not known */

/* lineage.c, lineage_ref.c */
void lineage_free(struct lineage *l);
/* What could not be said of an image's references and lines before it was read. */
MUST enum rmg_rc ref_read(struct call *c, uint32_t image);
MUST enum rmg_rc line_read(struct call *c, uint32_t image);

/* alerts_tell.c */
bool rule_tells(const struct policy *p, uint16_t rule, const char *sink);
MUST enum rmg_rc held_load(struct call *c);
MUST enum rmg_rc held_release(struct call *c);

#endif
