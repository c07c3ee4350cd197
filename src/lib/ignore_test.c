/* SPDX-License-Identifier: Apache-2.0 */
/* Expectations are those of rummage-ignore(5). */
#include "lib/ignore.h"

#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

#include "base/strbuf.h"

#define ROW(id) "- id: " id "\n  owner: o\n  reason: r\n  expires: 2026-12-31\n"

/* "" where the text is taken, else the message. */
static const char *load(const char *text, struct ignore *ig, struct rmg_err *err)
{
	*err = (struct rmg_err){0};
	*ig = (struct ignore){0};
	return ignore_load(span_cstr(text), ig, err) == RMG_OK ? "" : err->msg;
}

static void what_is_missing_is_said_with_its_line(void **state)
{
	static const struct {
		const char *text, *line, *says;
	} rows[] = {
	    {"- owner: o\n  reason: r\n  expires: 2027-01-01\n", "line 1", "\"id\""},
	    {ROW("CVE-1") "- id: CVE-2\n  reason: r\n  expires: 2027-01-01\n", "line 5",
	     "\"owner\""},
	    {"- id: CVE-1\n  owner: o\n  expires: 2027-01-01\n", "line 1", "\"reason\""},
	    {"- id: CVE-1\n  owner: o\n  reason: r\n", "line 1", "\"expires\""},
	    {"- id: CVE-1\n  owner: o\n  reason: ''\n  expires: 2027-01-01\n", "line 1",
	     "\"reason\""},
	    {"- id: CVE-1\n  owner: o\n  reason: r\n  expires: next year\n", "line 1", "not a day"},
	    {"- id: CVE-1\n  owner: o\n  reason: r\n  expires: 2027-02-29\n", "line 1",
	     "not a day"},
	    {"- id: CVE-1\n  owners: o\n", "line 2", "\"owners\""},
	    {"- id: CVE-1\n  id: CVE-2\n", "line 2", "twice"},
	    {"- id: [CVE-1]\n", "line 1", "text"},
	    {"- CVE-1\n", "line 1", "map"},
	    {"CVE-1: accepted\n", "line 1", "list"},
	    {ROW("CVE-1") "---\n" ROW("CVE-2"), "line 5", "document"},
	};
	struct ignore ig;
	struct rmg_err err;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const char *said = load(rows[i].text, &ig, &err);

		if (!strstr(said, rows[i].line) || !strstr(said, rows[i].says))
			fail_msg("%s\nsaid: %s", rows[i].text, said);
	}
}

static void an_empty_file_has_no_rows(void **state)
{
	static const char *const texts[] = {"", "# nothing\n", "[]\n", "~\n", "---\n"};
	struct ignore ig;
	struct rmg_err err;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		assert_string_equal(load(texts[i], &ig, &err), "");
		assert_int_equal(ig.n_rows, 0);
		ignore_done(&ig);
	}
}

/* Two findings: CVE-2020-1 (alias GHSA-x) of deb openssl, and CVE-2020-2 of a jar. */
struct world {
	struct component c[2];
	struct span paths[2], alias;
	struct inventory inv;
	struct finding f[2];
	struct verdict v;
};

static void world_init(struct world *w)
{
	*w = (struct world){
	    .c = {{.pkg = {.type = S("deb"), .name = S("openssl")},
		   .purl = S("pkg:deb/debian/openssl@3.0.1-1?arch=amd64")},
		  {.pkg = {.type = S("maven"), .ns = S("org.acme"), .name = S("core")},
		   .purl = S("pkg:maven/org.acme/core@1.0")}},
	    .paths = {S("var/lib/dpkg/status"), S("app/x.jar!lib/core.jar")},
	    .alias = S("GHSA-x"),
	    .f = {{.id = S("CVE-2020-1"), .component = 0}, {.id = S("CVE-2020-2"), .component = 1}},
	};
	for (size_t i = 0; i < 2; i++) {
		w->c[i].paths = &w->paths[i];
		w->c[i].n_paths = 1;
	}
	w->inv = (struct inventory){.components = w->c, .n_components = 2};
	w->f[0].aliases = &w->alias;
	w->f[0].n_aliases = 1;
	w->v = (struct verdict){.inventory = &w->inv, .findings = w->f, .n_findings = 2};
	arena_init(&w->v.arena, 1 << 20);
}

