/* SPDX-License-Identifier: Apache-2.0 */
/* report.h - what was found, in the formats of the field. One file and one row in report.def each.
 *
 * A writer appends to a strbuf; its failures are the strbuf's. Output is valid UTF-8 and depends
 * on the input alone (the time of writing is an input). */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include "base/strbuf.h"
#include "vuln/match.h"

struct policy_violation {
	struct span rule, text, subject;
};

struct report_input {
	const struct inventory *inv;
	const struct verdict *verdict; /* NULL: inventory only */
	struct span created;           /* RFC 3339 */
	const char *version;           /* Rummage's */
	int64_t db_age_s;
	struct span policy_file; /* "" : none */
	bool policy_passed;
	const struct policy_violation *violations;
	size_t n_violations;
	double ms_fetch, ms_read, ms_catalog, ms_match;
	double (*report_ms)(void *user); /* since writing began; NULL: not measured */
	void *user;
	unsigned columns; /* of the terminal; 0: unlimited */
	bool color;
	bool only_fixed; /* table: said in the footer */
};

struct report_format {
	const char *name; /* "json", "cyclonedx-json" */
	void (*write)(const struct report_input *in, struct strbuf *out);
	bool needs_verdict;
};

/* NULL where there is none. */
const struct report_format *report_format_of(struct span name);
extern const struct report_format *const report_formats[]; /* NULL-terminated */

#endif
