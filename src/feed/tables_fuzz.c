/* SPDX-License-Identifier: Apache-2.0 */
/* The feeds that are tables (EPSS, CVSS vectors, the starter set's form) and the KEV list, of any
 * bytes. */
#include "feed/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f;
	struct advdb db;

	if (!fuzz_begin(&f, "tables", size))
		return 0;
	(void)!epss_take(&f.in, span_of(data, size), NULL);
	severity_take(&f.in, span_of(data, size));
	(void)!starter_take(&f.in, span_of(data, size), NULL);
	if (json_parse(&f.in.doc, span_of(data, size), size, NULL) == RMG_OK)
		kev_take(&f.in, f.in.doc.root);
	(void)fuzz_open(&f, &db);
	fuzz_end(&f);
	return 0;
}
