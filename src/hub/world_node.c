/* SPDX-License-Identifier: Apache-2.0 */
/* world_node.c - the nodes of clusters: hundreds, each said now and then. */
#include "hub/world.h"
#include "hub/world_inside.h"

struct world_node *world_node_of(struct world *w, uint32_t source, struct span id)
{
	VEC_EACH (n, &w->nodes)
		if (n->source == source && span_is(n->id, id))
			return n;
	return NULL;
}

static struct world_node *row_for(struct world *w)
{
	VEC_EACH (n, &w->nodes)
		if (n->source == 0)
			return n;
	return VEC_ADD(&w->nodes);
}

enum rmg_rc world_node_set(struct world *w, const struct world_node *n, bool *news)
{
	struct world_node *have = world_node_of(w, n->source, n->id), row = *n;

	*news = have == NULL || have->place != n->place || !span_is(have->state, n->state) ||
		!span_is(have->availability, n->availability);
	if (!*news) {
		have->heard = n->heard;
		return RMG_OK;
	}
	if (have && span_is(have->state, n->state))
		row.since_ms = have->since_ms;
	row.id = world_intern(w, n->id);
	row.state = world_intern(w, n->state);
	row.availability = world_intern(w, n->availability);
	if (have == NULL)
		have = row_for(w);
	if (have == NULL)
		return RMG_E_NOMEM;
	*have = row;
	return arena_rc(&w->arena);
}

void world_node_drop(struct world_node *n)
{
	*n = (struct world_node){0};
}
