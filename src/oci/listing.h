/* SPDX-License-Identifier: Apache-2.0 */
/* listing.h - what a registry lists, page by page: its repositories (GET /v2/_catalog, where it has
 * that) and the tags of one (GET /v2/NAME/tags/list). OCI distribution-spec 1.1, RFC 8288.
 *
 * Names that could not be asked for are left out, and counted. */
#ifndef OCI_LISTING_H
#define OCI_LISTING_H

#include "base/arena.h"
#include "base/err.h"

enum listing { LISTING_REPOSITORIES, LISTING_TAGS };

/* Of the first page. NUL-terminated, the arena's; NULL once that has failed. */
char *listing_path(enum listing of, struct span repository, struct arena *arena);

/* Names borrow from the document, for the call. false: enough. */
typedef bool listing_fn(void *user, struct span name);
MUST enum rmg_rc listing_parse(enum listing of, struct span bytes, listing_fn *fn, void *user,
			       size_t *odd, struct rmg_err *err);

/* Where the next page is, of a header Link of the page at path; NULL: that was the last.
 * RMG_E_UNSUPPORTED: on another host, where nothing of ours goes. */
MUST enum rmg_rc listing_next(struct span host, struct span path, struct span link,
			      struct arena *arena, char **out, struct rmg_err *err);

#endif
