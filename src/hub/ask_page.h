/* SPDX-License-Identifier: Apache-2.0 */
/* ask_page.h - what the answers of ask.h have in common: pages, filters, pieces of JSON.
 *
 * A page is begun, items are put while page_more() says so, and it is ended with the cursor of the
 * item behind the last one, if there is one. Cursors are two numbers, "A.B", the place of an item
 * in the answer's own order; page_at() says whether an item is on this page. */
#ifndef HUB_ASK_PAGE_H
#define HUB_ASK_PAGE_H

#include "format/jsonw.h"
#include "hub/ask.h"

struct page {
	struct jsonw w;
	uint64_t from[2]; /* the cursor: items below it were on earlier pages */
	uint64_t next[2];
	uint32_t left;
	bool more, first;
};

MUST enum rmg_rc page_begin(struct page *p, const struct ask *q, struct strbuf *out,
			    struct rmg_err *err);
/* Whether the item at (a, b) is to be put now; the first that has no room ends the page. Items come
 * in ascending order. False and p->more: it is full, stop. */
bool page_at(struct page *p, uint64_t a, uint64_t b);
/* After the array of items was ended. db NULL: the answer does not depend on one. */
void page_end(struct page *p, const struct advdb *db, int64_t now_ms);

/* An alias stands on the advisory's card; the canonical id is what findings have. "": unknown. */
struct span ask_canonical(struct advdb *db, struct span id);

/* Whether a place, a workload is one that was asked for. */
bool ask_place(const struct ask *q, const struct place *p);
bool ask_workload(const struct ask *q, const struct world *w, uint32_t workload);
/* Whether any place, or workload, is asked for at all. */
bool ask_names_place(const struct ask *q);
/* Whether an image is where it is asked for: a use of it is, or, beyond ASK_RUNNING, a workload
 * that would run it; of ASK_ANY it may also lie there. */
enum ask_use { ASK_RUNNING, ASK_WOULD, ASK_ANY };
bool ask_image_place(const struct ask *q, const struct world *w, uint32_t image, enum ask_use how);
/* "[NAMESPACE/][KIND/]NAME", as people write a workload, against one. */
bool workload_is_named(struct span text, const struct place *p, struct span kind, struct span name);

void put_time(struct jsonw *w, const char *key, int64_t ms); /* 0: null */
void put_counts(struct jsonw *w, const char *key, const struct world_counts *c);
void put_place(struct jsonw *w, const struct place *p);
/* "Kind/name"; null for 0. */
void put_workload(struct jsonw *w, const struct world *world, uint32_t workload);
/* One use: image, digest and reference, place, workload, container, state, since. */
void put_use(struct jsonw *w, const struct world *world, const struct world_use *u);

/* Whether an image has any finding of q's severity or above; all of them where q names none. */
bool ask_severe(const struct ask *q, const struct world_counts *c);
MUST enum rmg_rc ask_check_severity(const struct ask *q, struct rmg_err *err);
/* Whether q->image, where it says any, means this one. */
bool ask_image_is(const struct ask *q, const struct world *w, uint32_t image);
/* How an image came, and what it is based on: "origin", "made_of", "parent", "difference". */
void put_descent(struct jsonw *w, const struct world *world, uint32_t image);
/* Whether it stands on what references mean no more: "behind", each with what would change, or the
 * references alone. */
bool image_is_behind(const struct world *w, uint32_t image);
void put_behind(struct jsonw *w, const struct world *world, uint32_t image);
void put_behind_refs(struct jsonw *w, const struct world *world, uint32_t image);
/* Counts of difference.h. */
void put_difference(struct jsonw *w, const char *key, const uint32_t counts[DESCENT_COUNTS]);

const struct place *place_of(const struct world *w, uint32_t id);

#endif
