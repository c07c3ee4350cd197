/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as either field: what holds of a list holds of it with an item more. */
#include "base/strbuf.h"
#include "format/field.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { VALUE_BYTES = 1 << 16 };

/* item, then the input. */
static struct span behind(struct strbuf *b, const char *item, struct span value)
{
	strbuf_clear(b);
	strbuf_puts(b, item);
	strbuf_put(b, value);
	return strbuf_span(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf b = strbuf_of(VALUE_BYTES + 64);
	struct span value = span_of(data, size), tag = S("W/\"tag\"");
	bool has;

	if (size > VALUE_BYTES)
		return 0;
	CHECK(field_accepts(behind(&b, "gzip,", value), S("gzip")));
	CHECK(!field_accepts(behind(&b, "gzip;q=0,", value), S("gzip")));
	has = field_has_tag(value, tag);
	CHECK(field_has_tag(behind(&b, "\"tag\",", value), tag));
	if (has && !span_is(span_trim(value), S("*")))
		CHECK(field_has_tag(behind(&b, "\"other\",", value), tag));
	strbuf_done(&b);
	return 0;
}
