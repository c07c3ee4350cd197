/* SPDX-License-Identifier: Apache-2.0 */
/* catalog.h - what a cataloger is: one file of the image in, packages and notes out.
 *
 * A cataloger is one file here, one row in catalog.def, one folder of samples in
 * testdata/. It sees bytes and returns values: no I/O, no state, no allocation that outlives
 * the call (cat_scratch() is reset after each file). Everything given to cat_*() is copied.
 * It may never return "nothing found" for "could not read": what is lost is a note, and what
 * stops it altogether is a return code, which becomes a note of the file. */
#ifndef CATALOG_CATALOG_H
#define CATALOG_CATALOG_H

#include "base/rd.h"
#include "base/scan_limits.h"
#include "model/facts.h"

/* A regular file of the layer, before its content is held. */
struct cat_file {
	struct span path;
	uint64_t size;
	uint32_t mode;
	struct span head; /* its first bytes: at most LIMIT_HEAD_BYTES, at least min(size, that) */
	const struct scan_limits *limits; /* NULL: those of base/limits.h */
};

struct cat; /* one call's context */

struct cataloger {
	const char *name; /* as in reports and catalog.def */
	const char *const
	    *globs; /* span_glob patterns on the path, NULL-terminated; NULL: any path */
	bool (*wants)(
	    const struct cat_file *f); /* by content, after globs; NULL: all that globs take */
	enum rmg_rc (*parse)(struct cat *c, struct span bytes); /* the whole file */
	uint64_t max_bytes; /* larger files are a note of lost data */
};

#define X(name, version) extern const struct cataloger catalog_##name;
#include "catalog/catalog.def"
#undef X

#define CATALOGERS_MAX 64

extern const struct cataloger *const catalogers[]; /* NULL-terminated, in the table's order */

/* "apk/1 dpkg/1 ...": what the cache's keys carry. */
const char *catalog_fingerprint(void);

/* For the layer reader. catalog_select() asks an index over all globs, so that a file that nobody
 * wants costs two look-ups; bit i stands for catalogers[i]. Of these, catalog_wants() asks for the
 * content's sake; globs are not looked at again. */
struct catalog_select;

MUST enum rmg_rc catalog_select_new(struct catalog_select **out);
void catalog_select_free(struct catalog_select *s);
uint64_t catalog_select(const struct catalog_select *s, struct span path);
bool catalog_wants(const struct cataloger *self, const struct cat_file *f);

/* Parses one file into out; whatever goes wrong is a note there. Resets scratch afterwards. */
void catalog_run(const struct cataloger *self, const struct cat_file *f, struct span bytes,
		 struct facts_builder *out, struct arena *scratch);

/* A wanted file that could not be held or read: a note of lost data, with the reason. */
void catalog_lost(const struct cataloger *self, const struct cat_file *f, enum rmg_rc rc,
		  const char *reason, struct facts_builder *out);

/* For parse(): what it was called for. */
const struct cat_file *cat_file(const struct cat *c);
struct arena *cat_scratch(struct cat *c);
struct scan_limits cat_limits(const struct cat *c);

/* A package whose evidence is this file; inner says where inside ("" at top). */
void cat_emit(struct cat *c, const struct pkg *p);
void cat_emit_inner(struct cat *c, const struct pkg *p, struct span inner);

/* Files of a package: cat_own() begins, the paths follow. For operating-system packages, and for
 * language packages whose own list names files outside their folder. */
void cat_own(struct cat *c, const struct pkg *of);
void cat_own_path(struct cat *c, struct span path);
void cat_own_in(struct cat *c, struct span folder,
		struct span name); /* folder with or without a slash */

void cat_os(struct cat *c, const struct fact_os *o); /* path is set here */

/* rc tells the level: RMG_OK info, RMG_E_UNSUPPORTED warn, anything else lost. what names the
 * place ("" for none) and is appended to the text, cleaned and shortened. */
void cat_note(struct cat *c, enum rmg_rc rc, const char *code, const char *text, struct span what);

#endif
