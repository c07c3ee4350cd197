/* SPDX-License-Identifier: Apache-2.0 */
/* zip.h - ZIP archives in memory, by their central directory (PKWARE APPNOTE.TXT 6.3).
 *
 * A struct zip borrows the archive's bytes and owns nothing. Listing trusts the directory's bytes,
 * not its count, and is linear; bytes before the archive (a launcher script) are allowed. A member
 * is read into memory of its own, or in place where it is stored; its length and CRC must be right.
 *
 * Bounds: LIMIT_ZIP_ENTRIES a listing, LIMIT_ZIP_MEMBER_BYTES a member, and a budget for all that
 * is read with one struct zip_work, so that overlapping members and archives inside archives cost
 * no more than a few times what the budget says. */
#ifndef FORMAT_ZIP_H
#define FORMAT_ZIP_H

#include <rummage.h>

#include "base/err.h"
#include "base/rd.h"
#include "base/span.h"

struct libdeflate_decompressor;

struct zip {
	struct span bytes;
	struct span directory;
	uint64_t base;  /* where the archive begins; offsets count from there */
	uint64_t count; /* members, as the archive says: at least so many must be there */
};

struct zip_entry {
	struct span name; /* as written: any bytes */
	uint16_t flags, method;
	uint32_t crc;
	uint64_t packed_bytes, bytes;
	uint64_t off; /* of the local header, base added */
};

struct zip_iter {
	struct rd r;
	const struct zip *zip;
	uint64_t n; /* listed so far */
	enum rmg_rc rc;
};

/* What the reads of one outermost archive share. */
struct zip_work {
	uint64_t left_bytes;
	uint64_t member_bytes; /* at most of one member; no more than LIMIT_ZIP_MEMBER_BYTES */
	struct libdeflate_decompressor *inflater; /* made when first needed */
};

struct zip_data {
	struct span s;
	void *held; /* what s lies in, NULL where that is the archive */
};

/* Begins as a ZIP file does; one with a script before it does not. */
bool zip_is(struct span head);

/* RMG_E_FORMAT where there is no archive at the end of bytes, RMG_E_UNSUPPORTED for one of several
 * volumes or with an encrypted directory. */
MUST enum rmg_rc zip_open(struct span bytes, struct zip *out, struct rmg_err *err);

/* for (struct zip_iter it = zip_iter(&z); zip_next(&it, &entry);) ..., then zip_end() once: not
 * RMG_OK where the directory is damaged or has more than LIMIT_ZIP_ENTRIES. */
struct zip_iter zip_iter(const struct zip *z);
bool zip_next(struct zip_iter *it, struct zip_entry *out);
MUST enum rmg_rc zip_end(const struct zip_iter *it, struct rmg_err *err);

struct zip_work zip_work(uint64_t budget_bytes);
void zip_work_done(struct zip_work *w);

/* RMG_E_UNSUPPORTED: encrypted, or packed by another method than deflate. End *out by
 * zip_data_done(). */
MUST enum rmg_rc zip_read(const struct zip *z, const struct zip_entry *e, struct zip_work *w,
			  struct zip_data *out, struct rmg_err *err);
void zip_data_done(struct zip_data *d);

#endif
