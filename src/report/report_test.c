/* SPDX-License-Identifier: Apache-2.0 */
/* What the formats must say of the sample, from interface and specifications; whether they are
 * valid by the standards' schemas is tests/test_reports.py's to ask. */
#include "report/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "report/report_sample.h"
#include "report/write.h"

static void render(const struct report_sample *s, const char *format, struct strbuf *out)
{
	*out = strbuf_of(1 << 28);
	report_format_of(span_cstr(format))->write(&s->in, out);
	assert_int_equal(strbuf_rc(out), RMG_OK);
}

static void must_say(const struct strbuf *out, const char *text)
{
	if (strstr(strbuf_cstr(out), text) == NULL)
		fail_msg("does not say %s:\n%s", text, strbuf_cstr(out));
}

static void must_not_say(const struct strbuf *out, const char *text)
{
	if (strstr(strbuf_cstr(out), text) != NULL)
		fail_msg("says %s:\n%s", text, strbuf_cstr(out));
}

static void all_formats_are_clean_text(void **state)
{
	struct report_sample s;
	struct strbuf out;

	(void)state;
	report_sample_init(&s);
	for (size_t i = 0; report_formats[i]; i++) {
		render(&s, report_formats[i]->name, &out);
		assert_true(utf8_valid(strbuf_span(&out)));
		for (size_t k = 0; k < out.n; k++)
			assert_true(out.p[k] == '\n' || (uint8_t)out.p[k] >= 0x20);
		assert_int_equal(out.p[out.n - 1], '\n');
		strbuf_done(&out);
	}
	report_sample_done(&s);
}

static void equal_input_gives_equal_bytes(void **state)
{
	struct report_sample s;
	struct strbuf a, b;

	(void)state;
	report_sample_init(&s);
	for (size_t i = 0; report_formats[i]; i++) {
		render(&s, report_formats[i]->name, &a);
		render(&s, report_formats[i]->name, &b);
		assert_true(span_is(strbuf_span(&a), strbuf_span(&b)));
		strbuf_done(&a);
		strbuf_done(&b);
	}
	report_sample_done(&s);
}

static void a_serial_number_is_of_the_content(void **state)
{
	struct report_sample s;
	struct strbuf a, b;
	const char *at;

	(void)state;
	report_sample_init(&s);
	render(&s, "cyclonedx-json", &a);
	s.in.created = S("2026-11-24T12:00:01Z");
	render(&s, "cyclonedx-json", &b);
	at = strstr(strbuf_cstr(&a), "\"serialNumber\":\"urn:uuid:");
	assert_non_null(at);
	at += strlen("\"serialNumber\":\"urn:uuid:");
	assert_int_equal(at[14], '8');
	assert_non_null(strchr("89ab", at[19]));
	assert_true(memmem(b.p, b.n, at, 36) == NULL);
	strbuf_done(&a);
	strbuf_done(&b);
	report_sample_done(&s);
}

