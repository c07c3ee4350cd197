/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/lib.h"

#include <time.h>

#include "base/utf8.h"

const char *lib_text(struct arena *a, struct span s)
{
	char *text = arena_cstr(a, s);

	for (size_t i = 0; text && i < s.n; i++) {
		if (text[i] == '\0')
			text[i] = '?';
	}
	if (text && s.n)
		utf8_clean_cstr(text, s.n + 1);
	return text;
}

enum rmg_severity lib_severity(enum adv_severity s)
{
	switch (s) {
	case SEV_NEGLIGIBLE:
		return RMG_SEV_NEGLIGIBLE;
	case SEV_LOW:
		return RMG_SEV_LOW;
	case SEV_MEDIUM:
		return RMG_SEV_MEDIUM;
	case SEV_HIGH:
		return RMG_SEV_HIGH;
	case SEV_CRITICAL:
		return RMG_SEV_CRITICAL;
	case SEV_UNKNOWN:
		break;
	}
	return RMG_SEV_UNKNOWN;
}

enum rmg_status lib_status(enum adv_status s)
{
	switch (s) {
	case ADV_FIXED:
		return RMG_FIXED;
	case ADV_NOT_AFFECTED:
		return RMG_NOT_AFFECTED;
	case ADV_UNDER_INVESTIGATION:
		return RMG_INVESTIGATING;
	case ADV_WONT_FIX:
		return RMG_WONT_FIX;
	case ADV_END_OF_LIFE:
		return RMG_END_OF_LIFE;
	case ADV_AFFECTED:
		break;
	}
	return RMG_AFFECTED;
}
