/* SPDX-License-Identifier: Apache-2.0 */
/* Tables as a terminal shows them. */
#include "cmd/grid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/limits.h"

static void shows(const char *columns, const char *rows, unsigned width, const char *want)
{
	struct grid *g = grid_new(columns);
	struct strbuf out = strbuf_of(MIB(1));
	struct json_doc doc = {0};
	struct rmg_err err = {0};

	assert_non_null(g);
	if (json_parse(&doc, span_cstr(rows), MIB(1), &err) != RMG_OK)
		fail_msg("%s", err.msg);
	for (struct json_iter it = json_iter(doc.root); json_next(&it);)
		grid_row(g, it.value);
	json_done(&doc); /* a grid keeps what it shows */
	grid_write(g, width, &out);
	assert_string_equal(strbuf_cstr(&out), want);
	strbuf_done(&out);
	grid_free(g);
}

static void columns_are_as_wide_as_what_is_in_them(void **state)
{
	(void)state;
	shows("A=a LONGER=b C=c",
	      "[{\"a\":\"a long text\",\"b\":\"x\",\"c\":1},{\"a\":\"s\",\"c\":22}]", 0,
	      "A            LONGER  C\n"
	      "a long text  x       1\n"
	      "s                    22\n");
}

static void what_is_empty_throughout_is_left_out(void **state)
{
	(void)state;
	shows("A=a B=b C=c",
	      "[{\"a\":\"1\",\"b\":null,\"c\":\"2\"},{\"a\":\"3\",\"b\":\"\",\"c\":\"4\"}]", 0,
	      "A  C\n1  2\n3  4\n");
	shows("A=a B=b", "[]", 0, "\n");
	shows("A=a", "[{\"a\":{}}]", 0, "\n\n");
}

static void values_of_each_kind(void **state)
{
	(void)state;
	shows("T=t F=f N=n L=l D=d.e.f M=m.x",
	      "[{\"t\":true,\"f\":false,\"n\":0,\"l\":[1,2,3],\"d\":{\"e\":{\"f\":\"deep\"}},\"m\":"
	      "7}]",
	      0,
	      "T    F   N  L  D\n"
	      "yes  no  0  3  deep\n");
}

static void digests_are_cut_to_what_is_told_apart(void **state)
{
	char rows[400];

	(void)state;
	snprintf(rows, sizeof rows,
		 "[{\"d\":\"sha256:%064d\",\"c\":\"%064d\",\"s\":\"sha256:12\"}]", 0, 7);
	shows("D=d C=c S=s", rows, 0,
	      "D                    C             S\n"
	      "sha256:000000000000  000000000000  sha256:12\n");
}

static void the_line_fits_the_terminal(void **state)
{
	(void)state;
	shows("A=a B=b", "[{\"a\":\"12345\",\"b\":\"67890\"}]", 9, "A      B\n12345  67\n");
	shows("A=a B=b", "[{\"a\":\"12345\",\"b\":\"67890\"}]", 7, "A\n12345\n");
	shows("A=a B=b", "[{\"a\":\"12345\",\"b\":\"67890\"}]", 3, "A\n123\n");
	/* Two columns a character, and none cut in the middle. */
	shows("A=a", "[{\"a\":\"\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\"}]", 5,
	      "A\n\xe6\xbc\xa2\xe5\xad\x97\n");
	shows("A=a B=b", "[{\"a\":\"\xc3\xa9\",\"b\":\"x\"}]", 0, "A  B\n\xc3\xa9  x\n");
}

static void no_byte_commands_the_terminal(void **state)
{
	(void)state;
	shows("A=a B=b", "[{\"a\":\"x\\u001b[31m\\u0007\\n\",\"b\":\"\\u009b2J\"}]", 0,
	      "A         B\n"
	      "x?[31m??  ??2J\n");
}

static void what_several_have_is_in_one_cell(void **state)
{
	(void)state;
	shows("A=a.*.b C=c.* N=c", "[{\"a\":[{\"b\":\"x\"},{\"b\":\"y\"}],\"c\":[\"z\"]}]", 0,
	      "A     C  N\nx, y  z  1\n");
}

static void there_are_so_many_columns(void **state)
{
	struct strbuf columns = strbuf_of(KIB(1)), want = strbuf_of(KIB(1));

	(void)state;
	for (int i = 0; i < 18; i++)
		strbuf_printf(&columns, "C%d=a ", i);
	for (int i = 0; i < 16; i++)
		strbuf_printf(&want, i < 15 ? "C%d  " : "C%d\n", i);
	for (int i = 0; i < 16; i++)
		strbuf_printf(&want, "%s", i == 15 ? "1\n" : i < 10 ? "1   " : "1    ");
	shows(strbuf_cstr(&columns), "[{\"a\":1}]", 0, strbuf_cstr(&want));
	strbuf_done(&columns);
	strbuf_done(&want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(columns_are_as_wide_as_what_is_in_them),
	    cmocka_unit_test(what_is_empty_throughout_is_left_out),
	    cmocka_unit_test(values_of_each_kind),
	    cmocka_unit_test(digests_are_cut_to_what_is_told_apart),
	    cmocka_unit_test(the_line_fits_the_terminal),
	    cmocka_unit_test(no_byte_commands_the_terminal),
	    cmocka_unit_test(what_several_have_is_in_one_cell),
	    cmocka_unit_test(there_are_so_many_columns),
	};

	return cmocka_run_group_tests_name("grid", tests, NULL, NULL);
}
