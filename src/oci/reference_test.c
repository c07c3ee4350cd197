/* SPDX-License-Identifier: Apache-2.0 */
/* Expected: what docker, skopeo and podman make of the same names. */
#include "oci/reference.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "oci/digest.h"

#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void good_names(void **state)
{
	static const struct {
		const char *text, *host, *repository, *tag, *digest;
	} rows[] = {
	    {"debian", "docker.io", "library/debian", "latest", ""},
	    {"debian:12", "docker.io", "library/debian", "12", ""},
	    {"library/debian", "docker.io", "library/debian", "latest", ""},
	    {"grafana/grafana:9.5.2-ubuntu", "docker.io", "grafana/grafana", "9.5.2-ubuntu", ""},
	    {"docker.io/debian", "docker.io", "library/debian", "latest", ""},
	    {"index.docker.io/debian", "docker.io", "library/debian", "latest", ""},
	    {"localhost/a", "localhost", "a", "latest", ""},
	    {"localhost:5000/a/b:t", "localhost:5000", "a/b", "t", ""},
	    {"127.0.0.1:5000/a", "127.0.0.1:5000", "a", "latest", ""},
	    {"[::1]:5000/a:b", "[::1]:5000", "a", "b", ""},
	    {"[2001:db8::1]/a", "[2001:db8::1]", "a", "latest", ""},
	    {"Host/a", "Host", "a", "latest", ""},
	    {"example.com/a__b/c-d--e/f.g_h:T_1.x-2", "example.com", "a__b/c-d--e/f.g_h", "T_1.x-2",
	     ""},
	    {"debian@sha256:" HEX, "docker.io", "library/debian", "", "sha256:" HEX},
	    {"example.com:443/a:1@sha256:" HEX, "example.com:443", "a", "1", "sha256:" HEX},
	    {"sha256:abc", "docker.io", "library/sha256", "abc", ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct arena a;
		struct reference r;

		arena_init(&a, 65536);
		assert_int_equal(reference_parse(span_cstr(rows[i].text), &a, &r, NULL), RMG_OK);
		assert_true(span_is(r.host, span_cstr(rows[i].host)));
		assert_true(span_is(r.repository, span_cstr(rows[i].repository)));
		assert_true(span_is(r.tag, span_cstr(rows[i].tag)));
		assert_true(span_is(r.digest, span_cstr(rows[i].digest)));
		arena_done(&a);
	}
}

static void bad_names(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
	    {"", "no image reference"},
	    {"Debian", "capital"},
	    {"example.com/Debian", "capital"},
	    {"https://example.com/a", "URL"},
	    {"a:", "no tag"},
	    {"a:-b", "no tag"},
	    {"a@sha256:123", "no digest"},
	    {"a@", "no digest"},
	    {"example.com/", "no image reference"},
	    {"a//b", "no image reference"},
	    {"a/b/", "no image reference"},
	    {"a..b", "no image reference"},
	    {"a___b", "no image reference"},
	    {"-a", "no image reference"},
	    {"a-", "no image reference"},
	    {"exa mple.com/a", "no registry host"},
	    {"-x.com/a", "no registry host"},
	    {"x.com:99999/a", "no registry host"},
	    {"x.com:/a", "no registry host"},
	    {"[::1/a", "no registry host"},
	    {"./nowhere.tar", "no such file"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct arena a;
		struct reference r;
		struct rmg_err err = {0};

		arena_init(&a, 65536);
		assert_int_not_equal(reference_parse(span_cstr(rows[i].text), &a, &r, &err),
				     RMG_OK);
		if (strstr(err.msg, rows[i].says) == NULL)
			fail_msg("%s: %s", rows[i].text, err.msg);
		arena_done(&a);
	}
}

static void texts(void **state)
{
	struct arena a;
	struct reference r;

	(void)state;
	arena_init(&a, 65536);
	assert_int_equal(reference_parse(S("debian:12@sha256:" HEX), &a, &r, NULL), RMG_OK);
	assert_true(span_is(reference_text(&r, &a), S("docker.io/library/debian:12@sha256:" HEX)));
	arena_done(&a);
}

static void loopback(void **state)
{
	(void)state;
	assert_true(host_is_loopback(S("localhost")));
	assert_true(host_is_loopback(S("localhost:5000")));
	assert_true(host_is_loopback(S("127.0.0.1:5000")));
	assert_true(host_is_loopback(S("[::1]:5000")));
	assert_false(host_is_loopback(S("127.evil.example")));
	assert_false(host_is_loopback(S("example.com")));
	assert_false(host_is_loopback(S("128.0.0.1")));
}

static void digests(void **state)
{
	uint8_t sum[32];
	char buf[DIGEST_TEXT];

	(void)state;
	assert_true(digest_valid(S("sha256:" HEX)));
	assert_false(digest_valid(
	    S("sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855")));
	assert_false(digest_valid(S("sha256:" HEX "0")));
	assert_false(digest_valid(S("sha512:" HEX)));
	assert_true(digest_valid(S("sha512:" HEX HEX)));
	/* image-spec, descriptor.md: unregistered algorithms are valid by the grammar. */
	assert_true(digest_valid(S("sha256+b64u:LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564")));
	assert_false(digest_valid(S("+sha:abc")));
	assert_false(digest_valid(S("sha..a:abc")));
	assert_false(digest_valid(S("abc")));
	assert_true(digest_sha256(S("sha256:" HEX), sum));
	assert_string_equal(digest_text(sum, buf), "sha256:" HEX);
	assert_int_equal(digest_check(S("sha256:" HEX), S(""), "x", NULL), RMG_OK);
	assert_int_equal(digest_check(S("sha256:" HEX), S("a"), "x", NULL), RMG_E_FORMAT);
	assert_int_equal(digest_check(S("sha512:" HEX HEX), S(""), "x", NULL), RMG_E_UNSUPPORTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(good_names), cmocka_unit_test(bad_names), cmocka_unit_test(texts),
	    cmocka_unit_test(loopback),   cmocka_unit_test(digests),
	};

	return cmocka_run_group_tests_name("reference", tests, NULL, NULL);
}
