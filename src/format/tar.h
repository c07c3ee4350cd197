/* SPDX-License-Identifier: Apache-2.0 */
/* tar.h - a tar archive read front to back as its bytes come: V7, ustar, GNU, star and PAX.
 *
 *	for each piece of input:
 *		do {
 *			rc = tar_next(t, &piece, &item, err);
 *		} while (rc == RMG_OK && item.event != TAR_MORE);
 *	rc = tar_end(t, err);
 *
 * TAR_ENTRY comes once a header with all that belongs to it (PAX, GNU long names, sparse maps) is
 * read, then TAR_DATA for pieces of its content, in order, then TAR_ENTRY_END; entries without
 * content have the first and the last. Data spans lie inside the caller's piece, nothing is copied;
 * holes of sparse files come as zeros, so that the pieces always add up to entry->size unless the
 * entry is damaged. The entry and its spans live until the tar_next() after TAR_ENTRY_END.
 *
 * Where readers of tar differ we do as Go's archive/tar does, because container runtimes unpack
 * with it: global PAX headers change nothing, a hard link has no content, the last of two records
 * counts.
 *
 * Damage that leaves us knowing where the next header is (a bad PAX record, a sparse map that lies,
 * a path beyond LIMIT_PATH_BYTES) is told in entry->rc and entry->damage, which may come as late as
 * with TAR_ENTRY_END; the entry is still given. A bad checksum or size ends the archive:
 * RMG_E_FORMAT, with the byte offset, and it sticks.
 * Bounds: LIMIT_PAX_BYTES, LIMIT_PATH_BYTES, LIMIT_SPARSE_BYTES. */
#ifndef FORMAT_TAR_H
#define FORMAT_TAR_H

#include <rummage.h>

#include "base/span.h"

enum tar_type {
	TAR_FILE,
	TAR_HARDLINK,
	TAR_SYMLINK,
	TAR_CHARDEV,
	TAR_BLOCKDEV,
	TAR_DIR,
	TAR_FIFO,
	TAR_OTHER /* volume labels and what else has a letter of its own */
};

struct tar_entry {
	struct span
	    path; /* as stored: any bytes but NUL, "./" and slashes included, not normalised */
	struct span link; /* target of a hard or symbolic link */
	enum tar_type type;
	uint8_t letter; /* the type as stored */
	bool sparse;    /* has holes; size and data are those of the file, not of the archive */
	bool has_capability; /* security.capability is among its extended attributes */
	uint32_t mode;       /* permission bits and setuid, setgid, sticky: 07777 */
	uint64_t uid, gid;
	uint64_t size;
	uint64_t offset;    /* of its first header block in the stream */
	enum rmg_rc rc;     /* RMG_OK, or why this entry is not to be trusted: FORMAT or LIMIT */
	const char *damage; /* what is wrong with it; NULL where nothing is */
};

enum tar_event {
	TAR_MORE, /* all of the piece was taken */
	TAR_ENTRY,
	TAR_DATA,
	TAR_ENTRY_END,
	TAR_END /* the end-of-archive blocks; go on feeding, to learn what follows them */
};

struct tar_item {
	enum tar_event event;
	const struct tar_entry *entry; /* from TAR_ENTRY to TAR_ENTRY_END, else NULL */
	struct span data;              /* TAR_DATA */
};

struct tar;

MUST enum rmg_rc tar_new(struct tar **out, struct rmg_err *err);
void tar_free(struct tar *t);

MUST enum rmg_rc tar_next(struct tar *t, struct span *in, struct tar_item *out,
			  struct rmg_err *err);

/* After TAR_ENTRY: no TAR_DATA for this entry, its bytes (and holes) are passed over. */
void tar_skip(struct tar *t);

/* After the last of the input: RMG_OK, or RMG_E_FORMAT where it ends inside an entry. */
MUST enum rmg_rc tar_end(const struct tar *t, struct rmg_err *err);

uint64_t tar_bytes(const struct tar *t); /* taken so far */

/* What does no harm but may be worth a word; valid at the end. */
struct tar_oddities {
	bool no_end;             /* no end-of-archive blocks (or one only) */
	bool global_ignored;     /* a global PAX header names a path, a link or a size */
	uint64_t trailing_bytes; /* after the end blocks, counted from the first that is not zero */
};
struct tar_oddities tar_odd(const struct tar *t);

#endif
