/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes: refused with a sentence, or a config whose sinks are whole. */
#include "serve/config.h"

#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *c = NULL;
	struct rmg_err err = {0};

	if (size > KIB(64))
		return 0;
	/* Files that secrets are in are none of a fuzzer's. */
	if (span_has(span_of(data, size), S("_file")))
		return 0;
	if (config_parse(span_of(data, size), "fuzz", &c, &err) == RMG_OK) {
		for (size_t i = 0; i < c->n_sinks; i++)
			if (c->sinks[i].kind == NULL || c->sink_names[i] != c->sinks[i].name)
				__builtin_trap();
		if (c->sink_names[c->n_sinks])
			__builtin_trap();
	} else if (err.msg[0] == '\0') {
		__builtin_trap();
	}
	config_free(c);
	return 0;
}
