/* SPDX-License-Identifier: Apache-2.0 */
/* ask_behind.c - what an image stands on that means something else now. */
#include "hub/ask_page.h"
#include "hub/base_change.h"

bool image_is_behind(const struct world *w, uint32_t image)
{
	for (uint32_t id = w->images.v[image].first_base; id; id = w->bases.v[id].next)
		if (w->bases.v[id].now.n)
			return true;
	return false;
}

static void put_change(struct jsonw *j, const struct world *w, const struct world_base *b)
{
	struct base_change n;
	bool known = base_change_of(w, b, &n) == RMG_OK && n.known;

	if (known) {
		put_counts(j, "fixes", &n.fixes);
		put_counts(j, "brings", &n.brings);
	} else {
		jsonw_put_null(j, "fixes");
		jsonw_put_null(j, "brings");
	}
}

void put_behind(struct jsonw *j, const struct world *w, uint32_t image)
{
	jsonw_key(j, "behind");
	jsonw_array(j);
	for (uint32_t id = w->images.v[image].first_base; id; id = w->bases.v[id].next) {
		const struct world_base *b = &w->bases.v[id];

		if (b->now.n == 0)
			continue;
		jsonw_object(j);
		jsonw_put(j, "ref", b->ref);
		jsonw_put(j, "how", b->how);
		jsonw_put(j, "from", b->was);
		jsonw_put(j, "to", b->now);
		put_time(j, "since", b->since_ms);
		put_change(j, w, b);
		jsonw_object_end(j);
	}
	jsonw_array_end(j);
}

void put_behind_refs(struct jsonw *j, const struct world *w, uint32_t image)
{
	jsonw_key(j, "behind");
	jsonw_array(j);
	for (uint32_t id = w->images.v[image].first_base; id; id = w->bases.v[id].next)
		if (w->bases.v[id].now.n)
			jsonw_str(j, w->bases.v[id].ref);
	jsonw_array_end(j);
}
