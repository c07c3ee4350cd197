/* SPDX-License-Identifier: Apache-2.0 */
/* layers.h - reads the layers of an image: source -> hash -> worker -> facts, several side by side.
 *
 * Each layer job is a thread of its own that feeds one worker. Facts count only where the digest of
 * the bytes that were read is the one that names the layer. */
#ifndef LIB_LAYERS_H
#define LIB_LAYERS_H

#include "lib/cache.h"
#include "lib/source.h"

struct layer_result {
	struct facts *facts; /* NULL: could not be read, why says it */
	struct arena arena;  /* of facts */
	enum rmg_rc rc;
	struct rmg_err why;
	/* the bytes are not what the manifest, the configuration says */
	bool digest_wrong, diff_wrong;
	bool from_cache;
	bool late;      /* not read in time: why says it */
	char level[32]; /* of the sandbox; "" where it was not needed */
};

/* n results, one per layer of s, in order; each arena is the caller's to end. Not RMG_OK: something
 * that ends the scan (stopped, no worker, the source is out of reach). */
MUST enum rmg_rc layers_read(struct source *s, struct cache *cache, struct layer_result *out,
			     struct rmg_err *err);

#endif
