/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a process has mapped: paths lie inside the text, and it ends. */
#include "format/procmaps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of(data, size), path = {0};
	size_t n = 0;

	while (procmaps_next(&text, &path)) {
		if (path.n == 0 || path.p < data || path.p + path.n > data + size)
			__builtin_trap();
		if (++n > size)
			__builtin_trap();
	}
	return 0;
}
