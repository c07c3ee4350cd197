/* SPDX-License-Identifier: Apache-2.0 */
/* rpmdb_sqlite.c - the rows of table "Packages" out of an SQLite file: sqlite.org/fileformat2.html
 * (section numbers below are of that page).
 *
 * Not by SQLite itself: the worker that sees image bytes links no SQL code and keeps a short list
 * of system calls; a database that an image brings may hold views, triggers and generated columns
 * that SQLite would run; and of the format only table b-trees, overflow chains and records are
 * needed. A write-ahead log beside the file is not applied: the cataloger says so. */
#include "base/limits.h"
#include "base/rd.h"
#include "format/rpmdb_walk.h"

#define FILE_HEAD 100
#define DEPTH 24 /* of a b-tree; 2^31 pages need at most 20 */

enum { LEAF = 13, INTERIOR = 5 };

struct lite {
	struct rpmdb *db;
	uint32_t page_bytes;
	uint32_t usable; /* less what is reserved at a page's end */
	uint64_t pages, visits;
};

typedef bool row_fn(struct lite *l, struct span record, uint32_t page, void *user);

struct node {
	struct span page;
	size_t head; /* where the b-tree header begins: 100 on page 1 */
	uint32_t number;
	unsigned at, cells; /* the next child or cell */
	bool leaf;
};

bool rpmdb_is_sqlite(struct span file)
{
	return span_starts(file, S("SQLite format 3\0"));
}

static uint64_t big(struct span s, size_t off, size_t n)
{
	uint64_t value = 0;
	struct span bytes;

	if (!span_at(s, off, n, &bytes))
		return 0;
	for (size_t i = 0; i < n; i++)
		value = value << 8 | bytes.p[i];
	return value;
}

/* Section 1.3, "varint": seven bits a byte, the ninth byte has eight. */
static uint64_t varint(struct rd *r)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < 8; i++) {
		uint8_t byte = rd_u8(r);

		value = value << 7 | (byte & 0x7f);
		if (byte < 0x80)
			return value;
	}
	return value << 8 | rd_u8(r);
}

static bool page_at(const struct lite *l, uint64_t number, struct span *page)
{
	return number >= 1 && number <= l->pages &&
	       span_at(l->db->file, (number - 1) * l->page_bytes, l->usable, page);
}

/* Section 1.6. Every page of a tree is visited once, so more visits than pages are a loop. */
static bool node_open(struct lite *l, uint64_t number, struct node *out)
{
	struct node n = {.number = (uint32_t)number};
	uint8_t type;

	if (l->visits == 0 || !page_at(l, number, &n.page))
		return false;
	l->visits--;
	n.head = number == 1 ? FILE_HEAD : 0;
	type = (uint8_t)big(n.page, n.head, 1);
	n.leaf = type == LEAF;
	n.cells = (unsigned)big(n.page, n.head + 3, 2);
	*out = n;
	return type == LEAF || type == INTERIOR;
}

/* The bytes from a cell on, to the end of its page. */
static bool cell_at(const struct node *n, unsigned i, struct span *out)
{
	size_t index = n->head + (n->leaf ? 8 : 12) + 2 * (size_t)i;
	size_t off = (size_t)big(n->page, index, 2);

	if (index + 2 > n->page.n || off < n->head + 8 || off >= n->page.n)
		return false;
	*out = span_from(n->page, off);
	return true;
}

/* Section 1.6, the payload that stays on the page. */
static uint64_t local_bytes(const struct lite *l, uint64_t payload)
{
	uint64_t u = l->usable, max = u - 35, min = (u - 12) * 32 / 255 - 23;
	uint64_t k = min + (payload - min) % (u - 4);

	if (payload <= max)
		return payload;
	return k <= max ? k : min;
}

static bool overflow(struct lite *l, struct span local, uint64_t payload, uint32_t first,
		     uint32_t where)
{
	struct rpmdb *db = l->db;
	uint64_t at = first;
	struct span page;

	if (!rpmdb_gather(db, payload, where))
		return false;
	rpmdb_piece(db, local);
	/* Each round adds bytes, and the budget bounds the bytes: a loop ends too. */
	while (rpmdb_missing(db) != 0) {
		if (!page_at(l, at, &page)) {
			rpmdb_lost(db, RMG_E_FORMAT, "chain of overflow pages is broken", where);
			return false;
		}
		rpmdb_piece(db, span_from(page, 4));
		at = big(page, 0, 4);
	}
	return true;
}

/* A cell's record in one piece; false where it was lost, which has been told. */
static bool record_at(struct lite *l, const struct node *n, unsigned i, struct span *out)
{
	struct span cell, local;
	struct rd r;
	uint64_t payload;
	uint32_t next;

	if (!cell_at(n, i, &cell))
		goto broken;
	r = rd_of(cell);
	payload = varint(&r);
	(void)varint(&r); /* rowid */
	local = rd_take(&r, local_bytes(l, payload));
	if (!rd_ok(&r))
		goto broken;
	if (local.n == payload) {
		*out = local;
		return rpmdb_afford(l->db, payload, n->number);
	}
	next = rd_u32be(&r);
	if (!rd_ok(&r))
		goto broken;
	if (!overflow(l, local, payload, next, n->number))
		return false;
	*out = rpmdb_gathered(l->db);
	return true;
broken:
	rpmdb_lost(l->db, RMG_E_FORMAT, "row outside of its page", n->number);
	return false;
}

