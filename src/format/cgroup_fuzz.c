/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a process's cgroups are called: names lie inside the text, and it ends. */
#include "format/cgroup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of(data, size), id;
	struct cgroup_walk w = cgroup_walk(text);
	struct cgroup_name name;
	size_t n = 0;

	if (size > 65536)
		return 0;
	while (cgroup_next(&w, &name)) {
		if (name.id.n == 0 || name.id.p < data || name.id.p + name.id.n > data + size)
			__builtin_trap();
		if (++n > size)
			__builtin_trap();
	}
	if (cgroup_container(text, &id) && id.n != 64)
		__builtin_trap();
	return 0;
}
