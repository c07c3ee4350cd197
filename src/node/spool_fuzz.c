/* SPDX-License-Identifier: Apache-2.0 */
/* Records stay inside the bytes that they are read from, and none is left over but a torn one. */
#include "node/spool.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = span_of(data, size);
	struct spool_record r;
	size_t seen = 0;

	while (spool_next(&rest, &r)) {
		seen += r.whole.n;
		if (r.whole.n == 0 || r.whole.p + r.whole.n != rest.p)
			__builtin_trap();
		if (r.good && (r.line.n == 0 || r.line.n >= r.whole.n))
			__builtin_trap();
		if (r.detail && !r.good)
			__builtin_trap();
	}
	if (seen + rest.n != size || span_chr(rest, '\n') != SIZE_MAX)
		__builtin_trap();
	return 0;
}
