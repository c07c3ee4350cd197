/* SPDX-License-Identifier: Apache-2.0 */
/* One table per order, oldest first: every pair is compared both ways, so that order, antisymmetry
 * and transitivity are all shown. Versions that are equal stand in one row, parted by "|". The rows
 * follow each order's specification; tests/test_vercmp.py compares with the tools' own answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vuln/vercmp.h"

#define MAX_ROWS 40

struct ranked {
	struct span version;
	int row;
};

static size_t spread(const char *const *rows, struct ranked *out)
{
	size_t n = 0;

	for (int i = 0; rows[i]; i++) {
		struct span row = span_cstr(rows[i]), version;

		while (span_next(&row, '|', &version))
			out[n++] = (struct ranked){version, i};
	}
	return n;
}

static void check(enum version_order order, const char *const *rows)
{
	struct ranked all[MAX_ROWS * 4];
	size_t n = spread(rows, all);

	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < n; k++) {
			int want = (all[i].row > all[k].row) - (all[i].row < all[k].row);
			int got = version_cmp(order, all[i].version, all[k].version);

			if ((got > 0) - (got < 0) != want)
				fail_msg("%s: " SPAN_FMT " against " SPAN_FMT ": %d, want %d",
					 version_order_name(order), SPAN_ARG(all[i].version),
					 SPAN_ARG(all[k].version), got, want);
		}
	}
}

/* clang-format off */
static const char *const deb[] = {
	"0~~a", "0~", "0|0-0|0:0", "0a", "0+", "1~rc1-1", "1-1~bpo1", "1-1", "1-1+b1", "1-1.1", "1-2",
	"1.0-1|1.00-1|1.0-01", "1.0a", "1.0+dfsg", "1.0.1", "1.2-3-4", "1.2.3-1~deb12u1", "1.2.3-1", "1.10",
	"9.0", "10", "1:0.1", "1:0.1-1", "2:0", NULL };
static const char *const rpm[] = {
	"1.0~rc1-1", "1.0~rc2-1", "1.0|0:1.0", "1.0-1", "1.0-1.el9|0:1.0-1.el9", "1.0-1.10", "1.0-2",
	"1.0^git1-1", "1.0^git2-1", "1.0a-1", "1.0.1-1|1.0..1-1|1.0_1-1|1.00.1-1", "1.1-1", "2.fc38",
	"2.0.0|2_0_0", "10", "1:0", "2:0", NULL };
static const char *const apk[] = {
	"0.9", "1_alpha", "1_alpha1", "1_beta", "1_pre2", "1_rc1", "1_rc1-r1", "1", "1-r0", "1-r1",
	"1~ab12-r1", "1_cvs1", "1_svn2", "1_git20200101", "1_hg", "1_p", "1_p1", "1_p1-r1", "1_p2", "1a",
	"1b-r0", "1.0", "1.0.5", "1.02", "1.1", "1.9", "1.10|1.10", "2", NULL };
static const char *const alpm[] = {
	"1.0alpha-1", "1.0b-1", "1.0beta-1", "1.0rc-1", "1.0-1|1.0", "1.0.a-1", "1.0.1-1", "1.1-1", "1.1-2",
	"1.10-1", "1:0.5-1", NULL };
static const char *const semver[] = {
	"0.0.0-a", "0", "1.0.0-0", "1.0.0-2", "1.0.0-10", "1.0.0-alpha", "1.0.0-alpha.1",
	"1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1",
	"1.0.0|v1.0.0|=v1.0.0|1.0.0+build", "1.0.1", "1.2|1.2.0", "1.10.0", "2.0.0",
	"99999999999999999999.0.0", NULL };
static const char *const npm[] = {
	"1.0.0-beta", "1.0.0|v1.0.0", "4.17.20", "4.17.21", "5.0.0-rc.1", "5.0.0", NULL };
static const char *const pypi[] = {
	"no version", "0.dev1", "0|0.0", "1.0.dev1", "1.0a1.dev1", "1.0a1|1.0.alpha.1|1.0-a-1|1a1", "1.0a1.post1",
	"1.0b2", "1.0rc1|1.0c1|1.0.pre1|1.0preview1", "1.0|v1|1.0.0| 1.0 ", "1.0+abc", "1.0+abc.5", "1.0+5|1.0+05",
	"1.0.post1.dev2", "1.0.post1|1.0-1|1.0.rev1|1.0r1", "1.0.post2", "1.0.1", "1.1.dev1", "1.1", "1.10",
	"2024.1", "1!0.1", NULL };
static const char *const maven[] = {
	"1-alpha-1|1-a1", "1-beta-1|1b1", "1-milestone-1|1m1", "1-rc-1|1-cr1|1rc1", "1-snapshot",
	"1|1.0|1.0.0|1-ga|1.final|1-release|1.0-0", "1-sp", "1-abc", "1-xyz", "1-1", "1-2", "1.0.1", "1.1", "1.2",
	"1.10", "2.0-alpha", "2.0", "2.0.1-jre", "9999999999999999999999", NULL };
