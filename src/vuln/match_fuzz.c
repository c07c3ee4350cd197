/* SPDX-License-Identifier: Apache-2.0 */
/* A damaged database against a fixed inventory: no bad read, the same answer twice, every finding
 * of a component that is there. */
#include "vuln/match.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void match_twice(struct inventory *inv, struct advdb *db)
{
	struct verdict *a = NULL, *b = NULL;

	if (match_inventory(inv, db, &a, NULL) == RMG_OK &&
	    match_inventory(inv, db, &b, NULL) == RMG_OK) {
		CHECK(a->n_findings == b->n_findings);
		for (size_t i = 0; i < a->n_findings; i++) {
			CHECK(span_is(a->findings[i].id, b->findings[i].id));
			CHECK(a->findings[i].component < inv->n_components);
			CHECK(a->findings[i].severity <= SEV_CRITICAL);
		}
		CHECK(a->complete <= !db->bad);
	}
	verdict_free(a);
	verdict_free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct component components[] = {
	    {.pkg = {.type = S("deb"), .name = S("pkg1"), .version = S("1.2-3")}, .is_os = true},
	    {.pkg = {.type = S("rpm"),
		     .name = S("pkg2"),
		     .version = S("1:1.2-3"),
		     .src_name = S("pkg3"),
		     .module = S("a:b:c:d")},
	     .is_os = true},
	    {.pkg = {.type = S("pypi"), .name = S("log4j"), .version = S("1.0")}},
	    {.pkg = {.type = S("maven"),
		     .ns = S("org.apache.logging.log4j"),
		     .name = S("log4j-core"),
		     .version = S("2.14.1")}},
	};
	struct inventory inv = {.os = {.id = S("debian"), .version_id = S("12")},
				.components = components,
				.n_components = COUNT_OF(components),
				.complete = true};
	struct advdb db;

	if (size <= 1 << 16 && advdb_of(span_of(data, size), &db, NULL) == RMG_OK)
		match_twice(&inv, &db);
	return 0;
}
