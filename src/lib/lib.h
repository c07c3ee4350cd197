/* SPDX-License-Identifier: Apache-2.0 */
/* lib.h - the public objects from inside, and what the files of this folder share. */
#ifndef LIB_LIB_H
#define LIB_LIB_H

#include <rummage.h>

#include "model/inventory.h"
#include "vuln/match.h"

struct rmg_inventory {
	struct inventory *inv;
	struct arena arena;     /* of the views below */
	struct rmg_pkg *pkgs;   /* one per component, in their order */
	struct rmg_note *notes; /* one per note */
	/* Of inv's notes, those from here on up to there come out of the layers' facts; the others
	 * nobody has who has the facts alone. */
	size_t notes_of_facts, notes_of_facts_end;
	double ms_fetch, ms_read, ms_catalog;
};

/* As rmg_inventory_take(); what the layers say, one a layer and NULL where it could not be read, is
 * shown to fn before it is merged. What is not RMG_OK ends the taking. */
typedef enum rmg_rc lib_facts_fn(void *user, const struct facts *const *layers, size_t n,
				 struct rmg_err *err);
MUST enum rmg_rc lib_inventory_take(const struct rmg_image *image, lib_facts_fn *fn, void *user,
				    struct rmg_inventory **out, struct rmg_err *err);

struct rmg_db {
	struct advdb adv; /* reads the mapped bytes */
	void *map;
	size_t map_bytes;
	struct arena arena; /* of the views below */
	const char *path, *built, *digest;
	struct rmg_db_source *sources;
	size_t n_sources;
};

struct rmg_verdict {
	struct verdict *v;
	const struct rmg_inventory *inventory; /* borrowed */
	struct advdb adv;   /* a handle of its own on the borrowed database's bytes */
	struct arena arena; /* of the views */
	struct rmg_finding *findings;
	double ms_match;
	bool only_fixed;
};

/* Files whose owners the inventories taken of an image from now on tell: paths outlive them. */
void image_ask(struct rmg_image *image, struct asked_path *paths, size_t n);

/* Inventories taken of an image from now on tell which components its files belong to. */
void image_want_files(struct rmg_image *image);

/* Whether reading an image looks into a file: an executable, or something that a cataloger wants.
 * head: its first bytes, 4 KiB do. */
struct catalog_select;
MUST enum rmg_rc lib_wants_new(struct catalog_select **out);
bool lib_wants(const struct catalog_select *s, struct span path, uint32_t mode, uint64_t size_bytes,
	       struct span head);
void lib_wants_free(struct catalog_select *s);

/* A clean, NUL-terminated copy for the caller of the library; "" for an empty span. NULL once the
 * arena has failed. */
const char *lib_text(struct arena *a, struct span s);

enum rmg_severity lib_severity(enum adv_severity s);
enum rmg_status lib_status(enum adv_status s);

/* Does it break a threshold, as rmg_verdict_within() has it? */
bool lib_breaks(const struct finding *f, enum rmg_severity fail_on);

#endif
