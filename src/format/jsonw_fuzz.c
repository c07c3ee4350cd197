/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a JSON string: what comes out is printable UTF-8, and reading it back with a reader
 * written for this test gives the bytes, each one that was not UTF-8 as U+FFFD. */
#include "base/utf8.h"
#include "format/jsonw.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void append(struct strbuf *out, const uint8_t *p, size_t n)
{
	strbuf_put(out, span_of(p, n));
}

/* The text that the string must mean. */
static void expected(struct strbuf *out, struct span s)
{
	for (size_t i = 0; i < s.n;) {
		size_t len = utf8_len(s.p + i, s.n - i);

		if (len)
			append(out, s.p + i, len);
		else
			strbuf_puts(out, "\xef\xbf\xbd");
		i += len ? len : 1;
	}
}

static uint8_t unescaped(uint8_t c)
{
	static const char from[] = "nrtbf\"\\", to[] = "\n\r\t\b\f\"\\";
	const char *at = strchr(from, c);

	CHECK(c && at);
	return (uint8_t)to[at - from];
}

static void read_back(struct strbuf *out, struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		uint64_t code;
		uint8_t c = s.p[i];

		CHECK(c >= 0x20 && c != 0x7f && c != '"');
		if (c != '\\') {
			append(out, &c, 1);
			continue;
		}
		CHECK(++i < s.n);
		if (s.p[i] != 'u') {
			c = unescaped(s.p[i]);
			append(out, &c, 1);
			continue;
		}
		CHECK(s.n - i > 4 && span_u64(span_of(s.p + i + 1, 4), 16, 0x9f, &code));
		i += 4;
		if (code >= 0x80)
			strbuf_putc(out, (char)0xc2);
		c = (uint8_t)code;
		append(out, &c, 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf json = strbuf_of(1 << 24), want = strbuf_of(1 << 24),
		      got = strbuf_of(1 << 24);

	if (size > 1 << 16)
		return 0;
	jsonw_escape(&json, span_of(data, size));
	CHECK(strbuf_rc(&json) == RMG_OK && utf8_is_clean(strbuf_span(&json)));
	expected(&want, span_of(data, size));
	read_back(&got, strbuf_span(&json));
	CHECK(span_is(strbuf_span(&want), strbuf_span(&got)));
	strbuf_done(&json);
	strbuf_done(&want);
	strbuf_done(&got);
	return 0;
}
