/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte says what the rest is: a footer, a decompressed table, JSON, a position. */
#include "oci/toc.h"

#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BLOB_BYTES = 1 << 20 };

static void check(const struct toc *t, const struct toc_place *place)
{
	uint64_t chunks = 0;

	for (size_t i = 0; i < t->n_entries; i++) {
		const struct toc_entry *e = &t->entries[i];
		uint64_t size = 0;

		CHECK(e->tar.path.n != 0 && e->tar.path.p[0] != '/');
		CHECK(e->n <= t->n_chunks && e->first <= t->n_chunks - e->n);
		for (size_t k = 0; k < e->n; k++) {
			const struct toc_chunk *c = &t->chunks[e->first + k];

			CHECK(c->zeros || (c->offset < c->end && c->end <= place->offset));
			size += c->size_bytes;
		}
		CHECK(size == e->tar.size);
		chunks += e->n;
	}
	CHECK(chunks == t->n_chunks);
}

static void parse(struct span json, enum toc_kind kind)
{
	struct toc_place place = {.kind = kind, .offset = BLOB_BYTES, .size = 100};
	struct arena arena;
	struct toc t;

	arena_init(&arena, 1 << 24);
	if (toc_parse(json, &place, &arena, &t, NULL) == RMG_OK)
		check(&t, &place);
	arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct toc_place place = {0};
	struct span in = span_of(data, size), out;

	if (size < 1 || size > 65536)
		return 0;
	in = span_from(in, 1);
	if (data[0] == 'F' && toc_footer(in, BLOB_BYTES, &place, NULL) == RMG_OK)
		CHECK(place.offset + place.size + TOC_FOOTER_BYTES == BLOB_BYTES);
	if (data[0] == 'T' && toc_json(TOC_ESTARGZ, in, &out, NULL) == RMG_OK)
		CHECK(out.p >= in.p && out.p + out.n <= in.p + in.n);
	if (data[0] == 'P') {
		struct oci_pair pairs[] = {
		    {S("io.github.containers.zstd-chunked.manifest-checksum"),
		     S("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")},
		    {S("io.github.containers.zstd-chunked.manifest-position"), in},
		};

		place = toc_locate(pairs, 2, BLOB_BYTES);
		CHECK(place.kind == TOC_NONE || place.offset + place.size <= BLOB_BYTES);
	}
	if (data[0] == 'E' || data[0] == 'Z')
		parse(in, data[0] == 'E' ? TOC_ESTARGZ : TOC_ZSTD_CHUNKED);
	return 0;
}
