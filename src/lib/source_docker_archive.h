/* SPDX-License-Identifier: Apache-2.0 */
/* source_docker_archive.h - what "docker save" writes, for the sources that get it from somewhere.
 */
#ifndef LIB_SOURCE_DOCKER_ARCHIVE_H
#define LIB_SOURCE_DOCKER_ARCHIVE_H

#include "lib/source_layout.h"

struct docker_archive {
	struct layout layout; /* the archive; used as a layout where it is one as well */
	const struct archive_member **layers;
	bool as_layout;
};

/* The archive is open. want: "", a tag or a whole name. prefer_layout: newer engines save an OCI
 * layout as well, which has the digests that the registry knows. */
MUST enum rmg_rc docker_archive_resolve(struct source *s, struct span want, bool prefer_layout,
					struct rmg_err *err);
MUST enum rmg_rc docker_archive_read(struct source *s, size_t i, source_sink *sink, void *user,
				     struct rmg_err *err);

#endif
