/* SPDX-License-Identifier: Apache-2.0 */
/* world_inside.h - the tables behind struct world, for world*.c and judge.c alone. */
#ifndef HUB_WORLD_INSIDE_H
#define HUB_WORLD_INSIDE_H

#include "base/hash.h"
#include "hub/counted.h"
#include "hub/world.h"

struct world_alias {
	struct span digest;
	uint32_t image;
};

/* That a workload would run an image: a list per image, threaded through a pool. */
struct world_would {
	uint32_t workload, image, next, prev;
};

/* Hashes of the names that a component's package may be asked under; 0: none. */
struct world_names {
	uint32_t hash[2];
};

struct world_index {
	struct map texts, places, oses, components, advisories, sources, workloads, tags, aliases;
	struct map uses, runtimes;
	VEC(struct text) text; /* element 0 is "" */
	VEC(struct world_alias) alias;
	VEC(struct world_would) would; /* element 0 is empty */
	VEC(struct text) runtime;
	struct counted names_of_uses;
	VEC(struct world_names) names; /* by component */
	/* Of the image whose findings are being counted: stamp says whether worst is its. */
	VEC(uint32_t) stamp; /* by advisory */
	VEC(struct world_finding) worst;
	uint32_t stamp_now;
	struct arena scratch;
	uint32_t free_would, free_use;
	/* Compressed rows: component c's images are postings[offsets[c]] .. postings[offsets[c+1]].
	 * An image in the tail is not asked of them, even where it stands there. */
	uint32_t *offsets, *postings;
	uint32_t n_offsets; /* components that the rows know, and one more; 0: there are none */
	size_t n_postings;
	VEC(uint32_t) tail;
	size_t tail_pairs;
	bool loading; /* the rows are made once, at the end */
};

/* Text that is kept once. Sticky: a failed arena gives "". */
struct span world_intern(struct world *w, struct span s);
struct text world_intern_text(struct world *w, struct span s);
uint32_t world_intern_id(struct world *w, struct span s); /* of index->text; 0: "" */

/* Bytes with their length in front, of malloc; for what comes and goes. */
MUST bool text_new(struct span s, struct text *out);
void text_free(struct text t);

/* What the id of a use's container is kept as. */
enum { CONTAINER_TEXT, CONTAINER_HEX, CONTAINER_SHA256 };
MUST bool use_container_set(struct world_use *u, struct span id);
void use_container_free(struct world_use *u);

/* An advisory's list of components. */
MUST bool world_advisory_add(struct world *w, uint32_t advisory, uint32_t component);
void world_advisory_remove(struct world *w, uint32_t advisory, uint32_t component);

/* Whether an ascending array has it: position, or SIZE_MAX. */
size_t ids_find(const uint32_t *ids, size_t n, uint32_t id);

/* By advisory; NULL: none. */
const struct world_finding *finding_find(const struct world_finding *f, size_t n,
					 uint32_t advisory);

static inline uint64_t hash_two(uint64_t a, uint64_t b)
{
	return hash_mix(a * 3 + b);
}

static inline uint32_t name_hash(struct span name)
{
	return (uint32_t)(hash_span(name) >> 32) | 1;
}

/* Bits of ids. */
struct bits {
	uint64_t *word;
	size_t n; /* bits */
};
MUST bool bits_new(struct bits *b, size_t n);
void bits_free(struct bits *b);
static inline void bits_set(struct bits *b, size_t i)
{
	b->word[i / 64] |= UINT64_C(1) << i % 64;
}
static inline bool bits_has(const struct bits *b, size_t i)
{
	return i < b->n && (b->word[i / 64] >> i % 64 & 1);
}

#endif
