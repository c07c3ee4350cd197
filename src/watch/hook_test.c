/* SPDX-License-Identifier: Apache-2.0 */
/* Messages as the registries' own documentation gives them. */
#include "watch/hook.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/strbuf.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST "sha256:" HEX

static struct arena arena;

static int begin(void **state)
{
	(void)state;
	arena_init(&arena, MIB(4));
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

static enum rmg_rc parse(const char *kind, const char *text, struct hooks *out)
{
	const struct hook_kind *k = hook_kind_of(span_cstr(kind));
	struct rmg_err err = {0};
	enum rmg_rc rc;

	assert_non_null(k);
	rc = hook_parse(k, span_cstr(text), &arena, out, &err);
	if (rc != RMG_OK)
		assert_true(err.msg[0] != '\0');
	return rc;
}

static void is(struct span s, const char *what)
{
	if (!span_is(s, span_cstr(what)))
		fail_msg("\"" SPAN_FMT "\" is not \"%s\"", SPAN_ARG(s), what);
}

static void says(const char *kind, const char *text, const char *host, const char *repository,
		 const char *tag, const char *digest)
{
	struct hooks h;

	assert_int_equal(parse(kind, text, &h), RMG_OK);
	assert_int_equal(h.n, 1);
	is(h.v[0].host, host);
	is(h.v[0].repository, repository);
	is(h.v[0].tag, tag);
	is(h.v[0].digest, digest);
}

static void says_nothing(const char *kind, const char *text)
{
	struct hooks h;

	assert_int_equal(parse(kind, text, &h), RMG_OK);
	assert_int_equal(h.n, 0);
}

static void distribution(void **state)
{
	(void)state;
	says(
	    "distribution",
	    "{\"events\":[{\"action\":\"pull\",\"target\":{\"repository\":\"a/b\",\"tag\":\"1\"}},"
	    "{\"action\":\"push\",\"target\":{\"digest\":\"" DIGEST "\",\"repository\":\"a/b\"}},"
	    "{\"action\":\"push\",\"target\":{\"digest\":\"" DIGEST
	    "\",\"repository\":\"a/b\",\"tag\":\"1\"},\"request\":{\"host\":\"r.example:5000\"}}]}",
	    "r.example:5000", "a/b", "1", DIGEST);
	says("distribution",
	     "{\"events\":[{\"action\":\"delete\",\"target\":{\"repository\":\"a/b\",\"tag\":\"1\","
	     "\"url\":\"https://r.example/v2/a/b\",\"digest\":\"" DIGEST "\"}}]}",
	     "r.example", "a/b", "1", "");
	says_nothing("distribution", "{\"events\":[]}");
}

static void harbor(void **state)
{
	(void)state;
	says("harbor",
	     "{\"type\":\"PUSH_ARTIFACT\",\"event_data\":{\"resources\":[{\"digest\":\"" DIGEST
	     "\",\"tag\":\"latest\",\"resource_url\":\"hub.example/shop/app:latest\"}],"
	     "\"repository\":{\"name\":\"app\",\"namespace\":\"shop\","
	     "\"repo_full_name\":\"shop/app\"}}}",
	     "hub.example", "shop/app", "latest", DIGEST);
	says("harbor",
	     "{\"specversion\":\"1.0\",\"type\":\"harbor.artifact.pushed\",\"data\":{\"resources\":"
	     "[{\"tag\":\"2\"}],\"repository\":{\"repo_full_name\":\"shop/app\"}}}",
	     "", "shop/app", "2", "");
	says_nothing("harbor",
		     "{\"type\":\"PULL_ARTIFACT\",\"event_data\":{\"resources\":[{\"tag\":\"1\"}],"
		     "\"repository\":{\"repo_full_name\":\"shop/app\"}}}");
}

static void quay(void **state)
{
	struct hooks h;

	(void)state;
	assert_int_equal(parse("quay",
			       "{\"name\":\"app\",\"repository\":\"shop/app\",\"namespace\":"
			       "\"shop\",\"docker_url\":\"r.example/shop/app\",\"homepage\":"
			       "\"https://r.example/repository/shop/app\",\"updated_tags\":"
			       "[\"latest\",\"1\",7,\"-\"]}",
			       &h),
			 RMG_OK);
	assert_int_equal(h.n, 2);
	is(h.v[1].host, "r.example");
	is(h.v[1].repository, "shop/app");
	is(h.v[1].tag, "1");
}

static void dockerhub(void **state)
{
	(void)state;
	says("dockerhub",
	     "{\"push_data\":{\"pushed_at\":1582839308,\"pusher\":\"x\",\"tag\":\"latest\"},"
	     "\"callback_url\":\"https://registry.hub.docker.com/u/x/y/hook/z/\","
	     "\"repository\":{\"repo_name\":\"x/y\",\"name\":\"y\",\"namespace\":\"x\"}}",
	     "docker.io", "x/y", "latest", "");
}

static void ghcr(void **state)
{
	(void)state;
	says("ghcr",
	     "{\"action\":\"published\",\"package\":{\"name\":\"app\",\"namespace\":\"shop\","
	     "\"ecosystem\":\"CONTAINER\",\"package_version\":{\"container_metadata\":{\"tag\":"
	     "{\"name\":\"1\",\"digest\":\"" DIGEST "\"}}}}}",
	     "ghcr.io", "shop/app", "1", DIGEST);
	says("ghcr",
	     "{\"action\":\"published\",\"registry_package\":{\"name\":\"app\",\"namespace\":"
	     "\"shop\",\"package_version\":{\"container_metadata\":{\"tag\":{\"name\":\"1\","
	     "\"digest\":\"none\"}}}}}",
	     "ghcr.io", "shop/app", "1", "");
	says_nothing("ghcr", "{\"zen\":\"Design for failure.\",\"hook_id\":1}");
	says_nothing("ghcr", "{\"package\":{\"name\":\"app\",\"package_version\":{}}}");
}

static void artifactory(void **state)
{
	struct hooks h;

	(void)state;
	assert_int_equal(
	    parse("artifactory",
		  "{\"domain\":\"docker\",\"event_type\":\"pushed\",\"data\":"
		  "{\"repo_key\":\"docker-local\",\"path\":\"shop/app/1/manifest.json\","
		  "\"name\":\"manifest.json\",\"sha256\":\"" HEX
		  "\",\"image_name\":\"shop/app\",\"tag\":\"1\"}}",
		  &h),
	    RMG_OK);
	assert_int_equal(h.n, 2);
	is(h.v[0].repository, "shop/app");
	is(h.v[1].repository, "docker-local/shop/app");
	is(h.v[1].digest, DIGEST);
	says_nothing("artifactory", "{\"domain\":\"artifact\",\"data\":{\"tag\":\"1\"}}");
}

static void acr(void **state)
{
	(void)state;
	says("acr",
	     "{\"id\":\"x\",\"timestamp\":\"2017-11-17T16:52:32Z\",\"action\":\"push\",\"target\":"
	     "{\"mediaType\":\"application/vnd.docker.distribution.manifest.v2+json\",\"size\":524,"
	     "\"digest\":\"" DIGEST "\",\"length\":524,\"repository\":\"hello-world\",\"tag\":"
	     "\"v1\"},\"request\":{\"id\":\"y\",\"host\":\"mine.azurecr.io\",\"method\":\"PUT\"}}",
	     "mine.azurecr.io", "hello-world", "v1", DIGEST);
	says_nothing("acr", "{\"id\":\"x\",\"action\":\"ping\"}");
	says_nothing("acr",
		     "{\"action\":\"quarantine\",\"target\":{\"repository\":\"a\",\"tag\":\"1\"}}");
}

#define ECR(action)                                                                                \
	"{\"version\":\"0\",\"detail-type\":\"ECR Image Action\",\"source\":\"aws.ecr\","          \
	"\"account\":\"123456789012\",\"region\":\"us-west-2\",\"resources\":[],\"detail\":{"      \
	"\"result\":\"SUCCESS\",\"repository-name\":\"shop/app\",\"image-digest\":\"" DIGEST       \
	"\",\"action-type\":\"" action "\",\"image-tag\":\"latest\"}}"
#define ECR_HOST "123456789012.dkr.ecr.us-west-2.amazonaws.com"

static void ecr(void **state)
{
	struct hooks h;

	(void)state;
	says("ecr", ECR("PUSH"), ECR_HOST, "shop/app", "latest", DIGEST);
	says("ecr", ECR("DELETE"), ECR_HOST, "shop/app", "latest", "");
	says_nothing("ecr", ECR("REPLICATE"));
	says_nothing("ecr", "{\"detail-type\":\"ECR Pull Through Cache Action\",\"detail\":{}}");
	assert_int_equal(
	    parse("ecr",
		  "{\"detail-type\":\"ECR Image Scan\",\"account\":\"1\",\"region\":\"cn-north-1\","
		  "\"detail\":{\"scan-status\":\"COMPLETE\",\"repository-name\":\"shop/app\","
		  "\"finding-severity-counts\":{\"CRITICAL\":10},\"image-digest\":\"" DIGEST
		  "\",\"image-tags\":[\"1\",\"2\"]}}",
		  &h),
	    RMG_OK);
	assert_int_equal(h.n, 2);
	is(h.v[1].host, "1.dkr.ecr.cn-north-1.amazonaws.com.cn");
	is(h.v[1].tag, "2");
	is(h.v[1].digest, "");
	says("ecr",
	     "{\"Type\":\"Notification\",\"Message\":\"{\\\"detail-type\\\":\\\"ECR Image "
	     "Action\\\","
	     "\\\"detail\\\":{\\\"result\\\":\\\"SUCCESS\\\",\\\"action-type\\\":\\\"PUSH\\\","
	     "\\\"repository-name\\\":\\\"a\\\",\\\"image-tag\\\":\\\"1\\\"}}\"}",
	     "", "a", "1", "");
	assert_int_equal(parse("ecr",
			       "{\"Type\":\"SubscriptionConfirmation\",\"SubscribeURL\":"
			       "\"https://x.example/\"}",
			       &h),
			 RMG_E_UNSUPPORTED);
	assert_int_equal(parse("ecr", "{\"Type\":\"Notification\",\"Message\":\"[]\"}", &h),
			 RMG_E_FORMAT);
}

static void gar(void **state)
{
	struct hooks h;

	(void)state;
	says("gar",
	     "{\"action\":\"INSERT\",\"digest\":\"us-east1-docker.pkg.dev/p/r/app@" DIGEST
	     "\",\"tag\":\"us-east1-docker.pkg.dev/p/r/app:1.1\"}",
	     "us-east1-docker.pkg.dev", "p/r/app", "1.1", DIGEST);
	says("gar", "{\"action\":\"DELETE\",\"tag\":\"gcr.io/p/app:1\"}", "gcr.io", "p/app", "1",
	     "");
	says_nothing("gar", "{\"action\":\"INSERT\",\"digest\":\"gcr.io/p/app@" DIGEST "\"}");
	says("gar",
	     "{\"message\":{\"attributes\":{},\"messageId\":\"1\",\"data\":"
	     "\"eyJhY3Rpb24iOiJJTlNFUlQiLCJ0YWciOiJnY3IuaW8vcC9hcHA6MiJ9\"},"
	     "\"subscription\":\"projects/p/subscriptions/s\"}",
	     "gcr.io", "p/app", "2", "");
	assert_int_equal(parse("gar", "{\"message\":{\"data\":\"?\"}}", &h), RMG_E_FORMAT);
	assert_int_equal(parse("gar", "{\"message\":{\"data\":\"W10=\"}}", &h), RMG_E_FORMAT);
}

static void what_is_none_is_refused(void **state)
{
	static const char *const rows[] = {
	    "", "[]", "null", "{}", "{\"events\":1}", "{", "{\"package\":[]}"};
	static const char *const names[] = {
#define X(kind, host) #kind,
#include "watch/hook.def"
#undef X
	};
	struct hooks h;

	(void)state;
	assert_null(hook_kind_of(S("")));
	assert_null(hook_kind_of(S("distributio")));
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		for (size_t k = 0; k < COUNT_OF(names); k++)
			assert_int_equal(parse(names[k], rows[i], &h), RMG_E_FORMAT);
}

static void too_many_are_counted(void **state)
{
	struct strbuf b = strbuf_of(MIB(1));
	struct hooks h;

	(void)state;
	strbuf_puts(&b, "{\"repository\":\"a/b\",\"updated_tags\":[\"x\"");
	for (size_t i = 0; i < LIMIT_HOOK_HINTS + 2; i++)
		strbuf_printf(&b, ",\"%zu\"", i);
	strbuf_puts(&b, "]}");
	assert_int_equal(parse("quay", strbuf_cstr(&b), &h), RMG_OK);
	assert_int_equal(h.n, LIMIT_HOOK_HINTS);
	assert_int_equal(h.left_out, 3);
	strbuf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(distribution),
	    cmocka_unit_test(harbor),
	    cmocka_unit_test(quay),
	    cmocka_unit_test(dockerhub),
	    cmocka_unit_test(ghcr),
	    cmocka_unit_test(artifactory),
	    cmocka_unit_test(acr),
	    cmocka_unit_test(ecr),
	    cmocka_unit_test(gar),
	    cmocka_unit_test(what_is_none_is_refused),
	    cmocka_unit_test(too_many_are_counted),
	};

	return cmocka_run_group_tests_name("hook", tests, begin, end);
}
