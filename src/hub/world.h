/* SPDX-License-Identifier: Apache-2.0 */
/* world.h - all that the hub knows, in memory, as arrays that index each other.
 *
 *     component --> images (compressed rows, rebuilt now and then; newer images in a tail)
 *     image --> uses (a list threaded through the uses), image --> components (ascending)
 *     workload, source --> uses; image --> workloads that would run it; advisory --> components
 *     digest --> images; source and container --> use; reference --> tag
 *
 * Ids of rows are the store's (store/rows.h): from 1, 0 is none, an id indexes its array; element 0
 * is empty. Uses alone are numbered by slot, since they come and go by the million: a slot is
 * taken again after its use has ended, and world_use.id is the row's. The store is the truth; this
 * is made from it at start (world_load) and follows it. It is changed by the one who holds the
 * hub's write lock, through the functions below alone, and read under the read lock.
 * Texts are interned in its arena and live as long as it does. Sizes to hold: 1,000,000 uses,
 * 50,000 images of 300 components, 500,000 distinct components in 1 GiB.
 * What cannot be had for want of memory is RMG_E_NOMEM, and the caller then loads anew. */
#ifndef HUB_WORLD_H
#define HUB_WORLD_H

#include "base/map.h"
#include "base/vec.h"
#include "store/rows.h"
#include "vuln/match.h"

/* A text that costs a pointer: two bytes of length stand before it. Zeroed is "". */
struct text {
	const uint8_t *at;
};

static inline struct span text_span(struct text t)
{
	return t.at ? span_of(t.at + 2, (size_t)t.at[0] | (size_t)t.at[1] << 8) : (struct span){0};
}

/* An advisory that some component has, by its canonical id, and the components that have it. */
struct world_advisory {
	struct span id;       /* "CVE-2024-3094" */
	uint32_t *components; /* ascending; malloc'ed, the world's */
	uint32_t n, cap;
};

/* One finding of a component: what policy and alerts ask. Its text is asked of the database anew.
 */
struct world_finding {
	uint32_t advisory;
	uint16_t epss_permille;
	uint8_t severity : 4; /* enum adv_severity */
	uint8_t status : 4;   /* enum adv_status */
	bool kev : 1, fixable : 1;
};

struct world_component {
	uint32_t os; /* 0 for language packages */
	bool is_os;
	struct span type, ns, name, version, arch, src_name, src_version, module, purl, cataloger;
	struct world_finding *findings; /* by advisory; malloc'ed, the world's */
	uint32_t n_findings;
};

/* Findings by enum adv_severity, each advisory once an image. Exceptions change nothing here: they
 * are taken for a workload or a namespace. */
struct world_counts {
	uint32_t by_severity[6];
	uint32_t kev, fixable;
};

struct world_image {
	struct span digest, platform, ref, revision;
	uint32_t os;
	int64_t created_ms, seen_ms, read_ms; /* read_ms 0: nobody knows yet what is in it */
	uint64_t size_bytes;                  /* of its layers, as they are sent; 0 not known */
	bool complete, in_tail;
	bool said, denied;    /* something is said of it; that nobody is to run it */
	uint32_t *components; /* ascending; malloc'ed, the world's */
	uint32_t n_components;
	uint32_t first_use;    /* head of the list of uses that run; 0 none */
	uint32_t first_cached; /* ... and of those that only lie on a node */
	uint32_t first_would;  /* see world_would_next() */
	uint32_t n_uses, n_cached;
	uint32_t descent;    /* index of descents; 0: nobody said how it came */
	uint32_t first_base; /* index of bases; 0: it is not known to stand on any */
	struct world_counts counts;
};

struct world_use {
	uint32_t id; /* of the row; 0: the slot is free */
	uint32_t image /* 0: nobody knows, see ref */, workload, place, source;
	uint32_t next, prev; /* of the same image, running or cached */
	uint32_t next_of_workload, prev_of_workload, next_of_source, prev_of_source;
	uint32_t name, ref; /* ask world_use_name(), world_use_ref(); one text, one number */
	uint16_t heard;     /* of the number of the snapshot of its source that mentioned it last */
	uint8_t runtime;    /* ask world_use_runtime() */
	uint8_t container_form : 2;
	bool cached : 1, changed : 1; /* changed: drift was found in it */
	union {
		uint8_t hash[32];
		struct text text;
	} container; /* ask world_use_container() */
	int64_t began_ms;
};

