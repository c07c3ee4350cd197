/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/counted.h"

#include "base/hash.h"

enum { LENGTH = 2 };

void counted_done(struct counted *c)
{
	VEC_EACH (t, &c->v)
		free(t->at);
	VEC_DONE(&c->v);
	map_done(&c->by_hash);
	*c = (struct counted){0};
}

struct span counted_span(const struct counted *c, uint32_t id)
{
	const uint8_t *at = id ? c->v.v[id].at : NULL;

	return at ? span_of(at + LENGTH, (size_t)at[0] | (size_t)at[1] << 8) : (struct span){0};
}

static uint32_t find(const struct counted *c, struct span s)
{
	size_t at = 0;
	uint32_t id;

	while ((id = map_next(&c->by_hash, hash_span(s), &at)) != MAP_NONE)
		if (span_is(counted_span(c, id), s))
			return id;
	return 0;
}

static uint8_t *text_of(struct span s)
{
	uint8_t *at = malloc(s.n + LENGTH);

	if (at == NULL)
		return NULL;
	at[0] = (uint8_t)s.n;
	at[1] = (uint8_t)(s.n >> 8);
	memcpy(at + LENGTH, s.p, s.n);
	return at;
}

/* A free place; element 0 stands for "". */
static uint32_t place(struct counted *c)
{
	uint32_t id = c->free;

	if (id) {
		c->free = c->v.v[id].n;
		return id;
	}
	if (c->v.n == 0 && VEC_ADD(&c->v) == NULL)
		return 0;
	return VEC_ADD(&c->v) ? (uint32_t)(c->v.n - 1) : 0;
}

static void give_back(struct counted *c, uint32_t id)
{
	c->v.v[id] = (struct counted_text){.n = c->free};
	c->free = id;
}

bool counted_take(struct counted *c, struct span s, uint32_t *id)
{
	uint8_t *at;

	*id = 0;
	s = span_head(s, UINT16_MAX);
	if (s.n == 0)
		return true;
	*id = find(c, s);
	if (*id) {
		c->v.v[*id].n++;
		return true;
	}
	*id = place(c);
	if (*id == 0)
		return false;
	at = text_of(s);
	if (at == NULL || !map_add_another(&c->by_hash, hash_span(s), *id)) {
		free(at);
		give_back(c, *id);
		*id = 0;
		return false;
	}
	c->v.v[*id] = (struct counted_text){at, 1};
	c->bytes += s.n + LENGTH;
	return true;
}

void counted_drop(struct counted *c, uint32_t id)
{
	struct span s = counted_span(c, id);

	if (id == 0 || --c->v.v[id].n)
		return;
	map_remove(&c->by_hash, hash_span(s), id);
	c->bytes -= s.n + LENGTH;
	free(c->v.v[id].at);
	give_back(c, id);
}
