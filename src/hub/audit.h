/* SPDX-License-Identifier: Apache-2.0 */
/* audit.h - the hash chain of the audit log: who did what, and nobody took it away.
 *
 * hash = SHA-256 over prev, seq, time, and each text with its length in front, so that no two
 * records have the same bytes. An edited, removed or re-ordered record breaks the chain at its
 * place; a cut end is seen against the head that was told (/metrics and each alert message carry
 * seq and hash). */
#ifndef HUB_AUDIT_H
#define HUB_AUDIT_H

#include "store/rows.h"

/* Fills seq, prev and hash of row from the last record, and adds it. In the caller's transaction.
 */
MUST enum rmg_rc audit_add(struct store *st, struct audit_row *row, struct rmg_err *err);

struct audit_verdict {
	uint64_t records, first_bad; /* 0: good */
	char why[160];
};
MUST enum rmg_rc audit_verify(struct store *st, struct audit_verdict *out, struct rmg_err *err);

#endif
