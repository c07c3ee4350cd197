/* SPDX-License-Identifier: Apache-2.0 */
/* parse_layer.c - JOB_LAYER and JOB_INFLATE: a blob is decompressed by what its first bytes say,
 * whatever its label says. */
#include <unistd.h>

#include "base/limits.h"
#include "box/facts_wire.h"
#include "catalog/layer.h"
#include "cmd/parse_jobs.h"
#include "format/codec.h"

/* Where decompressed bytes go; not RMG_OK ends the reading. */
typedef enum rmg_rc bytes_fn(void *user, struct span bytes);

struct blob {
	struct worker *w;
	struct hashpipe *pipe;
	enum codec_kind kind;
	struct codec *codec;
	uint64_t in_bytes, out_bytes, max_bytes;
	struct rmg_err err; /* why it could not be read to its end */
	bool broken;
};

/* Hands on what may still come out; beyond it the blob counts as broken. */
static enum rmg_rc give(struct blob *b, struct span bytes, bytes_fn *fn, void *user)
{
	uint64_t room = b->max_bytes - b->out_bytes;

	if (bytes.n > room) {
		b->broken = true;
		(void)err_set(
		    &b->err, RMG_E_LIMIT,
		    "more comes out than the %llu bytes that are read of a layer (max-bytes); "
		    "the rest is not known",
		    (unsigned long long)b->max_bytes);
		bytes = span_head(bytes, (size_t)room);
	}
	b->out_bytes += bytes.n;
	return bytes.n ? fn(user, bytes) : RMG_OK;
}

static enum rmg_rc decompress(struct blob *b, struct span in, bytes_fn *fn, void *user)
{
	size_t n;

	do {
		uint8_t *out = hashpipe_buf(b->pipe);
		enum rmg_rc rc = codec_step(b->codec, &in, out, HASHPIPE_BUF_BYTES, &n, &b->err);

		b->broken = rc != RMG_OK;
		if (n) {
			hashpipe_put(b->pipe, n);
			rc = give(b, span_of(out, n), fn, user);
			if (rc != RMG_OK)
				return rc;
		}
	} while (!b->broken && n == HASHPIPE_BUF_BYTES);
	return RMG_OK;
}

static enum rmg_rc first_bytes(struct blob *b, struct span in)
{
	b->kind = codec_detect(in);
	return b->kind == CODEC_NONE ? RMG_OK : codec_new(b->kind, &b->codec, &b->err);
}

/* All of the input through fn; after damage the rest is taken but not looked at, since the parent
 * hashes it on its way here. */
static enum rmg_rc read_blob(struct blob *b, bytes_fn *fn, void *user)
{
	enum rmg_rc rc = RMG_OK;
	struct span in;

	while (worker_next(b->w, &in)) {
		if (b->in_bytes == 0 && rc == RMG_OK)
			rc = first_bytes(b, in);
		b->in_bytes += in.n;
		if (rc != RMG_OK || b->broken)
			continue;
		if (b->codec) {
			rc = decompress(b, in, fn, user);
		} else {
			rc = give(b, in, fn, user);
		}
	}
	if (rc == RMG_OK && b->codec && !b->broken)
		b->broken = codec_end(b->codec, &b->err) != RMG_OK;
	return rc;
}

static enum rmg_rc feed(void *user, struct span bytes)
{
	return layer_feed(user, bytes);
}

NORETURN static void fail(struct worker *w, enum rmg_rc rc)
{
	worker_answer(w, rc,
		      rc == RMG_E_LIMIT
			  ? S("the facts of the layer take more memory than is allowed")
			  : S("no memory to read the layer"));
}

static void fill_in(struct facts *f, const struct blob *b, const struct worker *w)
{
	f->compression = span_cstr(codec_name(b->kind));
	f->tar_bytes = b->out_bytes;
	f->blob_bytes = b->in_bytes;
	/* Only a blob that was read to its end has a diff_id. */
	f->has_diff = b->codec && !b->broken && (w->job.flags & WIRE_DIFF_ID);
}

void parse_layer(struct worker *w, struct hashpipe *pipe)
{
	struct scan_limits limits = scan_limits_within(w->job.limits);
	struct blob b = {.w = w, .pipe = pipe, .max_bytes = limits.layer_bytes};
	struct facts_builder *builder = NULL;
	struct layer_reader *reader = NULL;
	struct facts *facts = NULL;
	struct rmg_err err = {0};
	struct span packed;
	enum rmg_rc rc = facts_builder_new(&builder);

	if (rc == RMG_OK)
		rc = layer_reader_new(builder, &limits, &reader);
	if (rc == RMG_OK)
		rc = read_blob(&b, feed, reader);
	if (rc == RMG_OK)
		rc = layer_finish(reader, b.broken ? &b.err : NULL);
	if (rc == RMG_OK)
		rc = facts_done(builder, &facts);
	if (rc != RMG_OK)
		fail(w, rc);
	hashpipe_end(pipe, facts->diff_sha256);
	fill_in(facts, &b, w);
	layer_reader_free(reader);
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

void parse_inflate(struct worker *w, struct hashpipe *pipe)
{
	struct blob b = {.w = w, .pipe = pipe, .max_bytes = UINT64_MAX}; /* the parent counts */
	enum rmg_rc rc = read_blob(&b, pass_on, w);

	_exit(rc == RMG_OK && !b.broken ? 0 : 1);
}
