/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a manager says: no bad read, and what is taken is clean. */
#include "watch/swarm_json.h"

#include "base/limits.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void clean(struct span s)
{
	if (!utf8_is_clean(s))
		__builtin_trap();
}

static void services(struct span bytes, struct arena *a)
{
	struct swarm_service *s;
	struct event_image image;
	size_t n;

	if (swarm_services_parse(bytes, a, &s, &n, NULL) != RMG_OK)
		return;
	for (size_t i = 0; i < n; i++) {
		clean(s[i].name);
		clean(s[i].ns);
		clean(s[i].update);
		if (s[i].n_labels > EVENT_LABELS || s[i].ref.n == 0)
			__builtin_trap();
		for (size_t k = 0; k < s[i].n_labels; k++)
			clean(s[i].labels[k].value);
		swarm_image(s[i].was_ref, &image);
		for (size_t k = 0; k < image.n_digests; k++)
			clean(image.digests[k]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = span_of(data, size);
	struct swarm_self self;
	struct swarm_task *tasks;
	struct swarm_node *nodes;
	struct arena a;
	size_t n;

	if (size > KIB(64))
		return 0;
	arena_init(&a, MIB(16));
	services(bytes, &a);
	if (swarm_self_parse(bytes, &a, &self, NULL) == RMG_OK)
		clean(self.node);
	if (swarm_tasks_parse(bytes, &a, &tasks, &n, NULL) == RMG_OK)
		for (size_t i = 0; i < n; i++)
			clean(tasks[i].container);
	if (swarm_nodes_parse(bytes, &a, &nodes, &n, NULL) == RMG_OK)
		for (size_t i = 0; i < n; i++)
			clean(nodes[i].name);
	arena_done(&a);
	return 0;
}
