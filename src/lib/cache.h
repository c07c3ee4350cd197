/* SPDX-License-Identifier: Apache-2.0 */
/* cache.h - layer facts on disk, so that no layer is read twice by this user.
 *
 * Keyed by the digest of the blob, which the parent computed over the bytes that made the facts,
 * the catalogers' versions and the facts' version. A diff_id is never a key: a configuration's is a
 * claim, and the worker's may come from one that was taken over. Each file carries its own checksum
 * and appears whole or not at all; anything else reads as "not there". Any number of processes may
 * share the folder. Failing to write is not a failure of the scan: cache_trouble() tells. */
#ifndef LIB_CACHE_H
#define LIB_CACHE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/err.h"
#include "model/facts.h"

struct cache {
	char *facts_dir, *base_dir; /* NULL: no cache */
	pthread_mutex_t lock;
	struct rmg_err trouble; /* the first failure to write; rc RMG_OK: none */
	atomic_bool wrote;      /* any layer's thread */
};

/* dir NULL: the user's. no_cache: every look-up misses, nothing is written. */
void cache_open(struct cache *c, const char *dir, bool no_cache);
/* Deletes the oldest facts above LIMIT_CACHE_BYTES where this scan wrote some. */
void cache_close(struct cache *c);

/* Facts in a's memory; false where there are none. need_diff: facts without a computed diff_id will
 * not do. */
MUST bool cache_get(struct cache *c, const uint8_t sha256[32], bool need_diff, struct arena *a,
		    struct facts **out);

/* packed: facts_pack() of f. Only facts without lost notes are kept: what was lost for want of
 * memory or time may be read next time. key: the blob's digest, or what names the folder on this
 * machine that they were made of (a hash of another kind of text: the two never meet). */
void cache_put(struct cache *c, const uint8_t key[32], const struct facts *f, struct span packed);

/* Images seen before, by the chain of their layers' verified digests: what chain names, and how
 * many layers it has. */
struct cached_base {
	struct span name, digest;
};
MUST bool cache_base_get(struct cache *c, const uint8_t chain[32], struct arena *a,
			 struct cached_base *out);
void cache_base_put(struct cache *c, const uint8_t chain[32], const struct cached_base *base);

#endif
