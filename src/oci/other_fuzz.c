/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte chooses whose report it is. What is read is written and read again as it was. */
#include "oci/other.h"

#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf once = strbuf_of(MIB(4)), twice = strbuf_of(MIB(4));
	struct other_report r, again;
	struct arena a;

	if (size == 0 || size > KIB(64))
		return 0;
	arena_init(&a, MIB(8));
	if (other_parse(other_kind_of(data[0] == 'h' ? S("harbor") : S("quay")),
			span_of(data + 1, size - 1), &a, &r, NULL) == RMG_OK) {
		CHECK(r.n <= LIMIT_OTHER_FINDINGS && (r.ready || r.n == 0));
		other_write(&r, &once);
		CHECK(strbuf_rc(&once) == RMG_OK);
		CHECK(other_read(strbuf_span(&once), &a, &again, NULL) == RMG_OK);
		other_write(&again, &twice);
		CHECK(span_is(strbuf_span(&once), strbuf_span(&twice)));
	}
	strbuf_done(&once);
	strbuf_done(&twice);
	arena_done(&a);
	return 0;
}
