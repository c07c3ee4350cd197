/* SPDX-License-Identifier: Apache-2.0 */
/* storage.h - a store of containers/storage on disk (Podman, CRI-O, Buildah): where it is, what is
 * in it. Nothing is locked and nothing written: its lists are replaced as whole files, so that each
 * is read whole; storage_changed() tells whether two of them may be of different times. */
#ifndef LIB_STORAGE_H
#define LIB_STORAGE_H

#include "io/file.h"
#include "oci/cstore.h"

struct storage {
	struct span root;
	int dir;            /* root's */
	const char *driver; /* "overlay", "vfs" */
	struct cstore_image *images;
	size_t n_images;
	struct cstore_layer *layers;
	size_t n_layers;
	struct file_id images_id, layers_id;
};

/* What storage.conf says for this user, with the defaults filled in (graph_root, run_root). */
MUST enum rmg_rc storage_settings(struct arena *a, struct cstore_conf *out, struct rmg_err *err);

/* driver "": whichever is there. A store without lists is empty; RMG_E_NOTFOUND: none is there. */
MUST enum rmg_rc storage_open(struct span root, struct span driver, struct arena *a,
			      struct storage *out, struct rmg_err *err);
void storage_close(struct storage *s);

bool storage_changed(const struct storage *s);

/* An image's document; LIMIT_MANIFEST_BYTES. RMG_E_NOTFOUND where there is none of that name. */
MUST enum rmg_rc storage_document(const struct storage *s, const struct cstore_image *image,
				  struct span name, struct arena *a, struct span *out,
				  struct rmg_err *err);

const struct cstore_layer *storage_layer(const struct storage *s, struct span id);

/* The folder that a layer was unpacked into: its path, and a descriptor; -1 with errno. */
MUST int storage_folder(const struct storage *s, struct span layer, struct arena *a,
			struct span *path);
/* What tar-split kept of its tar; -1: there is nothing. */
MUST int storage_record(const struct storage *s, struct span layer);

#endif
