/* SPDX-License-Identifier: Apache-2.0 */
/* rpmdb_bdb.c - Berkeley DB hash database, versions 8 to 10, as rpm 4.15 and older write
 * "Packages"; layout after Berkeley DB's db_page.h. Key: the package's number, 4 bytes (0: the next
 * free number, no package); value: its header, mostly too large for a page and then in a chain
 * of overflow pages. Numbers are in the byte order of the machine that wrote it.
 *
 * The hash is not used: every page is looked at. */
#include "base/rd.h"
#include "format/rpmdb_walk.h"

#define HASH_MAGIC 0x00061561
#define PAGE_HEADER 26
#define MIN_PAGE 512
#define MAX_PAGE 65536

enum page_type { P_HASH_UNSORTED = 2, P_OVERFLOW = 7, P_HASH_META = 8, P_HASH = 13 };
enum item_type { H_KEYDATA = 1, H_OFFPAGE = 3 };

struct bdb {
	struct rpmdb *db;
	bool big;
	uint32_t page_bytes;
	uint64_t pages;
};

static uint32_t u32(const struct bdb *b, struct span page, size_t off)
{
	struct rd r = rd_of(span_from(page, off));

	return b->big ? rd_u32be(&r) : rd_u32le(&r);
}

static uint16_t u16(const struct bdb *b, struct span page, size_t off)
{
	struct rd r = rd_of(span_from(page, off));

	return b->big ? rd_u16be(&r) : rd_u16le(&r);
}

static uint8_t u8(struct span page, size_t off)
{
	return off < page.n ? page.p[off] : 0;
}

static bool page_at(const struct bdb *b, uint64_t number, struct span *page)
{
	return number < b->pages &&
	       span_at(b->db->file, number * b->page_bytes, b->page_bytes, page);
}

bool rpmdb_is_bdb(struct span file)
{
	struct rd le = rd_of(span_from(file, 12)), be = le;

	return rd_u32le(&le) == HASH_MAGIC || rd_u32be(&be) == HASH_MAGIC;
}

static void chain(struct bdb *b, uint32_t number, uint32_t n)
{
	struct rpmdb *db = b->db;
	struct span page;

	if (!rpmdb_gather(db, n, number))
		return;
	/* Each round adds a byte or ends, and the budget bounds the bytes: a loop ends too. */
	for (uint32_t at = number; rpmdb_missing(db) != 0; at = u32(b, page, 16)) {
		size_t used;

		if (at == 0 || !page_at(b, at, &page) || u8(page, 25) != P_OVERFLOW)
			break;
		used = u16(b, page, 22);
		if (used == 0 || used > page.n - PAGE_HEADER)
			break;
		rpmdb_piece(db, span_head(span_from(page, PAGE_HEADER), used));
	}
	if (rpmdb_missing(db) != 0)
		rpmdb_lost(db, RMG_E_FORMAT, "chain of overflow pages is broken", number);
	else
		db->sink->header(db->sink->user, rpmdb_gathered(db));
}

/* Items lie from the page's end downwards: one ends where the one before it begins. */
static bool item_at(const struct bdb *b, struct span page, unsigned i, struct span *item)
{
	size_t off = u16(b, page, PAGE_HEADER + 2 * (size_t)i);
	size_t end = i == 0 ? page.n : u16(b, page, PAGE_HEADER + 2 * (size_t)(i - 1));

	return off >= PAGE_HEADER && end > off && span_at(page, off, end - off, item);
}

static bool is_counter(struct span key)
{
	return key.n == 5 && memcmp(key.p, (const uint8_t[]){H_KEYDATA, 0, 0, 0, 0}, 5) == 0;
}

static void pair(struct bdb *b, uint64_t number, struct span page, unsigned i)
{
	struct rpmdb *db = b->db;
	struct span key, value;

	if (!item_at(b, page, i, &key) || !item_at(b, page, i + 1, &value)) {
		rpmdb_lost(db, RMG_E_FORMAT, "item outside of its page", number);
		return;
	}
	if (is_counter(key))
		return;
	if (value.p[0] == H_OFFPAGE && value.n >= 12)
		chain(b, u32(b, value, 4), u32(b, value, 8));
	else if (value.p[0] != H_KEYDATA)
		rpmdb_lost(db, RMG_E_FORMAT, "item of a kind that rpm does not write", number);
	else if (rpmdb_afford(db, value.n - 1, number))
		db->sink->header(db->sink->user, span_from(value, 1));
}

static void hash_page(struct bdb *b, uint64_t number, struct span page)
{
	unsigned entries = u16(b, page, 20);

	if (entries % 2 != 0 || PAGE_HEADER + 2 * (size_t)entries > page.n) {
		rpmdb_lost(b->db, RMG_E_FORMAT, "page with an impossible number of items", number);
		return;
	}
	for (unsigned i = 0; i < entries; i += 2)
		pair(b, number, page, i);
}

static bool is_page_size(uint32_t n)
{
	return n >= MIN_PAGE && n <= MAX_PAGE && (n & (n - 1)) == 0;
}

enum rmg_rc rpmdb_walk_bdb(struct rpmdb *db)
{
	struct bdb b = {.db = db};
	struct span meta = span_head(db->file, MIN_PAGE), page;

	b.big = u32(&b, meta, 12) != HASH_MAGIC;
	b.page_bytes = u32(&b, meta, 20);
	if (!is_page_size(b.page_bytes) || u8(meta, 25) != P_HASH_META)
		return RMG_E_FORMAT;
	if (u8(meta, 24) != 0)
		return RMG_E_UNSUPPORTED; /* encrypted; rpm never does */
	b.pages = db->file.n / b.page_bytes;
	if (u32(&b, meta, 32) >= b.pages)
		rpmdb_lost(db, RMG_E_FORMAT, "the database is cut short", b.pages);
	for (uint64_t i = 1; i < b.pages; i++)
		if (page_at(&b, i, &page) &&
		    (u8(page, 25) == P_HASH || u8(page, 25) == P_HASH_UNSORTED))
			hash_page(&b, i, page);
	return RMG_OK;
}
