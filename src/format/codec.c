/* SPDX-License-Identifier: Apache-2.0 */
#include "format/codec.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/limits.h"
#include "format/codec_engine.h"

#ifdef RMG_HAVE_ISAL
#define GZIP_ENGINE codec_isal
#else
#define GZIP_ENGINE codec_zlib
#endif

/* head_bytes: how much of a member's beginning is gathered before the engine sees it. */
static const struct kind_row {
	const char *name;
	size_t head_bytes;
	size_t padding; /* zeros between and after members come in multiples of it; 0: none may */
	const struct codec_engine *engine;
} kinds[] = {
    [CODEC_NONE] = {"none", 0, 0, NULL},           [CODEC_GZIP] = {"gzip", 4, 1, &GZIP_ENGINE},
    [CODEC_ZSTD] = {"zstd", 4, 0, &codec_zstd},    [CODEC_XZ] = {"xz", 6, 4, &codec_xz},
    [CODEC_BZIP2] = {"bzip2", 6, 0, &codec_bzip2},
};

struct codec {
	const struct kind_row *row;
	const struct codec_engine *engine;
	void *state;
	enum codec_kind kind;
	bool inside; /* a member has begun and not ended */
	uint8_t head[CODEC_MAGIC_BYTES];
	size_t head_n;
	uint64_t members, zeros, in_bytes, out_bytes;
	struct rmg_err failed; /* rc RMG_OK: nothing has */
};

static bool is_bzip2(struct span s)
{
	static const uint8_t block[] = {0x31, 0x41}, empty[] = {0x17, 0x72};

	return s.n >= 6 && span_starts(s, S("BZh")) && s.p[3] >= '1' && s.p[3] <= '9' &&
	       (memcmp(s.p + 4, block, 2) == 0 || memcmp(s.p + 4, empty, 2) == 0);
}

static bool is_zstd(struct span s)
{
	static const uint8_t frame[] = {0x28, 0xb5, 0x2f, 0xfd}, skip[] = {0x2a, 0x4d, 0x18};

	return s.n >= 4 && (memcmp(s.p, frame, 4) == 0 ||
			    ((s.p[0] & 0xf0) == 0x50 && memcmp(s.p + 1, skip, 3) == 0));
}

enum codec_kind codec_detect(struct span head)
{
	static const uint8_t gzip[] = {0x1f, 0x8b, 8}, xz[] = {0xfd, '7', 'z', 'X', 'Z', 0};

	if (span_starts(head, span_of(gzip, sizeof gzip)))
		return CODEC_GZIP;
	if (is_zstd(head))
		return CODEC_ZSTD;
	if (span_starts(head, span_of(xz, sizeof xz)))
		return CODEC_XZ;
	return is_bzip2(head) ? CODEC_BZIP2 : CODEC_NONE;
}

const char *codec_name(enum codec_kind kind)
{
	CHECK((size_t)kind < COUNT_OF(kinds));
	return kinds[kind].name;
}

enum rmg_rc codec_new_with(enum codec_kind kind, const struct codec_engine *engine,
			   struct codec **out, struct rmg_err *err)
{
	struct codec *c = calloc(1, sizeof *c);
	enum rmg_rc rc;

	if (c == NULL)
		return err_set(err, RMG_E_NOMEM, "%s: no memory", codec_name(kind));
	c->row = &kinds[kind];
	c->kind = kind;
	rc = engine ? engine->open(&c->state, err) : RMG_OK;
	if (rc != RMG_OK) {
		free(c);
		return rc;
	}
	c->engine = engine;
	*out = c;
	return RMG_OK;
}

enum rmg_rc codec_new(enum codec_kind kind, struct codec **out, struct rmg_err *err)
{
	CHECK((size_t)kind < COUNT_OF(kinds));
	return codec_new_with(kind, kinds[kind].engine, out, err);
}

void codec_free(struct codec *c)
{
	if (c == NULL)
		return;
	if (c->engine)
		c->engine->close(c->state);
	free(c);
}

uint64_t codec_in_bytes(const struct codec *c)
{
	return c->in_bytes;
}

uint64_t codec_out_bytes(const struct codec *c)
{
	return c->out_bytes;
}

static enum rmg_rc fail(struct codec *c, enum rmg_rc rc, const char *what)
{
	return err_set(&c->failed, rc, "%s at byte %llu: %s", c->row->name,
		       (unsigned long long)c->in_bytes, what);
}

static enum rmg_rc bad_head(struct codec *c)
{
	if (c->members)
		return fail(c, RMG_E_FORMAT, "junk after the end");
	return fail(c, RMG_E_FORMAT, "not such a stream");
}

/* Zeros after a member, where the format has them. */
static enum rmg_rc skip_padding(struct codec *c, struct span *in)
{
	size_t n = 0;

	if (c->members == 0 || c->head_n || c->row->padding == 0)
		return RMG_OK;
	while (n < in->n && in->p[n] == 0)
		n++;
	*in = span_from(*in, n);
	c->zeros += n;
	c->in_bytes += n;
	if (in->n == 0 || c->zeros == 0)
		return RMG_OK;
	/* gzip: padding ends the stream; xz (file format 2.2): a stream may follow it. */
	if (c->kind == CODEC_GZIP || c->zeros % c->row->padding)
		return bad_head(c);
	return RMG_OK;
}

