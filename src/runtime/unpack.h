/* SPDX-License-Identifier: Apache-2.0 */
/* unpack.h - for the readers of this folder: protobuf messages into an arena, and requests. */
#ifndef RUNTIME_UNPACK_H
#define RUNTIME_UNPACK_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "model/event.h"

/* The message, in the arena; NULL and *rc where it is none, or there is no room. what: for the
 * failure, "containerd's list of images". */
void *unpack(const ProtobufCMessageDescriptor *type, struct span bytes, struct arena *a,
	     const char *what, enum rmg_rc *rc, struct rmg_err *err);

static inline struct span unpack_bytes(ProtobufCBinaryData b)
{
	return span_of(b.data, b.len);
}

/* Clean text, or "". */
struct span unpack_text(ProtobufCBinaryData b);

/* Since 1970; 0 where it is no time that anything can have happened at. */
int64_t unpack_time_ms(int64_t seconds, int32_t nanos);

/* Requests are made of texts in numbered fields: those that are empty are left out. */
void pack_text(struct strbuf *b, unsigned field, struct span text);
void pack_flag(struct strbuf *b, unsigned field); /* true */

/* Declares what unpack() gives, and returns where it gives nothing. */
#define UNPACK(type, descriptor, name, bytes, arena, what, err)                                    \
	enum rmg_rc name##_rc = RMG_OK;                                                            \
	type *name = unpack(&(descriptor), (bytes), (arena), (what), &name##_rc, (err));           \
	if (name == NULL)                                                                          \
	return name##_rc

#endif
