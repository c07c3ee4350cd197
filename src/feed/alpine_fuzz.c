/* SPDX-License-Identifier: Apache-2.0 */
/* A secdb of any bytes: what is stored of it opens as a database again. */
#include "feed/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f;
	struct advdb db;
	struct adv_key key;

	if (!fuzz_begin(&f, "alpine", size))
		return 0;
	if (json_parse(&f.in.doc, span_of(data, size), size, NULL) == RMG_OK)
		secdb_take(&f.in, f.in.doc.root, S("Alpine:v3.17"));
	if (fuzz_open(&f, &db))
		for (uint32_t i = 0; i < db.n_keys; i++)
			CHECK(advdb_key(&db, i, &key) && span_is(key.ecosystem, S("Alpine:v3.17")));
	fuzz_end(&f);
	return 0;
}
