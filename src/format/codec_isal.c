/* SPDX-License-Identifier: Apache-2.0 */
/* codec_isal.c - gzip by ISA-L, about twice as fast as zlib.
 *
 * The member's header (RFC 1952, 2.3) is read here, because ISA-L 2.30 takes a header with a
 * checksum for damaged when it comes in pieces; the trailer's CRC and length are verified by the
 * library. */
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#include <stdlib.h>

#include "format/codec_engine.h"

enum part { FIXED, EXTRA_BYTES, EXTRA, NAME, COMMENT, CHECK_SUM, BODY };

struct isal {
	struct inflate_state z;
	enum part part;
	uint32_t at; /* bytes of this part seen */
	uint32_t extra_bytes, crc;
	uint8_t flags;
};

static enum rmg_rc isal_open(void **state, struct rmg_err *err)
{
	struct isal *g = malloc(sizeof *g);

	if (g == NULL)
		return err_set(err, RMG_E_NOMEM, "gzip: no memory");
	*state = g;
	return RMG_OK;
}

static enum rmg_rc isal_begin(void *state, struct rmg_err *err)
{
	struct isal *g = state;

	(void)err;
	isal_inflate_init(&g->z);
	g->z.crc_flag = ISAL_GZIP_NO_HDR_VER;
	g->part = FIXED;
	g->at = g->extra_bytes = g->crc = 0;
	g->flags = 0;
	return RMG_OK;
}

/* The part that follows, of those that the flags ask for. */
static enum part next_part(const struct isal *g)
{
	static const uint8_t flag[] = {
	    [EXTRA_BYTES] = 4, [EXTRA] = 4, [NAME] = 8, [COMMENT] = 16, [CHECK_SUM] = 2,
	};
	unsigned part = g->part + 1;

	while (part < BODY && ((g->flags & flag[part]) == 0 || (part == EXTRA && !g->extra_bytes)))
		part++;
	return (enum part)part;
}

/* One byte of the header; done where it ends its part. False where the header's checksum is wrong.
 */
static bool header_byte(struct isal *g, uint8_t byte, bool *done)
{
	uint32_t at = g->at++;

	switch (g->part) {
	case FIXED:
		if (at == 3)
			g->flags = byte;
		*done = at == 9;
		break;
	case EXTRA_BYTES:
		g->extra_bytes |= (uint32_t)byte << 8 * at;
		*done = at == 1;
		break;
	case EXTRA:
		*done = at + 1 == g->extra_bytes;
		break;
	case NAME:
	case COMMENT:
		*done = byte == 0;
		break;
	case CHECK_SUM:
		*done = at == 1;
		return byte == (uint8_t)(g->crc >> 8 * at);
	case BODY:
		break;
	}
	g->crc = crc32_gzip_refl(g->crc, &byte, 1);
	return true;
}

static bool header(struct isal *g, struct span *in)
{
	while (in->n && g->part != BODY) {
		bool done = false;

		if (!header_byte(g, in->p[0], &done))
			return false;
		*in = span_from(*in, 1);
		if (done) {
			g->part = next_part(g);
			g->at = 0;
		}
	}
	return true;
}

static const char *why(int code)
{
	switch (code) {
	case ISAL_INVALID_BLOCK:
		return "invalid block";
	case ISAL_INVALID_SYMBOL:
		return "invalid symbol";
	case ISAL_INVALID_LOOKBACK:
		return "distance too far back";
	case ISAL_INCORRECT_CHECKSUM:
		return "wrong checksum or length";
	default:
		return "damaged data";
	}
}

static enum rmg_rc body(struct inflate_state *z, struct codec_io *io, struct rmg_err *err)
{
	uint32_t in_n = (uint32_t)MIN_OF(io->in.n, (size_t)1 << 30);
	uint32_t cap = (uint32_t)MIN_OF(io->cap, (size_t)1 << 30);
	uint8_t no_input = 0;
	int code;

	/* The library does not write to its input; its type only does not say so. */
	memcpy(&z->next_in, &io->in.p, sizeof z->next_in);
	if (in_n == 0)
		z->next_in = &no_input;
	z->avail_in = in_n;
	z->next_out = io->out;
	z->avail_out = cap;
	code = isal_inflate(z);
	io->in = span_from(io->in, in_n - z->avail_in);
	io->out += cap - z->avail_out;
	io->cap -= cap - z->avail_out;
	if (code < 0)
		return err_set(err, RMG_E_FORMAT, "%s", why(code));
	io->ended = z->block_state == ISAL_BLOCK_FINISH;
	return RMG_OK;
}

static enum rmg_rc isal_step(void *state, struct codec_io *io, struct rmg_err *err)
{
	struct isal *g = state;

	if (!header(g, &io->in))
		return err_set(err, RMG_E_FORMAT, "wrong header checksum");
	return g->part == BODY ? body(&g->z, io, err) : RMG_OK;
}

const struct codec_engine codec_isal = {isal_open, isal_begin, isal_step, free};
