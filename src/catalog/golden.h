/* SPDX-License-Identifier: Apache-2.0 */
/* golden.h - test help, in no shipped library: catalogers over a folder of files, and what they
 * found as rows of tab-separated columns, to be compared with what the real tool printed.
 *
 * A table begins with a line that names its columns; its other lines are sorted. In values a tab,
 * a newline and a backslash are written \t, \n and \\.
 * Everything here ends the process where the machine fails: a test has nothing better to do. */
#ifndef CATALOG_GOLDEN_H
#define CATALOG_GOLDEN_H

#include "base/strbuf.h"
#include "base/vec.h"
#include "catalog/catalog.h"

/* Rows of text, NUL-terminated, on the heap. */
struct rows {
	char **v;
	size_t n, cap;
};

void rows_done(struct rows *r);
void rows_sort(struct rows *r);

/* Runs only (NULL: all catalogers) over every regular file below root, in the order of their
 * paths. scratch_bytes caps the memory that one file may take. */
void golden_run(const char *root, const struct cataloger *only, size_t scratch_bytes,
		struct facts_builder *out);

/* The columns that names lists (a table's first line), sorted, without doubles. */
void golden_pkgs(const struct facts *f, struct span names, struct rows *out);
void golden_notes(const struct facts *f, struct span names, struct rows *out);
void golden_oses(const struct facts *f, struct span names, struct rows *out);

/* Facts keep hashes, so this can only be asked: whether a package of that name and arch ("" any)
 * owns path. */
bool golden_owns(const struct facts *f, struct span name, struct span arch, struct span path);

/* All of it as text, for comparing one run with another. */
void golden_dump(const struct facts *f, struct strbuf *out);

#endif