static void json_says_all_that_is_known(void **state)
{
	static const char *const says[] = {
	    "{\"schema\":\"rummage/report/"
	    "1\",\"rummage\":\"0.1.0\",\"created\":\"2026-11-24T12:00:00Z\","
	    "\"sandbox\":\"seccomp+landlock/4\"",
	    "\"index\":null,\"manifest\":\"sha256:4444",
	    "\"size\":1500,\"layers_total\":2}",
	    "\"complete\":false",
	    "{\"severity\":\"lost\",\"code\":\"gzip-truncated\",\"cataloger\":\"layer\",\"path\":"
	    "null,"
	    "\"layer\":1,",
	    "\"eol\":\"2028-06-30\"",
	    "\"base\":{\"known\":true,\"name\":\"debian:12\",\"digest\":null,\"how\":\"chain\","
	    "\"layers\":1}",
	    /* the source's version is the package's where it says none of its own */
	    "\"source\":{\"name\":\"openssl\",\"version\":\"3.0.11-1~deb12u2\"}",
	    "\"licenses\":[\"Apache-2.0\",\"(MIT OR GPL-2.0-only WITH x)\"]",
	    "\"provides\":[\"pkg:pypi/cryptography@38.0.4\"]",
	    "\"name\":\"org.apache.logging.log4j:log4j-core\"",
	    "\"name\":\"@evil/a\\\"b\\u001b]0;\xef\xbf\xbd\",\"version\":null,\"arch\":null,"
	    "\"source\":null",
	    "{\"path\":\"usr/bin/passwd\",\"sha256\":\"abcd0000",
	    "\"mode\":\"4755\",\"format\":\"elf\",\"arch\":\"amd64\",\"owner\":\"pkg:deb/",
	    "\"setuid\":true,\"layer\":0",
	    "\"owner\":null,\"setuid\":false",
	    "\"aliases\":[\"GHSA-jfh8-c2jp-5v3q\"]",
	    "\"fixed\":[\"2.15.0\",\"2.12.2\"],\"status\":\"fixed\"",
	    "{\"version\":\"3.1\",\"vector\":\"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H\","
	    "\"score\":10,\"source\":\"nvd\"}",
	    "\"epss\":{\"score\":0.94358,\"percentile\":0.99957}",
	    "\"kev\":{\"added\":\"2021-12-10\",\"due\":\"2021-12-24\"}",
	    "\"suppressed\":{\"by\":\"team-a\",\"reason\":\"never reached\","
	    "\"until\":\"2027-01-31\"}",
	    "\"status\":\"wont_fix\"",
	    "\"status\":\"under_investigation\"",
	    "\"labels\":{\"org.opencontainers.image.vendor\":\"Acme \\\"Inc\\\"\"}",
	    "\"author_claimed\":\"Acme\",\"author_proven\":null",
	    "\"policy\":{\"file\":null,\"passed\":false,\"violations\":[{\"rule\":\"fail-on high\"",
	    "\"age_s\":10800",
	    "{\"name\":\"starter\",\"fetched\":null,\"count\":150,\"starter\":true}",
	    "\"summary\":{\"components\":5,\"executables\":3,\"unowned_executables\":2,"
	    "\"findings\":{\"critical\":1,\"high\":0,\"medium\":2,\"low\":1,\"negligible\":0,"
	    "\"unknown\":1},\"fixable\":2,\"suppressed\":1,",
	    "\"unattributed_bytes\":24",
	    "\"timing_ms\":{\"fetch\":1.5,",
	};
	struct report_sample s;
	struct strbuf out;

	(void)state;
	report_sample_init(&s);
	render(&s, "json", &out);
	for (size_t i = 0; i < COUNT_OF(says); i++)
		must_say(&out, says[i]);
	strbuf_done(&out);
	report_sample_done(&s);
}

static void findings_that_were_not_asked_for_are_null(void **state)
{
	struct report_sample s;
	struct strbuf out;

	(void)state;
	report_sample_init(&s);
	s.in.verdict = NULL;
	render(&s, "json", &out);
	must_say(&out, "\"findings\":null,\"provenance\"");
	must_say(&out, "\"db\":null");
	must_say(&out, "\"findings\":null,\"fixable\":null");
	strbuf_done(&out);
	render(&s, "cyclonedx-json", &out);
	must_not_say(&out, "vulnerabilities");
	strbuf_done(&out);
	render(&s, "table", &out);
	must_not_say(&out, "finding");
	strbuf_done(&out);
	report_sample_done(&s);
}

static void the_table_is_loud_about_doubt(void **state)
{
	struct report_sample s;
	struct strbuf out;

	(void)state;
	report_sample_init(&s);
	s.inv.sandbox = "none";
	render(&s, "table", &out);
	must_say(&out, "INCOMPLETE");
	must_say(&out, "lost layer 1 gzip-truncated: the layer ends too early");
	must_say(&out, "STARTER DATABASE");
	must_say(&out, "NOT SANDBOXED");
	must_say(&out,
		 "5 findings in 5 components: 1 critical, 2 medium, 1 low, 1 unknown; 2 fixable; "
		 "1 suppressed\n");
	must_say(&out, "CVE-2021-44228 !");
	must_not_say(&out, "CVE-2023-0001"); /* suppressed */
	must_not_say(&out, "\033");
	strbuf_done(&out);
	report_sample_done(&s);
}

static void a_whole_result_is_not_called_incomplete(void **state)
{
	struct report_sample s;
	struct strbuf out;

	(void)state;
	report_sample_init(&s);
	s.verdict.complete = s.inv.complete = true;
	s.in.policy_passed = true;
	render(&s, "table", &out);
	must_not_say(&out, "INCOMPLETE");
	must_not_say(&out, "POLICY");
	strbuf_done(&out);
	render(&s, "sarif", &out);
	must_say(&out, "\"executionSuccessful\":true");
	strbuf_done(&out);
	report_sample_done(&s);
}

