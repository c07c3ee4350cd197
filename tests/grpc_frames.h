/* SPDX-License-Identifier: Apache-2.0 */
/* grpc_frames.h - for unit tests: what a gRPC server sends, frame by frame (RFC 9113, RFC 7541). */
#ifndef TESTS_GRPC_FRAMES_H
#define TESTS_GRPC_FRAMES_H

#include "base/strbuf.h"

enum {
	H2_DATA = 0,
	H2_HEADERS = 1,
	H2_RST_STREAM = 3,
	H2_SETTINGS = 4,
	H2_PING = 6,
	H2_GOAWAY = 7,
	H2_WINDOW_UPDATE = 8,
	H2_END_STREAM = 1,
	H2_END_HEADERS = 4,
};

static inline void put_u32(struct strbuf *b, uint32_t n)
{
	const uint8_t bytes[] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
				 (uint8_t)n};

	strbuf_put(b, span_of(bytes, sizeof bytes));
}

static inline void put_frame(struct strbuf *b, uint8_t type, uint8_t flags, uint32_t stream,
			     struct span payload)
{
	const uint8_t head[] = {(uint8_t)(payload.n >> 16), (uint8_t)(payload.n >> 8),
				(uint8_t)payload.n, type, flags};

	strbuf_put(b, span_of(head, sizeof head));
	put_u32(b, stream);
	strbuf_put(b, payload);
}

/* A header field that no table keeps; texts are shorter than 127 bytes. */
static inline void put_field(struct strbuf *b, const char *name, const char *value)
{
	strbuf_putc(b, 0);
	strbuf_putc(b, (char)strlen(name));
	strbuf_puts(b, name);
	strbuf_putc(b, (char)strlen(value));
	strbuf_puts(b, value);
}

static inline void put_settings(struct strbuf *b)
{
	put_frame(b, H2_SETTINGS, 0, 0, S(""));
}

static inline void put_head(struct strbuf *b, uint32_t stream, const char *http_status,
			    const char *type)
{
	struct strbuf fields = strbuf_of(1024);

	put_field(&fields, ":status", http_status);
	put_field(&fields, "content-type", type);
	put_frame(b, H2_HEADERS, H2_END_HEADERS, stream, strbuf_span(&fields));
	strbuf_done(&fields);
}

/* A message with its prefix: length is what it says of itself. */
static inline void put_message(struct strbuf *b, uint32_t stream, bool compressed, uint32_t length,
			       struct span message)
{
	struct strbuf data = strbuf_of(1 << 20);

	strbuf_putc(&data, compressed);
	put_u32(&data, length);
	strbuf_put(&data, message);
	put_frame(b, H2_DATA, 0, stream, strbuf_span(&data));
	strbuf_done(&data);
}

static inline void put_end(struct strbuf *b, uint32_t stream, const char *status, const char *text)
{
	struct strbuf fields = strbuf_of(1024);

	put_field(&fields, "grpc-status", status);
	if (text)
		put_field(&fields, "grpc-message", text);
	put_frame(b, H2_HEADERS, H2_END_HEADERS | H2_END_STREAM, stream, strbuf_span(&fields));
	strbuf_done(&fields);
}

/* A whole answer. */
static inline void put_answer(struct strbuf *b, uint32_t stream, struct span message)
{
	put_head(b, stream, "200", "application/grpc");
	put_message(b, stream, false, (uint32_t)message.n, message);
	put_end(b, stream, "0", NULL);
}

static inline void put_reset(struct strbuf *b, uint32_t stream, uint32_t code)
{
	struct strbuf payload = strbuf_of(64);

	put_u32(&payload, code);
	put_frame(b, H2_RST_STREAM, 0, stream, strbuf_span(&payload));
	strbuf_done(&payload);
}

static inline void put_goaway(struct strbuf *b, uint32_t last_stream)
{
	struct strbuf payload = strbuf_of(64);

	put_u32(&payload, last_stream);
	put_u32(&payload, 0);
	put_frame(b, H2_GOAWAY, 0, 0, strbuf_span(&payload));
	strbuf_done(&payload);
}

#endif
