/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors and scores: FIRST's published examples (CVSS v2 guide 3.3, v3.1 and v4.0 "Examples"). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "vuln/match.h"

struct example {
	const char *vector, *version;
	double score;
};

/* clang-format off */
static const struct example examples[] = {
	{ "AV:N/AC:L/Au:N/C:N/I:N/A:C", "2.0", 7.8 },
	{ "(AV:N/AC:L/Au:N/C:C/I:C/A:C)", "2.0", 10.0 },
	{ "AV:L/AC:H/Au:N/C:C/I:C/A:C", "2.0", 6.2 },
	{ "AV:N/AC:L/Au:N/C:N/I:N/A:N", "2.0", 0.0 },
	{ "CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", "3.0", 6.1 },
	{ "CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", "3.1", 6.4 },
	{ "CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N", "3.1", 3.1 },
	{ "CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:H/I:H/A:H", "3.1", 9.9 },
	{ "CVSS:3.1/AV:L/AC:L/PR:H/UI:N/S:U/C:L/I:L/A:L", "3.1", 4.2 },
	{ "CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", "3.1", 8.8 },
	{ "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N/E:P/RL:O", "3.1", 7.5 },
	{ "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "3.1", 9.8 },
	{ "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:C/C:N/I:H/A:N", "3.1", 6.8 },
	{ "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", "3.1", 0.0 },
	{ "CVSS:4.0/AV:L/AC:L/AT:P/PR:L/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", "4.0", 7.3 },
	{ "CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:P/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", "4.0", 7.7 },
	{ "CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:N/VC:H/VI:L/VA:L/SC:N/SI:N/SA:N", "4.0", 8.3 },
	{ "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:N/VA:N/SC:N/SI:N/SA:N", "4.0", 8.7 },
	{ "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H", "4.0", 10.0 },
	{ "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:N/SC:N/SI:N/SA:N", "4.0", 0.0 },
};

static const char *const not_vectors[] = {
	"", "CVSS:3.1", "CVSS:3.1/", "7.5", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N",
	"CVSS:3.1/AV:N/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", "CVSS:3.1/AV:Z/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N",
	"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N/XX:Y", "CVSS:5.0/AV:N",
	"CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:N/VA:N/SC:S/SI:N/SA:N", "AV:N/AC:L/Au:N/C:N/I:N",
};
/* clang-format on */

static void published_examples(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(examples); i++) {
		const struct example *e = &examples[i];
		struct span version;
		double score = -1;

		if (!cvss_score(span_cstr(e->vector), &score, &version))
			fail_msg("%s: no vector", e->vector);
		if (fabs(score - e->score) > 0.001)
			fail_msg("%s: %.2f, want %.1f", e->vector, score, e->score);
		assert_true(span_is(version, span_cstr(e->version)));
	}
}

static void what_is_no_vector(void **state)
{
	struct span version = S("untouched");
	double score = -1;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(not_vectors); i++)
		if (cvss_score(span_cstr(not_vectors[i]), &score, &version))
			fail_msg("%s: %.1f", not_vectors[i], score);
	assert_true(score < 0 && span_is(version, S("untouched")));
}

static void words(void **state)
{
	enum adv_severity s;

	(void)state;
	assert_int_equal(cvss_severity(9.0), SEV_CRITICAL);
	assert_int_equal(cvss_severity(8.9), SEV_HIGH);
	assert_int_equal(cvss_severity(6.9), SEV_MEDIUM);
	assert_int_equal(cvss_severity(0.1), SEV_LOW);
	assert_int_equal(cvss_severity(0), SEV_NEGLIGIBLE);
	for (unsigned i = SEV_UNKNOWN; i <= SEV_CRITICAL; i++) {
		assert_true(severity_of(span_cstr(severity_name((enum adv_severity)i)), &s));
		assert_int_equal(s, i);
	}
	assert_true(severity_of(S("High"), &s) && s == SEV_HIGH);
	assert_false(severity_of(S("moderate"), &s));
	assert_string_equal(status_name(ADV_WONT_FIX), "wont_fix");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(published_examples),
	    cmocka_unit_test(what_is_no_vector),
	    cmocka_unit_test(words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
