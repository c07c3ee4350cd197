/* SPDX-License-Identifier: Apache-2.0 */
/* rpmdb_fuzz.c - all three databases and their headers: what is handed out lies in the file or in
 * what was gathered, and all of it together is bounded by the file. */
#include <stdint.h>

#include "base/limits.h"
#include "format/rpmdb.h"
#include "format/rpmdb_header.h"

#define MAX_BYTES (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	uint64_t headers, bytes, sum;
};

/* Touches every byte, so that a span that is not ours is found by ASan. */
static uint64_t touch(struct span s)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < s.n; i++)
		sum = sum * 31 + s.p[i];
	return sum;
}

static void header(void *user, struct span blob)
{
	struct seen *seen = user;
	struct rpm_header h;

	seen->headers++;
	seen->bytes += blob.n;
	seen->sum += touch(blob);
	if (rpm_header_read(blob, &h) != RMG_OK)
		return;
	for (unsigned tag = 0; tag < RPM_TAGS; tag++) {
		struct rpm_value left = h.values[tag];
		struct span text = rpm_header_text(&h, tag), before = {0};
		uint32_t number, last = left.count ? left.count - 1 : 0;

		CHECK(left.bytes.n <= blob.n && (left.count == 0 || left.bytes.p >= blob.p));
		seen->sum += touch(text);
		if (rpm_header_number(&h, tag, last, &number))
			seen->sum += number;
		CHECK(!rpm_header_number(&h, tag, left.count, &number));
		while (rpm_value_next(&left, &text)) {
			CHECK(before.p == NULL || text.p > before.p);
			before = text;
		}
	}
}

static void lost(void *user, enum rmg_rc rc, const char *what, uint64_t where)
{
	struct seen *seen = user;

	CHECK(rc != RMG_OK && what != NULL);
	seen->sum += where;
}

static struct seen walk(struct span file)
{
	struct seen seen = {0};
	struct rpmdb_sink sink = {.user = &seen, .header = header, .lost = lost};
	struct arena scratch;

	arena_init(&scratch, MIB(64));
	seen.sum += (uint64_t)rpmdb_walk(file, &scratch, &sink);
	arena_done(&scratch);
	return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span file = span_of(data, size);
	struct seen first, second, bare = {0};

	if (size > MAX_BYTES)
		return 0;
	first = walk(file);
	second = walk(file);
	CHECK(first.headers == second.headers && first.sum == second.sum);
	CHECK(first.bytes <= 2 * (uint64_t)size);
	header(&bare, file);
	return 0;
}