static bool leaf_rows(struct lite *l, struct node *n, row_fn *row, void *user)
{
	struct span record;

	if (n->head + 8 + 2 * (size_t)n->cells > n->page.n) {
		rpmdb_lost(l->db, RMG_E_FORMAT, "page with an impossible number of rows",
			   n->number);
		return true;
	}
	for (unsigned i = 0; i < n->cells; i++)
		if (record_at(l, n, i, &record) && !row(l, record, n->number, user))
			return false;
	return true;
}

/* The next child of an interior page; the last one is in its header. 0: damaged. */
static uint64_t child_at(const struct node *n, unsigned i)
{
	struct span cell;

	if (i == n->cells)
		return big(n->page, n->head + 8, 4);
	return cell_at(n, i, &cell) ? big(cell, 0, 4) : 0;
}

/* Every row of a table, until row() returns false. */
static void tree(struct lite *l, uint64_t root, row_fn *row, void *user)
{
	struct node stack[DEPTH];
	unsigned depth = 0;

	if (!node_open(l, root, &stack[depth++])) {
		rpmdb_lost(l->db, RMG_E_FORMAT, "the root page of a table is not one", root);
		return;
	}
	while (depth > 0) {
		struct node *n = &stack[depth - 1];

		if (n->leaf) {
			if (!leaf_rows(l, n, row, user))
				return;
			depth--;
		} else if (n->at > n->cells) {
			depth--;
		} else {
			uint64_t child = child_at(n, n->at++);

			if (depth == DEPTH || !node_open(l, child, &stack[depth]))
				rpmdb_lost(l->db, RMG_E_FORMAT, "page that leads nowhere",
					   n->number);
			else
				depth++;
		}
	}
}

/* Section 2.1: the size of a value of this serial type. */
static uint64_t value_bytes(uint64_t type)
{
	static const uint8_t sizes[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0};

	return type < COUNT_OF(sizes) ? sizes[type] : (type - 12) / 2;
}

struct value {
	uint64_t type;
	struct span bytes;
};

static bool is_text(const struct value *v)
{
	return v->type >= 13 && v->type % 2 == 1;
}

static bool is_blob(const struct value *v)
{
	return v->type >= 12 && v->type % 2 == 0;
}

/* The first n columns of a record, or as many as there are. */
static size_t columns(struct span record, struct value *out, size_t n)
{
	struct rd all = rd_of(record), types, values;
	uint64_t head = varint(&all);
	size_t length = record.n - all.s.n, found = 0;

	if (head < length)
		return 0;
	types = rd_sub(&all, head - length);
	values = all;
	while (found < n && rd_more(&types)) {
		struct value v = {.type = varint(&types)};

		v.bytes = rd_take(&values, value_bytes(v.type));
		if (!rd_ok(&types) || !rd_ok(&values))
			break;
		out[found++] = v;
	}
	return found;
}

/* Section 2.6: type, name, tbl_name, rootpage, sql. */
static bool schema_row(struct lite *l, struct span record, uint32_t page, void *user)
{
	struct value v[4];
	uint64_t *root = user;

	(void)page;
	(void)l;
	if (columns(record, v, COUNT_OF(v)) == COUNT_OF(v) && is_text(&v[0]) && is_text(&v[1]) &&
	    span_is(v[0].bytes, S("table")) && span_is_icase(v[1].bytes, S("Packages")))
		*root = big(v[3].bytes, 0, v[3].bytes.n);
	return *root == 0;
}

/* hnum INTEGER PRIMARY KEY (stored as NULL: it is the rowid), blob BLOB NOT NULL. */
static bool package_row(struct lite *l, struct span record, uint32_t page, void *user)
{
	struct value v[4];
	size_t n = columns(record, v, COUNT_OF(v));

	(void)user;
	for (size_t i = 0; i < n; i++) {
		if (is_blob(&v[i])) {
			l->db->sink->header(l->db->sink->user, v[i].bytes);
			return true;
		}
	}
	rpmdb_lost(l->db, RMG_E_FORMAT, "row without a header", page);
	return true;
}

/* Section 1.3. */
static enum rmg_rc file_head(struct lite *l)
{
	struct span file = l->db->file;
	uint64_t size = big(file, 16, 2), reserved = big(file, 20, 1), encoding = big(file, 56, 4);

	l->page_bytes = size == 1 ? 65536 : (uint32_t)size;
	if (file.n < FILE_HEAD || l->page_bytes < 512 ||
	    (l->page_bytes & (l->page_bytes - 1)) != 0 || l->page_bytes - reserved < 480)
		return RMG_E_FORMAT;
	if (encoding > 1)
		return RMG_E_UNSUPPORTED; /* UTF-16; rpm never does */
	l->usable = l->page_bytes - (uint32_t)reserved;
	l->pages = l->visits = file.n / l->page_bytes;
	/* The size in the header counts only where both version counters agree. */
	if (big(file, 24, 4) == big(file, 92, 4) && big(file, 28, 4) > l->pages)
		rpmdb_lost(l->db, RMG_E_FORMAT, "the database is cut short", l->pages);
	return RMG_OK;
}

enum rmg_rc rpmdb_walk_sqlite(struct rpmdb *db)
{
	struct lite l = {.db = db};
	enum rmg_rc rc = file_head(&l);
	uint64_t root = 0;

	if (rc != RMG_OK)
		return rc;
	tree(&l, 1, schema_row, &root);
	if (root == 0)
		return RMG_E_FORMAT; /* no table Packages: not rpm's, or damaged */
	l.visits = l.pages;
	tree(&l, root, package_row, NULL);
	return RMG_OK;
}
