/* SPDX-License-Identifier: Apache-2.0 */
/* hub_node.c - nodes of clusters, as their managers tell of them. */
#include "base/err.h"
#include "hub/hub_inside.h"

enum rmg_rc tx_node_seen(struct tx *tx, const struct event *e, uint32_t source, bool *news)
{
	struct world_node n = {
	    .source = source,
	    .id = e->container,
	    .availability = e->availability,
	    .state = e->state,
	    .since_ms = e->at_ms ? e->at_ms : tx->now_ms,
	    .heard = tx->w->sources.v[source].snapshot,
	};
	enum rmg_rc rc = tx_place(tx, &e->place, &n.place);

	if (rc == RMG_OK && world_node_set(tx->w, &n, news) != RMG_OK)
		rc = tx_no_memory(tx);
	return rc;
}

bool tx_node_removed(struct tx *tx, const struct event *e, uint32_t source)
{
	struct world_node *n = world_node_of(tx->w, source, e->container);

	if (n)
		world_node_drop(n);
	return n != NULL;
}

/* The next node that a snapshot of its source did not mention; NULL: there is none. */
const struct world_node *tx_node_unheard(const struct tx *tx, uint32_t source)
{
	VEC_EACH (n, &tx->w->nodes)
		if (n->source == source && n->heard != tx->w->sources.v[source].snapshot)
			return n;
	return NULL;
}