/* RFC 1952, 2.3.1.2: reserved flags must be refused. */
static bool head_is_good(const struct codec *c)
{
	return codec_detect(span_of(c->head, c->head_n)) == c->kind &&
	       (c->kind != CODEC_GZIP || (c->head[3] & 0xe0) == 0);
}

/* Runs the engine until in is used up, out is full or the member ends. */
static enum rmg_rc run(struct codec *c, struct codec_io *io)
{
	while (io->cap && !io->ended) {
		struct codec_io before = *io;
		enum rmg_rc rc = c->engine->step(c->state, io, &c->failed);

		c->in_bytes += before.in.n - io->in.n;
		c->out_bytes += before.cap - io->cap;
		if (rc != RMG_OK) {
			err_add(&c->failed, "%s at byte %llu", c->row->name,
				(unsigned long long)c->in_bytes);
			return rc;
		}
		if (c->out_bytes > LIMIT_LAYER_BYTES)
			return fail(c, RMG_E_LIMIT, "too many bytes come out");
		if (c->out_bytes > MIB(64) && c->out_bytes / LIMIT_LAYER_RATIO > c->in_bytes)
			return fail(c, RMG_E_LIMIT, "expands too much");
		if (io->in.n == before.in.n && io->cap == before.cap && !io->ended)
			return io->in.n ? fail(c, RMG_E_FORMAT, "does not move on") : RMG_OK;
	}
	return RMG_OK;
}

/* Gathers a member's first bytes and starts the engine on them. */
static enum rmg_rc begin(struct codec *c, struct codec_io *io)
{
	struct span rest;
	size_t n;
	enum rmg_rc rc = skip_padding(c, &io->in);

	if (rc != RMG_OK)
		return rc;
	n = MIN_OF(c->row->head_bytes - c->head_n, io->in.n);
	if (n)
		memcpy(c->head + c->head_n, io->in.p, n);
	c->head_n += n;
	rest = span_from(io->in, n);
	io->in = rest;
	if (c->head_n < c->row->head_bytes)
		return RMG_OK;
	if (!head_is_good(c))
		return bad_head(c);
	rc = c->engine->begin(c->state, &c->failed);
	if (rc != RMG_OK)
		return rc;
	c->inside = true;
	io->in = span_of(c->head, c->head_n);
	rc = run(c, io);
	/* Fourteen bytes are the least of any format, and none gives output out of its head. */
	CHECK(rc != RMG_OK || (io->in.n == 0 && !io->ended));
	io->in = rest;
	c->head_n = 0;
	c->zeros = 0;
	return rc;
}

static enum rmg_rc decode(struct codec *c, struct codec_io *io)
{
	enum rmg_rc rc = RMG_OK;

	while (rc == RMG_OK && io->cap) {
		io->ended = false;
		rc = c->inside ? run(c, io) : begin(c, io);
		if (io->ended) {
			c->inside = false;
			c->members++;
		} else if (io->in.n == 0) {
			break;
		}
	}
	return rc;
}

static void copy(struct codec *c, struct codec_io *io)
{
	size_t n = MIN_OF(io->in.n, io->cap);

	if (n)
		memcpy(io->out, io->in.p, n);
	io->in = span_from(io->in, n);
	io->cap -= n;
	c->in_bytes += n;
	c->out_bytes += n;
	if (c->out_bytes > LIMIT_LAYER_BYTES)
		(void)fail(c, RMG_E_LIMIT, "too many bytes");
}

static enum rmg_rc tell(const struct codec *c, struct rmg_err *err)
{
	if (err && c->failed.rc != RMG_OK)
		*err = c->failed;
	return c->failed.rc;
}

enum rmg_rc codec_step(struct codec *c, struct span *in, uint8_t *out, size_t cap, size_t *n_out,
		       struct rmg_err *err)
{
	struct codec_io io = {.in = *in, .out = out, .cap = cap};

	if (c->failed.rc != RMG_OK)
		return tell(c, err);
	if (c->engine)
		(void)decode(c, &io);
	else
		copy(c, &io);
	if (c->failed.rc != RMG_OK && io.cap == cap)
		return tell(c, err);
	*in = io.in;
	*n_out = cap - io.cap;
	return RMG_OK;
}

enum rmg_rc codec_end(const struct codec *c, struct rmg_err *err)
{
	if (c->failed.rc != RMG_OK || c->engine == NULL)
		return tell(c, err);
	if (c->members && c->head_n)
		return err_set(err, RMG_E_FORMAT, "%s at byte %llu: junk after the end",
			       c->row->name, (unsigned long long)c->in_bytes);
	if (c->inside || c->members == 0 || (c->zeros && c->zeros % c->row->padding))
		return err_set(err, RMG_E_FORMAT, "%s: cut off after byte %llu", c->row->name,
			       (unsigned long long)c->in_bytes);
	return RMG_OK;
}
