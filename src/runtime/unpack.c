/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/unpack.h"

#include "base/limits.h"
#include "base/utf8.h"

/* protobuf-c asks for memory piece by piece; all of it is the arena's. */
static void *arena_malloc(void *user, size_t n)
{
	return arena_alloc(user, n);
}

static void arena_nofree(void *user, void *p)
{
	(void)user, (void)p;
}

void *unpack(const ProtobufCMessageDescriptor *type, struct span bytes, struct arena *a,
	     const char *what, enum rmg_rc *rc, struct rmg_err *err)
{
	ProtobufCAllocator memory = {arena_malloc, arena_nofree, a};
	void *message = NULL;

	if (bytes.n <= LIMIT_GRPC_BYTES)
		message = protobuf_c_message_unpack(type, &memory, bytes.n, bytes.p);
	if (arena_rc(a) != RMG_OK) {
		*rc = err_set(err, arena_rc(a), "no room for %s", what);
		return NULL;
	}
	if (message == NULL)
		*rc = err_set(err, RMG_E_FORMAT, "%s is no such message", what);
	return message;
}

struct span unpack_text(ProtobufCBinaryData b)
{
	struct span s = unpack_bytes(b);

	if (s.n > LIMIT_TEXT_BYTES || !utf8_is_clean(s))
		return (struct span){0};
	return s;
}

int64_t unpack_time_ms(int64_t seconds, int32_t nanos)
{
	if (seconds <= 0 || seconds > UINT32_MAX || nanos < 0 || nanos > 999999999)
		return 0;
	return seconds * 1000 + nanos / 1000000;
}

static void pack_varint(struct strbuf *b, uint64_t n)
{
	for (; n > 127; n >>= 7)
		strbuf_putc(b, (char)(n | 128));
	strbuf_putc(b, (char)n);
}

void pack_text(struct strbuf *b, unsigned field, struct span text)
{
	if (text.n == 0)
		return;
	pack_varint(b, field << 3 | 2);
	pack_varint(b, text.n);
	strbuf_put(b, text);
}

void pack_flag(struct strbuf *b, unsigned field)
{
	pack_varint(b, field << 3);
	pack_varint(b, 1);
}
