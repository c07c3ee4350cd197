/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/told.h"

#include "base/hash.h"

void told_clear(struct told *t)
{
	VEC_EACH (r, &t->rows) {
		free(r->id);
		free(r->means);
	}
	t->rows.n = 0;
	map_clear(&t->by_id);
}

void told_done(struct told *t)
{
	told_clear(t);
	VEC_DONE(&t->rows);
	map_done(&t->by_id);
}

void told_begin(struct told *t)
{
	t->round++;
}

static uint32_t index_of(const struct told *t, struct span id)
{
	size_t at = 0;
	uint32_t i;

	while ((i = map_next(&t->by_id, hash_span(id), &at)) != MAP_NONE)
		if (span_is(span_cstr(t->rows.v[i].id), id))
			break;
	return i;
}

static enum rmg_rc add(struct told *t, struct span id, struct span means)
{
	struct told_row r = {span_dup(id), span_dup(means), t->round};

	if (r.id && r.means && VEC_PUSH(&t->rows, r)) {
		if (map_add_another(&t->by_id, hash_span(id), (uint32_t)t->rows.n - 1))
			return RMG_OK;
		t->rows.n--;
	}
	free(r.id);
	free(r.means);
	return RMG_E_NOMEM;
}

enum rmg_rc told_see(struct told *t, struct span id, struct span means, enum told_news *out)
{
	uint32_t i = index_of(t, id);
	char *now;

	*out = i == MAP_NONE ? TOLD_NEW : TOLD_KNOWN;
	if (i == MAP_NONE)
		return add(t, id, means);
	t->rows.v[i].round = t->round;
	if (span_is(span_cstr(t->rows.v[i].means), means))
		return RMG_OK;
	now = span_dup(means);
	if (now == NULL)
		return RMG_E_NOMEM;
	free(t->rows.v[i].means);
	t->rows.v[i].means = now;
	*out = TOLD_CHANGED;
	return RMG_OK;
}

const char *told_means(const struct told *t, struct span id)
{
	uint32_t i = index_of(t, id);

	return i == MAP_NONE ? NULL : t->rows.v[i].means;
}

/* The last row takes the place of the one that goes, whose id the caller has. */
static void cut(struct told *t, uint32_t i)
{
	uint32_t last = (uint32_t)t->rows.n - 1;
	uint64_t key = hash_span(span_cstr(t->rows.v[i].id));

	map_remove(&t->by_id, key, i);
	free(t->rows.v[i].means);
	t->rows.n--;
	if (i == last)
		return;
	t->rows.v[i] = t->rows.v[last];
	key = hash_span(span_cstr(t->rows.v[i].id));
	map_remove(&t->by_id, key, last);
	/* The key was there a moment ago: there is room. */
	CHECK(map_add_another(&t->by_id, key, i));
}

char *told_take_gone(struct told *t)
{
	for (uint32_t i = 0; i < t->rows.n; i++) {
		char *id = t->rows.v[i].id;

		if (t->rows.v[i].round == t->round)
			continue;
		cut(t, i);
		return id;
	}
	return NULL;
}

bool told_drop(struct told *t, struct span id)
{
	uint32_t i = index_of(t, id);
	char *text;

	if (i == MAP_NONE)
		return false;
	text = t->rows.v[i].id;
	cut(t, i);
	free(text);
	return true;
}
