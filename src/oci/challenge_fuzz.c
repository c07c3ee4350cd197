/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/challenge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	struct challenge c = {0};

	if (size > 65536)
		return 0;
	arena_init(&a, 1 << 20);
	challenge_parse(span_of(data, size), &a, &c);
	CHECK(arena_rc(&a) == RMG_OK);
	CHECK(c.scheme != CHALLENGE_BEARER || c.realm.n != 0);
	CHECK(c.realm.n + c.service.n + c.scope.n <= size);
	arena_done(&a);
	return 0;
}
