/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes: spans lie where they should, events come in order, pieces do not matter, and content
 * adds up to the size that was told. */
#include "base/hash.h"
#include "base/limits.h"
#include "format/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { GIVEN_MAX = 1 << 22 };

struct result {
	enum rmg_rc rc;
	uint64_t hash, given;
	bool open, ended;
	uint64_t size; /* content of the open entry so far */
};

static void mix(struct result *r, uint64_t v)
{
	r->hash = hash_mix(r->hash ^ v);
}

static void event(struct result *r, const struct tar_item *item)
{
	const struct tar_entry *e = item->entry;

	CHECK(!r->ended || item->event == TAR_MORE);
	switch (item->event) {
	case TAR_MORE:
		return;
	case TAR_ENTRY:
		CHECK(!r->open && (e->rc == RMG_OK) == (e->damage == NULL));
		CHECK(e->path.n <= LIMIT_PATH_BYTES && e->link.n <= LIMIT_PATH_BYTES);
		CHECK(span_chr(e->path, 0) == SIZE_MAX && e->mode <= 07777);
		mix(r, hash_span(e->path) + hash_span(e->link) + e->type + e->offset);
		r->open = true;
		r->size = 0;
		return;
	case TAR_DATA:
		CHECK(r->open && item->data.n);
		for (size_t i = 0; i < item->data.n; i++)
			r->hash = r->hash * 0x100000001b3u ^ item->data.p[i];
		r->size += item->data.n;
		r->given += item->data.n;
		return;
	case TAR_ENTRY_END:
		CHECK(r->open && r->size <= e->size);
		CHECK(e->rc != RMG_OK || r->size == e->size);
		mix(r, e->size + e->rc);
		r->open = false;
		return;
	case TAR_END:
		CHECK(!r->open);
		r->ended = true;
		return;
	}
}

static struct result walk(struct span s, size_t piece)
{
	struct result r = {.rc = RMG_OK};
	struct tar *t;
	uint64_t taken = 0;

	CHECK(tar_new(&t, NULL) == RMG_OK);
	while (s.n && r.rc == RMG_OK && r.given < GIVEN_MAX) {
		struct span in = span_head(s, piece);
		struct tar_item item = {0};

		taken += in.n;
		s = span_from(s, in.n);
		do {
			r.rc = tar_next(t, &in, &item, NULL);
			if (r.rc == RMG_OK)
				event(&r, &item);
		} while (r.rc == RMG_OK && item.event != TAR_MORE && r.given < GIVEN_MAX);
		CHECK(r.rc != RMG_OK || r.given >= GIVEN_MAX || in.n == 0);
	}
	if (r.rc == RMG_OK && r.given < GIVEN_MAX) {
		CHECK(tar_bytes(t) == taken);
		r.rc = tar_end(t, NULL);
		CHECK(r.rc != RMG_OK || !r.open);
	}
	tar_free(t);
	return r;
}

static void both_ways(struct span s)
{
	struct result whole = walk(s, s.n), pieces = walk(s, 1 + s.p[s.n / 2] % 200u * 7);

	if (whole.given < GIVEN_MAX && pieces.given < GIVEN_MAX)
		CHECK(whole.rc == pieces.rc && whole.hash == pieces.hash);
}

/* Gives each block that looks like a header the checksum that it should have. */
static void seal(uint8_t *p, size_t size)
{
	for (; size >= 512; p += 512, size -= 512) {
		unsigned sum = 0;

		if (memcmp(p + 257, "ustar", 5) != 0)
			continue;
		memset(p + 148, ' ', 8);
		for (size_t i = 0; i < 512; i++)
			sum += p[i];
		for (size_t i = 6; i-- > 0; sum >>= 3)
			p[148 + i] = (uint8_t)('0' + (sum & 7));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	if (size == 0 || size > 1 << 18)
		return 0;
	both_ways(span_of(data, size));
	copy = malloc(size);
	CHECK(copy != NULL);
	memcpy(copy, data, size);
	seal(copy, size);
	both_ways(span_of(copy, size));
	free(copy);
	return 0;
}
