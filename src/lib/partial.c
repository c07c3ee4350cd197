/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/partial.h"

#include <inttypes.h>

#include "base/limits.h"
#include "lib/partial_inside.h"

static enum rmg_rc read_parts(struct partial *p, source_sink *sink, void *user, struct rmg_err *err)
{
	enum rmg_rc rc = partial_plan(p, err);

	/* Nothing is sent yet: whatever is wrong with the table, the layer itself may be sound. */
	if (rc != RMG_OK)
		return rc == RMG_E_STOPPED || rc == RMG_E_NOMEM ? rc : RMG_E_UNSUPPORTED;
	rc = partial_pass(p, sink, user, err);
	if (rc == RMG_OK)
		source_note(p->source, NOTE_WARN, "partial", S(""),
			    "layer " SPAN_FMT ": of its files only %" PRIu64
			    " were fetched, %" PRIu64 " of %" PRIu64
			    " bytes: the layer's digest was not verified, those files' were; "
			    "executables, and Go modules in them, are not seen where neither an "
			    "execute bit nor a name tells, as with most .py and .js files",
			    SPAN_ARG(span_head(p->layer->digest, 19)), p->files, p->fetched,
			    p->layer->size_bytes);
	return rc == RMG_E_UNSUPPORTED ? RMG_E_NET : rc;
}

enum rmg_rc partial_read(struct source *s, struct client *client, size_t layer, source_sink *sink,
			 void *user, struct rmg_err *err)
{
	const struct source_layer *l = &s->layers[layer];
	struct partial p = {
	    .source = s,
	    .client = client,
	    .layer = l,
	    .place = toc_locate(l->annotations, l->n_annotations, l->size_bytes),
	};
	enum rmg_rc rc;

	arena_init(&p.arena, MIB(512));
	rc = read_parts(&p, sink, user, err);
	arena_done(&p.arena);
	return rc;
}
