/* SPDX-License-Identifier: Apache-2.0 */
/* rd.h - the only way to read bytes that we do not trust, front to back.
 *
 * The first failure sticks: later reads yield zero or an empty span and do not move, and
 * rd_more() turns false, so that loops end by themselves. Ask rd_end() once, at the end.
 * A reader borrows its bytes. For reading at random: span_at(). */
#ifndef BASE_RD_H
#define BASE_RD_H

#include <rummage.h>

#include "base/span.h"

struct rd {
	struct span s;  /* what is left */
	enum rmg_rc rc; /* RMG_OK, or the first failure */
};

static inline struct rd rd_of(struct span s)
{
	return (struct rd){.s = s, .rc = RMG_OK};
}

/* Bytes are left and nothing has failed. */
static inline bool rd_more(const struct rd *r)
{
	return r->rc == RMG_OK && r->s.n != 0;
}

static inline bool rd_ok(const struct rd *r)
{
	return r->rc == RMG_OK;
}

/* How it ended: RMG_OK, or RMG_E_FORMAT where a read went past the end or rd_fail() was called. */
MUST static inline enum rmg_rc rd_end(const struct rd *r)
{
	return r->rc;
}

static inline void rd_fail(struct rd *r)
{
	r->rc = RMG_E_FORMAT;
	r->s.n = 0;
}

/* The next n bytes as a span. */
struct span rd_take(struct rd *r, uint64_t n);
void rd_skip(struct rd *r, uint64_t n);

/* A reader over the next n bytes; it fails, as r does, where they are not there. */
struct rd rd_sub(struct rd *r, uint64_t n);

/* Up to the next newline, which is dropped, as is one carriage return before it; the last line may
 * lack it. */
struct span rd_line(struct rd *r);

/* Up to the next byte c, which is dropped; a failure where there is none. */
struct span rd_until(struct rd *r, uint8_t c);

uint8_t rd_u8(struct rd *r);
uint16_t rd_u16le(struct rd *r);
uint16_t rd_u16be(struct rd *r);
uint32_t rd_u32le(struct rd *r);
uint32_t rd_u32be(struct rd *r);
uint64_t rd_u64le(struct rd *r);
uint64_t rd_u64be(struct rd *r);

/* LEB128 as protobuf and Go write it: at most 10 bytes. */
uint64_t rd_varint(struct rd *r);

/* Believes a count that input gave only where n elements of at least each bytes can still follow.
 * Returns n, or fails and returns 0. each is not 0. */
size_t rd_count(struct rd *r, uint64_t n, size_t each);

#endif
