/* SPDX-License-Identifier: Apache-2.0 */
/* ignore.h - rummage-ignore(5): which findings somebody answers for, why, and until when.
 *
 * A row without an owner, a reason or an end is an error: what is ignored for ever by nobody is how
 * a finding gets lost. An expired row suppresses nothing. Bounded by LIMIT_IGNORE_BYTES and _ROWS;
 * failures name the line. */
#ifndef LIB_IGNORE_H
#define LIB_IGNORE_H

#include "base/err.h"
#include "vuln/match.h"

struct ignore_row {
	struct span id;                     /* of an advisory, or one of its aliases */
	struct span component;              /* a purl's beginning, or a name; "" any */
	struct span path;                   /* span_glob pattern on the evidence; "" any */
	struct span owner, reason, expires; /* "YYYY-MM-DD", through that day */
	unsigned line;
	bool used;
};

struct ignore {
	struct arena arena;
	struct ignore_row *rows;
	size_t n_rows;
};

/* Copies what it keeps. On failure nothing needs ending. */
MUST enum rmg_rc ignore_load(struct span bytes, struct ignore *out, struct rmg_err *err);
void ignore_done(struct ignore *ig);

/* Sets suppressed on the findings of v that rows name; notes tell expired and unused rows. What is
 * set is v's, and outlives ig. today: "YYYY-MM-DD". */
MUST enum rmg_rc ignore_apply(struct ignore *ig, struct verdict *v, struct span today,
			      struct rmg_err *err);

#endif
