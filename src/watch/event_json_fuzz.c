/* SPDX-License-Identifier: Apache-2.0 */
/* What is read and written again is read as the same. */
#include "watch/event_json.h"

#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf first = strbuf_of(MIB(16)), second = strbuf_of(MIB(16));
	struct event e, again;
	struct arena a;

	if (size > KIB(64))
		return 0;
	arena_init(&a, MIB(16));
	if (event_parse(span_of(data, size), &a, &e, NULL) == RMG_OK) {
		event_write(&e, &first);
		if (event_parse(strbuf_span(&first), &a, &again, NULL) != RMG_OK)
			__builtin_trap();
		event_write(&again, &second);
		if (!span_is(strbuf_span(&first), strbuf_span(&second)))
			__builtin_trap();
	}
	arena_done(&a);
	strbuf_done(&first);
	strbuf_done(&second);
	return 0;
}
