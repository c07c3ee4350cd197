/* SPDX-License-Identifier: Apache-2.0 */
/* report_sample.h - for tests: an inventory and a verdict in which every field of every format is
 * used, with names that a hostile image would choose. */
#ifndef REPORT_REPORT_SAMPLE_H
#define REPORT_REPORT_SAMPLE_H

#include "report/report.h"

struct advdb_builder;

struct report_sample {
	struct inventory inv;
	struct verdict verdict;
	struct advdb db;
	struct advdb_builder *builder;
	struct component *components; /* of a large sample */
	struct finding *findings;
	struct report_input in;
};

void report_sample_init(struct report_sample *s);

/* The same with n components and a finding each. */
void report_sample_large(struct report_sample *s, size_t n);

void report_sample_done(struct report_sample *s);

#endif
