/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

/* Eight bytes, little-endian on every machine; compilers make one load of it. */
static uint64_t word(const uint8_t *p, size_t n)
{
	uint64_t value = 0;

	for (size_t i = 0; i < n; i++)
		value |= (uint64_t)p[i] << 8 * i;
	return value;
}

uint64_t hash_span(struct span s)
{
	uint64_t h = hash_mix(s.n ^ PATH_ROOT);

	while (s.n >= 8) {
		h = hash_mix(h ^ word(s.p, 8)) * 5;
		s = span_from(s, 8);
	}
	return s.n ? hash_mix(h ^ word(s.p, s.n)) * 5 : h;
}

uint64_t path_hash(struct span path)
{
	uint64_t h = PATH_ROOT;
	struct span name;

	while (span_next(&path, '/', &name))
		h = path_child(h, hash_span(name));
	return h;
}
