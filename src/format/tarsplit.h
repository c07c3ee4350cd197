/* SPDX-License-Identifier: Apache-2.0 */
/* tarsplit.h - what tar-split keeps of a tar whose files were unpacked: all of its bytes but the
 * contents of the files, so that who has the files can make the same tar again.
 *
 *	for each piece of input:
 *		do {
 *			rc = tarsplit_next(t, &piece, &item, err);
 *		} while (rc == RMG_OK && item.kind != TARSPLIT_MORE);
 *	rc = tarsplit_end(t, err);
 *
 * One JSON object a line, in order: bytes to be written as they are, or the name of a file whose
 * content comes here. Docker and containers/storage keep it compressed (gzip); here it is plain.
 * Spans of an item live until the next call. The first failure sticks (RMG_E_FORMAT, RMG_E_LIMIT).
 * Bounds: LIMIT_TAR_SPLIT_BYTES a line, LIMIT_LAYER_BYTES in all, LIMIT_PATH_BYTES. */
#ifndef FORMAT_TARSPLIT_H
#define FORMAT_TARSPLIT_H

#include <rummage.h>

#include "base/span.h"

enum tarsplit_kind {
	TARSPLIT_MORE,  /* all of the piece was taken */
	TARSPLIT_BYTES, /* headers, padding, the end */
	TARSPLIT_FILE,  /* the content of a file; those without content are not told */
};

struct tarsplit_item {
	enum tarsplit_kind kind;
	struct span bytes;
	struct span name; /* as in the tar: any bytes but NUL, not normalised */
	uint64_t size;
};

struct tarsplit;

MUST enum rmg_rc tarsplit_new(struct tarsplit **out, struct rmg_err *err);
void tarsplit_free(struct tarsplit *t);

MUST enum rmg_rc tarsplit_next(struct tarsplit *t, struct span *in, struct tarsplit_item *out,
			       struct rmg_err *err);

/* After the last of the input: RMG_E_FORMAT where it ends inside a line. */
MUST enum rmg_rc tarsplit_end(const struct tarsplit *t, struct rmg_err *err);

#endif
