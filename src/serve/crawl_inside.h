/* SPDX-License-Identifier: Apache-2.0 */
/* crawl_inside.h - what the files of a walk share: crawl.c (threads, tags, images), crawl_list.c
 * (questions, pages, trouble). */
#ifndef SERVE_CRAWL_INSIDE_H
#define SERVE_CRAWL_INSIDE_H

#include "base/map.h"
#include "base/vec.h"
#include "node/tag_tell.h"
#include "oci/listing.h"
#include "serve/crawl.h"
#include "serve/crawl_entry.h"
#include "serve/puller.h"

struct crawl_names {
	VEC(char *) v;
};

struct crawl {
	struct env *env;
	struct crawls *all;
	struct crawl_entry e;
	struct arena a; /* the entry's */
	struct rmg_opts opts;
	char any[PULLER_REF]; /* a reference of the registry */
	pthread_t thread;
	bool ill; /* its trouble was said */
	/* Of one walk: */
	struct crawl_names repositories, tags; /* tags: of one repository, or that may be gone */
	struct map listed;                     /* hashes of references */
	bool whole;                            /* all that there is was listed */
	bool full;                             /* there is no room for more of a list */
	bool exact;                            /* the entry names a repository */
	size_t n_tags, in_repository, odd, pages, read, unread;
	char why_unread[PULLER_WHY];
};

struct crawls {
	struct env *env;
	struct crawl v[LIMIT_CRAWLS_MAX];
	size_t n;
	struct tag_tell tell;
	pthread_t beat;
	bool beats;
	pthread_mutex_t reading; /* images, one at a time */
};

bool crawl_name_add(struct crawl_names *n, struct span name);
void crawl_names_clear(struct crawl_names *n);

/* Waits until this hub leads and the registry may be asked once more; false: it ends. */
bool crawl_may_ask(struct crawl *c);
/* Waits before the same is asked again; false: not again. */
bool crawl_again(struct crawl *c, unsigned *times, unsigned retry_s, const struct rmg_err *err);
void crawl_trouble(struct crawl *c, const char *why);
void crawl_well(struct crawl *c);

/* All pages of a list. RMG_E_NOTFOUND: the registry says that it has no such repository. */
MUST enum rmg_rc crawl_pages(struct crawl *c, enum listing of, struct span repository,
			     listing_fn *fn, struct rmg_err *err);

#endif
