/* SPDX-License-Identifier: Apache-2.0 */
/* advdb_fold.h - an advisory database in another form, in which little changes where little was
 * changed: for patches from one to the next (docs/advdb-format.md).
 *
 * In the file, one string that is put in moves all that lie behind it, and so changes every
 * reference to them. Folded, the fields of a section stand field by field, and a reference stands
 * as its distance from the one before: what moves together stays as it was. */
#ifndef VULN_ADVDB_FOLD_H
#define VULN_ADVDB_FOLD_H

#include <rummage.h>

#include "base/span.h"

/* out is malloc'ed. RMG_E_DB: not a database that our writer has laid out. */
MUST enum rmg_rc advdb_fold(struct span file, struct span *out, struct rmg_err *err);

/* The way back; the bytes may be anything. What comes out is to be checked like any other file:
 * advdb_of(), advdb_verify(), advdb_check(). */
MUST enum rmg_rc advdb_unfold(struct span folded, struct span *out, struct rmg_err *err);

#endif
