/* SPDX-License-Identifier: Apache-2.0 */
/* rpmdb_ndb.c - rpm's own "ndb" (lib/backend/ndb/rpmpkg.c): a head of 32 bytes, slots of 16 to the
 * end of the slot pages, then blobs in blocks of 16. Little-endian. A blob is framed by its
 * number in front and an Adler-32 of all before it behind. */
#include "base/rd.h"
#include "format/rpmdb_walk.h"

#define HEAD 32
#define SLOT 16
#define PAGE 4096
#define BLOCK 16
#define MAX_SLOT_PAGES 2048 /* rpm's own bound */
#define BLOB_HEAD 16
#define BLOB_TAIL 12

bool rpmdb_is_ndb(struct span file)
{
	return span_starts(file, S("RpmP"));
}

/* RFC 1950 section 8.2; 5,552 is the most bytes that cannot overflow 32 bits. */
static uint32_t adler32(struct span s)
{
	uint32_t a = 1, b = 0;

	while (s.n) {
		struct span part = span_head(s, 5552);

		for (size_t i = 0; i < part.n; i++) {
			a += part.p[i];
			b += a;
		}
		a %= 65521;
		b %= 65521;
		s = span_from(s, part.n);
	}
	return b << 16 | a;
}

static bool frame(struct span blob, uint32_t number, struct span *header)
{
	struct rd r = rd_of(blob);
	bool begins = span_is(rd_take(&r, 4), S("BlbS")) && rd_u32le(&r) == number;
	uint32_t n;

	rd_skip(&r, 4); /* generation */
	n = rd_u32le(&r);
	return begins && rd_ok(&r) && blob.n >= BLOB_HEAD + BLOB_TAIL &&
	       span_at(blob, BLOB_HEAD, n, header) && blob.n - BLOB_HEAD - BLOB_TAIL >= n;
}

/* The tail is the last thing in the last block. */
static bool is_whole(struct span blob, size_t header_bytes)
{
	struct rd r = rd_of(span_from(blob, blob.n - BLOB_TAIL));
	uint32_t sum = rd_u32le(&r), n = rd_u32le(&r);

	return span_is(rd_take(&r, 4), S("BlbE")) && n == header_bytes &&
	       sum == adler32(span_head(blob, blob.n - BLOB_TAIL));
}

static void slot(struct rpmdb *db, struct span bytes, uint64_t where)
{
	struct rd r = rd_of(bytes);
	bool good = span_is(rd_take(&r, 4), S("Slot"));
	uint32_t number = rd_u32le(&r), block = rd_u32le(&r), blocks = rd_u32le(&r);
	struct span blob, header;

	if (good && number == 0)
		return; /* free */
	if (!good || !span_at(db->file, (uint64_t)block * BLOCK, (uint64_t)blocks * BLOCK, &blob) ||
	    !frame(blob, number, &header)) {
		rpmdb_lost(db, RMG_E_FORMAT, "slot that leads to no header", where);
		return;
	}
	if (!rpmdb_afford(db, blob.n, where))
		return;
	if (!is_whole(blob, header.n))
		rpmdb_lost(db, RMG_E_FORMAT, "header with a wrong checksum", where);
	db->sink->header(db->sink->user, header);
}

enum rmg_rc rpmdb_walk_ndb(struct rpmdb *db)
{
	struct rd r = rd_of(db->file);
	uint32_t version, slot_pages;
	uint64_t end;

	rd_skip(&r, 4);
	version = rd_u32le(&r);
	rd_skip(&r, 4); /* generation */
	slot_pages = rd_u32le(&r);
	if (!rd_ok(&r) || slot_pages == 0 || slot_pages > MAX_SLOT_PAGES)
		return RMG_E_FORMAT;
	if (version != 0)
		return RMG_E_UNSUPPORTED;
	end = (uint64_t)slot_pages * PAGE;
	for (uint64_t at = HEAD; at < end; at += SLOT) {
		struct span bytes;

		if (!span_at(db->file, at, SLOT, &bytes)) {
			rpmdb_lost(db, RMG_E_FORMAT, "the database is cut short", at / SLOT);
			break;
		}
		slot(db, bytes, at / SLOT);
	}
	return RMG_OK;
}
