/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/registry.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "oci/authfile.h"

static struct arena arena;

static int begin(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 20);
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

static void urls(void **state)
{
	struct challenge c = {CHALLENGE_BEARER, S("https://a/t"), S("reg istry"), S("")};

	(void)state;
	assert_string_equal(registry_manifest_url(S("https://h"), S("a/b"), S("1.0"), &arena),
			    "https://h/v2/a/b/manifests/1.0");
	assert_string_equal(registry_blob_url(S("https://h"), S("a/b"), S("sha256:0"), &arena),
			    "https://h/v2/a/b/blobs/sha256:0");
	assert_string_equal(registry_token_url(&c, S("a/b"), "pull", &arena),
			    "https://a/t?service=reg%20istry&scope=repository%3Aa%2Fb%3Apull");
	c.realm = S("https://a/t?x=1");
	c.service = S("");
	c.scope = S("repository:z:pull,push");
	assert_string_equal(registry_token_url(&c, S("a/b"), "pull", &arena),
			    "https://a/t?x=1&scope=repository%3Az%3Apull%2Cpush");
	assert_string_equal(
	    registry_token_form(&c, S("a/b"), "pull", S("r&t"), &arena),
	    "grant_type=refresh_token&client_id=rummage&service=&scope=repository%3Az%3A"
	    "pull%2Cpush&refresh_token=r%26t");
	assert_true(span_is(registry_api_host(S("docker.io")), S("registry-1.docker.io")));
	assert_true(span_is(registry_api_host(S("localhost:5000")), S("localhost:5000")));
}

static void scopes(void **state)
{
	struct challenge c = {CHALLENGE_BEARER, S("https://a/t"), S(""), S("")};

	(void)state;
	assert_string_equal(registry_token_url(&c, S("a/b"), REGISTRY_PUSH, &arena),
			    "https://a/t?scope=repository%3Aa%2Fb%3Apull%2Cpush");
	c.scope = S("repository:a/b:pull");
	assert_string_equal(registry_token_url(&c, S("a/b"), REGISTRY_PUSH, &arena),
			    "https://a/t?scope=repository%3Aa%2Fb%3Apull%2Cpush");
	assert_string_equal(registry_token_url(&c, S("a/b"), REGISTRY_PULL, &arena),
			    "https://a/t?scope=repository%3Aa%2Fb%3Apull");
	c.scope = S("repository:a/b:push,pull");
	assert_string_equal(registry_token_url(&c, S("a/b"), REGISTRY_PUSH, &arena),
			    "https://a/t?scope=repository%3Aa%2Fb%3Apush%2Cpull");
}

/* Where the upload of sha256:0 to h.example:5000 goes on; NULL: nowhere. */
static const char *upload_path(const char *location, enum rmg_rc want)
{
	char *path = NULL;

	assert_int_equal(registry_upload_path(S("h.example:5000"), span_cstr(location),
					      S("sha256:0"), &arena, &path, NULL),
			 want);
	return path;
}

static void uploads(void **state)
{
	static const struct {
		const char *location, *path;
	} good[] = {
	    {"/v2/a/blobs/uploads/u", "/v2/a/blobs/uploads/u?digest=sha256%3A0"},
	    {"/v2/a/blobs/uploads/u?_state=x%3D",
	     "/v2/a/blobs/uploads/u?_state=x%3D&digest=sha256%3A0"},
	    {"https://h.example:5000/up?a=b", "/up?a=b&digest=sha256%3A0"},
	    {"http://H.example:5000/up", "/up?digest=sha256%3A0"},
	    {"//h.example:5000/up", "/up?digest=sha256%3A0"},
	};
	static const char *const other[] = {
	    "https://h.example/up",
	    "https://h.example:5001/up",
	    "https://u@h.example:5000/up",
	    "//evil.example/v2/a/blobs",
	    "https://h.example:5000.evil.example/up",
	    "https://h.example:5000@e/u",
	    "http://",
	};
	static const char *const bad[] = {
	    "",           "up",   "ftp://h.example:5000/up", "https://h.example:5000", "/a b",
	    "/a\r\nX: y", "/a#b",
	};
	char *path = NULL;

	(void)state;
	assert_string_equal(registry_upload_url(S("https://h"), S("a/b"), &arena),
			    "https://h/v2/a/b/blobs/uploads/");
	for (size_t i = 0; i < COUNT_OF(good); i++)
		assert_string_equal(upload_path(good[i].location, RMG_OK), good[i].path);
	for (size_t i = 0; i < COUNT_OF(other); i++)
		assert_null(upload_path(other[i], RMG_E_UNSUPPORTED));
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_null(upload_path(bad[i], RMG_E_FORMAT));
	assert_int_equal(registry_upload_path(S("h.example"), S("https://h.example:443/u"), S("d"),
					      &arena, &path, NULL),
			 RMG_OK);
	assert_string_equal(path, "/u?digest=d");
}

static void tokens(void **state)
{
	struct registry_token t;

	(void)state;
	assert_int_equal(
	    registry_token_parse(S("{\"token\":\"abc\",\"expires_in\":300}"), &arena, &t, NULL),
	    RMG_OK);
	assert_true(span_is(t.token, S("abc")));
	assert_int_equal(t.expires_s, 300);
	assert_int_equal(registry_token_parse(S("{\"access_token\":\"x.y-z\"}"), &arena, &t, NULL),
			 RMG_OK);
	assert_true(span_is(t.token, S("x.y-z")));
	assert_int_equal(t.expires_s, 60);
	assert_int_equal(registry_token_parse(S("{}"), &arena, &t, NULL), RMG_E_AUTH);
	/* A token with a line break would write headers of its own. */
	assert_int_equal(registry_token_parse(S("{\"token\":\"a\\r\\nX: y\"}"), &arena, &t, NULL),
			 RMG_E_AUTH);
	assert_int_not_equal(registry_token_parse(S("<html>"), &arena, &t, NULL), RMG_OK);
}

