/* SPDX-License-Identifier: Apache-2.0 */
/* source_storage.h - an image in a store of containers/storage on disk, for the sources that may
 * read one: crio:, and podman: where nobody listens. */
#ifndef LIB_SOURCE_STORAGE_H
#define LIB_SOURCE_STORAGE_H

#include "lib/source_image.h"

/* Where a layer was unpacked. */
struct stored_layer {
	int dir, record; /* record -1: the folder is read as it is */
	struct span path;
	bool whole;         /* the folder has what is in the layers below as well */
	struct rmg_err why; /* dir is -1 */
};

struct stored {
	struct source source;
	struct storage *stores; /* the first, and those that it may be read from besides */
	size_t n_stores;
	const struct storage *store; /* that the image is in */
	const struct cstore_image *image;
	struct stored_layer *layers; /* one a layer of the source */
	size_t n_layers;
};

/* For who finds layers elsewhere: as many as the source has, none of them open yet. */
MUST enum rmg_rc stored_layers(struct stored *d, struct rmg_err *err);

/* name as Podman and CRI-O have it; the store is env.opts->engine where that is a folder, else
 * where storage.conf says. RMG_E_NOTFOUND: no store, or no such image. */
MUST enum rmg_rc stored_open(struct source *s, const char *name, struct rmg_err *err);
/* The same in the store at root. */
MUST enum rmg_rc stored_open_at(struct source *s, const char *root, const char *name,
				struct rmg_err *err);
MUST enum rmg_rc stored_read(struct source *s, size_t i, source_sink *sink, void *user,
			     struct rmg_err *err);
bool stored_other_way(struct source *s, size_t i, const struct rmg_err *why);
void stored_close(struct source *s);

#endif
