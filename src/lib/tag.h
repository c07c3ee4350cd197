/* SPDX-License-Identifier: Apache-2.0 */
/* tag.h - what a reference means in its registry now, asked cheaply: by HEAD, which says a digest.
 * Only where that is none of those that are known is the document read: so that it can be told
 * whether an image of one platform is what an index means.
 *
 * Nothing is asked twice here: when to ask again is the caller's business. */
#ifndef LIB_TAG_H
#define LIB_TAG_H

#include <rummage.h>

#include "base/arena.h"
#include "base/err.h"
#include "model/event.h"
#include "oci/platform.h"
#include "oci/ratelimit.h"

struct tag_answer {
	struct event_image image; /* as EVENT_TAGS says; its texts are the arena's */
	char platform[PLATFORM_TEXT];
	/* Also after a failure: how much more the registry lets be asked, and when it wants to be
	 * asked again; 0 not said. */
	struct ratelimit limit;
	unsigned retry_s;
	bool busy; /* of a failure: asked later, the same may do */
	bool gone; /* of a failure: the registry says that it has no such tag, or no such repository
		    */
};

/* RMG_E_ARG: no reference to a tag. opts: as for a scan. */
MUST enum rmg_rc tag_resolve(const struct rmg_opts *opts, struct span ref, const struct span *known,
			     size_t n_known, struct arena *a, struct tag_answer *out,
			     struct rmg_err *err);

/* "HOST" of a reference, "" where it is none. */
struct span tag_host(struct span ref, struct arena *a);

#endif
