/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/packed.h"

#include <stdlib.h>

#include "base/rd.h"

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void ids_sort(struct ids *ids)
{
	size_t n = 0;

	if (ids->n)
		qsort(ids->v, ids->n, sizeof *ids->v, by_number);
	for (size_t i = 0; i < ids->n; i++)
		if (n == 0 || ids->v[n - 1] != ids->v[i])
			ids->v[n++] = ids->v[i];
	ids->n = n;
}

void ids_pack(const uint32_t *ids, size_t n, struct strbuf *out)
{
	uint32_t last = 0;

	for (size_t i = 0; i < n; i++) {
		uint8_t bytes[5];
		size_t len = 0;

		for (uint32_t left = ids[i] - last; len == 0 || left; left >>= 7)
			bytes[len++] = (uint8_t)((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
		strbuf_put(out, span_of(bytes, len));
		last = ids[i];
	}
}

enum rmg_rc ids_unpack(struct span packed, uint32_t max, struct ids *out)
{
	struct rd r = rd_of(packed);
	uint64_t last = 0;

	out->n = 0;
	while (rd_more(&r)) {
		uint64_t more = rd_varint(&r);

		if (more == 0 || more > max - last)
			rd_fail(&r);
		last += more;
		if (rd_ok(&r) && !VEC_PUSH(out, (uint32_t)last))
			return RMG_E_NOMEM;
	}
	return rd_end(&r);
}
