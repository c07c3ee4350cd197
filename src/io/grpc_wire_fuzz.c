/* SPDX-License-Identifier: Apache-2.0 */
/* grpc_wire_fuzz.c - whatever a server sends, a call ends or waits for more, messages keep within
 * their bound, and the pieces in which bytes come change nothing. The first byte: the size of the
 * pieces, and whether a stream is asked for. */
#include "base/hash.h"
#include "io/grpc_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* So few that no flood can be made of them: how fast we answer decides what is one. */
enum { MOST_BYTES = 8192, MESSAGE_BYTES = 4096, MOST_MESSAGES = 100 };

struct heard {
	uint64_t hash, n;
	bool over;
	enum rmg_rc rc;
	enum grpc_status status;
};

static enum rmg_rc take(void *user, struct span message, struct rmg_err *err)
{
	struct heard *h = user;

	CHECK(message.n <= MESSAGE_BYTES);
	h->hash = hash_mix(h->hash ^ hash_span(message));
	h->n++;
	return h->n > MOST_MESSAGES ? err_set(err, RMG_E_LIMIT, "enough") : RMG_OK;
}

static void drain(struct grpc_wire *w)
{
	struct span out;

	do {
		CHECK(grpc_wire_out(w, &out, NULL) == RMG_OK);
	} while (out.n);
}

static struct heard hear(struct span bytes, size_t piece, bool stream)
{
	struct heard h = {.status = GRPC_NONE};
	struct grpc_call call = {.method = "/x.Y/Z",
				 .request = S("what?"),
				 .stream = stream,
				 .max_bytes = MESSAGE_BYTES,
				 .sink = take,
				 .user = &h};
	struct rmg_err err = {0};
	struct grpc_wire *w;

	CHECK(grpc_wire_new(&w, NULL) == RMG_OK);
	CHECK(grpc_wire_begin(w, &call, NULL) == RMG_OK);
	drain(w);
	while (bytes.n && !grpc_wire_over(w)) {
		grpc_wire_in(w, span_head(bytes, piece));
		bytes = span_from(bytes, piece);
		drain(w);
	}
	h.over = grpc_wire_over(w);
	if (h.over) {
		h.rc = grpc_wire_end(w, &h.status, &err);
		CHECK(h.rc == RMG_OK || err.msg[0]);
		CHECK(h.rc != RMG_OK || stream || h.n == 1);
	}
	/* The rest is of no call. */
	grpc_wire_in(w, bytes);
	if (h.over && grpc_wire_fresh(w)) {
		CHECK(grpc_wire_begin(w, &call, NULL) == RMG_OK);
		drain(w);
	}
	grpc_wire_free(w);
	return h;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = span_of(data, size);
	struct heard whole, pieces;

	if (size < 2 || size > MOST_BYTES)
		return 0;
	bytes = span_from(bytes, 1);
	whole = hear(bytes, bytes.n, data[0] & 1);
	pieces = hear(bytes, (size_t)(data[0] >> 1) + 1, data[0] & 1);
	CHECK(whole.over == pieces.over && whole.rc == pieces.rc);
	CHECK(whole.status == pieces.status);
	CHECK(whole.n == pieces.n && whole.hash == pieces.hash);
	return 0;
}
