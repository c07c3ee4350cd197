/* SPDX-License-Identifier: Apache-2.0 */
/* An ignore file of any bytes against two findings: every row that was taken is whole, what it
 * suppresses has an owner, a reason and an end, and only rows that have not expired suppress. */
#include "lib/ignore.h"

#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_rows(const struct ignore *ig)
{
	for (size_t i = 0; i < ig->n_rows; i++) {
		const struct ignore_row *row = &ig->rows[i];

		CHECK(row->id.n && row->owner.n && row->reason.n && row->expires.n == 10);
		CHECK(utf8_is_clean(row->id) && utf8_is_clean(row->reason) && row->line > 0);
	}
}

static void apply(struct ignore *ig)
{
	struct span path = S("usr/lib/x.jar"), alias = S("GHSA-1");
	struct component c[] = {
	    {.pkg = {.type = S("deb"), .name = S("a")}, .purl = S("pkg:deb/debian/a@1")},
	    {.pkg = {.type = S("maven"), .ns = S("g"), .name = S("b")},
	     .purl = S("pkg:maven/g/b@2"),
	     .paths = &path,
	     .n_paths = 1},
	};
	struct inventory inv = {.components = c, .n_components = 2};
	struct finding f[] = {
	    {.id = S("CVE-1"), .component = 0},
	    {.id = S("CVE-2"), .aliases = &alias, .n_aliases = 1, .component = 1},
	};
	struct verdict v = {.inventory = &inv, .findings = f, .n_findings = 2};
	struct rmg_err err;

	arena_init(&v.arena, 1 << 26);
	CHECK(ignore_apply(ig, &v, S("2026-11-24"), &err) == RMG_OK);
	CHECK(v.n_notes <= ig->n_rows);
	for (size_t i = 0; i < 2; i++) {
		const struct suppression *s = f[i].suppressed;

		CHECK(s == NULL ||
		      (s->by.n && s->reason.n && span_cmp(s->until, S("2026-11-24")) >= 0));
	}
	arena_done(&v.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ignore ig;
	struct rmg_err err = {0};

	if (size > 1 << 16)
		return 0;
	if (ignore_load(span_of(data, size), &ig, &err) != RMG_OK) {
		CHECK(err.msg[0]);
		return 0;
	}
	check_rows(&ig);
	apply(&ig);
	ignore_done(&ig);
	return 0;
}
