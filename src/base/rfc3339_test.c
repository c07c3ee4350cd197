/* SPDX-License-Identifier: Apache-2.0 */
/* Times are compared with what timegm() makes of the same fields. */
#include "base/rfc3339.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

static void times_are_those_of_the_calendar(void **state)
{
	(void)state;
	for (int year = 1900; year < 2400; year += 3) {
		for (int month = 1; month <= 12; month++) {
			struct tm tm = {.tm_year = year - 1900,
					.tm_mon = month - 1,
					.tm_mday = 28,
					.tm_hour = 23,
					.tm_min = 5,
					.tm_sec = 59};
			char text[40];
			char back[RFC3339_BYTES];
			int64_t got = 0;

			snprintf(text, sizeof text, "%04d-%02d-28T23:05:59Z", year, month);
			assert_true(rfc3339_parse(span_cstr(text), &got));
			assert_int_equal(got, timegm(&tm) * 1000);
			assert_string_equal(rfc3339_text(got, back), text);
		}
	}
}

static void milliseconds_go_both_ways(void **state)
{
	static const char *const rows[] = {"1969-12-31T23:59:59.999Z", "1970-01-01T00:00:00.001Z",
					   "2026-11-24T12:00:00.120Z", "0226-11-02T09:00:00Z",
					   "0000-01-01T00:00:00Z",     "9999-12-31T23:59:59Z"};
	char buf[RFC3339_BYTES];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int64_t ms = 1;

		assert_true(rfc3339_parse(span_cstr(rows[i]), &ms));
		assert_string_equal(rfc3339_text(ms, buf), rows[i]);
	}
	assert_string_equal(rfc3339_text(INT64_MAX, buf), "");
	assert_string_equal(rfc3339_text(INT64_MIN, buf), "");
}

static void zones_and_fractions_are_understood(void **state)
{
	int64_t a = 0, b = 0;

	(void)state;
	assert_true(rfc3339_parse(S("2026-11-24T12:00:00Z"), &a));
	assert_true(rfc3339_parse(S("2026-11-24T13:30:00.123456789+01:30"), &b));
	assert_int_equal(a + 123, b);
	assert_true(rfc3339_parse(S("2026-11-24"), &b));
	assert_int_equal(a - b, 43200 * 1000);
}

static void what_is_no_time_is_refused(void **state)
{
	static const char *const rows[] = {
	    "",
	    "2026",
	    "2026-13-01",
	    "2026-00-10",
	    "2026-02-29",
	    "2026-04-31",
	    "20261124",
	    "2026-11-24T",
	    "2026-11-24T25:00:00Z",
	    "2026-11-24T12:00:00+1:00",
	    "2026-11-24T12:00:00 and more",
	    "yesterday!",
	};
	int64_t t;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (rfc3339_parse(span_cstr(rows[i]), &t))
			fail_msg("%s", rows[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(times_are_those_of_the_calendar),
	    cmocka_unit_test(milliseconds_go_both_ways),
	    cmocka_unit_test(zones_and_fractions_are_understood),
	    cmocka_unit_test(what_is_no_time_is_refused),
	};

	return cmocka_run_group_tests_name("rfc3339", tests, NULL, NULL);
}
