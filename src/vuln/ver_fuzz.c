/* SPDX-License-Identifier: Apache-2.0 */
/* Every order on two strings, parted by the first newline: antisymmetric, and equal to itself. */
#include "vuln/vercmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int sign(int x)
{
	return (x > 0) - (x < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span a, b;

	if (size > 4096 || !span_cut(span_of(data, size), '\n', &a, &b))
		return 0;
	for (unsigned i = 0; i < ORDER_COUNT; i++) {
		enum version_order order = (enum version_order)i;

		CHECK(sign(version_cmp(order, a, b)) == -sign(version_cmp(order, b, a)));
		CHECK(version_cmp(order, a, a) == 0);
		CHECK(version_cmp(order, b, b) == 0);
	}
	CHECK(sign(ver_rpm_no_epoch(a, b)) == -sign(ver_rpm_no_epoch(b, a)));
	return 0;
}
