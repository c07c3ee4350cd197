/* SPDX-License-Identifier: Apache-2.0 */
/* What is read and written again is read as the same. */
#include "watch/profile_json.h"

#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf first = strbuf_of(MIB(16)), second = strbuf_of(MIB(16));
	struct profile p, again;
	struct arena a;

	arena_init(&a, MIB(16));
	if (size <= KIB(64) && profile_parse(span_of(data, size), MIB(1), &a, &p, NULL) == RMG_OK) {
		profile_write(&p, &first);
		if (profile_parse(strbuf_span(&first), MIB(16), &a, &again, NULL) != RMG_OK)
			__builtin_trap();
		profile_write(&again, &second);
		if (!span_is(strbuf_span(&first), strbuf_span(&second)))
			__builtin_trap();
	}
	arena_done(&a);
	strbuf_done(&first);
	strbuf_done(&second);
	return 0;
}
