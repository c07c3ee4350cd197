/* SPDX-License-Identifier: Apache-2.0 */
/* partial_inside.h - what a layer's parts are chosen from, and which they are; for partial*.c
 * alone.
 *
 *     partial.c --partial_plan()--> what to fetch --partial_pass()--> a tar for the sink
 *
 * All lies in the arena of struct partial, which its maker ends. */
#ifndef LIB_PARTIAL_INSIDE_H
#define LIB_PARTIAL_INSIDE_H

#include "box/box.h"
#include "lib/partial.h"

/* A chunk to fetch. One that joins lies in the same compressed stream as the one before, further
 * on. */
struct part {
	size_t entry, chunk;
	bool joins;
};

struct partial {
	struct source *source;
	struct client *client;
	const struct source_layer *layer;
	struct toc_place place;
	struct toc toc;
	struct arena arena;
	bool *want; /* by entry */
	struct part *parts;
	size_t n_parts;
	uint64_t fetched, files;
};

static inline const struct toc_chunk *partial_chunk(const struct partial *p,
						    const struct part *part)
{
	return &p->toc.chunks[p->toc.entries[part->entry].first + part->chunk];
}

static inline struct box_opts partial_box(const struct source *s)
{
	return (struct box_opts){.worker = s->env.opts->worker,
				 .no_sandbox = s->env.opts->no_sandbox,
				 .started = s->env.opts->started,
				 .started_user = s->env.opts->user};
}

/* Fetches the table of contents and says which of its chunks are wanted. Whatever is wrong with
 * the table, the layer itself may be sound. */
MUST enum rmg_rc partial_plan(struct partial *p, struct rmg_err *err);

/* Fetches them, and gives the sink a tar. */
MUST enum rmg_rc partial_pass(struct partial *p, source_sink *sink, void *user,
			      struct rmg_err *err);

#endif
