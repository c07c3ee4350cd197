/* SPDX-License-Identifier: Apache-2.0 */
/* lineage_inside.h - what lineage.c (lines of workloads), lineage_ref.c (references in use) and
 * lineage_verdict.c share; nobody else includes this. */
#ifndef HUB_LINEAGE_INSIDE_H
#define HUB_LINEAGE_INSIDE_H

#include "format/json.h"
#include "format/jsonw.h"
#include "hub/alerts_inside.h"
#include "hub/lineage.h"

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
	struct map by_ref; /* hash of a reference, to the first of its refs */
	bool refs_made;
};

/* The alerts' own, made when first asked for; NULL: no memory. */
struct lineage *lineage_of(struct call *c);

/* The image that a digest-only one turned out to be; else itself. */
uint32_t image_known_as(const struct world *w, uint32_t image);

/* "sha256:0123456789ab", for texts. */
struct span digest_short(struct span digest);

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
