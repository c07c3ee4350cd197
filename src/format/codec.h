/* SPDX-License-Identifier: Apache-2.0 */
/* codec.h - streaming decompression: gzip (RFC 1952), zstd (RFC 8878), xz, bzip2, or none.
 *
 * The caller owns both buffers and drives it: go on calling codec_step() while in->n != 0 or out
 * came back full, then bring more input. Concatenated members (gzip members, zstd and skippable
 * frames, xz and bzip2 streams) are one stream. Checksums and lengths that the format carries are
 * verified.
 *
 * Fails with RMG_E_FORMAT on damage and on what follows the last member and is not one (zero bytes
 * after gzip are tolerated, as gzip(1) does, and xz's own padding); RMG_E_LIMIT beyond
 * LIMIT_LAYER_BYTES, LIMIT_LAYER_RATIO or LIMIT_CODEC_WINDOW_BYTES. What was decoded before a
 * failure is given first; the failure comes with the next call and sticks. A stream that was cut
 * shows only in codec_end(): always ask it.
 *
 * For speed give input in pieces of 64 KiB or more and an output buffer of 256 KiB or more: the
 * gzip engine saves 32 KiB of history with each call. */
#ifndef FORMAT_CODEC_H
#define FORMAT_CODEC_H

#include <rummage.h>

#include "base/span.h"

enum codec_kind { CODEC_NONE, CODEC_GZIP, CODEC_ZSTD, CODEC_XZ, CODEC_BZIP2 };

/* As many first bytes as codec_detect() wants to see; fewer are judged as they are. */
enum { CODEC_MAGIC_BYTES = 6 };

/* By magic alone; CODEC_NONE where no compression is known by these bytes. */
enum codec_kind codec_detect(struct span head);

const char *codec_name(enum codec_kind kind); /* "gzip", "zstd", "xz", "bzip2", "none" */

struct codec;

MUST enum rmg_rc codec_new(enum codec_kind kind, struct codec **out, struct rmg_err *err);
void codec_free(struct codec *c);

/* CODEC_NONE copies: whoever minds hands the bytes on without a codec. */
MUST enum rmg_rc codec_step(struct codec *c, struct span *in, uint8_t *out, size_t cap,
			    size_t *n_out, struct rmg_err *err);

/* After the last of the input was taken: RMG_OK where it ended between two members. */
MUST enum rmg_rc codec_end(const struct codec *c, struct rmg_err *err);

uint64_t codec_in_bytes(const struct codec *c);  /* taken so far */
uint64_t codec_out_bytes(const struct codec *c); /* given so far */

#endif
