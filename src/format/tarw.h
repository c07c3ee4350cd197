/* SPDX-License-Identifier: Apache-2.0 */
/* tarw.h - writes a tar archive (ustar, with PAX headers where ustar is too small) to a callback.
 *
 *	tarw_entry(w, &entry); tarw_data(w, bytes) ... until entry.size; ...; tarw_end(w)
 *
 * Nothing is held back. Fails where the callback does (RMG_E_IO) or where the caller's sizes do not
 * add up (RMG_E_ARG: a file that changed while it was read), and the failure sticks. Paths may be
 * any bytes but NUL, up to LIMIT_PATH_BYTES. */
#ifndef FORMAT_TARW_H
#define FORMAT_TARW_H

#include <rummage.h>

#include "base/span.h"
#include "format/tar.h"

/* False where the bytes could not be passed on. */
typedef bool tarw_write_fn(void *user, struct span bytes);

struct tarw {
	tarw_write_fn *write;
	void *user;
	uint64_t left;    /* content of the entry still to come */
	unsigned padding; /* zeros after it */
	enum rmg_rc rc;
};

void tarw_init(struct tarw *w, tarw_write_fn *write, void *user);

/* Uses path, link, type, mode, uid, gid, size and sparse; only TAR_FILE has content, and a sparse
 * one has none to be given: it is a hole of its size. */
MUST enum rmg_rc tarw_entry(struct tarw *w, const struct tar_entry *entry, struct rmg_err *err);
MUST enum rmg_rc tarw_data(struct tarw *w, struct span bytes, struct rmg_err *err);

/* The last entry's padding and the end-of-archive blocks. */
MUST enum rmg_rc tarw_end(struct tarw *w, struct rmg_err *err);

#endif
