/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/digest.h"

#include <stdio.h>

#include "format/sha256.h"

static bool is_lower_hex(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_digit(s.p[i]) && !(s.p[i] >= 'a' && s.p[i] <= 'f'))
			return false;
	return s.n != 0;
}

/* algorithm-component: [a-z0-9]+, joined by one of "+._-". */
static bool algorithm_valid(struct span s)
{
	bool after_joint = true;

	for (size_t i = 0; i < s.n; i++) {
		bool plain = is_digit(s.p[i]) || (s.p[i] >= 'a' && s.p[i] <= 'z');

		if (!plain && (after_joint || span_chr(S("+._-"), s.p[i]) == SIZE_MAX))
			return false;
		after_joint = !plain;
	}
	return !after_joint;
}

static bool encoded_valid(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_alnum(s.p[i]) && span_chr(S("=_-"), s.p[i]) == SIZE_MAX)
			return false;
	return s.n != 0;
}

bool digest_valid(struct span text)
{
	struct span algorithm, encoded;

	if (text.n > 256 || !span_cut(text, ':', &algorithm, &encoded))
		return false;
	if (span_is(algorithm, S("sha256")))
		return encoded.n == 64 && is_lower_hex(encoded);
	if (span_is(algorithm, S("sha512")))
		return encoded.n == 128 && is_lower_hex(encoded);
	return algorithm_valid(algorithm) && encoded_valid(encoded);
}

bool digest_sha256(struct span text, uint8_t out[32])
{
	return digest_valid(text) && span_starts(text, S("sha256:")) &&
	       span_unhex(span_from(text, 7), out, 32);
}

const char *digest_text(const uint8_t sha256[32], char buf[DIGEST_TEXT])
{
	static const char hex[] = "0123456789abcdef";

	memcpy(buf, "sha256:", 7);
	for (size_t i = 0; i < 32; i++) {
		buf[7 + 2 * i] = hex[sha256[i] >> 4];
		buf[8 + 2 * i] = hex[sha256[i] & 15];
	}
	buf[71] = '\0';
	return buf;
}

const char *digest_text_of(struct span bytes, char buf[DIGEST_TEXT])
{
	uint8_t sum[SHA256_BYTES];

	sha256_of(bytes, sum);
	return digest_text(sum, buf);
}

bool digest_chain(const struct span *diff_ids, size_t n, char out[DIGEST_TEXT])
{
	char both[2 * DIGEST_TEXT];
	uint8_t sha256[32];

	for (size_t i = 0; i < n; i++) {
		if (!digest_sha256(diff_ids[i], sha256))
			return false;
		if (i) {
			snprintf(both, sizeof both, "%s " SPAN_FMT, out, SPAN_ARG(diff_ids[i]));
			sha256_of(span_cstr(both), sha256);
		}
		digest_text(sha256, out);
	}
	return n != 0;
}

enum rmg_rc digest_check(struct span text, struct span bytes, const char *what, struct rmg_err *err)
{
	uint8_t want[32], have[32];
	char buf[DIGEST_TEXT];

	if (!digest_sha256(text, want))
		return err_set(err, RMG_E_UNSUPPORTED,
			       "%s: digest " SPAN_FMT " cannot be checked: only sha256 can", what,
			       SPAN_ARG(text));
	sha256_of(bytes, have);
	if (memcmp(want, have, sizeof want) != 0)
		return err_set(err, RMG_E_FORMAT,
			       "%s: digest is %s, but " SPAN_FMT
			       " was expected: the bytes were changed",
			       what, digest_text(have, buf), SPAN_ARG(text));
	return RMG_OK;
}
