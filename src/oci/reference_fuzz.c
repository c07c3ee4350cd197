/* SPDX-License-Identifier: Apache-2.0 */
/* What is accepted reads back as the same reference. */
#include "oci/reference.h"

#include "oci/digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	struct reference r, again;
	struct span text;

	arena_init(&a, 1 << 16);
	if (size <= 8192 && reference_parse(span_of(data, size), &a, &r, NULL) == RMG_OK) {
		CHECK(r.tag.n || r.digest.n);
		CHECK(r.digest.n == 0 || digest_valid(r.digest));
		text = reference_text(&r, &a);
		CHECK(reference_parse(text, &a, &again, NULL) == RMG_OK);
		CHECK(span_is(reference_text(&again, &a), text));
		(void)host_is_loopback(r.host);
	}
	arena_done(&a);
	return 0;
}
