/* SPDX-License-Identifier: Apache-2.0 */
/* Events of any bytes: containers balance, depth is bounded, the end is reached and stays. */
#include "base/utf8.h"
#include "format/yamlr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct yamlr *y;
	struct yamlr_item item;
	struct rmg_err err;
	unsigned depth = 0;
	size_t events = 0;

	if (size > 1 << 16 || yamlr_open(span_of(data, size), &y, &err) != RMG_OK)
		return 0;
	while (yamlr_next(y, &item, &err) == RMG_OK && item.kind != YAMLR_EOF) {
		events++;
		CHECK(events <= 4 * size + 8 && item.line >= 1);
		if (item.kind == YAMLR_SCALAR)
			CHECK(utf8_valid(item.text));
		else if (item.kind == YAMLR_ENDED)
			CHECK(depth-- > 0);
		else
			CHECK(++depth <= YAMLR_DEPTH);
	}
	if (yamlr_next(y, &item, &err) == RMG_OK)
		CHECK(item.kind == YAMLR_EOF && depth == 0);
	yamlr_close(y);
	return 0;
}
