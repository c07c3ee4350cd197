/* SPDX-License-Identifier: Apache-2.0 */
/* Lines: the values of the five fields. */
#include "oci/ratelimit.h"

#include "base/attr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = span_of(data, size);
	struct ratelimit_fields f = {0};
	struct span *const fields[] = {&f.limit, &f.remaining, &f.reset, &f.together, &f.policy};
	struct ratelimit r;

	if (size > 65536)
		return 0;
	for (size_t i = 0; i < COUNT_OF(fields); i++)
		if (!span_next(&rest, '\n', fields[i]))
			break;
	r = ratelimit_of(&f, INT64_C(1795000000000));
	CHECK(r.known || r.left == 0);
	CHECK(r.window_s <= 86400 && r.reset_s <= 86400);
	CHECK(r.left <= UINT32_MAX);
	return 0;
}
