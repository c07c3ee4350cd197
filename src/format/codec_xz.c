/* SPDX-License-Identifier: Apache-2.0 */
/* codec_xz.c - xz streams by liblzma. */
#include <lzma.h>
#include <stdlib.h>

#include "base/limits.h"
#include "format/codec_engine.h"

static enum rmg_rc xz_open(void **state, struct rmg_err *err)
{
	lzma_stream *z = calloc(1, sizeof *z);

	if (z == NULL)
		return err_set(err, RMG_E_NOMEM, "xz: no memory");
	*state = z;
	return RMG_OK;
}

static enum rmg_rc xz_begin(void *state, struct rmg_err *err)
{
	/* The decoder needs a little beside the dictionary. */
	uint64_t memory = LIMIT_CODEC_WINDOW_BYTES + MIB(2);

	if (lzma_stream_decoder(state, memory, LZMA_TELL_UNSUPPORTED_CHECK) != LZMA_OK)
		return err_set(err, RMG_E_NOMEM, "xz: no memory");
	return RMG_OK;
}

static enum rmg_rc refuse(lzma_ret code, struct rmg_err *err)
{
	if (code == LZMA_MEM_ERROR)
		return err_set(err, RMG_E_NOMEM, "no memory");
	if (code == LZMA_MEMLIMIT_ERROR)
		return err_set(err, RMG_E_LIMIT, "its dictionary is too large");
	if (code == LZMA_OPTIONS_ERROR || code == LZMA_UNSUPPORTED_CHECK)
		return err_set(err, RMG_E_UNSUPPORTED, "filter or check that is not known");
	return err_set(err, RMG_E_FORMAT, "damaged data");
}

static enum rmg_rc xz_step(void *state, struct codec_io *io, struct rmg_err *err)
{
	lzma_stream *z = state;
	lzma_ret code;

	z->next_in = io->in.p;
	z->avail_in = io->in.n;
	z->next_out = io->out;
	z->avail_out = io->cap;
	code = lzma_code(z, LZMA_RUN);
	io->in = span_from(io->in, io->in.n - z->avail_in);
	io->out += io->cap - z->avail_out;
	io->cap = z->avail_out;
	if (code != LZMA_OK && code != LZMA_STREAM_END && code != LZMA_BUF_ERROR)
		return refuse(code, err);
	io->ended = code == LZMA_STREAM_END;
	return RMG_OK;
}

static void xz_close(void *state)
{
	lzma_end(state);
	free(state);
}

const struct codec_engine codec_xz = {xz_open, xz_begin, xz_step, xz_close};
