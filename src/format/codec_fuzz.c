/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes: every codec stays within its buffers, the pieces do not matter, and for gzip our two
 * engines say the same. */
#include "base/hash.h"
#include "format/codec_engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MAX = 4 << 20 };

struct result {
	enum rmg_rc rc;
	uint64_t n, hash;
	bool too_much;
};

static struct result drive(struct codec *c, struct span s, size_t piece, size_t cap)
{
	uint8_t *out = malloc(cap);
	struct result r = {.rc = RMG_OK};
	uint64_t byte_hash = 1;

	CHECK(out != NULL);
	while (s.n && r.rc == RMG_OK && !r.too_much) {
		struct span in = span_head(s, piece);
		size_t given = cap;

		s = span_from(s, in.n);
		while (r.rc == RMG_OK && (in.n || given == cap) && !r.too_much) {
			struct span before = in;

			r.rc = codec_step(c, &in, out, cap, &given, NULL);
			if (r.rc != RMG_OK)
				break;
			CHECK(given <= cap && in.n <= before.n &&
			      in.p + in.n == before.p + before.n);
			CHECK(in.n == 0 || given || in.n < before.n);
			for (size_t i = 0; i < given; i++)
				byte_hash = byte_hash * 0x100000001b3u ^ out[i];
			r.n += given;
			r.too_much = r.n > OUT_MAX;
		}
	}
	if (r.rc == RMG_OK && !r.too_much)
		r.rc = codec_end(c, NULL);
	r.hash = byte_hash;
	free(out);
	codec_free(c);
	return r;
}

static struct result decode(enum codec_kind kind, const struct codec_engine *engine, struct span s,
			    size_t piece, size_t cap)
{
	struct codec *c;

	if (engine)
		CHECK(codec_new_with(kind, engine, &c, NULL) == RMG_OK);
	else
		CHECK(codec_new(kind, &c, NULL) == RMG_OK);
	return drive(c, s, piece, cap);
}

/* Where both came to an end they must agree; of a damaged stream they may give more or less of it.
 */
static void same(struct result a, struct result b)
{
	if (a.too_much || b.too_much)
		return;
	CHECK((a.rc == RMG_OK) == (b.rc == RMG_OK));
	CHECK(a.rc != RMG_OK || (a.n == b.n && a.hash == b.hash));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span s = span_of(data, size);
	enum codec_kind kind = codec_detect(s);
	struct result whole;

	if (size == 0 || size > 65536)
		return 0;
	whole = decode(kind, NULL, s, size, 65536);
	same(whole, decode(kind, NULL, s, 1 + data[size - 1] % 64, 65521));
	if (kind == CODEC_GZIP)
		same(whole, decode(kind, &codec_zlib, s, size, 65536));
	return 0;
}
