/* SPDX-License-Identifier: Apache-2.0 */
/* reference.h - names of images in registries: HOST/REPOSITORY[:TAG][@DIGEST].
 *
 * The grammar is that of the distribution project's reference package, with its defaults: a first
 * component without dot, colon or capital (and other than "localhost") is no host; the host is then
 * docker.io, and a repository of one component there is below library/. Without tag and digest the
 * tag is latest; with a digest the tag is only a label. */
#ifndef OCI_REFERENCE_H
#define OCI_REFERENCE_H

#include <rummage.h>

#include "base/arena.h"
#include "base/err.h"

struct reference {
	struct span host;       /* "docker.io", "localhost:5000", "[::1]:5000" */
	struct span repository; /* "library/debian" */
	struct span tag;        /* "" where only a digest is given */
	struct span digest;     /* "" where only a tag is given */
};

/* Parts borrow from text, but for a repository that was completed, which is the arena's. */
MUST enum rmg_rc reference_parse(struct span text, struct arena *arena, struct reference *out,
				 struct rmg_err *err);

/* HOST/REPOSITORY[:TAG][@DIGEST], in the arena. */
struct span reference_text(const struct reference *r, struct arena *arena);

bool tag_valid(struct span tag);
bool repository_valid(struct span repository); /* without its host */

/* Host without its port and brackets: is it this machine? (localhost, 127.0.0.0/8, ::1) */
bool host_is_loopback(struct span host);

#endif
