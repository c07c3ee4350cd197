/* SPDX-License-Identifier: Apache-2.0 */
/* zip.c - sections cited are those of APPNOTE.TXT 6.3.10. */
#include "format/zip.h"

#include <libdeflate.h>
#include <stdlib.h>

#include "base/limits.h"

enum {
	END_BYTES = 22, /* 4.3.16, without the comment */
	COMMENT_MAX = 65535,
	LOCATOR_BYTES = 20, /* 4.3.15 */
	END64_BYTES = 56,   /* 4.3.14, without the extensible data */
	CENTRAL_BYTES = 46, /* 4.3.12, without the three texts */
	LOCAL_BYTES = 30,   /* 4.3.7 */
	FLAG_ENCRYPTED = 1 << 0,
	FLAG_MASKED = 1 << 13, /* 4.4.4: the local header's values are hidden */
	STORED = 0,
	DEFLATED = 8,
	EXTRA_ZIP64 = 1,
	DEFLATE_RATIO = 1032, /* 258 bytes for two bits is the most that deflate can do */
};

#define CENTRAL_SIG S("PK\1\2")
#define LOCAL_SIG S("PK\3\4")
#define END_SIG S("PK\5\6")
#define END64_SIG S("PK\6\6")
#define LOCATOR_SIG S("PK\6\7")
#define SIGNATURE_SIG S("PK\5\5")

/* What an end record says; all ones in a 16 or 32-bit field: see the ZIP64 record. */
struct end {
	uint64_t disk, directory_disk, count, size, off;
	uint64_t comment_bytes;
};

bool zip_is(struct span head)
{
	return span_starts(head, LOCAL_SIG) || span_starts(head, END_SIG);
}

static struct end end_of(struct span s)
{
	struct rd r = rd_of(span_from(s, 4));
	struct end e = {0};

	e.disk = rd_u16le(&r);
	e.directory_disk = rd_u16le(&r);
	rd_skip(&r, 2); /* members on this disk */
	e.count = rd_u16le(&r);
	e.size = rd_u32le(&r);
	e.off = rd_u32le(&r);
	e.comment_bytes = rd_u16le(&r);
	return e;
}

static struct end end64_of(struct span s)
{
	struct rd r = rd_of(span_from(s, 4 + 8 + 2 + 2));
	struct end e = {0};

	e.disk = rd_u32le(&r);
	e.directory_disk = rd_u32le(&r);
	rd_skip(&r, 8);
	e.count = rd_u64le(&r);
	e.size = rd_u64le(&r);
	e.off = rd_u64le(&r);
	return e;
}

/* The plain record has no word of its own on x, or says the same. */
static bool agrees(uint64_t plain, uint64_t none, uint64_t wide)
{
	return plain == none || plain == wide;
}

/* The ZIP64 record that a locator right before the end record leads to. It is looked for where
 * it usually lies first: its offset is off by what stands before the archive. As the JDK does, one
 * that contradicts the end record is not believed. */
static bool find_end64(struct span bytes, size_t end_at, struct end *e, size_t *at)
{
	struct span locator, s = S("");
	uint64_t places[2];
	struct end wide;
	struct rd r;

	if (end_at < LOCATOR_BYTES + END64_BYTES ||
	    !span_at(bytes, end_at - LOCATOR_BYTES, LOCATOR_BYTES, &locator) ||
	    !span_starts(locator, LOCATOR_SIG))
		return false;
	r = rd_of(span_from(locator, 8));
	places[0] = end_at - LOCATOR_BYTES - END64_BYTES;
	places[1] = rd_u64le(&r);
	for (size_t i = 0; i < COUNT_OF(places); i++) {
		if (!span_at(bytes, places[i], END64_BYTES, &s) || !span_starts(s, END64_SIG))
			continue;
		wide = end64_of(s);
		if (!agrees(e->count, 0xffff, wide.count) ||
		    !agrees(e->size, 0xffffffff, wide.size) ||
		    !agrees(e->off, 0xffffffff, wide.off))
			continue;
		*e = wide;
		*at = (size_t)places[i];
		return true;
	}
	return false;
}

/* Takes the record at `at` if a directory really lies before it. */
static bool try_end(struct span bytes, size_t at, struct zip *out, struct end *end)
{
	struct zip z = {.bytes = bytes};
	struct end e = end_of(span_from(bytes, at));
	size_t behind = at;

	if (e.comment_bytes > bytes.n - at - END_BYTES)
		return false;
	if (!find_end64(bytes, at, &e, &behind))
		behind = at;
	if (e.size > behind || e.off > behind - e.size)
		return false;
	z.base = behind - e.size - e.off;
	z.count = e.count;
	z.directory = span_head(span_from(bytes, behind - (size_t)e.size), (size_t)e.size);
	if (e.size == 0 ? e.count != 0 : !span_starts(z.directory, CENTRAL_SIG))
		return false;
	*out = z;
	*end = e;
	return true;
}

