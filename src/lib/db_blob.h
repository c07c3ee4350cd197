/* SPDX-License-Identifier: Apache-2.0 */
/* db_blob.h - layers of the advisory database's artifact as they come from a registry: held against
 * the digest and the size that the manifest promises. What a sink was given before is to be
 * believed only once RMG_OK came back. */
#ifndef LIB_DB_BLOB_H
#define LIB_DB_BLOB_H

#include "lib/client.h"

struct db_blob {
	struct span digest;
	uint64_t size_bytes;
};

/* As it is, malloc'ed. */
MUST enum rmg_rc db_blob_get(struct client *c, const struct rmg_db_opts *opts,
			     const struct db_blob *blob, struct span *out, struct rmg_err *err);

/* Unpacked (zstd), to sink: exactly so many bytes. */
MUST enum rmg_rc db_blob_unpack(struct client *c, const struct rmg_db_opts *opts,
				const struct db_blob *blob, uint64_t bytes, source_sink *sink,
				void *user, struct rmg_err *err);

#endif
