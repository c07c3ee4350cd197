/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/db_blob.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/strbuf.h"
#include "format/codec.h"
#include "format/sha256.h"
#include "oci/digest.h"

enum { PIECE = 256 * 1024 };

/* A blob that is coming. */
struct incoming {
	const struct rmg_db_opts *opts;
	const struct db_blob *blob;
	struct sha256 *sha;
	uint64_t bytes, told;
	source_sink *sink;
	void *user;
};

static void tell(struct incoming *in, bool end)
{
	struct rmg_progress p = {
	    .verb = "download", .done = in->bytes, .total = MAX_OF(in->blob->size_bytes, 1u)};
	char name[16];

	if (in->opts->progress == NULL || (!end && in->bytes - in->told < KIB(256)))
		return;
	in->told = in->bytes;
	snprintf(name, sizeof name, "%.12s", (const char *)in->blob->digest.p + 7);
	p.name = name;
	if (end)
		p.done = p.total;
	in->opts->progress(in->opts->user, &p);
}

static enum rmg_rc take(void *user, struct span bytes, struct rmg_err *err)
{
	struct incoming *in = user;

	if (bytes.n > in->blob->size_bytes - in->bytes)
		return err_set(err, RMG_E_FORMAT,
			       "more bytes come than the %" PRIu64 " that the manifest promises",
			       in->blob->size_bytes);
	in->bytes += bytes.n;
	sha256_put(in->sha, bytes);
	tell(in, false);
	return in->sink(in->user, bytes, err);
}

static enum rmg_rc check(struct incoming *in, struct rmg_err *err)
{
	uint8_t have[SHA256_BYTES], want[SHA256_BYTES];

	if (in->bytes != in->blob->size_bytes)
		return err_set(err, RMG_E_FORMAT,
			       "%" PRIu64 " bytes came, and the manifest promises %" PRIu64,
			       in->bytes, in->blob->size_bytes);
	sha256_end(in->sha, have);
	if (!digest_sha256(in->blob->digest, want) || memcmp(have, want, sizeof have) != 0)
		return err_set(err, RMG_E_FORMAT, "its bytes do not have the digest that names it");
	return RMG_OK;
}

static enum rmg_rc fetch(struct client *c, struct incoming *in, struct rmg_err *err)
{
	struct source_layer layer = {.digest = in->blob->digest,
				     .size_bytes = in->blob->size_bytes};
	enum rmg_rc rc = RMG_E_NOMEM;

	in->sha = sha256_new();
	if (in->sha == NULL)
		return err_set(err, rc, "no memory for a hash");
	tell(in, false);
	rc = client_blob(c, &layer, take, in, err);
	if (rc == RMG_OK)
		rc = check(in, err);
	tell(in, true);
	sha256_free(in->sha);
	if (rc != RMG_OK && rc != RMG_E_STOPPED)
		err_add(err, "layer " SPAN_FMT, SPAN_ARG(span_head(in->blob->digest, 19)));
	return rc;
}

static enum rmg_rc collect(void *user, struct span bytes, struct rmg_err *err)
{
	struct strbuf *b = user;

	strbuf_put(b, bytes);
	return strbuf_rc(b) == RMG_OK ? RMG_OK
				      : err_set(err, strbuf_rc(b), "no memory for what comes");
}

enum rmg_rc db_blob_get(struct client *c, const struct rmg_db_opts *opts,
			const struct db_blob *blob, struct span *out, struct rmg_err *err)
{
	struct strbuf b = strbuf_of(LIMIT_DB_PACKED_BYTES);
	struct incoming in = {.opts = opts, .blob = blob, .sink = collect, .user = &b};
	enum rmg_rc rc = fetch(c, &in, err);

	if (rc == RMG_OK)
		*out = strbuf_span(&b);
	else
		strbuf_done(&b);
	return rc;
}

struct unpacking {
	struct codec *codec;
	uint8_t *piece;
	uint64_t bytes; /* that are to come yet */
	source_sink *sink;
	void *user;
};

static enum rmg_rc give(struct unpacking *u, struct span bytes, struct rmg_err *err)
{
	if (bytes.n > u->bytes)
		return err_set(err, RMG_E_FORMAT, "it unpacks to more than the manifest promises");
	u->bytes -= bytes.n;
	return u->sink(u->user, bytes, err);
}

static enum rmg_rc unpack(void *user, struct span bytes, struct rmg_err *err)
{
	struct unpacking *u = user;
	size_t n = PIECE;
	enum rmg_rc rc = RMG_OK;

	while (rc == RMG_OK && (bytes.n || n == PIECE)) {
		rc = codec_step(u->codec, &bytes, u->piece, PIECE, &n, err);
		if (rc == RMG_OK)
			rc = give(u, span_of(u->piece, n), err);
	}
	return rc;
}

enum rmg_rc db_blob_unpack(struct client *c, const struct rmg_db_opts *opts,
			   const struct db_blob *blob, uint64_t bytes, source_sink *sink,
			   void *user, struct rmg_err *err)
{
	struct unpacking u = {.piece = malloc(PIECE), .bytes = bytes, .sink = sink, .user = user};
	struct incoming in = {.opts = opts, .blob = blob, .sink = unpack, .user = &u};
	enum rmg_rc rc = codec_new(CODEC_ZSTD, &u.codec, err);

	if (rc == RMG_OK && u.piece == NULL)
		rc = err_set(err, RMG_E_NOMEM, "no memory to unpack");
	if (rc == RMG_OK)
		rc = fetch(c, &in, err);
	if (rc == RMG_OK)
		rc = codec_end(u.codec, err);
	if (rc == RMG_OK && u.bytes)
		rc = err_set(err, RMG_E_FORMAT, "it unpacks to less than the manifest promises");
	codec_free(u.codec);
	free(u.piece);
	return rc;
}
