/* SPDX-License-Identifier: Apache-2.0 */
/* source_image.h - from an index or a manifest to an image's layers, for every source that has its
 * documents by digest: fetch, check the digest, choose the platform, read the configuration. */
#ifndef LIB_SOURCE_IMAGE_H
#define LIB_SOURCE_IMAGE_H

#include "lib/source.h"

/* Gives the bytes that a descriptor names, into s->arena. Digest and size are checked by the
 * caller. */
typedef enum rmg_rc source_fetch(struct source *s, const struct descriptor *d, bool manifest,
				 struct span *out, struct rmg_err *err);

/* Follows top, which has been read already: its digest ("" where it has none of its own, as the
 * index.json of a layout), its media type. Fills s with the image that is found. */
MUST enum rmg_rc source_resolve(struct source *s, struct span top, struct span media_type,
				struct span digest, source_fetch *fetch, struct rmg_err *err);

/* The same from a descriptor on. */
MUST enum rmg_rc source_resolve_from(struct source *s, const struct descriptor *d,
				     source_fetch *fetch, struct rmg_err *err);

/* What s->env.opts->platform asks for, else this machine's. */
MUST enum rmg_rc source_platform(const struct source *s, struct platform *out, struct rmg_err *err);

/* After s->config and s->layers are filled: history steps, claimed diff_ids, the platform's name
 * and whether it is the one that was asked for. */
MUST enum rmg_rc source_finish(struct source *s, struct rmg_err *err);

/* Annotations of a descriptor or a document, behind those that are there. */
MUST enum rmg_rc source_annotate(struct source *s, const struct oci_pair *pairs, size_t n,
				 struct rmg_err *err);

/* "PATH", "PATH:TAG" or "PATH@DIGEST": path is the longest head that exists, want the rest (""
 * mostly). */
MUST enum rmg_rc source_split_path(struct source *s, const char *rest, char **path,
				   struct span *want, struct rmg_err *err);

#endif