/* The last end record that has a directory: a comment may hold what looks like one. */
static bool find_end(struct span bytes, struct zip *out, struct end *end)
{
	size_t least, at;

	if (bytes.n < END_BYTES)
		return false;
	at = bytes.n - END_BYTES;
	least = at > COMMENT_MAX ? at - COMMENT_MAX : 0;
	for (;; at--) {
		if (bytes.p[at] == 'P' && span_starts(span_from(bytes, at), END_SIG) &&
		    try_end(bytes, at, out, end))
			return true;
		if (at == least)
			return false;
	}
}

enum rmg_rc zip_open(struct span bytes, struct zip *out, struct rmg_err *err)
{
	struct end end;
	struct zip z;

	if (!find_end(bytes, &z, &end))
		return err_set(err, RMG_E_FORMAT, "no ZIP directory at the end");
	if (end.disk != 0 || end.directory_disk != 0)
		return err_set(err, RMG_E_UNSUPPORTED, "one volume of a ZIP of several");
	*out = z;
	return RMG_OK;
}

struct zip_iter zip_iter(const struct zip *z)
{
	return (struct zip_iter){.r = rd_of(z->directory), .zip = z, .rc = RMG_OK};
}

/* Fields that did not fit 32 bits stand in the ZIP64 extra field, in this order (4.5.3). */
static void widen(struct zip_entry *e, struct span extra)
{
	uint64_t *const fields[] = {&e->bytes, &e->packed_bytes, &e->off};
	struct rd r = rd_of(extra);

	while (rd_more(&r)) {
		uint16_t id = rd_u16le(&r);
		struct rd field = rd_sub(&r, rd_u16le(&r));

		if (id != EXTRA_ZIP64 || !rd_ok(&r))
			continue;
		for (size_t i = 0; i < COUNT_OF(fields); i++) {
			if (*fields[i] == 0xffffffff && rd_more(&field))
				*fields[i] = rd_u64le(&field);
		}
		return;
	}
}

/* What follows the last member may be a digital signature (4.3.13). */
static bool at_end(struct zip_iter *it)
{
	if (rd_more(&it->r) && !span_starts(it->r.s, SIGNATURE_SIG))
		return false;
	if (it->rc == RMG_OK && (!rd_ok(&it->r) || it->n < it->zip->count))
		it->rc = RMG_E_FORMAT;
	return true;
}

bool zip_next(struct zip_iter *it, struct zip_entry *out)
{
	struct zip_entry e = {0};
	uint16_t name_bytes, extra_bytes, comment_bytes;
	struct span extra;
	struct rd *r = &it->r;

	if (it->rc || at_end(it))
		return false;
	if (it->n == LIMIT_ZIP_ENTRIES) {
		it->rc = RMG_E_LIMIT;
		return false;
	}
	if (!span_is(rd_take(r, 4), CENTRAL_SIG))
		rd_fail(r);
	rd_skip(r, 2 + 2); /* versions */
	e.flags = rd_u16le(r);
	e.method = rd_u16le(r);
	rd_skip(r, 2 + 2); /* time and date */
	e.crc = rd_u32le(r);
	e.packed_bytes = rd_u32le(r);
	e.bytes = rd_u32le(r);
	name_bytes = rd_u16le(r);
	extra_bytes = rd_u16le(r);
	comment_bytes = rd_u16le(r);
	rd_skip(r, 2 + 2 + 4); /* disk, attributes */
	e.off = rd_u32le(r);
	e.name = rd_take(r, name_bytes);
	extra = rd_take(r, extra_bytes);
	rd_skip(r, comment_bytes);
	if (!rd_ok(r)) {
		it->rc = RMG_E_FORMAT;
		return false;
	}
	widen(&e, extra);
	if (__builtin_add_overflow(e.off, it->zip->base, &e.off))
		e.off = UINT64_MAX; /* lies in no file: reading it fails */
	it->n++;
	*out = e;
	return true;
}

enum rmg_rc zip_end(const struct zip_iter *it, struct rmg_err *err)
{
	if (it->rc == RMG_E_LIMIT)
		return err_set(err, it->rc, "more than %ju members", (uintmax_t)LIMIT_ZIP_ENTRIES);
	if (it->rc)
		return err_set(err, it->rc, "ZIP directory damaged after %ju of %ju members",
			       (uintmax_t)it->n, (uintmax_t)it->zip->count);
	return RMG_OK;
}

struct zip_work zip_work(uint64_t budget_bytes)
{
	return (struct zip_work){.left_bytes = budget_bytes,
				 .member_bytes = LIMIT_ZIP_MEMBER_BYTES};
}

