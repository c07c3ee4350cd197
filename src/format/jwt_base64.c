/* SPDX-License-Identifier: Apache-2.0 */
#include "format/jwt_base64.h"

static bool value_of(uint8_t c, uint32_t *out)
{
	if (c >= 'A' && c <= 'Z')
		*out = (uint32_t)(c - 'A');
	else if (c >= 'a' && c <= 'z')
		*out = (uint32_t)(c - 'a' + 26);
	else if (is_digit(c))
		*out = (uint32_t)(c - '0' + 52);
	else if (c == '-' || c == '_')
		*out = c == '-' ? 62 : 63;
	else
		return false;
	return true;
}

bool jwt_base64_decode(struct span text, uint8_t *out, size_t *n)
{
	uint32_t bits = 0, value;
	unsigned have = 0;
	size_t at = 0;

	if (text.n % 4 == 1)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (!value_of(text.p[i], &value))
			return false;
		bits = (bits << 6 | value) & 0xffff;
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[at++] = (uint8_t)(bits >> have);
		}
	}
	if (bits & ((1u << have) - 1))
		return false;
	*n = at;
	return true;
}
