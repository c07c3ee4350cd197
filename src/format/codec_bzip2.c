/* SPDX-License-Identifier: Apache-2.0 */
/* codec_bzip2.c - bzip2 streams by libbz2. */
#include <bzlib.h>
#include <stdlib.h>

#include "format/codec_engine.h"

struct bzip2 {
	bz_stream z;
	bool begun;
};

static enum rmg_rc bzip2_open(void **state, struct rmg_err *err)
{
	struct bzip2 *b = calloc(1, sizeof *b);

	if (b == NULL)
		return err_set(err, RMG_E_NOMEM, "bzip2: no memory");
	*state = b;
	return RMG_OK;
}

static void end(struct bzip2 *b)
{
	if (b->begun)
		(void)BZ2_bzDecompressEnd(&b->z);
	b->begun = false;
}

static enum rmg_rc bzip2_begin(void *state, struct rmg_err *err)
{
	struct bzip2 *b = state;

	end(b);
	b->z = (bz_stream){0};
	if (BZ2_bzDecompressInit(&b->z, 0, 0) != BZ_OK)
		return err_set(err, RMG_E_NOMEM, "bzip2: no memory");
	b->begun = true;
	return RMG_OK;
}

static enum rmg_rc bzip2_step(void *state, struct codec_io *io, struct rmg_err *err)
{
	bz_stream *z = &((struct bzip2 *)state)->z;
	unsigned in_n = (unsigned)MIN_OF(io->in.n, (size_t)1 << 30);
	unsigned cap = (unsigned)MIN_OF(io->cap, (size_t)1 << 30);
	char *out;
	int code;

	/* The library does not write to its input; its type only does not say so. */
	memcpy(&z->next_in, &io->in.p, sizeof z->next_in);
	memcpy(&out, &io->out, sizeof out);
	z->avail_in = in_n;
	z->next_out = out;
	z->avail_out = cap;
	code = BZ2_bzDecompress(z);
	io->in = span_from(io->in, in_n - z->avail_in);
	io->out += cap - z->avail_out;
	io->cap -= cap - z->avail_out;
	if (code == BZ_MEM_ERROR)
		return err_set(err, RMG_E_NOMEM, "no memory");
	if (code != BZ_OK && code != BZ_STREAM_END)
		return err_set(err, RMG_E_FORMAT, "damaged data");
	io->ended = code == BZ_STREAM_END;
	return RMG_OK;
}

static void bzip2_close(void *state)
{
	end(state);
	free(state);
}

const struct codec_engine codec_bzip2 = {bzip2_open, bzip2_begin, bzip2_step, bzip2_close};
