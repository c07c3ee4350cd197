/* SPDX-License-Identifier: Apache-2.0 */
/* json_fuzz.c - whatever the document, a walk over it ends, strings are UTF-8 and lie in memory,
 * and the nesting is bounded. The same struct is parsed into twice, as feeds do. */
#include "base/utf8.h"
#include "format/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t walk(json *v, int depth)
{
	size_t seen = 1;

	CHECK(depth <= JSON_DEPTH);
	if (json_is_str(v))
		CHECK(utf8_valid(json_str(v)));
	(void)json_num(v);
	for (struct json_iter it = json_iter(v); json_next(&it);) {
		uint64_t n = 0;

		CHECK(utf8_valid(it.key));
		if (json_is_object(v)) {
			CHECK(json_get_span(v, it.key) != NULL);
			if (json_get_u64(v, "n", &n))
				CHECK(n <= INT64_MAX);
		}
		seen += walk(it.value, depth + 1);
	}
	return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = span_of(data, MIN_OF(size, (size_t)4096));
	struct json_doc doc = {0};
	size_t first = 0;

	for (int i = 0; i < 2; i++) {
		struct rmg_err err = {0};

		if (json_parse(&doc, bytes, 4096, &err)) {
			CHECK(err.msg[0] != '\0');
			continue;
		}
		if (i == 0)
			first = walk(doc.root, 0);
		else
			CHECK(walk(doc.root, 0) == first);
	}
	json_done(&doc);
	return 0;
}
