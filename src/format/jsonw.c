/* SPDX-License-Identifier: Apache-2.0 */
#include "format/jsonw.h"

#include <math.h>

#include "base/utf8.h"

static void before_value(struct jsonw *w)
{
	if (w->comma)
		strbuf_putc(w->out, ',');
	w->comma = true;
}

static void open_with(struct jsonw *w, char c)
{
	before_value(w);
	strbuf_putc(w->out, c);
	w->comma = false;
}

static void close_with(struct jsonw *w, char c)
{
	strbuf_putc(w->out, c);
	w->comma = true;
}

void jsonw_object(struct jsonw *w)
{
	open_with(w, '{');
}

void jsonw_object_end(struct jsonw *w)
{
	close_with(w, '}');
}

void jsonw_array(struct jsonw *w)
{
	open_with(w, '[');
}

void jsonw_array_end(struct jsonw *w)
{
	close_with(w, ']');
}

/* ASCII that stands for itself in a string. */
static inline bool is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* Bytes from p on that go out as they are: printable ASCII but '"' and '\', and valid sequences of
 * anything above U+009F. */
static size_t plain_run(const uint8_t *p, size_t n)
{
	size_t i = 0, len;

	for (;;) {
		while (i < n && is_plain(p[i]))
			i++;
		if (i == n || p[i] < 0x80)
			return i;
		len = utf8_len(p + i, n - i);
		if (len == 0 || (p[i] == 0xc2 && p[i + 1] < 0xa0))
			return i;
		i += len;
	}
}

/* Writes the one character at p, which plain_run() stopped at; gives its length. */
static size_t escape_one(struct strbuf *out, const uint8_t *p, size_t n)
{
	static const struct {
		uint8_t c;
		char text[3];
	} shorts[] = {{'"', "\\\""}, {'\\', "\\\\"}, {'\n', "\\n"}, {'\r', "\\r"},
		      {'\t', "\\t"}, {'\b', "\\b"},  {'\f', "\\f"}};
	size_t len = utf8_len(p, n);

	for (size_t i = 0; i < COUNT_OF(shorts); i++) {
		if (shorts[i].c == *p) {
			strbuf_puts(out, shorts[i].text);
			return 1;
		}
	}
	if (len == 0) {
		strbuf_puts(out, "\xef\xbf\xbd");
		return 1;
	}
	strbuf_printf(out, "\\u%04x", len == 2 ? p[1] : p[0]); /* C1: U+0080 is C2 80 */
	return len;
}

void jsonw_escape(struct strbuf *out, struct span s)
{
	size_t i = 0;

	while (i < s.n) {
		size_t run = plain_run(s.p + i, s.n - i);

		if (run)
			strbuf_put(out, span_of(s.p + i, run));
		i += run;
		if (i < s.n)
			i += escape_one(out, s.p + i, s.n - i);
	}
}

/* Keys are most of a document's pieces: one copy each. */
void jsonw_key(struct jsonw *w, const char *key)
{
	char text[64] = ",\"";
	size_t n = strlen(key);

	CHECK(n + 4 <= sizeof text);
	memcpy(text + 2, key, n);
	memcpy(text + 2 + n, "\":", 2);
	strbuf_put(w->out, w->comma ? span_of(text, n + 4) : span_of(text + 1, n + 3));
	w->comma = false;
}

void jsonw_key_span(struct jsonw *w, struct span key)
{
	before_value(w);
	strbuf_putc(w->out, '"');
	jsonw_escape(w->out, key);
	strbuf_put(w->out, S("\":"));
	w->comma = false;
}

void jsonw_str(struct jsonw *w, struct span s)
{
	strbuf_put(w->out, w->comma ? S(",\"") : S("\""));
	jsonw_escape(w->out, s);
	strbuf_putc(w->out, '"');
	w->comma = true;
}

void jsonw_cstr(struct jsonw *w, const char *s)
{
	if (s)
		jsonw_str(w, span_cstr(s));
	else
		jsonw_null(w);
}

void jsonw_u64(struct jsonw *w, uint64_t n)
{
	char digits[20];
	size_t at = sizeof digits;

	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	before_value(w);
	strbuf_put(w->out, span_of(digits + at, sizeof digits - at));
}

void jsonw_i64(struct jsonw *w, int64_t n)
{
	before_value(w);
	strbuf_printf(w->out, "%lld", (long long)n);
}

void jsonw_real(struct jsonw *w, double d, int decimals)
{
	char text[64];
	int n;

	if (!isfinite(d) || fabs(d) > 1e15) {
		jsonw_null(w);
		return;
	}
	n = snprintf(text, sizeof text, "%.*f", decimals, d);
	if (decimals > 0) {
		while (text[n - 1] == '0')
			n--;
		if (text[n - 1] == '.')
			n--;
	}
	before_value(w);
	strbuf_put(w->out, span_of(text, (size_t)n));
}

void jsonw_bool(struct jsonw *w, bool b)
{
	before_value(w);
	strbuf_puts(w->out, b ? "true" : "false");
}

void jsonw_null(struct jsonw *w)
{
	before_value(w);
	strbuf_puts(w->out, "null");
}

void jsonw_put(struct jsonw *w, const char *key, struct span s)
{
	jsonw_key(w, key);
	if (s.n)
		jsonw_str(w, s);
	else
		jsonw_null(w);
}

void jsonw_put_cstr(struct jsonw *w, const char *key, const char *s)
{
	jsonw_key(w, key);
	jsonw_cstr(w, s);
}

void jsonw_put_u64(struct jsonw *w, const char *key, uint64_t n)
{
	jsonw_key(w, key);
	jsonw_u64(w, n);
}

void jsonw_put_bool(struct jsonw *w, const char *key, bool b)
{
	jsonw_key(w, key);
	jsonw_bool(w, b);
}

void jsonw_put_null(struct jsonw *w, const char *key)
{
	jsonw_key(w, key);
	jsonw_null(w);
}

void jsonw_put_array(struct jsonw *w, const char *key, const struct span *s, size_t n)
{
	jsonw_key(w, key);
	jsonw_array(w);
	for (size_t i = 0; i < n; i++)
		jsonw_str(w, s[i]);
	jsonw_array_end(w);
}
