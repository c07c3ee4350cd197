/* SPDX-License-Identifier: Apache-2.0 */
/* What is read and written again is read as the same. */
#include "watch/image_json.h"

#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf first = strbuf_of(MIB(16)), second = strbuf_of(MIB(16));
	struct image_told t, again;

	if (size > KIB(64) || image_parse(span_of(data, size), MIB(8), &t, NULL) != RMG_OK)
		return 0;
	image_write(&t, &first);
	if (image_parse(strbuf_span(&first), MIB(16), &again, NULL) != RMG_OK)
		__builtin_trap();
	image_write(&again, &second);
	if (!span_is(strbuf_span(&first), strbuf_span(&second)))
		__builtin_trap();
	inventory_free(t.inv);
	inventory_free(again.inv);
	strbuf_done(&first);
	strbuf_done(&second);
	return 0;
}
