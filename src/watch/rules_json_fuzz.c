/* SPDX-License-Identifier: Apache-2.0 */
/* What is read and written again is read as the same. */
#include "watch/rules_json.h"

#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf first = strbuf_of(MIB(16)), second = strbuf_of(MIB(16));
	struct exec_rule *v, *again;
	size_t n, n_again;
	struct arena a;

	if (size > KIB(64))
		return 0;
	arena_init(&a, MIB(16));
	if (exec_rules_parse(span_of(data, size), &a, &v, &n, NULL) == RMG_OK) {
		exec_rules_write(v, n, &first);
		if (exec_rules_parse(strbuf_span(&first), &a, &again, &n_again, NULL) != RMG_OK)
			__builtin_trap();
		exec_rules_write(again, n_again, &second);
		if (n != n_again || !span_is(strbuf_span(&first), strbuf_span(&second)))
			__builtin_trap();
	}
	arena_done(&a);
	strbuf_done(&first);
	strbuf_done(&second);
	return 0;
}
