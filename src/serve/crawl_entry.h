/* SPDX-License-Identifier: Apache-2.0 */
/* crawl_entry.h - which part of a registry is walked through: "HOST[/NAME][,include=GLOB]
 * [,exclude=GLOB][,tags=GLOB]", each of these as often as wanted. NAME is a repository, or what
 * names of repositories begin with, up to a slash; with a slash at its end always the latter. */
#ifndef SERVE_CRAWL_ENTRY_H
#define SERVE_CRAWL_ENTRY_H

#include "base/arena.h"
#include "base/err.h"

struct crawl_entry {
	const char *text;  /* as it was given; the caller's */
	struct span host;  /* as images are named */
	struct span name;  /* "" the whole registry; without the slash */
	struct span globs; /* what comes after */
	bool below;        /* name is no repository */
};

MUST enum rmg_rc crawl_entry_read(const char *text, struct arena *a, struct crawl_entry *out,
				  struct rmg_err *err);
bool crawl_entry_repository(const struct crawl_entry *e, struct span repository);
bool crawl_entry_tag(const struct crawl_entry *e, struct span tag);

#endif
