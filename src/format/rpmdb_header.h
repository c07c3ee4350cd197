/* SPDX-License-Identifier: Apache-2.0 */
/* rpmdb_header.h - one package's header as rpm's databases keep it: an index of tags over a store
 * of values (rpm docs "manual/format_header": big-endian, 16 bytes an index entry).
 *
 * Borrows the blob. A tag that is there twice has its later value: entries after the signed region
 * replace those in it. A value that does not lie in the store is as if it were not there, and
 * makes damaged true. Bounded by LIMIT_RPM_HEADER_BYTES and 65,535 tags, as rpm itself is. */
#ifndef FORMAT_RPMDB_HEADER_H
#define FORMAT_RPMDB_HEADER_H

#include <rummage.h>

#include "base/span.h"

enum rpm_tag { /* those that are read; the order is that of the table in rpmdb_header.c */
	       RPM_NAME,
	       RPM_VERSION,
	       RPM_RELEASE,
	       RPM_EPOCH,
	       RPM_VENDOR,
	       RPM_LICENSE,
	       RPM_ARCH,
	       RPM_SOURCERPM,
	       RPM_OLDFILENAMES,
	       RPM_FILEMODES,
	       RPM_DIRINDEXES,
	       RPM_BASENAMES,
	       RPM_DIRNAMES,
	       RPM_MODULARITYLABEL,
	       RPM_TAGS
};

struct rpm_value {
	uint32_t count; /* 0: not there */
	struct span
	    bytes; /* numbers: exactly theirs; text: from its first byte to the store's end */
};

struct rpm_header {
	struct rpm_value values[RPM_TAGS];
	bool damaged;
};

MUST enum rmg_rc rpm_header_read(struct span blob, struct rpm_header *out);

/* The (first) text of a tag; "" where it is not there. */
struct span rpm_header_text(const struct rpm_header *h, enum rpm_tag tag);

/* The i-th number of a tag; false where it is not there. */
MUST bool rpm_header_number(const struct rpm_header *h, enum rpm_tag tag, uint32_t i,
			    uint32_t *out);

/* The next text of a list; begin with a copy of the tag's value. False at the end. */
MUST bool rpm_value_next(struct rpm_value *left, struct span *out);

/* "glibc-2.34-60.el9.src.rpm" into "glibc" and "2.34-60.el9"; false where it is not of that form
 * ("(none)"). */
MUST bool rpm_source_cut(struct span file, struct span *name, struct span *version);

#endif
