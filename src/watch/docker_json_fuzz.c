/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever an engine says: no bad read, and what is taken is clean. */
#include "watch/docker_json.h"

#include "base/limits.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void clean(struct span s)
{
	if (!utf8_is_clean(s))
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = span_of(data, size), *ids;
	struct docker_container c;
	struct docker_event ev;
	struct docker_exec x;
	struct event_image image;
	struct arena a;
	size_t n;

	if (size > KIB(64))
		return 0;
	arena_init(&a, MIB(16));
	if (docker_event_parse(bytes, &a, &ev, NULL) == RMG_OK)
		clean(ev.id), clean(ev.command);
	if (docker_container_parse(bytes, &a, &c, NULL) == RMG_OK) {
		clean(c.workload_name);
		clean(c.ref);
		clean(c.health);
	}
	if (docker_exec_parse(bytes, &a, &x, NULL) == RMG_OK)
		clean(x.command), clean(x.user);
	if (docker_image_parse(bytes, &a, &image, NULL) == RMG_OK)
		for (size_t i = 0; i < image.n_digests; i++)
			clean(image.digests[i]);
	if (docker_ids_parse(bytes, &a, &ids, &n, NULL) == RMG_OK)
		for (size_t i = 0; i < n; i++)
			clean(ids[i]);
	arena_done(&a);
	return 0;
}
