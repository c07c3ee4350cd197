/* SPDX-License-Identifier: Apache-2.0 */
/* catalog_dump.c - for developers, not installed: what all catalogers find below a folder.
 *
 *     catalog_dump ROOT [COLUMN...]
 *
 * prints packages as a table of these columns (catalog/golden.h), or everything. */
#include "base/limits.h"
#include "catalog/golden.h"

static int print_columns(const struct facts *f, char **names, int n)
{
	struct strbuf header = strbuf_of(KIB(4));
	struct rows rows = {0};

	for (int i = 0; i < n; i++)
		strbuf_printf(&header, "%s%s", i ? "\t" : "", names[i]);
	golden_pkgs(f, strbuf_span(&header), &rows);
	puts(strbuf_cstr(&header));
	VEC_EACH (row, &rows)
		puts(*row);
	rows_done(&rows);
	strbuf_done(&header);
	return 0;
}

int main(int argc, char **argv)
{
	struct strbuf all = strbuf_of(GIB(1));
	struct facts_builder *b;
	struct facts *f;

	if (argc < 2 || facts_builder_new(&b) != RMG_OK)
		return 2;
	golden_run(argv[1], NULL, MIB(512), b);
	if (facts_done(b, &f) != RMG_OK)
		return 2;
	if (argc > 2) {
		print_columns(f, argv + 2, argc - 2);
	} else {
		golden_dump(f, &all);
		fputs(strbuf_cstr(&all), stdout);
	}
	strbuf_done(&all);
	facts_builder_free(b);
	return 0;
}
