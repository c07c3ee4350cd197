/* SPDX-License-Identifier: Apache-2.0 */
/* zip_fuzz.c - names lie inside the archive, and what is read has the length that was promised. */
#include "format/zip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct span whole, struct span part)
{
	if (part.n != 0)
		CHECK(part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = span_of(data, MIN_OF(size, (size_t)262144));
	struct zip_work w = zip_work(1 << 20);
	struct zip_data d;
	struct zip_entry e;
	struct zip_iter it;
	struct zip z;

	if (zip_open(bytes, &z, NULL))
		return 0;
	inside(bytes, z.directory);
	for (it = zip_iter(&z); zip_next(&it, &e);) {
		inside(z.directory, e.name);
		if (zip_read(&z, &e, &w, &d, NULL))
			continue;
		CHECK(d.s.n == e.bytes);
		if (d.held == NULL)
			inside(bytes, d.s);
		zip_data_done(&d);
	}
	CHECK(it.n <= bytes.n / 46);
	CHECK(zip_end(&it, NULL) != RMG_OK || it.n >= z.count);
	zip_work_done(&w);
	return 0;
}
