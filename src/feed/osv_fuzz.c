/* SPDX-License-Identifier: Apache-2.0 */
/* An OSV record of any bytes: what is stored of it opens as a database again, and every range in it
 * is a row of intervals, each begun by EV_INTRODUCED. */
#include "feed/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_rule(struct advdb *db, uint32_t i)
{
	struct adv_event was = {EV_LIMIT, {0}}, event;
	struct adv_rule rule;

	if (!advdb_rule(db, i, &rule))
		return;
	CHECK(rule.n_events + rule.n_versions != 0);
	for (uint32_t k = 0; k < rule.n_events; k++) {
		CHECK(advdb_event(db, &rule, k, &event));
		CHECK(event.kind == EV_INTRODUCED || was.kind == EV_INTRODUCED);
		was = event;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f;
	struct advdb db;

	if (!fuzz_begin(&f, "osv", size))
		return 0;
	if (json_parse(&f.in.doc, span_of(data, size), size, NULL) == RMG_OK)
		osv_record(&f.in, f.in.doc.root);
	if (fuzz_open(&f, &db))
		for (uint32_t i = 0; i < db.n_rules; i++)
			check_rule(&db, i);
	fuzz_end(&f);
	return 0;
}
