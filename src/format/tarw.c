/* SPDX-License-Identifier: Apache-2.0 */
#include "format/tarw.h"

#include <stdio.h>

#include "base/err.h"
#include "base/limits.h"
#include "format/tar_block.h"

/* What a header's fields hold at most. */
static const uint64_t octal7 = 07777777, octal11 = 077777777777;

void tarw_init(struct tarw *w, tarw_write_fn *write, void *user)
{
	*w = (struct tarw){.write = write, .user = user};
}

static enum rmg_rc fail(struct tarw *w, enum rmg_rc rc, const char *what, struct rmg_err *err)
{
	w->rc = rc;
	return err_set(err, rc, "tar: %s", what);
}

static enum rmg_rc put(struct tarw *w, struct span bytes, struct rmg_err *err)
{
	if (bytes.n && !w->write(w->user, bytes))
		return fail(w, RMG_E_IO, "the archive cannot be written", err);
	return RMG_OK;
}

static enum rmg_rc put_zeros(struct tarw *w, size_t n, struct rmg_err *err)
{
	static const uint8_t zeros[2 * TAR_BLOCK];

	return put(w, span_of(zeros, n), err);
}

/* The next entry may begin: the last one is complete. */
static enum rmg_rc settle(struct tarw *w, struct rmg_err *err)
{
	unsigned padding = w->padding;

	if (w->rc != RMG_OK)
		return fail(w, w->rc, "an earlier write failed", err);
	if (w->left)
		return fail(w, RMG_E_ARG, "a file ended before its size", err);
	w->padding = 0;
	return put_zeros(w, padding, err);
}

static void number(uint8_t *field, int digits, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof text, "%0*llo", digits, (unsigned long long)value);
	memcpy(field, text, (size_t)digits);
}

static void checksum(uint8_t block[TAR_BLOCK])
{
	unsigned sum = 0;

	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += block[i];
	number(block + 148, 6, sum);
	block[154] = 0;
}

static enum rmg_rc put_header(struct tarw *w, const struct tar_entry *e, uint8_t letter,
			      struct rmg_err *err)
{
	uint8_t block[TAR_BLOCK] = {0};
	struct span path = span_head(e->path, 100), link = span_head(e->link, 100);

	if (path.n)
		memcpy(block, path.p, path.n);
	number(block + 100, 7, e->mode & 07777);
	number(block + 108, 7, MIN_OF(e->uid, octal7));
	number(block + 116, 7, MIN_OF(e->gid, octal7));
	number(block + 124, 11, MIN_OF(e->size, octal11));
	number(block + 136, 11, 0);
	block[156] = letter;
	if (link.n)
		memcpy(block + 157, link.p, link.n);
	memcpy(block + 257, "ustar\00000", 8);
	checksum(block);
	return put(w, span_of(block, sizeof block), err);
}

/* "LENGTH KEY=VALUE\n", where LENGTH counts its own digits. */
struct record {
	const char *key;
	struct span value;
	char head[40];
	size_t head_n, n;
};

static struct record record_of(const char *key, struct span value)
{
	struct record r = {.key = key, .value = value};
	size_t body = strlen(key) + value.n + 3; /* blank, equals sign, newline */
	int n;

	r.n = body + 1;
	/* More digits never need fewer: this ends after two rounds at most. */
	while ((n = snprintf(r.head, sizeof r.head, "%zu %s=", r.n, key)) > 0 &&
	       (size_t)n + value.n + 1 != r.n)
		r.n = (size_t)n + value.n + 1;
	r.head_n = (size_t)n;
	return r;
}

struct records {
	struct record v[8];
	size_t n;
	char numbers[4][24], map[32];
};

static void add(struct records *r, const char *key, struct span value)
{
	r->v[r->n++] = record_of(key, value);
}

static void add_number(struct records *r, size_t i, const char *key, uint64_t value, uint64_t max)
{
	if (value <= max)
		return;
	snprintf(r->numbers[i], sizeof r->numbers[i], "%llu", (unsigned long long)value);
	add(r, key, span_cstr(r->numbers[i]));
}

