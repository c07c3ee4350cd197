/* SPDX-License-Identifier: Apache-2.0 */
/* world_text.c - texts that are kept once for all, texts that come and go, and containers' ids. */
#include "hub/world.h"
#include "hub/world_inside.h"

uint32_t world_intern_id(struct world *w, struct span s)
{
	struct world_index *x = w->index;
	uint64_t hash = hash_span(s = span_head(s, UINT16_MAX));
	struct text t;
	uint8_t *at;
	size_t i = 0;
	uint32_t id;

	if (s.n == 0)
		return 0;
	while ((id = map_next(&x->texts, hash, &i)) != MAP_NONE)
		if (span_is(text_span(x->text.v[id]), s))
			return id;
	at = arena_bytes(&w->arena, s.n + 2);
	if (at == NULL || !VEC_RESERVE(&x->text, x->text.n + 1) ||
	    !map_add_another(&x->texts, hash, (uint32_t)x->text.n)) {
		w->arena.rc = arena_rc(&w->arena) == RMG_OK ? RMG_E_NOMEM : arena_rc(&w->arena);
		return 0;
	}
	at[0] = (uint8_t)s.n;
	at[1] = (uint8_t)(s.n >> 8);
	memcpy(at + 2, s.p, s.n);
	t.at = at;
	x->text.v[x->text.n++] = t;
	return (uint32_t)x->text.n - 1;
}

struct text world_intern_text(struct world *w, struct span s)
{
	uint32_t id = world_intern_id(w, s);

	return w->index->text.v[id];
}

struct span world_intern(struct world *w, struct span s)
{
	return text_span(world_intern_text(w, s));
}

bool text_new(struct span s, struct text *out)
{
	uint8_t *at;

	*out = (struct text){0};
	s = span_head(s, UINT16_MAX);
	if (s.n == 0)
		return true;
	at = malloc(s.n + 2);
	if (at == NULL)
		return false;
	at[0] = (uint8_t)s.n;
	at[1] = (uint8_t)(s.n >> 8);
	memcpy(at + 2, s.p, s.n);
	out->at = at;
	return true;
}

void text_free(struct text t)
{
	free((void *)(uintptr_t)t.at);
}

/* Ids of containers are 64 digits for most runtimes, and digests for cached images: half as long as
 * bytes. */
static bool hash_of(struct span hex, uint8_t out[32])
{
	if (hex.n != 64 || !span_unhex(hex, out, 32))
		return false;
	for (size_t i = 0; i < hex.n; i++)
		if (hex.p[i] >= 'A' && hex.p[i] <= 'F')
			return false;
	return true;
}

bool use_container_set(struct world_use *u, struct span id)
{
	if (hash_of(id, u->container.hash))
		u->container_form = CONTAINER_HEX;
	else if (span_starts(id, S("sha256:")) && hash_of(span_from(id, 7), u->container.hash))
		u->container_form = CONTAINER_SHA256;
	else {
		memset(&u->container, 0, sizeof u->container);
		u->container_form = CONTAINER_TEXT;
		return text_new(id, &u->container.text);
	}
	return true;
}

void use_container_free(struct world_use *u)
{
	if (u->container_form == CONTAINER_TEXT)
		text_free(u->container.text);
}

struct span world_use_container(const struct world_use *u, char buf[static WORLD_CONTAINER])
{
	static const char digits[] = "0123456789abcdef";
	size_t n = 0;

	if (u->container_form == CONTAINER_TEXT)
		return text_span(u->container.text);
	if (u->container_form == CONTAINER_SHA256) {
		memcpy(buf, "sha256:", 7);
		n = 7;
	}
	for (size_t i = 0; i < 32; i++) {
		buf[n++] = digits[u->container.hash[i] >> 4];
		buf[n++] = digits[u->container.hash[i] & 15];
	}
	return span_of(buf, n);
}
