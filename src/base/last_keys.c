/* SPDX-License-Identifier: Apache-2.0 */
#include "base/last_keys.h"

bool last_keys_has(const struct last_keys *s, uint64_t key)
{
	return map_has(&s->known, key);
}

bool last_keys_add(struct last_keys *s, size_t most, uint64_t key)
{
	if (last_keys_has(s, key))
		return true;
	if (!map_set(&s->known, key, 0))
		return false;
	if (s->order.n >= most) {
		map_remove(&s->known, s->order.v[s->next], 0);
		s->order.v[s->next] = key;
		s->next = (s->next + 1) % most;
		return true;
	}
	if (VEC_PUSH(&s->order, key))
		return true;
	map_remove(&s->known, key, 0);
	return false;
}

void last_keys_done(struct last_keys *s)
{
	map_done(&s->known);
	VEC_DONE(&s->order);
	s->next = 0;
}