static const char *const golang[] = {
	"v0.0.0-20190718012654-fb15b899a751", "v0.0.0-20200101000000-aaaaaaaaaaaa", "v0.0.1",
	"v1.2.3-0.20200101000000-abcdefabcdef", "v1.2.3-rc.1", "v1.2.3|1.2.3|v1.2.3+incompatible",
	"1.21rc2|go1.21rc2|1.21.0-rc.2", "1.21rc10|1.21.0-rc.10", "go1.21.0|1.21|1.21.0", "1.21.3", "go1.22.0", NULL };
static const char *const cargo[] = {
	"0.9.0-alpha", "0.9.0", "0.10.0", "111.25.0|111.25.0+1.1.1t", "111.26.0", NULL };
static const char *const gem[] = {
	"0.a", "0|0.0|", "1.0.a", "1.0.a.2", "1.0.b1", "1.0.pre|1.pre", "1.0.rc1", "1|1.0|1.0.0", "1.0.1", "1.2.3-4|1.2.3.pre.4",
	"1.2.3", "1.2.3.4", "1.9", "1.10", "2", NULL };
static const char *const nuget[] = {
	"1.0.0-alpha|1.0.0-ALPHA", "1.0.0-beta.2", "1.0.0-beta.10|1.0-Beta.10", "1.0.0|1.0|1.0.0.0|1.0.0+x", "1.0.0.1",
	"1.0.1", "1.10", NULL };
static const char *const composer[] = {
	"dev-main", "1.0.0-dev", "1.0-alpha|1.0.0a", "1.0-alpha2|1.0.0-a2", "1.0-beta1|1.0b1", "1.0-beta.2", "1.0-RC1|1.0rc1",
	"1.0|v1.0.0|1.0.0.0|1.0-stable|1.0+build|1.0@beta", "1.0-patch1|1.0p1|1.0pl1", "1.0.1", "1.2.9", "1.2.x-dev",
	"1.3", "1.10", "2010-01-02", NULL };
static const char *const cran[] = {
	"0.9", "0.75", "1.0", "1.0.0|1.0-0", "1.0-1|1.0.1", "1.10", NULL };
static const char *const hackage[] = { "0.9", "1", "1.0", "1.0.0", "1.0.1", "1.10", "2", NULL };
static const char *const hex[] = { "1.0.0-rc.0", "1.0.0", "1.0.1", "1.10.0", NULL };
static const char *const pub[] = { "1.0.0-dev", "1.0.0", "1.0.0+1", "1.0.0+2", "1.0.0+10", "1.0.1", NULL };
static const char *const generic[] = { "", "1", "1.", "1.0", "1.2", "1.2b", "1.10", "2", "r1", NULL };
/* clang-format on */

static const char *const *const tables[ORDER_COUNT] = {
#define X(name, fn) [ORDER_##name] = name,
#include "vuln/vercmp.def"
#undef X
};

static void every_order_has_its_table(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ORDER_COUNT; i++) {
		assert_non_null(tables[i]);
		check((enum version_order)i, tables[i]);
	}
}

static void orders_have_names(void **state)
{
	enum version_order order;

	(void)state;
	for (unsigned i = 0; i < ORDER_COUNT; i++) {
		assert_true(
		    version_order_of(span_cstr(version_order_name((enum version_order)i)), &order));
		assert_int_equal(order, i);
	}
	assert_false(version_order_of(S("cobol"), &order));
}

static void rpm_without_epochs(void **state)
{
	(void)state;
	assert_true(ver_rpm_no_epoch(S("4:5.26.3-419"), S("5.26.3-419")) == 0);
	assert_true(ver_rpm_no_epoch(S("4:1.0-1"), S("1:2.0-1")) < 0);
}

/* What apk refuses is older than the same without it, and equal from there on. */
static void apk_invalid(void **state)
{
	(void)state;
	assert_true(ver_apk(S("1-x"), S("1")) < 0);
	assert_true(ver_apk(S("1-r0-x2"), S("1-r0-x1")) == 0);
	assert_true(ver_apk(S("1.2_blah"), S("1.2_cvs1")) < 0);
	assert_true(ver_apk(S("9.8p1-r1"), S("9.9p1-r0")) < 0);
	assert_true(ver_apk(S("6.6.2p1"), S("6.6.2_p1")) > 0);
}

/* Three hundred thousand separators each: minutes if anything here were quadratic. */
static void long_versions_are_linear(void **state)
{
	static const char patterns[][4] = {"0-", "0.", "1.", "a0", "~0", "-a", ".0a"};
	static uint8_t a[600001], b[600001];

	(void)state;
	for (size_t p = 0; p < COUNT_OF(patterns); p++) {
		size_t n = strlen(patterns[p]);

		for (size_t i = 0; i < sizeof a - 1; i++)
			a[i] = b[i] = (uint8_t)patterns[p][i % n];
		a[sizeof a - 1] = '1';
		b[sizeof b - 1] = '2';
		for (unsigned o = 0; o < ORDER_COUNT; o++) {
			int x = version_cmp((enum version_order)o, span_of(a, sizeof a),
					    span_of(b, sizeof b));
			int y = version_cmp((enum version_order)o, span_of(b, sizeof b),
					    span_of(a, sizeof a));

			assert_true((x > 0) - (x < 0) == (y < 0) - (y > 0));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_order_has_its_table), cmocka_unit_test(orders_have_names),
	    cmocka_unit_test(rpm_without_epochs),        cmocka_unit_test(apk_invalid),
	    cmocka_unit_test(long_versions_are_linear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
