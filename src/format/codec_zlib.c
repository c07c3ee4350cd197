/* SPDX-License-Identifier: Apache-2.0 */
/* codec_zlib.c - gzip by zlib, where ISA-L is not to be had. */
#include <stdlib.h>
#include <zlib.h>

#include "format/codec_engine.h"

static enum rmg_rc zlib_open(void **state, struct rmg_err *err)
{
	z_stream *z = calloc(1, sizeof *z);

	/* 16: a gzip wrapper and nothing else. */
	if (z == NULL || inflateInit2(z, 16 + MAX_WBITS) != Z_OK) {
		free(z);
		return err_set(err, RMG_E_NOMEM, "gzip: no memory");
	}
	*state = z;
	return RMG_OK;
}

static enum rmg_rc zlib_begin(void *state, struct rmg_err *err)
{
	(void)err;
	CHECK(inflateReset(state) == Z_OK);
	return RMG_OK;
}

static enum rmg_rc zlib_step(void *state, struct codec_io *io, struct rmg_err *err)
{
	z_stream *z = state;
	uInt in_n = (uInt)MIN_OF(io->in.n, (size_t)1 << 30);
	uInt cap = (uInt)MIN_OF(io->cap, (size_t)1 << 30);
	Bytef no_input = 0;
	int code;

	/* The library does not write to its input; its type only does not say so. */
	memcpy(&z->next_in, &io->in.p, sizeof z->next_in);
	if (in_n == 0)
		z->next_in = &no_input;
	z->avail_in = in_n;
	z->next_out = io->out;
	z->avail_out = cap;
	code = inflate(z, Z_NO_FLUSH);
	io->in = span_from(io->in, in_n - z->avail_in);
	io->out += cap - z->avail_out;
	io->cap -= cap - z->avail_out;
	if (code == Z_MEM_ERROR)
		return err_set(err, RMG_E_NOMEM, "no memory");
	if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
		return err_set(err, RMG_E_FORMAT, "%s", z->msg ? z->msg : "damaged");
	io->ended = code == Z_STREAM_END;
	return RMG_OK;
}

static void zlib_close(void *state)
{
	(void)inflateEnd(state);
	free(state);
}

const struct codec_engine codec_zlib = {zlib_open, zlib_begin, zlib_step, zlib_close};
