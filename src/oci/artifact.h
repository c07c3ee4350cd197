/* SPDX-License-Identifier: Apache-2.0 */
/* artifact.h - the advisory database as an artifact of a registry (image-spec 1.1, "Guidelines for
 * Artifact Usage"): its manifest, read and written. docs/advdb-format.md explains it for others.
 *
 * One layer is the whole database, packed. Others, if any, are patches: each makes one database of
 * the one before it. Databases are named by their own hash, as db status shows it. Spans of what
 * was read are the arena's. */
#ifndef OCI_ARTIFACT_H
#define OCI_ARTIFACT_H

#include <rummage.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/strbuf.h"

#define ARTIFACT_TYPE "application/vnd.rummage.advisories.v1"
#define ARTIFACT_WHOLE "application/vnd.rummage.advisories.v1+zstd"
#define ARTIFACT_PATCH "application/vnd.rummage.advisories.patch.v1+zstd"
#define ARTIFACT_MANIFEST "application/vnd.oci.image.manifest.v1+json"

/* What an artifact has in the place of a configuration. */
#define ARTIFACT_EMPTY "{}"
#define ARTIFACT_EMPTY_DIGEST                                                                      \
	"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

struct artifact_patch {
	struct span digest, from, to; /* of the blob; of the databases */
	uint64_t size_bytes;
};

enum { ARTIFACT_PATCHES = 16 };

struct artifact {
	struct span database; /* "sha256:..." */
	struct span built;    /* RFC 3339 */
	uint64_t format, bytes, advisories, packages;
	struct span digest; /* of the whole, packed */
	uint64_t size_bytes;
	struct artifact_patch patches[ARTIFACT_PATCHES];
	size_t n_patches;
};

/* RMG_E_FORMAT: something else, which the message names. RMG_E_LIMIT: larger than what is taken. A
 * patch that cannot be used is left out. */
MUST enum rmg_rc artifact_parse(struct span bytes, struct span media_type, struct arena *arena,
				struct artifact *out, struct rmg_err *err);

void artifact_write(const struct artifact *a, struct strbuf *out);

/* The patches that lead from a database to the artifact's, in order, into out; 0 where there is no
 * such way, or the whole is the shorter one. */
size_t artifact_way(const struct artifact *a, struct span from,
		    const struct artifact_patch *out[ARTIFACT_PATCHES]);

#endif
