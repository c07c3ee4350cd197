/* SPDX-License-Identifier: Apache-2.0 */
/* manifest.h - what a registry or a layout says about an image: OCI image-spec 1.1 index, manifest
 * and configuration, and Docker's schema 2 forms of the same.
 *
 * Everything parsed lives in the arena that is given (strings are copied). Documents are bounded by
 * LIMIT_MANIFEST_BYTES, layers by LIMIT_LAYERS. A document that could be read as two kinds is
 * refused (an index that is a manifest as well), as is one that contradicts its media type.
 * Digests are checked for form here, and against the bytes by whoever reads those. */
#ifndef OCI_MANIFEST_H
#define OCI_MANIFEST_H

#include <rummage.h>

#include "base/arena.h"
#include "base/err.h"
#include "oci/platform.h"

struct oci_pair {
	struct span key, value;
};

struct descriptor {
	struct span media_type, digest, artifact_type;
	uint64_t size_bytes;
	struct platform platform; /* empty spans where nothing is said */
	struct span *urls;        /* a foreign layer's places */
	size_t n_urls;
	struct oci_pair *annotations;
	size_t n_annotations;
};

enum manifest_kind {
	MANIFEST_INDEX,
	MANIFEST_IMAGE,
	MANIFEST_ARTIFACT, /* a manifest of something else: a signature, an attestation, a chart */
};

struct manifest {
	enum manifest_kind kind;
	struct span media_type, artifact_type;
	struct descriptor config;    /* of a manifest */
	struct descriptor *children; /* an index's manifests, a manifest's layers */
	size_t n_children;
	struct oci_pair *annotations;
	size_t n_annotations;
};

/* media_type: what the server or the descriptor says; "" where nobody does. */
MUST enum rmg_rc manifest_parse(struct span bytes, struct span media_type, struct arena *arena,
				struct manifest *out, struct rmg_err *err);

/* The value of an annotation or label, "" where there is none. */
struct span oci_pair_find(const struct oci_pair *pairs, size_t n, const char *key);

/* Whether an index's child can be an image at all: no attestation, no unknown platform, no
 * artifact type, and a media type of a manifest or of an index. */
bool descriptor_is_image(const struct descriptor *d);
bool descriptor_is_index(const struct descriptor *d);

/* Takes the child of index to go on with. any: what was asked for is only this machine's default,
 * so that the only image there is will do. RMG_E_NOTFOUND names what there is instead. */
MUST enum rmg_rc manifest_select(const struct manifest *index, struct platform want, bool any,
				 const struct descriptor **out, struct rmg_err *err);

/* Whether a layer's bytes are a tar of files, compressed or not, by its media type. */
bool layer_type_is_tar(struct span media_type);
bool layer_type_is_foreign(struct span media_type);

/* The registry's Accept header for manifests. */
#define MANIFEST_ACCEPT                                                                            \
	"application/vnd.oci.image.index.v1+json, "                                                \
	"application/vnd.oci.image.manifest.v1+json, "                                             \
	"application/vnd.docker.distribution.manifest.list.v2+json, "                              \
	"application/vnd.docker.distribution.manifest.v2+json"

struct oci_step { /* one row of the history */
	struct span created, created_by, comment, author;
	bool empty_layer;
};

struct oci_config {
	struct platform platform;
	struct span created, author, user, working_dir, stop_signal;
	struct span *env, *entrypoint, *cmd, *ports, *volumes;
	size_t n_env, n_entrypoint, n_cmd, n_ports, n_volumes;
	struct oci_pair *labels;
	size_t n_labels;
	struct span *diff_ids; /* claims, until somebody has computed them */
	size_t n_diff_ids;
	struct oci_step *steps;
	size_t n_steps;
};

MUST enum rmg_rc oci_config_parse(struct span bytes, struct arena *arena, struct oci_config *out,
				  struct rmg_err *err);

/* The history step that made each of n layers, NULL where the history does not tell; n pointers. */
void oci_config_steps(const struct oci_config *c, size_t n, const struct oci_step **out);

#endif