struct world_workload {
	uint32_t place, source; /* source: who declared it */
	struct span kind, name;
	struct span labels, images, schedule; /* as rows have them */
	char *texts;                          /* ... malloc'ed, the world's */
	bool declared, suspended;
	uint64_t replicas;
	int64_t first_ms, last_ms, removed_ms;
	uint32_t first_use, n_uses; /* that run */
	uint32_t heard;             /* as of uses, by its source */
	uint32_t last_image;        /* what it ran last, for rollback and dormancy */
	uint32_t of;                /* a pod: the workload that it stands for; 0 itself */
	/* What it would run when it starts: of declared and resolved references; and hashes of the
	 * references that only a tag can resolve. Malloc'ed, the world's. */
	uint32_t *would_run, *would_at /* internal */;
	uint64_t *refs;
	uint32_t n_would_run, n_refs;
};

struct world_tag {
	struct span ref, digest; /* what it means now */
	bool registry;           /* by a registry's own word */
	int64_t since_ms, checked_ms;
	int64_t gone_ms;  /* its registry has had it no more since then; 0: that is not so */
	uint64_t said_by; /* hash of the name of the source that spoke last */
	uint32_t heard;   /* as of uses, by that source */
};

/* A reference that an image stands on: see base_row. */
struct world_base {
	uint32_t image, parent, layers;
	uint32_t next; /* of the same image */
	struct span ref, how, was, now;
	int64_t since_ms;
};

struct world_source {
	struct span name;
	uint32_t place;
	uint64_t epoch, seq;
	uint32_t snapshot;                /* the number of the newest; marks what it mentions */
	bool in_snapshot, wants_snapshot; /* something was lost: the source is asked for all */
	bool hearsay;                     /* it told of uses that others may tell of (event.h) */
	int64_t heard_ms;
	uint32_t first_use, n_declared;
	struct event_answers answers; /* as it said them last, to this hub; not in the store */
};

/* A node of a cluster, as its manager says. It is in no store: who says it says it again. */
struct world_node {
	uint32_t source, place; /* source 0: it has gone, and its row is free */
	struct span id, availability, state;
	int64_t since_ms; /* in this state */
	uint32_t heard;   /* as of uses */
};

struct world {
	struct arena arena;
	VEC(struct place_row) places;
	VEC(struct os) oses;
	VEC(struct world_advisory) advisories;
	VEC(struct world_component) components;
	VEC(struct world_image) images; /* images.v[0] heads the uses of nobody knows what */
	VEC(struct world_use) uses;     /* by slot */
	VEC(struct world_workload) workloads;
	VEC(struct world_tag) tags;
	VEC(struct world_source) sources;
	VEC(struct world_node) nodes;
	VEC(struct descent_row) descents;
	VEC(struct world_base) bases; /* element 0 is empty */
	struct map bases_of_ref;      /* hash of a reference, to bases */
	/* Chains of the first layers of local images that were read since the start, to these. */
	struct map prefixes;
	size_t n_uses, n_cached, n_pairs;
	uint32_t last_use_id;
	struct world_index *index; /* component -> images, and the tables of names */
};

/* What its parts take. Images, components and advisories are the index; texts are everybody's. */
#define WORLD_PART(X)                                                                              \
	X(USES, "uses")                                                                            \
	X(WORKLOADS, "workloads")                                                                  \
	X(PLACES, "places")                                                                        \
	X(TAGS, "tags")                                                                            \
	X(IMAGES, "images")                                                                        \
	X(COMPONENTS, "components")                                                                \
	X(ADVISORIES, "advisories")                                                                \
	X(TEXTS, "texts")
enum world_part {
#define X(name, text) WORLD_##name,
	WORLD_PART(X)
#undef X
	    WORLD_PARTS
};
void world_sizes(const struct world *w, size_t bytes[WORLD_PARTS]);

MUST enum rmg_rc world_new(struct world **out);
void world_free(struct world *w);