static void errors(void **state)
{
	char buf[100];

	(void)state;
	assert_true(registry_error_text(
	    S("{\"errors\":[{\"code\":\"DENIED\",\"message\":\"no\"}]}"), buf, sizeof buf));
	assert_string_equal(buf, "DENIED: no");
	assert_false(registry_error_text(S("<html>"), buf, sizeof buf));
	assert_false(registry_error_text(S("{\"errors\":[]}"), buf, sizeof buf));
	assert_true(registry_says_unknown(S("{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\"}]}")));
	assert_true(registry_says_unknown(S("{\"errors\":[{\"code\":\"NAME_UNKNOWN\"}]}")));
	assert_false(registry_says_unknown(S("{\"errors\":[{\"code\":\"UNAUTHORIZED\"}]}")));
	assert_false(registry_says_unknown(S("<html>404</html>")));
	assert_false(registry_says_unknown(S("")));
}

static void pauses(void **state)
{
	(void)state;
	assert_int_equal(registry_pause_s(1, 0), 1);
	assert_int_equal(registry_pause_s(3, 0), 4);
	assert_int_equal(registry_pause_s(60, 0), 16);
	assert_int_equal(registry_pause_s(1, 7), 7);
	assert_int_equal(registry_pause_s(1, 100000), REGISTRY_PAUSE_MAX_S);
}

/* dTpw is u:p, dTpwOng= is u:p:x, eTpx is y:q. */
#define CONFIG                                                                                     \
	"{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"dTpw\"},"                         \
	"\"reg.example:5000\":{\"auth\":\"dTpwOng=\"},"                                            \
	"\"reg.example:5000/team\":{\"auth\":\"eTpx\"},"                                           \
	"\"stored.example\":{},\"id.example\":{\"auth\":\"dTo=\",\"identitytoken\":\"it\"},"       \
	"\"bad.example\":{\"auth\":\"!!\"}},"                                                      \
	"\"credHelpers\":{\"helped.example\":\"ecr-login\",\"evil.example\":\"../x\"},"            \
	"\"credsStore\":\"desktop\"}"

static void credentials(void **state)
{
	static const struct {
		const char *host, *repository, *username, *password, *helper, *server;
	} rows[] = {
	    {"docker.io", "library/a", "u", "p", "", ""},
	    {"reg.example:5000", "a", "u", "p:x", "", ""},
	    {"reg.example:5000", "team/a", "y", "q", "", ""},
	    {"reg.example:5000", "teams/a", "u", "p:x", "", ""},
	    {"helped.example", "a", "", "", "ecr-login", "helped.example"},
	    {"stored.example", "a", "", "", "desktop", "stored.example"},
	    {"other.example", "a", "", "", "desktop", "other.example"},
	};
	struct authfile f;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(authfile_find(S(CONFIG), span_cstr(rows[i].host),
					       span_cstr(rows[i].repository), &arena, &f, NULL),
				 RMG_OK);
		assert_true(span_is(f.found.username, span_cstr(rows[i].username)));
		assert_true(span_is(f.found.password, span_cstr(rows[i].password)));
		assert_true(span_is(f.helper, span_cstr(rows[i].helper)));
		assert_true(span_is(f.server, span_cstr(rows[i].server)));
	}
	assert_int_equal(authfile_find(S(CONFIG), S("id.example"), S("a"), &arena, &f, NULL),
			 RMG_OK);
	assert_true(span_is(f.found.identity_token, S("it")));
	assert_int_equal(authfile_find(S(CONFIG), S("bad.example"), S("a"), &arena, &f, NULL),
			 RMG_E_FORMAT);
	assert_int_equal(authfile_find(S(CONFIG), S("evil.example"), S("a"), &arena, &f, NULL),
			 RMG_E_FORMAT);
	assert_int_equal(authfile_find(S("{}"), S("x"), S("a"), &arena, &f, NULL), RMG_OK);
	assert_int_equal(f.found.password.n + f.helper.n, 0);
	assert_int_not_equal(authfile_find(S("{"), S("x"), S("a"), &arena, &f, NULL), RMG_OK);
}

static void helper_answers(void **state)
{
	struct credentials c;

	(void)state;
	assert_int_equal(
	    authfile_helper_answer(S("{\"ServerURL\":\"x\",\"Username\":\"u\",\"Secret\":\"s\"}"),
				   &arena, &c, NULL),
	    RMG_OK);
	assert_true(span_is(c.username, S("u")) && span_is(c.password, S("s")));
	assert_int_equal(authfile_helper_answer(S("{\"Username\":\"<token>\",\"Secret\":\"s\"}"),
						&arena, &c, NULL),
			 RMG_OK);
	assert_true(c.username.n == 0 && span_is(c.identity_token, S("s")));
	assert_int_not_equal(authfile_helper_answer(S("credentials not found"), &arena, &c, NULL),
			     RMG_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(urls, begin, end),
	    cmocka_unit_test_setup_teardown(scopes, begin, end),
	    cmocka_unit_test_setup_teardown(uploads, begin, end),
	    cmocka_unit_test_setup_teardown(tokens, begin, end),
	    cmocka_unit_test_setup_teardown(errors, begin, end),
	    cmocka_unit_test_setup_teardown(pauses, begin, end),
	    cmocka_unit_test_setup_teardown(credentials, begin, end),
	    cmocka_unit_test_setup_teardown(helper_answers, begin, end),
	};

	return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
