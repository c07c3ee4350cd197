/* SPDX-License-Identifier: Apache-2.0 */
/* Two buffers: a patch between them makes one of the other; and one as a patch, which may be
 * anything. */
#include "format/zpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MADE_MAX = 1 << 20 };

static void drop(struct span s)
{
	free((void *)(uintptr_t)s.p);
}

static void there_and_back(struct span from, struct span to)
{
	struct span patch = {0}, made = {0};

	CHECK(zpack_patch(from, to, &patch, NULL) == RMG_OK);
	CHECK(zpack_unpatch(from, patch, to.n, &made, NULL) == RMG_OK);
	CHECK(span_is(made, to));
	drop(patch);
	drop(made);
}

/* The first byte says, in 1/255, where the second buffer begins. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = span_from(span_of(data, size), 1), from, to, made = {0};

	if (size == 0 || size > 65536)
		return 0;
	from = span_head(rest, rest.n * data[0] / 255);
	to = span_from(rest, from.n);
	there_and_back(from, to);
	if (zpack_unpatch(from, to, MADE_MAX, &made, NULL) == RMG_OK)
		CHECK(made.n <= MADE_MAX);
	drop(made);
	return 0;
}
