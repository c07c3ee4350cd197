/* SPDX-License-Identifier: Apache-2.0 */
/* docker_store.h - an image in Docker's own store on disk (overlay2): its configuration by its id,
 * and of each layer the folder that it was unpacked into and what tar-split kept of its tar. The
 * store has no manifest.
 *
 * The engine says where its store is and which image is meant; nothing else is asked of it. */
#ifndef LIB_DOCKER_STORE_H
#define LIB_DOCKER_STORE_H

#include "lib/source_storage.h"

/* s: a struct stored. Not RMG_OK: it cannot be read so, and the engine has to be asked for it. */
MUST enum rmg_rc docker_store_open(struct source *s, const char *root, struct span id,
				   struct rmg_err *err);

#endif