/* Everything that the store has; findings are empty until judged. w is new. */
MUST enum rmg_rc world_load(struct world *w, struct store *st, struct rmg_err *err);

/* Finding by name; 0 where there is none. A digest may mean several images (an index): nth of
 * them, 0 at the end. */
uint32_t world_image_of(const struct world *w, struct span digest, size_t nth);
/* Whether this image is one of them; whether any of them was read. */
bool world_digest_means(const struct world *w, struct span digest, uint32_t image);
bool world_digest_read(const struct world *w, struct span digest);
/* The one that a digest alone is taken for: of several that were read the worst, so that an index
 * hides nothing. */
uint32_t world_image_choose(const struct world *w, struct span digest);
uint32_t world_use_of(const struct world *w, uint32_t source, struct span container, bool cached);
/* An id of 64 digits means one container, whoever tells of it. */
bool world_is_everybodys(struct span container);
/* The same container as another source tells of it, the one whose word stands (model/event.h); with
 * an id that is no 64 digits only hearsay is looked for, or, where it is asked for, all. */
uint32_t world_use_elsewhere(const struct world *w, uint32_t source, struct span container,
			     bool all);
uint32_t world_workload_of(const struct world *w, uint32_t place, struct span kind,
			   struct span name);
/* Workloads are of a cluster's namespace and no machine. */
uint32_t world_workload_at(const struct world *w, struct span cluster, struct span ns,
			   struct span kind, struct span name);
uint32_t world_place_of(const struct world *w, const struct place *p);
uint32_t world_tag_of(const struct world *w, struct span ref);
uint32_t world_tag_of_hash(const struct world *w, uint64_t ref); /* of hash_span() */
uint32_t world_advisory_of(const struct world *w, struct span id);
uint32_t world_source_of(const struct world *w, struct span name);

/* The texts of a use. buf is used where the id is not kept as text. */
enum { WORLD_CONTAINER = 80 };
struct span world_use_container(const struct world_use *u, char buf[static WORLD_CONTAINER]);
struct span world_use_runtime(const struct world *w, const struct world_use *u);
struct span world_use_name(const struct world *w, const struct world_use *u);
struct span world_use_ref(const struct world *w, const struct world_use *u);
/* Whether its source's newest snapshot mentioned it. */
bool world_use_heard(const struct world *w, const struct world_use *u);
void world_use_hear(const struct world *w, struct world_use *u);

/* Interning: gives the id, made when it is new (*made then; the caller writes the row). */
MUST enum rmg_rc world_place(struct world *w, const struct place *p, uint32_t *id, bool *made);
MUST enum rmg_rc world_os(struct world *w, const struct os *os, uint32_t *id, bool *made);
MUST enum rmg_rc world_component(struct world *w, const struct component_row *row, uint32_t *id,
				 bool *made);
MUST enum rmg_rc world_advisory(struct world *w, struct span id, uint32_t *out);
MUST enum rmg_rc world_source(struct world *w, struct span name, uint32_t *id, bool *made);
MUST enum rmg_rc world_workload(struct world *w, uint32_t place, struct span kind, struct span name,
				uint32_t *id, bool *made);

/* The texts and numbers of a row over those that a workload had; uses and what it would run stay.
 */
MUST enum rmg_rc world_workload_set(struct world *w, uint32_t id, const struct workload_row *row);

/* What a workload would run, and the references that only a tag can tell, from what it was declared
 * with (its images as JSON), digests and tags being known as they are. */
MUST enum rmg_rc world_workload_resolve(struct world *w, uint32_t id);

/* References that a declared workload would run and no tag resolves. False: fn said so, or memory
 * ran out. */
typedef bool world_ref_fn(void *user, struct span ref);
MUST bool world_unmet_refs(const struct world *w, uint32_t workload, world_ref_fn *fn, void *user);

/* Declared, and nothing of it runs: it is judged by what it would run. */
bool world_dormant(const struct world *w, uint32_t workload);

/* The workloads that would run an image, dormant or not: *at = 0 first; 0 ends it. */
uint32_t world_would_next(const struct world *w, uint32_t image, uint32_t *at);