/* Every row of findings fits, cut ones end in an ellipsis; colours count nothing. */
static void rows_fit_the_terminal(void **state)
{
	struct report_sample s;

	(void)state;
	report_sample_init(&s);
	for (unsigned columns = 90; columns < 200; columns += 7) {
		struct strbuf out;
		struct span text, line;
		bool table = false;

		s.in.columns = columns;
		render(&s, "table", &out);
		text = strbuf_span(&out);
		while (span_next(&text, '\n', &line)) {
			table = span_starts(line, S("COMPONENT")) || (table && line.n);
			if (table && utf8_width(line) > columns)
				fail_msg("%u: " SPAN_FMT, columns, SPAN_ARG(line));
		}
		strbuf_done(&out);
	}
	s.in.columns = 90;
	s.in.color = true;
	{
		struct strbuf out;

		render(&s, "table", &out);
		must_say(&out, "\033[1;31mcritical\033[0m");
		must_say(&out, "\xe2\x80\xa6");
		strbuf_done(&out);
	}
	report_sample_done(&s);
}

static void times_are_rfc3339(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
	    {"2021-12-10", "2021-12-10T00:00:00Z"},
	    {"2021-12-10T00:40:56Z", "2021-12-10T00:40:56Z"},
	    {"2021-12-10T00:40:56.123456789Z", "2021-12-10T00:40:56Z"},
	    {"2021-12-10T00:40:56+02:00", "2021-12-10T00:40:56+02:00"},
	    {"2021-12-10T00:40:56", "2021-12-10T00:40:56Z"},
	    {"yesterday", NULL},
	    {"", NULL},
	    {"2021-12", NULL},
	};
	char out[32];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(report_time(span_cstr(rows[i].in), out), rows[i].out != NULL);
		if (rows[i].out)
			assert_string_equal(out, rows[i].out);
	}
}

static void paths_become_uris(void **state)
{
	struct strbuf out = strbuf_of(1000);

	(void)state;
	report_uri_path(&out, S("opt/a b/%/\xff/\xc3\xa9:x"));
	assert_string_equal(strbuf_cstr(&out), "opt/a%20b/%25/%FF/%C3%A9%3Ax"); /* RFC 3986, 2.1 */
	assert_true(report_is_url(S("https://a.example/b?c=d#e")));
	assert_false(report_is_url(S("https://a.example/b c")));
	assert_false(report_is_url(S("javascript:x")));
	assert_false(report_is_url(S("https://a\0b")));
	strbuf_done(&out);
}

/* The same work a component however many there are: time of 4N at most 10 times that of N. */
static void writers_are_linear(void **state)
{
	(void)state;
	for (size_t i = 0; report_formats[i]; i++) {
		double ms[2];

		for (size_t k = 0; k < 2; k++) {
			struct report_sample s;
			struct strbuf out;
			struct timespec a, b;

			report_sample_large(&s, k ? 40000 : 10000);
			clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
			render(&s, report_formats[i]->name, &out);
			clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
			ms[k] = (double)(b.tv_sec - a.tv_sec) * 1e3 +
				(double)(b.tv_nsec - a.tv_nsec) / 1e6;
			strbuf_done(&out);
			report_sample_done(&s);
		}
		print_message("%s: 10,000 components and findings %.1f ms, 40,000 %.1f ms\n",
			      report_formats[i]->name, ms[0], ms[1]);
		assert_true(ms[1] < 10 * ms[0] + 20);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(all_formats_are_clean_text),
	    cmocka_unit_test(equal_input_gives_equal_bytes),
	    cmocka_unit_test(a_serial_number_is_of_the_content),
	    cmocka_unit_test(json_says_all_that_is_known),
	    cmocka_unit_test(findings_that_were_not_asked_for_are_null),
	    cmocka_unit_test(the_table_is_loud_about_doubt),
	    cmocka_unit_test(a_whole_result_is_not_called_incomplete),
	    cmocka_unit_test(rows_fit_the_terminal),
	    cmocka_unit_test(times_are_rfc3339),
	    cmocka_unit_test(paths_become_uris),
	    cmocka_unit_test(writers_are_linear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
