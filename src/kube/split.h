/* SPDX-License-Identifier: Apache-2.0 */
/* split.h - the API's answers, cut into objects while they come, so that none is held whole.
 *
 * Of a list ("kind": "PodList", "items": [...]) each item is given when its last byte has come, and
 * what is left is the list without its items. Of a watch's stream each line. An object above max
 * bytes is passed over and counted: it is said, never silently lost. Only brackets and strings are
 * looked at here: what is inside is for the JSON reader. */
#ifndef KUBE_SPLIT_H
#define KUBE_SPLIT_H

#include "base/strbuf.h"

struct split {
	bool list; /* else lines */
	struct strbuf item, rest;
	bool in_items, in_string, escaped, after_items_key, over;
	unsigned depth; /* of brackets: in a list of all, in its items of the item */
	size_t key_at;  /* in rest: where the last string began */
	uint64_t passed_over;
};

/* false: enough, and feeding ends. */
typedef bool split_fn(void *user, struct span object);

void split_init(struct split *s, size_t max);
void split_done(struct split *s);
void split_begin(struct split *s, bool list); /* the next answer */

/* false: fn said so, or memory ran out. */
MUST bool split_feed(struct split *s, struct span bytes, split_fn *fn, void *user);

/* The list without its items, once all was fed; of lines what has no end yet. */
struct span split_rest(const struct split *s);

#endif
