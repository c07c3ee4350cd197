/* SPDX-License-Identifier: Apache-2.0 */
/* lineage_inside.h - what lineage.c (lines of workloads), lineage_ref.c (references in use) and
 * lineage_verdict.c share; nobody else includes this. */
#ifndef HUB_LINEAGE_INSIDE_H
#define HUB_LINEAGE_INSIDE_H

#include "format/json.h"
#include "format/jsonw.h"
#include "hub/alerts_inside.h"
#include "hub/lineage.h"

#define LINEAGE_SAID "The orchestrator says so."

/* A content that a line has run. */
struct lineage_seen {
	uint32_t image, next; /* next: index and one, of the same line */
	int64_t first_ms;
};

struct lineage_line {
	uint32_t workload;
	uint32_t image, from; /* what it runs, or ran last; and before that */
	uint32_t seen;        /* index and one */
	int64_t since_ms, ended_ms;
	bool rolled_back; /* the last step */
	/* That step as it was judged: by the verdicts of then, or once both images could be. What
	 * advisories say later makes no rollback of it, and mends none. */
	bool judged, worse;
	bool said;        /* the last step: by the orchestrator's word, not by what began */
	int64_t asked_ms; /* the last step was asked for then, and is not declared yet; 0: no */
};

struct step {
	struct lineage_line *line;
	uint32_t from, to;
	int64_t at_ms;
	struct span name; /* of the line */
	const char *what;
	struct strbuf text, before, after;
};

/* How many uses run a content under a reference. */
struct lineage_ref {
	struct span ref; /* the world's */
	uint32_t image, n, next;
};

struct lineage {
	VEC(struct lineage_line) lines;
	VEC(struct lineage_seen) seen;
	struct map by_name;   /* hash of workload and name, to a line */
	VEC(uint8_t) is_read; /* by workload: its rows are in */
	VEC(struct lineage_ref) refs;
	VEC(uint32_t) asked; /* lines */
	struct map by_ref;   /* hash of a reference, to the first of its refs */
	bool refs_made;
};

/* The alerts' own, made when first asked for; NULL: no memory. */
struct lineage *lineage_of(struct call *c);

/* The image that a digest-only one turned out to be; else itself. */
uint32_t image_known_as(const struct world *w, uint32_t image);

/* "sha256:0123456789ab", for texts. */
struct span digest_short(struct span digest);

/* lineage.c: lines of workloads, by the repository of a reference and the container's name; those
 * of an engine's own are each node's. */
bool line_is_of_node(struct span kind);
void line_name(const struct world_workload *x, struct span ref, struct span container,
	       struct strbuf *out);
void line_name_of(const struct world *w, const struct world_use *u, struct strbuf *out);
/* Whether a use of the line runs beside this one (the same image, where one is given). */
bool line_runs(const struct call *c, uint32_t workload, uint32_t use, struct span name,
	       uint32_t image);
MUST enum rmg_rc lineage_read(struct call *c, struct lineage *l, uint32_t workload);
/* Both policy and lineage at hand, and the workload's lines read. */
MUST enum rmg_rc lineage_ready(struct call *c, struct lineage **l, uint32_t workload);
struct lineage_line *line_find(struct lineage *l, uint32_t workload, struct span name);
struct lineage_line *line_add(struct lineage *l, uint32_t workload, struct span name);
struct lineage_seen *seen_find(const struct world *w, struct lineage *l,
			       const struct lineage_line *line, uint32_t image);
MUST bool seen_add(const struct world *w, struct lineage *l, struct lineage_line *line,
		   uint32_t image, int64_t at_ms);

/* A step: its words, its row, and the alert that it is, or ends (over). */
struct step step_new(struct lineage_line *line, int64_t at_ms);
void step_done(struct step *s);
void step_say(const struct call *c, struct step *s, const char *verb, struct span basis);
MUST enum rmg_rc step_write(struct call *c, struct step *s);
MUST enum rmg_rc step_tell(struct call *c, const struct step *s, bool over);
MUST enum rmg_rc step_change(struct call *c, struct lineage *l, struct step *s); /* from, to */
/* Whether it is a step back by what ran, and on what that rests, into text. */
bool step_goes_back(const struct call *c, struct lineage *l, const struct step *s,
		    struct strbuf *text);

/* lineage_said.c: what a line ran last neither runs any more (ended: not this use) nor is declared,
 * and what runs is: it went there, whoever began before whom. */
uint32_t line_meaning(const struct call *c, struct lineage *l, const struct lineage_line *line,
		      const struct event_image *e); /* what it has run of what this may mean */
/* The step of a way back, written and told. */
MUST enum rmg_rc line_go_back(struct call *c, struct step *s, struct span basis);
const struct event_image *line_before(const struct event *e, size_t i);
bool line_would(const struct world_workload *x, uint32_t image);
MUST enum rmg_rc line_settle(struct call *c, struct lineage *l, uint32_t workload, uint32_t ended);

/* lineage_ref.c: the entries of a reference that are in use, one after the other (at NULL first),
 * once they were made. */
MUST enum rmg_rc ref_make(struct call *c, struct lineage *l);
const struct lineage_ref *ref_next(const struct world *w, const struct lineage *l, struct span ref,
				   const struct lineage_ref *at);
/* "node-a, node-b and 3 more uses run ": machines that run an image under a reference. */
void ref_put_nodes(const struct world *w, uint32_t image, struct span ref, struct strbuf *out);
/* What became of a tag, into the lineage of each workload that runs an image under it. */
MUST enum rmg_rc ref_write_rows(struct call *c, const struct world_tag *tag, uint32_t image,
				const char *what, struct span text);

/* lineage_gone.c: whether a tag that is gone is in use; the second where it is gone at all. */
MUST enum rmg_rc gone_hold(struct call *c, struct lineage *l, const struct world_tag *tag);
MUST enum rmg_rc gone_hold_ref(struct call *c, struct lineage *l, struct span ref);

/* lineage_asked.c: what did not come about. */
MUST enum rmg_rc look_at_asked(struct call *c);

MUST enum rmg_rc ref_began(struct call *c, uint32_t use);
MUST enum rmg_rc ref_ended(struct call *c, uint32_t use);

/* Whether an image was read, and judged. */
bool verdict_known(const struct call *c, uint32_t image);
void verdict_say(const struct call *c, uint32_t image, struct strbuf *out);
bool verdict_worse(const struct call *c, uint32_t from, uint32_t to);
/* Into a step's row, and out of it into its line: "before" and "after". */
void verdict_write(struct jsonw *w, const char *key, const struct call *c, uint32_t image);
void verdict_read(json *root, struct lineage_line *line);

#endif
