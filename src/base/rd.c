/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rd.h"

struct span rd_take(struct rd *r, uint64_t n)
{
	struct span taken;

	if (r->rc != RMG_OK)
		return (struct span){0};
	if (n > r->s.n) {
		rd_fail(r);
		return (struct span){0};
	}
	taken = span_of(r->s.p, (size_t)n);
	r->s = span_from(r->s, (size_t)n);
	return taken;
}

void rd_skip(struct rd *r, uint64_t n)
{
	(void)rd_take(r, n);
}

struct rd rd_sub(struct rd *r, uint64_t n)
{
	struct span part = rd_take(r, n);

	return (struct rd){.s = part, .rc = r->rc};
}

struct span rd_line(struct rd *r)
{
	struct span line;

	if (!rd_more(r))
		return (struct span){0};
	(void)span_next(&r->s, '\n', &line);
	if (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

struct span rd_until(struct rd *r, uint8_t c)
{
	struct span before;

	if (r->rc != RMG_OK)
		return (struct span){0};
	if (!span_cut(r->s, c, &before, &r->s)) {
		rd_fail(r);
		return (struct span){0};
	}
	return before;
}

static uint64_t little(struct rd *r, size_t n)
{
	struct span s = rd_take(r, n);
	uint64_t value = 0;

	for (size_t i = s.n; i-- > 0;)
		value = value << 8 | s.p[i];
	return value;
}

static uint64_t big(struct rd *r, size_t n)
{
	struct span s = rd_take(r, n);
	uint64_t value = 0;

	for (size_t i = 0; i < s.n; i++)
		value = value << 8 | s.p[i];
	return value;
}

uint8_t rd_u8(struct rd *r)
{
	return (uint8_t)little(r, 1);
}

uint16_t rd_u16le(struct rd *r)
{
	return (uint16_t)little(r, 2);
}

uint16_t rd_u16be(struct rd *r)
{
	return (uint16_t)big(r, 2);
}

uint32_t rd_u32le(struct rd *r)
{
	return (uint32_t)little(r, 4);
}

uint32_t rd_u32be(struct rd *r)
{
	return (uint32_t)big(r, 4);
}

uint64_t rd_u64le(struct rd *r)
{
	return little(r, 8);
}

uint64_t rd_u64be(struct rd *r)
{
	return big(r, 8);
}

uint64_t rd_varint(struct rd *r)
{
	uint64_t value = 0;

	for (unsigned shift = 0;; shift += 7) {
		uint8_t byte = rd_u8(r);

		/* The tenth byte has room for one bit, and none for an eleventh. */
		if (shift == 63 && byte > 1) {
			rd_fail(r);
			return 0;
		}
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return r->rc == RMG_OK ? value : 0;
	}
}

size_t rd_count(struct rd *r, uint64_t n, size_t each)
{
	CHECK(each != 0);
	if (r->rc != RMG_OK)
		return 0;
	if (n > r->s.n / each) {
		rd_fail(r);
		return 0;
	}
	return (size_t)n;
}
