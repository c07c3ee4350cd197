/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte chooses the kind. Whatever is read names a repository and a tag. */
#include "watch/hook.h"

#include "base/limits.h"
#include "oci/digest.h"
#include "oci/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const kinds[] = {
#define X(kind, host) #kind,
#include "watch/hook.def"
#undef X
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct hook_kind *kind;
	struct hooks hooks;
	struct arena a;

	if (size == 0 || size > KIB(64))
		return 0;
	kind = hook_kind_of(span_cstr(kinds[(size_t)(data[0] - 'a') % COUNT_OF(kinds)]));
	if (kind == NULL)
		__builtin_trap();
	arena_init(&a, MIB(4));
	if (hook_parse(kind, span_of(data + 1, size - 1), &a, &hooks, NULL) == RMG_OK) {
		if (hooks.n > LIMIT_HOOK_HINTS || (hooks.left_out && hooks.n < LIMIT_HOOK_HINTS))
			__builtin_trap();
		for (size_t i = 0; i < hooks.n; i++)
			if (!tag_valid(hooks.v[i].tag) || hooks.v[i].repository.n == 0 ||
			    (hooks.v[i].digest.n && !digest_valid(hooks.v[i].digest)))
				__builtin_trap();
	}
	arena_done(&a);
	return 0;
}
