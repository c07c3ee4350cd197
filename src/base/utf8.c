/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <string.h>

static bool is_tail(uint8_t b)
{
	return (b & 0xc0) == 0x80;
}

size_t utf8_len(const uint8_t *p, size_t n)
{
	if (n == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4 || n < 2 || !is_tail(p[1]))
		return 0;
	if (p[0] < 0xe0)
		return 2;
	if (n < 3 || !is_tail(p[2]))
		return 0;
	if (p[0] < 0xf0) {
		bool overlong = p[0] == 0xe0 && p[1] < 0xa0;
		bool surrogate = p[0] == 0xed && p[1] > 0x9f;

		return overlong || surrogate ? 0 : 3;
	}
	if (n < 4 || !is_tail(p[3]) || (p[0] == 0xf0 && p[1] < 0x90) ||
	    (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return 4;
}

/* Length of the clean sequence at p, 0 where there is none. */
static size_t clean_len(const uint8_t *p, size_t n)
{
	size_t len = utf8_len(p, n);

	if (len == 1 && (p[0] < 0x20 || p[0] == 0x7f))
		return 0;
	if (len == 2 && p[0] == 0xc2 && p[1] < 0xa0)
		return 0;
	return len;
}

bool utf8_valid(struct span s)
{
	for (size_t i = 0; i < s.n;) {
		size_t len = utf8_len(s.p + i, s.n - i);

		if (len == 0)
			return false;
		i += len;
	}
	return true;
}

bool utf8_is_clean(struct span s)
{
	for (size_t i = 0; i < s.n;) {
		size_t len = clean_len(s.p + i, s.n - i);

		if (len == 0)
			return false;
		i += len;
	}
	return true;
}

void utf8_clean_cstr(char *s, size_t size)
{
	uint8_t *p = (uint8_t *)s;
	size_t n = strnlen(s, size);

	for (size_t i = 0; i < n;) {
		size_t len = clean_len(p + i, n - i);

		if (len == 0) {
			p[i] = '?';
			len = 1;
		}
		i += len;
	}
}

static uint32_t code_point(const uint8_t *p, size_t len)
{
	if (len == 1)
		return p[0];
	if (len == 2)
		return (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
	if (len == 3)
		return (p[0] & 0xfu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
	return (p[0] & 7u) << 18 | (p[1] & 0x3fu) << 12 | (p[2] & 0x3fu) << 6 | (p[3] & 0x3fu);
}

/* Ranges of Unicode's EastAsianWidth W and F, and of emoji; coarse, as terminals are. */
static bool is_wide(uint32_t c)
{
	return (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) ||
	       (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
	       (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) ||
	       (c >= 0xffe0 && c <= 0xffe6) || (c >= 0x1f300 && c <= 0x1faff) ||
	       (c >= 0x20000 && c <= 0x3fffd);
}

static bool is_combining(uint32_t c)
{
	return (c >= 0x300 && c <= 0x36f) || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x20d0 && c <= 0x20ff) || (c >= 0xfe00 && c <= 0xfe0f);
}

size_t utf8_width(struct span s)
{
	size_t width = 0;

	for (size_t i = 0; i < s.n;) {
		size_t len = MAX_OF(utf8_len(s.p + i, s.n - i), (size_t)1);
		uint32_t c = code_point(s.p + i, len);

		width += is_combining(c) ? 0 : is_wide(c) ? 2 : 1;
		i += len;
	}
	return width;
}
