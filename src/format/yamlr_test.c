/* SPDX-License-Identifier: Apache-2.0 */
/* Expectations are those of the YAML 1.1 specification, and the refusals that yamlr.h states. */
#include "format/yamlr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

#include "base/strbuf.h"

/* The events in one line: map "{", list "[", end "/", scalars quoted; a failure as "!message". */
static void trace(const char *text, struct strbuf *out)
{
	struct yamlr *y;
	struct yamlr_item item;
	struct rmg_err err = {0};

	strbuf_clear(out);
	assert_int_equal(yamlr_open(span_cstr(text), &y, &err), RMG_OK);
	for (;;) {
		if (yamlr_next(y, &item, &err) != RMG_OK) {
			strbuf_printf(out, "!%s", err.msg);
			break;
		}
		if (item.kind == YAMLR_EOF)
			break;
		if (item.kind == YAMLR_SCALAR)
			strbuf_printf(out, "'" SPAN_FMT "'%s", SPAN_ARG(item.text),
				      yamlr_is_null(&item) ? "0" : "");
		else
			strbuf_puts(out, item.kind == YAMLR_MAP    ? "{"
					 : item.kind == YAMLR_LIST ? "["
								   : "/");
	}
	yamlr_close(y);
}

static void documents_become_events(void **state)
{
	static const struct {
		const char *yaml, *events;
	} rows[] = {
	    {"", ""},
	    {"# only a comment\n", ""},
	    {"a: 1\nb:\n  - x\n  - 'y z'\n", "{'a''1''b'['x''y z'//"},
	    {"- {id: CVE-1, until: ~}\n- \"null\"\n", "[{'id''CVE-1''until''~'0/'null'/"},
	    {"a:\n", "{'a'''0/"},
	    {"---\na: |\n  two\n  lines\n...\n", "{'a''two\nlines\n'/"},
	};
	struct strbuf out = strbuf_of(10000);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		trace(rows[i].yaml, &out);
		assert_string_equal(strbuf_cstr(&out), rows[i].events);
	}
	strbuf_done(&out);
}

static void what_multiplies_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *yaml, *line;
	} rows[] = {
	    {"a: 1\nb: &x 2\n", "!line 2: "},       {"a: 1\n\nb: *x\n", "!line 3: "},
	    {"a: !!binary AAAA\n", "!line 1: "},    {"a: 1\n---\nb: 2\n", "!line 2: "},
	    {"[[[[[[[[[1]]]]]]]]]\n", "!line 1: "}, {"? [a, b]\n: 1\n", "!line 1: "},
	    {"a: 1\n b: 2\n", "!line 2: "},         {"a: \"\\xff\n", "!line "},
	};
	struct strbuf out = strbuf_of(10000);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		trace(rows[i].yaml, &out);
		if (strstr(strbuf_cstr(&out), rows[i].line) == NULL)
			fail_msg("%s: %s", rows[i].yaml, strbuf_cstr(&out));
	}
	strbuf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(documents_become_events),
	    cmocka_unit_test(what_multiplies_is_refused_with_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