/* Images. _add makes one without an inventory, or sets all but the components; _read gives it its
 * components (ascending ids). */
MUST enum rmg_rc world_image_add(struct world *w, const struct image_row *row, uint32_t *id);
MUST enum rmg_rc world_image_read(struct world *w, uint32_t image, const struct image_row *row,
				  const uint32_t *components, size_t n);
MUST enum rmg_rc world_image_revision(struct world *w, uint32_t image, struct span revision);
/* What is known of how it came, over what was. */
MUST enum rmg_rc world_descent(struct world *w, const struct descent_row *row);
/* What a platform says of an image that is known; and nothing any more. */
void world_said(struct world *w, const struct said_row *row);
void world_said_none(struct world *w, uint32_t image);
/* ... all zero where nothing is. */
const struct descent_row *world_descent_of(const struct world *w, uint32_t image);
/* A base, over what was known of it; found by image and reference, 0 where there is none; and those
 * of a reference one after the other: *at = 0 first, 0 ends. */
MUST enum rmg_rc world_base_set(struct world *w, const struct base_row *row, uint32_t *id);
uint32_t world_base_of(const struct world *w, uint32_t image, struct span ref);
uint32_t world_base_next(const struct world *w, struct span ref, size_t *at);
/* Whether an image runs, or would. */
bool world_is_used(const struct world *w, uint32_t image);
MUST enum rmg_rc world_alias(struct world *w, struct span digest, uint32_t image, bool *made);

/* Uses: running or cached, by row->cached; source is row->source, interned by the caller. */
MUST enum rmg_rc world_use_begin(struct world *w, const struct use_row *row, uint32_t source,
				 uint32_t *slot);
void world_use_end(struct world *w, uint32_t slot);
MUST enum rmg_rc world_use_rename(struct world *w, uint32_t slot, struct span ref,
				  struct span name);
void world_use_resolve(struct world *w, uint32_t slot, uint32_t image); /* to another image */
void world_use_move(struct world *w, uint32_t slot, uint32_t workload); /* to another one, or 0 */
bool world_has_runtime(const struct world *w, struct span name);        /* some use was told so */

/* news: it was not known, or not so. */
MUST enum rmg_rc world_node_set(struct world *w, const struct world_node *n, bool *news);
struct world_node *world_node_of(struct world *w, uint32_t source, struct span id); /* or NULL */
void world_node_drop(struct world_node *n);

/* Whether an image is what a tag means now. Another one than the registry has for its platform it
 * is not; else nothing is certain: a tag may be an index of which other platforms' images are not
 * known here. */
enum tag_means { TAG_UNSURE, TAG_SAME, TAG_OTHER };
enum tag_means world_tag_means(const struct world *w, const struct world_tag *tag, uint32_t image);

/* What a tag means now for a platform: an image that was read, else any of that platform; 0: nobody
 * knows one. */
uint32_t world_tag_image(const struct world *w, const struct world_tag *tag, struct span platform);

/* A row without a digest: it is gone, and what it meant last is kept. */
MUST enum rmg_rc world_tag(struct world *w, const struct tag_row *row, uint32_t *id, bool *moved);

/* Which images have any of these components (of images that were read): calls back each image once,
 * ascending; false stops. Costs the postings of the components and the tail of new images. */
typedef bool world_image_fn(void *user, uint32_t image);
MUST enum rmg_rc world_images_with(const struct world *w, const uint32_t *components, size_t n,
				   world_image_fn *fn, void *user);

/* Of two findings of one advisory on one image the one that counts. */
bool finding_is_worse(const struct world_finding *a, const struct world_finding *b);
/* What one advisory is for one image: the worst of its components' findings; false: none. */
MUST bool world_finding_of(const struct world *w, uint32_t image, uint32_t advisory,
			   struct world_finding *out);

/* Puts the newer images' tail into the compressed rows where that pays. Never fails: without memory
 * the tail stays. */
void world_index_tidy(struct world *w);

/* The findings of a component, replaced; findings are malloc'ed and become the world's. */
MUST enum rmg_rc world_findings_set(struct world *w, uint32_t component,
				    struct world_finding *findings, uint32_t n);

#endif
