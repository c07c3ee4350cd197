/* SPDX-License-Identifier: Apache-2.0 */
/* Reports as the registries' own documentation and programs give them. */
#include "oci/other.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/limits.h"

#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static enum rmg_rc parse(const char *kind, const char *text, struct arena *a,
			 struct other_report *out)
{
	struct rmg_err err = {0};
	enum rmg_rc rc = other_parse(other_kind_of(span_cstr(kind)), span_cstr(text), a, out, &err);

	assert_true(rc == RMG_OK || err.msg[0]);
	return rc;
}

static void is(const struct other_finding *f, const char *want)
{
	struct strbuf b = strbuf_of(KIB(4));

	strbuf_printf(&b, SPAN_FMT " " SPAN_FMT " " SPAN_FMT " " SPAN_FMT " " SPAN_FMT,
		      SPAN_ARG(f->id), SPAN_ARG(f->package), SPAN_ARG(f->version),
		      SPAN_ARG(f->fixed), SPAN_ARG(f->severity));
	assert_string_equal(strbuf_cstr(&b), want);
	strbuf_done(&b);
}

static void harbor(void **state)
{
	struct other_report r;
	struct arena a;

	(void)state;
	arena_init(&a, MIB(4));
	assert_int_equal(
	    parse("harbor",
		  "{\"application/vnd.security.vulnerability.report; version=1.1\":{"
		  "\"generated_at\":\"2026-01-02T03:04:05Z\",\"scanner\":{\"name\":\"Trivy\","
		  "\"vendor\":\"Aqua Security\",\"version\":\"v0.50.0\"},\"severity\":\"High\","
		  "\"vulnerabilities\":[{\"id\":\"CVE-2019-10744\",\"package\":\"lodash\","
		  "\"version\":\"4.17.4\",\"fix_version\":\"4.17.12\",\"severity\":\"Critical\","
		  "\"links\":[\"https://x.example\"]},{\"id\":\"\",\"package\":\"y\"},7]}}",
		  &a, &r),
	    RMG_OK);
	assert_true(r.ready && span_is(r.scanner, S("Trivy")) && r.n == 1);
	is(&r.v[0], "CVE-2019-10744 lodash 4.17.4 4.17.12 critical");
	assert_int_equal(parse("harbor", "{}", &a, &r), RMG_OK);
	assert_false(r.ready);
	assert_int_equal(parse("harbor", "{\"application/x\":{}}", &a, &r), RMG_E_FORMAT);
	assert_string_equal(
	    other_path(other_kind_of(S("harbor")), S("shop/team/app"), S(DIGEST), &a),
	    "/api/v2.0/projects/shop/repositories/team%252Fapp/artifacts/" DIGEST
	    "/additions/vulnerabilities");
	assert_null(other_path(other_kind_of(S("harbor")), S("app"), S(DIGEST), &a));
	assert_null(other_path(other_kind_of(S("quay")), S("a/b"), S("../x"), &a));
	arena_done(&a);
}

static void quay(void **state)
{
	struct other_report r;
	struct arena a;

	(void)state;
	arena_init(&a, MIB(4));
	assert_int_equal(
	    parse("quay",
		  "{\"status\":\"scanned\",\"data\":{\"Layer\":{\"Name\":\"" DIGEST
		  "\",\"Features\":[{\"Name\":\"openssl\",\"Version\":\"1.1.1k-7.el8_6\","
		  "\"AddedBy\":\"x\",\"Vulnerabilities\":[{\"Name\":\"RHSA-2023:1405: openssl "
		  "security update\",\"Severity\":\"High\",\"FixedBy\":\"1:1.1.1k-9.el8_7\"},"
		  "{\"Name\":\"CVE-2024-1\",\"Severity\":\"Defcon1\"}]},{\"Name\":\"none\"}]}}}",
		  &a, &r),
	    RMG_OK);
	assert_int_equal(r.n, 2);
	is(&r.v[0], "RHSA-2023:1405 openssl 1.1.1k-7.el8_6 1:1.1.1k-9.el8_7 high");
	is(&r.v[1], "CVE-2024-1 openssl 1.1.1k-7.el8_6  critical");
	assert_int_equal(parse("quay", "{\"status\":\"queued\",\"data\":null}", &a, &r), RMG_OK);
	assert_true(!r.ready && r.n == 0);
	assert_int_equal(parse("quay", "{}", &a, &r), RMG_E_FORMAT);
	assert_int_equal(parse("quay", "{\"status\":\"scanned\"}", &a, &r), RMG_E_FORMAT);
	assert_int_equal(parse("quay", "[]", &a, &r), RMG_E_FORMAT);
	assert_null(other_kind_of(S("clair")));
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(harbor), cmocka_unit_test(quay)};

	return cmocka_run_group_tests_name("other", tests, NULL, NULL);
}
