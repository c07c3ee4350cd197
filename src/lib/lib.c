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

static bool number(struct span s, size_t at, size_t digits, uint64_t max, int64_t *out)
{
	uint64_t n;

	if (s.n < at + digits || !span_u64(span_of(s.p + at, digits), 10, max, &n))
		return false;
	*out = (int64_t)n;
	return true;
}

/* Days since 1970-01-01 in the Gregorian calendar; years begin in March so that February ends them.
 */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return y * 365 + y / 4 - y / 100 + y / 400 + day_of_year - 719468;
}

static bool offset_of(struct span zone, int64_t *seconds)
{
	int64_t hours, minutes;

	*seconds = 0;
	if (span_is(zone, S("Z")) || span_is(zone, S("z")) || zone.n == 0)
		return true;
	if (zone.n != 6 || (zone.p[0] != '+' && zone.p[0] != '-') || zone.p[3] != ':' ||
	    !number(zone, 1, 2, 23, &hours) || !number(zone, 4, 2, 59, &minutes))
		return false;
	*seconds = (hours * 60 + minutes) * (zone.p[0] == '-' ? -60 : 60);
	return true;
}

static bool is_day(int64_t year, int64_t month, int64_t day)
{
	static const uint8_t days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	if (month < 1 || month > 12 || day < 1 || day > days[month - 1])
		return false;
	return leap || month != 2 || day <= 28;
}

bool lib_time(struct span text, int64_t *out)
{
	int64_t year, month, day, hour = 0, minute = 0, second = 0, offset = 0;
	size_t at = 19;

	if (!number(text, 0, 4, 9999, &year) || !number(text, 5, 2, 12, &month) ||
	    !number(text, 8, 2, 31, &day) || text.p[4] != '-' || text.p[7] != '-' ||
	    !is_day(year, month, day))
		return false;
	if (text.n > 10) {
		if (!number(text, 11, 2, 23, &hour) || !number(text, 14, 2, 59, &minute) ||
		    !number(text, 17, 2, 60, &second))
			return false;
		if (at < text.n && text.p[at] == '.') {
			while (++at < text.n && is_digit(text.p[at]))
				;
		}
		if (!offset_of(span_from(text, at), &offset))
			return false;
	}
	*out = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
	return true;
}

double lib_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
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
