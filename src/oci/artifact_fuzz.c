/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the manifest of an advisory database: what is read can be written and read again,
 * and every way through its patches ends. */
#include "oci/artifact.h"

#include "base/limits.h"
#include "oci/digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void again(const struct artifact *a, struct arena *arena)
{
	struct strbuf text = strbuf_of(1 << 20), twice = strbuf_of(1 << 20);
	struct artifact b;

	artifact_write(a, &text);
	CHECK(strbuf_rc(&text) == RMG_OK);
	CHECK(artifact_parse(strbuf_span(&text), S(""), arena, &b, NULL) == RMG_OK);
	artifact_write(&b, &twice);
	CHECK(span_is(strbuf_span(&text), strbuf_span(&twice)));
	strbuf_done(&text);
	strbuf_done(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct artifact_patch *way[ARTIFACT_PATCHES];
	struct artifact a;
	struct arena arena;

	if (size > 65536)
		return 0;
	arena_init(&arena, 1 << 24);
	if (artifact_parse(span_of(data, size), S(""), &arena, &a, NULL) == RMG_OK) {
		CHECK(digest_valid(a.digest) && digest_valid(a.database));
		CHECK(a.bytes <= LIMIT_DB_FILE_BYTES && a.n_patches <= ARTIFACT_PATCHES);
		for (size_t i = 0; i < a.n_patches; i++) {
			size_t n = artifact_way(&a, a.patches[i].from, way);

			CHECK(n <= a.n_patches);
			CHECK(n == 0 || span_is(way[n - 1]->to, a.database));
		}
		again(&a, &arena);
	}
	arena_done(&arena);
	return 0;
}
