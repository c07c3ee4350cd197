/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rfc3339.h"

#include <stdio.h>
#include <time.h>

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
	int64_t y = 400 + (month <= 2 ? year - 1 : year); /* 400 years are 146,097 days */
	int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return y * 365 + y / 4 - y / 100 + y / 400 + day_of_year - 719468 - 146097;
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

bool rfc3339_parse(struct span text, int64_t *out_ms)
{
	int64_t year, month, day, hour = 0, minute = 0, second = 0, offset = 0, ms = 0;
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
			for (int64_t unit = 100; ++at < text.n && is_digit(text.p[at]); unit /= 10)
				ms += (text.p[at] - '0') * unit;
		}
		if (!offset_of(span_from(text, at), &offset))
			return false;
	}
	second += days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 - offset;
	*out_ms = second * 1000 + ms;
	return true;
}

char *rfc3339_text(int64_t ms, char buf[RFC3339_BYTES])
{
	int64_t whole = ms / 1000 - (ms % 1000 < 0);
	unsigned part = (unsigned)(ms - whole * 1000);
	time_t t = (time_t)whole;
	struct tm tm;
	size_t n;

	buf[0] = '\0';
	if (gmtime_r(&t, &tm) == NULL || tm.tm_year < -1900 || tm.tm_year > 9999 - 1900)
		return buf;
	/* Not %Y, which has three digits for the year 226. */
	n = (size_t)snprintf(buf, RFC3339_BYTES, "%04d", (tm.tm_year + 1900) % 10000);
	n += strftime(buf + n, RFC3339_BYTES - n, "-%m-%dT%H:%M:%S", &tm);
	if (part)
		n += (size_t)snprintf(buf + n, RFC3339_BYTES - n, ".%03u", part);
	snprintf(buf + n, RFC3339_BYTES - n, "Z");
	return buf;
}
