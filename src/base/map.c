/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

static size_t home(const struct map *m, uint64_t key)
{
	return (size_t)hash_mix(key) & (m->slots - 1);
}

static void put(struct map *m, uint64_t key, uint32_t value)
{
	size_t i = home(m, key);

	while (m->slot[i].value != MAP_NONE)
		i = (i + 1) & (m->slots - 1);
	m->slot[i] = (struct map_slot){key, value};
	m->n++;
}

static bool resize(struct map *m, size_t slots)
{
	struct map bigger = {.slots = slots};

	if (slots > SIZE_MAX / sizeof *bigger.slot)
		return false;
	bigger.slot = malloc(slots * sizeof *bigger.slot);
	if (bigger.slot == NULL)
		return false;
	memset(bigger.slot, 0xff, slots * sizeof *bigger.slot);
	for (size_t i = 0; i < m->slots; i++)
		if (m->slot[i].value != MAP_NONE)
			put(&bigger, m->slot[i].key, m->slot[i].value);
	map_done(m);
	*m = bigger;
	return true;
}

bool map_reserve(struct map *m, size_t n)
{
	size_t slots = m->slots ? m->slots : 16;

	if (n > SIZE_MAX / 64)
		return false;
	while (slots / 4 * 3 < n)
		slots *= 2;
	return slots == m->slots || resize(m, slots);
}

/* The slot of key, or the free one where it would go. The map has slots. */
static size_t slot_of(const struct map *m, uint64_t key)
{
	size_t i = home(m, key);

	while (m->slot[i].value != MAP_NONE && m->slot[i].key != key)
		i = (i + 1) & (m->slots - 1);
	return i;
}

bool map_set(struct map *m, uint64_t key, uint32_t value)
{
	size_t i;

	CHECK(value != MAP_NONE);
	if (!map_reserve(m, m->n + 1))
		return false;
	i = slot_of(m, key);
	m->n += m->slot[i].value == MAP_NONE;
	m->slot[i] = (struct map_slot){key, value};
	return true;
}

bool map_add(struct map *m, uint64_t key, uint32_t value, uint32_t *have)
{
	size_t i;

	CHECK(value != MAP_NONE);
	if (!map_reserve(m, m->n + 1))
		return false;
	i = slot_of(m, key);
	if (m->slot[i].value == MAP_NONE) {
		m->n++;
		m->slot[i] = (struct map_slot){key, value};
	}
	*have = m->slot[i].value;
	return true;
}

bool map_add_another(struct map *m, uint64_t key, uint32_t value)
{
	CHECK(value != MAP_NONE);
	if (!map_reserve(m, m->n + 1))
		return false;
	put(m, key, value);
	return true;
}

uint32_t map_find(const struct map *m, uint64_t key)
{
	return m->slots ? m->slot[slot_of(m, key)].value : MAP_NONE;
}

uint32_t map_next(const struct map *m, uint64_t key, size_t *at)
{
	if (m->slots == 0)
		return MAP_NONE;
	for (;; ++*at) {
		size_t i = (home(m, key) + *at) & (m->slots - 1);

		if (m->slot[i].value == MAP_NONE)
			return MAP_NONE;
		if (m->slot[i].key == key) {
			++*at;
			return m->slot[i].value;
		}
	}
}

/* What follows moves back over the hole where its home allows it, so that no search ends early. */
void map_remove(struct map *m, uint64_t key, uint32_t value)
{
	size_t mask = m->slots - 1, hole, i;

	CHECK(m->slots != 0);
	for (hole = home(m, key); m->slot[hole].key != key || m->slot[hole].value != value;) {
		CHECK(m->slot[hole].value != MAP_NONE);
		hole = (hole + 1) & mask;
	}
	for (i = (hole + 1) & mask; m->slot[i].value != MAP_NONE; i = (i + 1) & mask) {
		if (((i - home(m, m->slot[i].key)) & mask) < ((i - hole) & mask))
			continue;
		m->slot[hole] = m->slot[i];
		hole = i;
	}
	m->slot[hole] = (struct map_slot){UINT64_MAX, MAP_NONE};
	m->n--;
}

void map_clear(struct map *m)
{
	if (m->slots)
		memset(m->slot, 0xff, m->slots * sizeof *m->slot);
	m->n = 0;
}

void map_done(struct map *m)
{
	free(m->slot);
	*m = (struct map){0};
}
