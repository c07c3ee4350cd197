/* SPDX-License-Identifier: Apache-2.0 */
/* codec_zstd.c - zstd frames and skippable frames by libzstd; the content checksum is verified. */
#include <zstd.h>
#include <zstd_errors.h>

#include "base/limits.h"
#include "format/codec_engine.h"

static enum rmg_rc zstd_open(void **state, struct rmg_err *err)
{
	ZSTD_DCtx *z = ZSTD_createDCtx();
	int log = 63 - __builtin_clzll(LIMIT_CODEC_WINDOW_BYTES);

	if (z == NULL)
		return err_set(err, RMG_E_NOMEM, "zstd: no memory");
	CHECK(!ZSTD_isError(ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, log)));
	*state = z;
	return RMG_OK;
}

static enum rmg_rc zstd_begin(void *state, struct rmg_err *err)
{
	(void)err;
	CHECK(!ZSTD_isError(ZSTD_DCtx_reset(state, ZSTD_reset_session_only)));
	return RMG_OK;
}

static enum rmg_rc code_of(size_t code)
{
	ZSTD_ErrorCode e = ZSTD_getErrorCode(code);

	if (e == ZSTD_error_frameParameter_windowTooLarge)
		return RMG_E_LIMIT;
	return e == ZSTD_error_memory_allocation ? RMG_E_NOMEM : RMG_E_FORMAT;
}

static enum rmg_rc zstd_step(void *state, struct codec_io *io, struct rmg_err *err)
{
	ZSTD_inBuffer in = {io->in.p, io->in.n, 0};
	ZSTD_outBuffer out = {io->out, io->cap, 0};
	size_t code = ZSTD_decompressStream(state, &out, &in);

	io->in = span_from(io->in, in.pos);
	io->out += out.pos;
	io->cap -= out.pos;
	if (ZSTD_isError(code))
		return err_set(err, code_of(code), "%s", ZSTD_getErrorName(code));
	io->ended = code == 0;
	return RMG_OK;
}

static void zstd_close(void *state)
{
	(void)ZSTD_freeDCtx(state);
}

const struct codec_engine codec_zstd = {zstd_open, zstd_begin, zstd_step, zstd_close};
