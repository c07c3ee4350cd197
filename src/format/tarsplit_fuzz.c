/* SPDX-License-Identifier: Apache-2.0 */
/* Any record, whole and in pieces of three bytes: the same items come, within their bounds. */
#include "format/tarsplit.h"

#include "base/hash.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t add(uint64_t sum, const struct tarsplit_item *item)
{
	CHECK(item->kind == TARSPLIT_FILE || item->bytes.n != 0);
	CHECK(item->kind == TARSPLIT_BYTES || (item->size != 0 && item->name.n != 0));
	CHECK(item->name.n <= LIMIT_PATH_BYTES && span_chr(item->name, 0) == SIZE_MAX);
	return hash_mix(sum ^ hash_span(item->bytes) ^ hash_span(item->name) ^ item->size);
}

static enum rmg_rc run(struct span in, size_t step, uint64_t *sum)
{
	struct tarsplit *t = NULL;
	enum rmg_rc rc = RMG_OK;

	*sum = 0;
	CHECK(tarsplit_new(&t, NULL) == RMG_OK);
	while (in.n && rc == RMG_OK) {
		struct span piece = span_head(in, step);
		struct tarsplit_item item;

		in = span_from(in, piece.n);
		do {
			rc = tarsplit_next(t, &piece, &item, NULL);
			if (rc == RMG_OK && item.kind != TARSPLIT_MORE)
				*sum = add(*sum, &item);
		} while (rc == RMG_OK && (piece.n || item.kind != TARSPLIT_MORE));
	}
	CHECK(rc == RMG_OK || tarsplit_end(t, NULL) == rc);
	if (rc == RMG_OK)
		rc = tarsplit_end(t, NULL);
	tarsplit_free(t);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t whole, pieces;

	if (size > 1 << 16)
		return 0;
	CHECK(run(span_of(data, size), SIZE_MAX, &whole) == run(span_of(data, size), 3, &pieces));
	CHECK(whole == pieces);
	return 0;
}
