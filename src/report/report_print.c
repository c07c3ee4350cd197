/* SPDX-License-Identifier: Apache-2.0 */
/* report_print.c - for tests: report_print FORMAT [inventory] prints the sample in that format, for
 * the standards' own validators. */
#include <stdio.h>

#include "report/report_sample.h"

int main(int argc, char **argv)
{
	const struct report_format *format = report_format_of(span_cstr(argc > 1 ? argv[1] : ""));
	struct strbuf out = strbuf_of(1 << 24);
	struct report_sample s;

	if (format == NULL)
		return 2;
	report_sample_init(&s);
	if (argc > 2)
		s.in.verdict = NULL;
	format->write(&s.in, &out);
	fwrite(strbuf_cstr(&out), 1, out.n, stdout);
	strbuf_done(&out);
	report_sample_done(&s);
	return 0;
}
