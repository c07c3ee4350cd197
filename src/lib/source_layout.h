/* SPDX-License-Identifier: Apache-2.0 */
/* source_layout.h - an OCI image layout that is open, for the sources that have one. */
#ifndef LIB_SOURCE_LAYOUT_H
#define LIB_SOURCE_LAYOUT_H

#include "lib/archive.h"
#include "lib/extent.h"
#include "lib/source_image.h"

struct layout {
	struct source source;
	int dir;                /* -1: it is in archive */
	struct archive archive; /* fd -1: it is in dir */
};

void layout_begin(struct source *s); /* before anything that may fail */

/* FILE[:TAG|@DIGEST]: opens the archive FILE, gives the rest. */
MUST enum rmg_rc layout_open_archive(struct source *s, const char *rest, struct span *want,
				     struct rmg_err *err);

/* want: "", a tag, a whole name, or a digest. */
MUST enum rmg_rc layout_resolve(struct source *s, struct span want, struct rmg_err *err);
MUST enum rmg_rc layout_read(struct source *s, size_t i, source_sink *sink, void *user,
			     struct rmg_err *err);
void layout_close(struct source *s);

#endif
