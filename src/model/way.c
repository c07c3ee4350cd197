/* SPDX-License-Identifier: Apache-2.0 */
#include "model/way.h"

const char *way_name(enum event_way w)
{
	static const char *const names[] = {
#define X(name, text) text,
	    EVENT_WAYS(X)
#undef X
	};

	return (size_t)w < COUNT_OF(names) ? names[w] : "";
}

bool way_of(struct span word, enum event_way *out)
{
	for (unsigned w = 0; w < WAY_COUNT; w++)
		if (span_is(word, span_cstr(way_name((enum event_way)w)))) {
			*out = (enum event_way)w;
			return true;
		}
	return false;
}
