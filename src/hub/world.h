/* SPDX-License-Identifier: Apache-2.0 */
/* world.h - all that the hub knows, in memory, as arrays that index each other.
 *
 *     component --> images (compressed rows, rebuilt now and then; newer images in a tail)
 *     image --> uses (a list threaded through the uses), image --> components (packed)
 *     workload --> uses; digest --> images; container --> use
 *
 * Ids are the store's (store/rows.h): from 1, 0 is none, an id indexes its array. The store is the
 * truth; this is made from it at start (world_load) and follows it. It is changed by the one who
 * holds the hub's write lock, through the functions below alone, and read under the read lock.
 * Texts are interned in its arena and live as long as it does. Sizes to hold: 1,000,000 uses,
 * 50,000 images of 300 components, 500,000 distinct components in 1 GiB.
 * What cannot be had for want of memory is RMG_E_NOMEM, and the caller then loads anew. */
#ifndef HUB_WORLD_H
#define HUB_WORLD_H

#include "base/map.h"
#include "base/vec.h"
#include "store/rows.h"
#include "vuln/match.h"

/* An advisory that some component has, by its canonical id. */
struct world_advisory {
	struct span id; /* "CVE-2024-3094" */
};

/* One finding of a component: what policy and alerts ask. Its text is asked of the database anew.
 */
struct world_finding {
	uint32_t advisory;
	uint8_t severity; /* enum adv_severity */
	uint8_t status;   /* enum adv_status */
	bool kev, fixable;
	uint16_t epss_permille;
};

struct world_component {
	uint32_t os;
	bool is_os;
	struct span type, ns, name, version, arch, src_name, src_version, module, purl, cataloger;
	struct world_finding *findings; /* by advisory; malloc'ed, the world's */
	uint32_t n_findings;
};

/* Findings by enum adv_severity, each advisory once an image, exceptions not counted. */
struct world_counts {
	uint32_t by_severity[6];
	uint32_t kev, fixable;
};

struct world_image {
	struct span digest, platform, ref, revision;
	uint32_t os;
	int64_t created_ms, seen_ms, read_ms; /* read_ms 0: nobody knows yet what is in it */
	bool complete;
	const uint32_t *components; /* ascending */
	uint32_t n_components;
	uint32_t first_use;    /* head of the list of open uses that run; 0 none */
	uint32_t first_cached; /* ... and of those that only lie on a node */
	uint32_t n_uses, n_cached;
	struct world_counts counts;
};

struct world_use {
	uint32_t image, workload, place;
	uint32_t next, prev; /* of the same image */
	uint32_t next_of_workload, prev_of_workload;
	bool cached, open;
	struct span container, name, runtime, ref, source;
	uint64_t heard; /* the snapshot that mentioned it last */
	int64_t began_ms;
};

struct world_workload {
	uint32_t place;
	struct span kind, name, labels, images, schedule, source;
	bool declared, suspended;
	uint64_t replicas;
	int64_t first_ms, last_ms, removed_ms;
	uint32_t first_use, n_uses;
	uint32_t last_image; /* what it ran last, for rollback and dormancy */
	/* What it would run when it starts: image ids of declared and resolved references. */
	const uint32_t *would_run;
	uint32_t n_would_run;
};

struct world_tag {
	struct span ref, digest; /* what it means now */
	int64_t since_ms, checked_ms;
};

struct world_source {
	struct span name;
	uint32_t place;
	uint64_t epoch, seq, snapshot;
	int64_t heard_ms;
};

struct world {
	struct arena arena;
	VEC(struct place_row) places;
	VEC(struct os) oses;
	VEC(struct world_advisory) advisories;
	VEC(struct world_component) components;
	VEC(struct world_image) images;
	VEC(struct world_use) uses;
	VEC(struct world_workload) workloads;
	VEC(struct world_tag) tags;
	VEC(struct world_source) sources;
	size_t n_open_uses, n_pairs;
	struct world_index *index; /* component -> images, and the tables of names */
};

MUST enum rmg_rc world_new(struct world **out);
void world_free(struct world *w);

/* Everything that the store has; findings are empty until judged. */
MUST enum rmg_rc world_load(struct world *w, struct store *st, struct rmg_err *err);

/* Finding by name; 0 where there is none. A digest may mean several images (an index). */
uint32_t world_image_of(const struct world *w, struct span digest, size_t nth);
uint32_t world_use_of(const struct world *w, struct span source, struct span container);
uint32_t world_workload_of(const struct world *w, uint32_t place, struct span kind,
			   struct span name);
uint32_t world_tag_of(const struct world *w, struct span ref);
uint32_t world_advisory_of(const struct world *w, struct span id);

/* Interning: gives the id, made when it is new (*made then; the caller writes the row). */
MUST enum rmg_rc world_place(struct world *w, const struct place *p, uint32_t *id, bool *made);
MUST enum rmg_rc world_os(struct world *w, const struct os *os, uint32_t *id, bool *made);
MUST enum rmg_rc world_component(struct world *w, const struct component *c, uint32_t os,
				 uint32_t *id, bool *made);
MUST enum rmg_rc world_advisory(struct world *w, struct span id, uint32_t *out);
MUST enum rmg_rc world_source(struct world *w, struct span name, uint32_t *id, bool *made);
MUST enum rmg_rc world_workload(struct world *w, uint32_t place, struct span kind, struct span name,
				uint32_t *id, bool *made);

/* Images. _add makes one without an inventory; _read gives it its components (ascending ids). */
MUST enum rmg_rc world_image_add(struct world *w, const struct image_row *row, uint32_t *id);
MUST enum rmg_rc world_image_read(struct world *w, uint32_t image, const struct image_row *row,
				  const uint32_t *components, size_t n);
MUST enum rmg_rc world_alias(struct world *w, struct span digest, uint32_t image, bool *made);

/* Uses. */
MUST enum rmg_rc world_use_begin(struct world *w, const struct use_row *row, uint32_t *id);
void world_use_end(struct world *w, uint32_t use);
void world_use_resolve(struct world *w, uint32_t use, uint32_t image); /* image was 0 */

MUST enum rmg_rc world_tag(struct world *w, const struct tag_row *row, uint32_t *id, bool *moved);

/* Which images have any of these components: calls back each image once, ascending; false stops.
 * Costs the postings of the components and the tail of new images. */
typedef bool world_image_fn(void *user, uint32_t image);
MUST enum rmg_rc world_images_with(const struct world *w, const uint32_t *components, size_t n,
				   world_image_fn *fn, void *user);

/* What one advisory is for one image: the worst of its components' findings; false: none. */
MUST bool world_finding_of(const struct world *w, uint32_t image, uint32_t advisory,
			   struct world_finding *out);

#endif
