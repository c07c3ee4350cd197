/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/cluster.h"

#include <string.h>

#include "kube/client.h"
#include "model/event.h"

bool cluster_is(const struct node_watch *w)
{
	return strcmp(w->kind, EVENT_CLUSTER) == 0;
}

struct span cluster_name(const struct serve_opts *o, const char *address)
{
	struct span named = address ? kube_cluster_of(address) : (struct span){0};

	if (named.n)
		return named;
	return o->cluster ? span_cstr(o->cluster) : S(NODE_CLUSTER);
}

const char *cluster_first(const struct serve_opts *o)
{
	for (size_t i = 0; i < o->n_watches; i++)
		if (cluster_is(&o->watches[i]))
			return o->watches[i].address;
	return NULL;
}
