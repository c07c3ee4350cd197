/* SPDX-License-Identifier: Apache-2.0 */
#include "model/how.h"

const char *how_name(enum event_how h)
{
	static const char *const names[] = {
#define X(name, text) text,
	    EVENT_HOWS(X)
#undef X
	};

	return (size_t)h < COUNT_OF(names) ? names[h] : "";
}

bool how_of(struct span word, uint32_t *bit)
{
	for (unsigned h = 0; h < HOW_COUNT; h++)
		if (span_is(word, span_cstr(how_name((enum event_how)h)))) {
			*bit = 1u << h;
			return true;
		}
	return false;
}

uint32_t how_bits(struct span words)
{
	uint32_t bits = 0, bit;
	struct span word;

	while (span_word(&words, &word))
		if (how_of(word, &bit))
			bits |= bit;
	return bits;
}

void how_write(uint32_t bits, struct strbuf *out)
{
	bool first = true;

	for (unsigned h = 0; h < HOW_COUNT; h++) {
		if (!(bits >> h & 1))
			continue;
		strbuf_puts(out, first ? "" : " ");
		strbuf_puts(out, how_name((enum event_how)h));
		first = false;
	}
}
