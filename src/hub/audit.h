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

/* Fills seq, prev and hash of row from the last record, and adds it.
 * In the caller's transaction. */
MUST enum rmg_rc audit_add(struct store *st, struct audit_row *row, struct rmg_err *err);

/* The end of the chain, as it was told or as it is. */
struct audit_head {
	uint64_t seq; /* 0: no record */
	uint8_t hash[32];
};
enum { AUDIT_HEAD_BYTES = 96 };

struct audit_verdict {
	uint64_t records, first_bad; /* 0: good */
	char why[160];
	struct audit_head head;
};

/* Goes over the whole chain. told, or NULL: a head that was told before must still be in it. */
MUST enum rmg_rc audit_verify(struct store *st, const struct audit_head *told,
			      struct audit_verdict *out, struct rmg_err *err);

MUST enum rmg_rc audit_head(struct store *st, struct audit_head *out, struct rmg_err *err);

/* "17:0123...ef", as messages and /metrics carry it. _text gives buf; "" without a record. */
const char *audit_head_text(const struct audit_head *h, char buf[AUDIT_HEAD_BYTES]);
MUST bool audit_head_parse(struct span text, struct audit_head *out);

#endif
