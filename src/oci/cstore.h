/* SPDX-License-Identifier: Apache-2.0 */
/* cstore.h - the lists of containers/storage (Podman, CRI-O, Buildah) and its settings, as they lie
 * on disk: DRIVER-images/images.json, DRIVER-layers/layers.json, DRIVER-containers/containers.json,
 * storage.conf.
 *
 * All that is parsed lives in the arena that is given. Lists are bounded by LIMIT_JSON_BYTES. Rows
 * without a usable id are left out: an id becomes part of a path (cstore_id_valid()). */
#ifndef OCI_CSTORE_H
#define OCI_CSTORE_H

#include <rummage.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/strbuf.h"

struct cstore_image {
	struct span id;     /* mostly the hexadecimal digits of the configuration's digest */
	struct span digest; /* of its manifest; "" unknown */
	struct span layer;  /* the topmost; "" where it has none */
	struct span created;
	struct span *names;
	size_t n_names;
	struct span *data; /* names of its documents: "manifest", "sha256:...", ... */
	size_t n_data;
};

struct cstore_layer {
	struct span id, parent; /* parent "": none */
	struct span diff_digest;
};

struct cstore_container {
	struct span id, image, layer, created;
	struct span name;       /* the first of its names */
	struct span image_name; /* as it was asked for */
};

MUST enum rmg_rc cstore_images(struct span json_text, struct arena *a, struct cstore_image **out,
			       size_t *n, struct rmg_err *err);
MUST enum rmg_rc cstore_layers(struct span json_text, struct arena *a, struct cstore_layer **out,
			       size_t *n, struct rmg_err *err);
MUST enum rmg_rc cstore_containers(struct span json_text, struct arena *a,
				   struct cstore_container **out, size_t *n, struct rmg_err *err);

/* One component of a path that leads nowhere else. */
bool cstore_id_valid(struct span id);

/* The file that holds an image's document. */
void cstore_data_file(struct span name, struct strbuf *out);

/* The image that is called want: its id or the first digits of it (12 do), "sha256:" and its id or
 * its manifest's digest, a name with or without host and tag. RMG_E_NOTFOUND; RMG_E_ARG where it
 * could be several. */
MUST enum rmg_rc cstore_find(const struct cstore_image *images, size_t n, struct span want,
			     struct arena *a, const struct cstore_image **out, struct rmg_err *err);

/* What storage.conf says; "" where it does not. */
struct cstore_conf {
	struct span driver, graph_root, run_root, rootless_root;
	struct span *stores; /* additional image stores, read only */
	size_t n_stores;
};

/* Later documents are laid over what out has. What is not understood is passed over. */
void cstore_conf(struct span text, struct arena *a, struct cstore_conf *out);

#endif
