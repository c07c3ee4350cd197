/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_put(struct strbuf *out, struct span s)
{
	for (size_t i = 0; i < s.n; i += 3) {
		size_t n = MIN_OF(s.n - i, (size_t)3);
		uint32_t v = (uint32_t)s.p[i] << 16 | (n > 1 ? (uint32_t)s.p[i + 1] << 8 : 0) |
			     (n > 2 ? (uint32_t)s.p[i + 2] : 0);

		strbuf_putc(out, digits[v >> 18]);
		strbuf_putc(out, digits[v >> 12 & 63]);
		strbuf_putc(out, n > 1 ? digits[v >> 6 & 63] : '=');
		strbuf_putc(out, n > 2 ? digits[v & 63] : '=');
	}
}

static bool digit_of(uint8_t c, uint32_t *out)
{
	const char *at = c ? strchr(digits, c) : NULL;

	if (at == NULL)
		return false;
	*out = (uint32_t)(at - digits);
	return true;
}

bool base64_bytes(struct span text, uint8_t *out, size_t size, size_t *n)
{
	size_t got = 0, bytes = 3;

	for (size_t i = 0; i < text.n; i += 4) {
		uint32_t v = 0, d;

		if (text.n - i < 4)
			return false;
		if (i + 4 == text.n)
			bytes = text.p[i + 3] != '=' ? 3 : text.p[i + 2] != '=' ? 2 : 1;
		for (size_t k = 0; k <= bytes; k++) {
			if (!digit_of(text.p[i + k], &d))
				return false;
			v |= d << (18 - 6 * k);
		}
		if (size - got < bytes || (v & ((UINT32_C(1) << (24 - 8 * bytes)) - 1)) != 0)
			return false;
		for (size_t k = 0; k < bytes; k++)
			out[got++] = (uint8_t)(v >> (16 - 8 * k));
	}
	*n = got;
	return true;
}
