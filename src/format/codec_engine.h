/* SPDX-License-Identifier: Apache-2.0 */
/* codec_engine.h - one decompression library as four functions; for codec.c and its fuzz target.
 *
 * An engine decodes one member at a time and knows nothing of what lies between members. */
#ifndef FORMAT_CODEC_ENGINE_H
#define FORMAT_CODEC_ENGINE_H

#include "base/err.h"
#include "format/codec.h"

/* Where an engine reads and writes; it moves all of them on. */
struct codec_io {
	struct span in;
	uint8_t *out;
	size_t cap;
	bool ended; /* the member is complete, all of it is out */
};

struct codec_engine {
	enum rmg_rc (*open)(void **state, struct rmg_err *err);
	/* Before every member, the first one too. */
	enum rmg_rc (*begin)(void *state, struct rmg_err *err);
	/* One call of the library: takes something, gives something or ends the member. */
	enum rmg_rc (*step)(void *state, struct codec_io *io, struct rmg_err *err);
	void (*close)(void *state);
};

extern const struct codec_engine codec_isal;
extern const struct codec_engine codec_zlib;
extern const struct codec_engine codec_zstd;
extern const struct codec_engine codec_xz;
extern const struct codec_engine codec_bzip2;

/* codec_new() with an engine of one's own choice for the kind. */
MUST enum rmg_rc codec_new_with(enum codec_kind kind, const struct codec_engine *engine,
				struct codec **out, struct rmg_err *err);

#endif