/* GNU tar's sparse format 0.1 with a map that says: nothing but a hole. */
static void add_hole(struct records *r, uint64_t size)
{
	snprintf(r->map, sizeof r->map, "%llu,0", (unsigned long long)size);
	snprintf(r->numbers[3], sizeof r->numbers[3], "%llu", (unsigned long long)size);
	add(r, "GNU.sparse.size", span_cstr(r->numbers[3]));
	add(r, "GNU.sparse.numblocks", S("1"));
	add(r, "GNU.sparse.map", span_cstr(r->map));
}

/* What the header cannot hold. */
static void records_of(const struct tar_entry *e, struct records *out)
{
	out->n = 0;
	if (e->path.n > 100)
		add(out, "path", e->path);
	if (e->link.n > 100)
		add(out, "linkpath", e->link);
	if (e->sparse)
		add_hole(out, e->size);
	else
		add_number(out, 0, "size", e->size, octal11);
	add_number(out, 1, "uid", e->uid, octal7);
	add_number(out, 2, "gid", e->gid, octal7);
}

static unsigned padding_of(uint64_t n)
{
	return (unsigned)(-n % TAR_BLOCK);
}

static enum rmg_rc put_records(struct tarw *w, const struct records *records, struct rmg_err *err)
{
	struct tar_entry e = {.path = S("PaxHeaders/x"), .mode = 0644};
	enum rmg_rc rc;

	for (size_t i = 0; i < records->n; i++)
		e.size += records->v[i].n;
	rc = put_header(w, &e, 'x', err);
	for (size_t i = 0; i < records->n && rc == RMG_OK; i++) {
		const struct record *r = &records->v[i];

		rc = put(w, span_of(r->head, r->head_n), err);
		if (rc == RMG_OK)
			rc = put(w, r->value, err);
		if (rc == RMG_OK)
			rc = put(w, S("\n"), err);
	}
	return rc == RMG_OK ? put_zeros(w, padding_of(e.size), err) : rc;
}

static bool is_good(struct span path)
{
	return path.n <= LIMIT_PATH_BYTES && span_chr(path, 0) == SIZE_MAX;
}

enum rmg_rc tarw_entry(struct tarw *w, const struct tar_entry *entry, struct rmg_err *err)
{
	static const uint8_t letters[] = {
	    [TAR_FILE] = '0',     [TAR_HARDLINK] = '1', [TAR_SYMLINK] = '2', [TAR_CHARDEV] = '3',
	    [TAR_BLOCKDEV] = '4', [TAR_DIR] = '5',      [TAR_FIFO] = '6',
	};
	struct tar_entry e = *entry;
	struct records records;
	enum rmg_rc rc = settle(w, err);

	CHECK((size_t)e.type < COUNT_OF(letters));
	if (rc != RMG_OK)
		return rc;
	if (e.path.n == 0 || !is_good(e.path) || !is_good(e.link) || e.size > INT64_MAX)
		return fail(w, RMG_E_ARG, "a path or size that no archive can hold", err);
	e.sparse = e.sparse && e.type == TAR_FILE && e.size;
	if (e.type != TAR_FILE)
		e.size = 0;
	if (e.type != TAR_SYMLINK && e.type != TAR_HARDLINK)
		e.link = (struct span){0};
	records_of(&e, &records);
	if (e.sparse)
		e.size = 0;
	if (records.n)
		rc = put_records(w, &records, err);
	if (rc == RMG_OK)
		rc = put_header(w, &e, letters[e.type], err);
	w->left = e.size;
	w->padding = padding_of(e.size);
	return rc;
}

enum rmg_rc tarw_data(struct tarw *w, struct span bytes, struct rmg_err *err)
{
	if (w->rc != RMG_OK)
		return fail(w, w->rc, "an earlier write failed", err);
	if (bytes.n > w->left)
		return fail(w, RMG_E_ARG, "a file goes on after its size", err);
	w->left -= bytes.n;
	return put(w, bytes, err);
}

enum rmg_rc tarw_end(struct tarw *w, struct rmg_err *err)
{
	enum rmg_rc rc = settle(w, err);

	return rc == RMG_OK ? put_zeros(w, 2 * TAR_BLOCK, err) : rc;
}
