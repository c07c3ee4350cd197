/* SPDX-License-Identifier: Apache-2.0 */
/* layer_fuzz.c - a tar in pieces whose size the first byte chooses: the facts must not depend on
 * it. */
#include "base/limits.h"
#include "catalog/layer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_BYTES = 1 << 20 };

static void read_in_pieces(struct span tar, size_t piece, struct facts_builder **b,
			   struct facts **f)
{
	struct layer_reader *l;

	CHECK(facts_builder_new(b) == RMG_OK);
	CHECK(layer_reader_new(*b, NULL, &l) == RMG_OK);
	while (tar.n) {
		CHECK(layer_feed(l, span_head(tar, piece)) == RMG_OK);
		tar = span_from(tar, piece);
	}
	CHECK(layer_finish(l, NULL) == RMG_OK);
	CHECK(facts_done(*b, f) == RMG_OK);
	layer_reader_free(l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct facts_builder *whole, *pieces;
	struct facts *a, *b;

	if (size == 0 || size > MOST_BYTES)
		return 0;
	read_in_pieces(span_of(data + 1, size - 1), size, &whole, &a);
	read_in_pieces(span_of(data + 1, size - 1), (size_t)data[0] * 8 + 1, &pieces, &b);
	CHECK(a->n_dirs == b->n_dirs && a->n_pkgs == b->n_pkgs && a->n_execs == b->n_execs);
	CHECK(a->n_links == b->n_links && a->n_notes == b->n_notes && a->n_owned == b->n_owned);
	for (size_t i = 0; i < a->n_execs; i++)
		CHECK(memcmp(a->execs[i].sha256, b->execs[i].sha256, 32) == 0);
	for (size_t i = 0; i < a->n_pkgs; i++)
		CHECK(span_is(a->pkgs[i].pkg.name, b->pkgs[i].pkg.name) && a->pkgs[i].pkg.name.n);
	for (size_t i = 0; i < a->n_dirs; i++)
		CHECK(a->dirs[i].path.n <= LIMIT_PATH_BYTES);
	facts_builder_free(whole);
	facts_builder_free(pieces);
	return 0;
}