static void rows_take_what_they_name(void **state)
{
	static const struct {
		const char *row; /* without owner, reason, expires */
		bool first, second;
	} rows[] = {
	    {"id: CVE-2020-1", true, false},
	    {"id: GHSA-x", true, false},
	    {"id: CVE-2020", false, false},
	    {"id: cve-2020-1", false, false},
	    {"id: CVE-2020-1, component: openssl", true, false},
	    {"id: CVE-2020-1, component: 'pkg:deb/debian/openssl'", true, false},
	    {"id: CVE-2020-1, component: 'pkg:deb/debian/'", true, false},
	    {"id: CVE-2020-1, component: 'pkg:deb/debian/open'", false, false},
	    {"id: CVE-2020-1, component: 'pkg:deb/debian/openssl@3.0.1-1'", true, false},
	    {"id: CVE-2020-1, component: libssl3", false, false},
	    {"id: CVE-2020-2, component: 'org.acme:core'", false, true},
	    {"id: CVE-2020-2, component: core", false, true},
	    {"id: CVE-2020-2, component: 'org.acme:cor'", false, false},
	    {"id: CVE-2020-2, path: 'app/x.jar!lib/core.jar'", false, true},
	    {"id: CVE-2020-2, path: 'app/**'", false, true},
	    {"id: CVE-2020-2, path: 'srv/**'", false, false},
	    {"id: CVE-2020-1, path: var/lib/dpkg/status, component: openssl", true, false},
	};
	struct rmg_err err;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct strbuf text = strbuf_of(1000);
		struct ignore ig;
		struct world w;

		strbuf_printf(&text, "- {%s, owner: o, reason: r, expires: 2026-11-24}\n",
			      rows[i].row);
		assert_string_equal(load(strbuf_cstr(&text), &ig, &err), "");
		world_init(&w);
		assert_int_equal(ignore_apply(&ig, &w.v, S("2026-11-24"), &err), RMG_OK);
		ignore_done(&ig);
		if (!!w.f[0].suppressed != rows[i].first || !!w.f[1].suppressed != rows[i].second)
			fail_msg("%s", rows[i].row);
		/* a row that does nothing is said, once */
		assert_int_equal(w.v.n_notes, !rows[i].first && !rows[i].second);
		if (rows[i].first) {
			assert_true(span_is(w.f[0].suppressed->by, S("o")));
			assert_true(span_is(w.f[0].suppressed->reason, S("r")));
			assert_true(span_is(w.f[0].suppressed->until, S("2026-11-24")));
		}
		arena_done(&w.v.arena);
		strbuf_done(&text);
	}
}

static void an_expired_row_suppresses_nothing_and_says_so(void **state)
{
	struct ignore ig;
	struct rmg_err err;
	struct world w;

	(void)state;
	assert_string_equal(load(ROW("CVE-2020-1"), &ig, &err), "");
	world_init(&w);
	assert_int_equal(ignore_apply(&ig, &w.v, S("2027-01-01"), &err), RMG_OK);
	assert_null(w.f[0].suppressed);
	assert_int_equal(w.v.n_notes, 1);
	assert_int_equal(w.v.notes[0].note.level, NOTE_WARN);
	assert_true(span_has(w.v.notes[0].note.text, S("CVE-2020-1")));
	assert_true(span_has(w.v.notes[0].note.text, S("2026-12-31")));
	ignore_done(&ig);
	arena_done(&w.v.arena);
}

static void too_much_is_refused(void **state)
{
	struct strbuf text = strbuf_of(4 << 20);
	struct ignore ig;
	struct rmg_err err;

	(void)state;
	for (int i = 0; i < 10001; i++)
		strbuf_puts(&text, "- {id: a, owner: o, reason: r, expires: 2027-01-01}\n");
	assert_non_null(strstr(load(strbuf_cstr(&text), &ig, &err), "too many rows"));
	strbuf_clear(&text);
	for (int i = 0; i < 1 << 17; i++)
		strbuf_puts(&text, "########\n");
	assert_non_null(strstr(load(strbuf_cstr(&text), &ig, &err), "too large"));
	strbuf_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_missing_is_said_with_its_line),
	    cmocka_unit_test(an_empty_file_has_no_rows),
	    cmocka_unit_test(rows_take_what_they_name),
	    cmocka_unit_test(an_expired_row_suppresses_nothing_and_says_so),
	    cmocka_unit_test(too_much_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
