/* SPDX-License-Identifier: Apache-2.0 */
/* ctrd_find.h - which image of containerd's a reference means: [NAMESPACE/]NAME, or a digest.
 *
 * A digest is an image's own (of its index or manifest), one inside the store, a configuration's,
 * or the name of a snapshot: the chain of an image's layers, which is there even where nothing else
 * of the image is any more. */
#ifndef LIB_CTRD_FIND_H
#define LIB_CTRD_FIND_H

#include "lib/source.h"
#include "oci/manifest.h"
#include "runtime/ctrd.h"

struct ctrd_found {
	struct span ns;
	struct span name;             /* of the image; "" it is known by a digest alone */
	struct descriptor descriptor; /* where to go on; digest "": there is only the snapshot */
	struct span chain;            /* the snapshot's name, where that is what was named */
};

/* Memory is s->arena's. RMG_E_NOTFOUND says what there is instead. */
MUST enum rmg_rc ctrd_find(struct source *s, struct ctrd *c, const char *reference,
			   struct ctrd_found *out, struct rmg_err *err);

/* A document of the store; LIMIT_MANIFEST_BYTES at most. */
MUST enum rmg_rc ctrd_find_document(struct source *s, struct ctrd *c, struct span ns,
				    struct span digest, struct span *out, struct rmg_err *err);

#endif
