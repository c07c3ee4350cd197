/* SPDX-License-Identifier: Apache-2.0 */
/* The tracker's JSON of any bytes: what is stored of it opens as a database again. */
#include "feed/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f;
	struct advdb db;
	struct adv_key key;

	if (!fuzz_begin(&f, "debian", size))
		return 0;
	if (json_parse(&f.in.doc, span_of(data, size), size, NULL) == RMG_OK)
		debian_tracker(&f.in, f.in.doc.root);
	if (fuzz_open(&f, &db))
		for (uint32_t i = 0; i < db.n_keys; i++)
			CHECK(advdb_key(&db, i, &key) && span_starts(key.ecosystem, S("Debian:")));
	fuzz_end(&f);
	return 0;
}
