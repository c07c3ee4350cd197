/* SPDX-License-Identifier: Apache-2.0 */
/* parse_layer.c - JOB_LAYER and JOB_INFLATE: a blob is decompressed by what its first bytes say,
 * whatever its label says. */
#include <unistd.h>

#include "base/limits.h"
#include "box/facts_wire.h"
#include "catalog/layer.h"
#include "cmd/parse_jobs.h"
#include "format/codec.h"
#include "format/sha256.h"

struct blob {
	struct worker *w;
	struct blockpipe *pipe;
	blockpipe_fn *fn; /* takes the decompressed bytes */
	void *user;
	enum codec_kind kind;
	struct codec *codec;
	uint64_t in_bytes, out_bytes, max_bytes;
	struct rmg_err err; /* why it could not be read to its end */
	bool broken;
};

/* How many of n bytes that have come out are handed on; beyond max_bytes the blob counts as broken.
 */
static size_t allow(struct blob *b, size_t n)
{
	uint64_t room = b->max_bytes - b->out_bytes;

	if (n > room) {
		b->broken = true;
		(void)err_set(
		    &b->err, RMG_E_LIMIT,
		    "more comes out than the %llu bytes that are read of a layer (max-bytes); "
		    "the rest is not known",
		    (unsigned long long)b->max_bytes);
		n = (size_t)room;
	}
	b->out_bytes += n;
	return n;
}

static enum rmg_rc decompress(struct blob *b, struct span in)
{
	enum rmg_rc rc = RMG_OK;
	size_t n, given;

	do {
		uint8_t *out = blockpipe_block(b->pipe);

		b->broken = codec_step(b->codec, &in, out, BLOCKPIPE_BYTES, &n, &b->err) != RMG_OK;
		given = allow(b, n);
		if (given)
			rc = blockpipe_put(b->pipe, given);
	} while (rc == RMG_OK && !b->broken && n == BLOCKPIPE_BYTES);
	return rc;
}

static enum rmg_rc first_bytes(struct blob *b, struct span in)
{
	b->kind = codec_detect(in);
	return b->kind == CODEC_NONE ? RMG_OK : codec_new(b->kind, &b->codec, &b->err);
}

/* What is not compressed is taken in place: the parent's thread is the other one at work. */
static enum rmg_rc take(struct blob *b, struct span in)
{
	if (b->codec)
		return decompress(b, in);
	in = span_head(in, allow(b, in.n));
	return in.n ? b->fn(b->user, in) : RMG_OK;
}

/* All of the input through fn; after damage the rest is read but not looked at, since the parent
 * hashes it on its way here. No other thread is left at the end. */
static enum rmg_rc read_blob(struct blob *b)
{
	enum rmg_rc rc = RMG_OK, piped;
	struct span in;

	blockpipe_attach(b->pipe, PIPE_TAKER, b->fn, b->user);
	while (worker_next(b->w, &in)) {
		if (b->in_bytes == 0)
			rc = first_bytes(b, in);
		b->in_bytes += in.n;
		if (rc == RMG_OK && !b->broken)
			rc = take(b, in);
	}
	piped = blockpipe_end(b->pipe);
	if (rc == RMG_OK)
		rc = piped;
	if (rc == RMG_OK && b->codec && !b->broken)
		b->broken = codec_end(b->codec, &b->err) != RMG_OK;
	return rc;
}

static enum rmg_rc feed(void *user, struct span bytes)
{
	return layer_feed(user, bytes);
}

static enum rmg_rc hash(void *user, struct span bytes)
{
	sha256_put(user, bytes);
	return RMG_OK;
}

NORETURN static void fail(struct worker *w, enum rmg_rc rc)
{
	worker_answer(w, rc,
		      rc == RMG_E_LIMIT
			  ? S("the facts of the layer take more memory than is allowed")
			  : S("no memory to read the layer"));
}

static void fill_in(struct facts *f, const struct blob *b, struct sha256 *tar_hash)
{
	f->compression = span_cstr(codec_name(b->kind));
	f->tar_bytes = b->out_bytes;
	f->blob_bytes = b->in_bytes;
	/* Only a blob that was read to its end has a diff_id. */
	f->has_diff = b->codec && !b->broken && tar_hash;
	if (f->has_diff)
		sha256_end(tar_hash, f->diff_sha256);
}

static enum rmg_rc read_layer(struct blob *b, struct sha256 *tar_hash, struct facts **out)
{
	struct scan_limits limits = scan_limits_within(b->w->job.limits);
	struct facts_builder *builder = NULL;
	struct layer_reader *reader = NULL;
	enum rmg_rc rc = facts_builder_new(&builder);

	if (rc == RMG_OK)
		rc = layer_reader_new(builder, &limits, &reader);
	if (rc != RMG_OK)
		return rc;
	b->max_bytes = limits.layer_bytes;
	b->fn = feed;
	b->user = reader;
	if (tar_hash)
		blockpipe_attach(b->pipe, PIPE_HASHER, hash, tar_hash);
	rc = read_blob(b);
	if (rc == RMG_OK)
		rc = layer_finish(reader, b->broken ? &b->err : NULL);
	layer_reader_free(reader);
	return rc == RMG_OK ? facts_done(builder, out) : rc;
}

void parse_layer(struct worker *w, struct blockpipe *pipe)
{
	struct blob b = {.w = w, .pipe = pipe};
	bool want_hash = w->job.flags & WIRE_DIFF_ID;
	struct sha256 *tar_hash = want_hash ? sha256_new() : NULL;
	struct facts *facts = NULL;
	struct rmg_err err = {0};
	struct span packed;
	enum rmg_rc rc;

	if (want_hash && tar_hash == NULL)
		fail(w, RMG_E_NOMEM);
	rc = read_layer(&b, tar_hash, &facts);
	if (rc != RMG_OK)
		fail(w, rc);
	fill_in(facts, &b, tar_hash);
	rc = facts_pack(facts, &packed, &err);
	if (rc != RMG_OK)
		fail(w, rc);
	worker_answer(w, RMG_OK, packed);
}

static enum rmg_rc pass_on(void *user, struct span bytes)
{
	worker_write(user, bytes);
	return RMG_OK;
}

void parse_inflate(struct worker *w, struct blockpipe *pipe)
{
	struct blob b = {.w = w, .pipe = pipe, .fn = pass_on, .user = w};

	b.max_bytes = UINT64_MAX; /* the parent counts */
	_exit(read_blob(&b) == RMG_OK && !b.broken ? 0 : 1);
}