void zip_work_done(struct zip_work *w)
{
	libdeflate_free_decompressor(w->inflater);
	w->inflater = NULL;
}

void zip_data_done(struct zip_data *d)
{
	free(d->held);
	*d = (struct zip_data){0};
}

/* The packed bytes, behind the local header; its name must be the directory's, else the two
 * describe different archives to different readers. */
static enum rmg_rc packed(const struct zip *z, const struct zip_entry *e, struct span *out,
			  struct rmg_err *err)
{
	struct span header, name;
	uint16_t name_bytes, extra_bytes;
	struct rd r;

	if (!span_at(z->bytes, e->off, LOCAL_BYTES, &header) || !span_starts(header, LOCAL_SIG))
		return err_set(err, RMG_E_FORMAT, "no ZIP member where the directory says");
	r = rd_of(span_from(header, 26));
	name_bytes = rd_u16le(&r);
	extra_bytes = rd_u16le(&r);
	r = rd_of(span_from(z->bytes, (size_t)e->off + LOCAL_BYTES));
	name = rd_take(&r, name_bytes);
	rd_skip(&r, extra_bytes);
	*out = rd_take(&r, e->packed_bytes);
	if (rd_end(&r))
		return err_set(err, RMG_E_FORMAT, "ZIP member reaches beyond the file");
	if (!span_is(name, e->name))
		return err_set(err, RMG_E_FORMAT, "ZIP member has another name in the directory");
	return RMG_OK;
}

static enum rmg_rc inflate(struct span in, uint64_t bytes, struct zip_work *w, struct zip_data *out,
			   struct rmg_err *err)
{
	enum libdeflate_result result;
	void *held;

	if (bytes / DEFLATE_RATIO > in.n)
		return err_set(err, RMG_E_FORMAT, "ZIP member claims more than it can hold");
	if (w->inflater == NULL)
		w->inflater = libdeflate_alloc_decompressor();
	held = malloc(bytes ? (size_t)bytes : 1);
	if (w->inflater == NULL || held == NULL) {
		free(held);
		return err_set(err, RMG_E_NOMEM, "no memory for a ZIP member");
	}
	/* Without room for the actual length it succeeds only where exactly bytes come out. */
	result = libdeflate_deflate_decompress(w->inflater, in.p, in.n, held, (size_t)bytes, NULL);
	if (result != LIBDEFLATE_SUCCESS) {
		free(held);
		return err_set(err, RMG_E_FORMAT, "ZIP member's data is corrupt");
	}
	*out = (struct zip_data){.s = span_of(held, (size_t)bytes), .held = held};
	return RMG_OK;
}

static enum rmg_rc unpack(const struct zip *z, const struct zip_entry *e, struct zip_work *w,
			  struct zip_data *out, struct rmg_err *err)
{
	struct span in;
	enum rmg_rc rc = packed(z, e, &in, err);

	if (rc)
		return rc;
	if (e->method == DEFLATED)
		return inflate(in, e->bytes, w, out, err);
	if (in.n != e->bytes)
		return err_set(err, RMG_E_FORMAT, "stored ZIP member has two lengths");
	*out = (struct zip_data){.s = in};
	return RMG_OK;
}

enum rmg_rc zip_read(const struct zip *z, const struct zip_entry *e, struct zip_work *w,
		     struct zip_data *out, struct rmg_err *err)
{
	struct zip_data d = {0};
	uint64_t cost;
	enum rmg_rc rc;

	if (e->flags & (FLAG_ENCRYPTED | FLAG_MASKED))
		return err_set(err, RMG_E_UNSUPPORTED, "encrypted ZIP member");
	if (e->method != STORED && e->method != DEFLATED)
		return err_set(err, RMG_E_UNSUPPORTED, "ZIP method %u is not read", e->method);
	if (e->bytes > w->member_bytes)
		return err_set(err, RMG_E_LIMIT, "ZIP member of more than %ju bytes",
			       (uintmax_t)w->member_bytes);
	/* Packed bytes cost as well: empty blocks unpack to nothing, and members may overlap. */
	cost = MAX_OF(e->bytes, e->packed_bytes);
	if (cost > w->left_bytes)
		return err_set(err, RMG_E_LIMIT, "more bytes in this archive than are read");
	w->left_bytes -= cost;
	rc = unpack(z, e, w, &d, err);
	if (rc)
		return rc;
	if (libdeflate_crc32(0, d.s.p, d.s.n) != e->crc) {
		zip_data_done(&d);
		return err_set(err, RMG_E_FORMAT, "ZIP member's CRC is wrong");
	}
	*out = d;
	return RMG_OK;
}
