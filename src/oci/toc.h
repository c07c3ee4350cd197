/* SPDX-License-Identifier: Apache-2.0 */
/* toc.h - tables of contents of layers that can be read in parts: eStargz (stargz-snapshotter,
 * docs/estargz.md) and zstd:chunked (containers/storage). One JSON form, two ways to find it.
 *
 * A table is believed once its bytes have the digest that the manifest's annotation names, which
 * the reader checks (toc_check). What is parsed lives in the arena; entries stay in the order of
 * the tar, paths are normal, every chunk lies inside the blob and the chunks of a file add up to
 * its size. */
#ifndef OCI_TOC_H
#define OCI_TOC_H

#include <rummage.h>

#include "format/tar.h"
#include "oci/manifest.h"

enum { TOC_FOOTER_BYTES = 51, TOC_BYTES_MAX = 64 << 20 };

enum toc_kind { TOC_NONE, TOC_ESTARGZ, TOC_ZSTD_CHUNKED };

/* Where a table is. */
struct toc_place {
	enum toc_kind kind;
	struct span digest;    /* eStargz: of the JSON; zstd:chunked: of the compressed bytes */
	uint64_t offset, size; /* of the compressed table; eStargz: toc_footer() tells them */
	uint64_t json_bytes;   /* zstd:chunked: decompressed; else 0 */
};

/* By a layer's annotations; TOC_NONE where it is an ordinary one. */
struct toc_place toc_locate(const struct oci_pair *annotations, size_t n, uint64_t blob_bytes);

/* The last TOC_FOOTER_BYTES of an eStargz blob. */
MUST enum rmg_rc toc_footer(struct span footer, uint64_t blob_bytes, struct toc_place *place,
			    struct rmg_err *err);

/* The JSON inside what was decompressed: for eStargz the only file of a small tar. */
MUST enum rmg_rc toc_json(enum toc_kind kind, struct span decompressed, struct span *out,
			  struct rmg_err *err);

struct toc_chunk {
	uint64_t offset, end; /* in the blob */
	uint64_t inner;       /* bytes to pass over in what is decompressed there */
	uint64_t size_bytes;  /* of the file that it holds */
	struct span digest;   /* of these; "" unknown */
	bool zeros;           /* it is a hole: nothing has to be fetched */
};

struct toc_entry {
	struct tar_entry tar; /* path, link, type, mode, uid, gid, size */
	size_t first, n;      /* of chunks */
};

struct toc {
	struct toc_entry *entries;
	struct toc_chunk *chunks;
	size_t n_entries, n_chunks;
};

MUST enum rmg_rc toc_parse(struct span json, const struct toc_place *place, struct arena *arena,
			   struct toc *out, struct rmg_err *err);

#endif
