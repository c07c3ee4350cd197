/* SPDX-License-Identifier: Apache-2.0 */
/* Documents as engines 20.10 (API 1.41) and 29 (API 1.52) and Podman 4.3 write them, shortened. */
#include "watch/docker_json.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/strbuf.h"

#define ID "4687c6901538521e1d3d5f560055d9a866a5e8204a9dd70a7b1af59698b28d34"
#define HEX "54e691099242768dbf973d227ff1afe4538e5d360960a7169161dadb19545d70"
#define IMAGE "sha256:" HEX
#define PULLED "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct arena arena;

static void events_are_told_apart(void **state)
{
	static const struct {
		const char *line;
		enum docker_what what;
		const char *id;
	} rows[] = {
	    {"{\"status\":\"start\",\"id\":\"" ID "\",\"from\":\"app:1\",\"Type\":\"container\","
	     "\"Action\":\"start\",\"Actor\":{\"ID\":\"" ID
	     "\",\"Attributes\":{\"image\":\"app:1\","
	     "\"name\":\"web\"}},\"scope\":\"local\",\"time\":1795550880,"
	     "\"timeNano\":1795550880074000001}",
	     DOCKER_STARTED, ID},
	    {"{\"Type\":\"container\",\"Action\":\"exec_create: sh\",\"Actor\":{\"ID\":\"" ID
	     "\"}}",
	     DOCKER_OTHER, ID},
	    {"{\"Type\":\"container\",\"Action\":\"exec\",\"Actor\":{\"ID\":\"" ID "\"}}",
	     DOCKER_ENTERED, ID},
	    {"{\"Type\":\"container\",\"Action\":\"died\",\"Actor\":{\"ID\":\"" ID "\"}}",
	     DOCKER_DIED, ID},
	    {"{\"Type\":\"container\",\"Action\":\"commit\",\"Actor\":{\"ID\":\"" ID
	     "\",\"Attributes\":{\"imageID\":\"" IMAGE "\",\"image\":\"app:1\"}}}",
	     DOCKER_IMAGE_CAME, IMAGE},
	    {"{\"Type\":\"image\",\"Action\":\"untag\",\"Actor\":{\"ID\":\"" IMAGE "\"}}",
	     DOCKER_IMAGE_CAME, IMAGE},
	    {"{\"Type\":\"image\",\"Action\":\"delete\",\"Actor\":{\"ID\":\"" IMAGE "\"}}",
	     DOCKER_IMAGE_WENT, IMAGE},
	    /* As Podman 4.3 says it. */
	    {"{\"Type\":\"image\",\"Action\":\"delete\",\"Actor\":{\"ID\":\"" HEX "\"}}",
	     DOCKER_IMAGE_WENT, "sha256:" HEX},
	    {"{\"Type\":\"image\",\"Action\":\"pull\",\"Actor\":{\"ID\":\"\",\"Attributes\":"
	     "{\"image\":\"\",\"name\":\"r.example/shop/app:1\"}}}",
	     DOCKER_IMAGE_CAME, "r.example/shop/app:1"},
	    {"{\"Type\":\"image\",\"Action\":\"loadfromarchive\",\"Actor\":{\"ID\":\"\","
	     "\"Attributes\":{\"image\":\"\",\"name\":\"/tmp/a.tar\"}}}",
	     DOCKER_SOME_IMAGE_CAME, ""},
	    {"{\"Type\":\"container\",\"Action\":\"commit\",\"Actor\":{\"ID\":\"" ID
	     "\",\"Attributes\":{\"image\":\"app:1\",\"name\":\"x\"}}}",
	     DOCKER_SOME_IMAGE_CAME, ""},
	    {"{\"Type\":\"network\",\"Action\":\"connect\",\"Actor\":{\"ID\":\"n\"}}", DOCKER_OTHER,
	     "n"},
	    {"{\"Type\":\"container\",\"Action\":\"start\"}", DOCKER_OTHER, ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct docker_event ev;

		assert_int_equal(docker_event_parse(span_cstr(rows[i].line), &arena, &ev, NULL),
				 RMG_OK);
		assert_int_equal(ev.what, rows[i].what);
		assert_true(span_is(ev.id, span_cstr(rows[i].id)));
		if (i == 0) {
			assert_int_equal(ev.at_ms, INT64_C(1795550880074));
			assert_true(span_is(ev.name, S("web")));
			assert_true(span_is(ev.ref, S("app:1")));
		}
	}
}

static struct docker_container container(const char *name, const char *ref, const char *labels)
{
	struct strbuf text = strbuf_of(1 << 16);
	struct docker_container c;

	strbuf_printf(
	    &text,
	    "{\"Id\":\"" ID "\",\"Image\":\"" IMAGE "\",\"Name\":\"/%s\",\"State\":{"
	    "\"Running\":true,\"Pid\":25488,\"StartedAt\":\"2026-11-24T20:08:00.074417361Z\"},"
	    "\"Config\":{\"Image\":\"%s\",\"Labels\":{%s}}}",
	    name, ref, labels);
	assert_int_equal(docker_container_parse(strbuf_span(&text), &arena, &c, NULL), RMG_OK);
	strbuf_done(&text);
	return c;
}

static void assert_workload(struct docker_container c, const char *kind, const char *ns,
			    const char *name)
{
	assert_true(span_is(c.workload_kind, span_cstr(kind)));
	assert_true(span_is(c.ns, span_cstr(ns)));
	assert_true(span_is(c.workload_name, span_cstr(name)));
}

/* R33: what is started again under another id is the same workload, or no rollback is ever seen. */
static void r33_a_workload_outlives_its_containers(void **state)
{
	(void)state;
	assert_workload(container("web", "app:1", ""), "Container", "", "web");
	assert_workload(container("elated_ptolemy", "app:1", ""), "Repository", "", "app");
	assert_workload(container("elated_ptolemy2", "127.0.0.1:5000/t/app:1@" PULLED, ""),
			"Repository", "", "127.0.0.1:5000/t/app");
	assert_workload(container("shop-web-1", "app",
				  "\"com.docker.compose.project\":\"shop\","
				  "\"com.docker.compose.service\":\"web\""),
			"Compose", "shop", "web");
	assert_workload(container("web.1.abc", "app",
				  "\"com.docker.swarm.service.name\":\"web\","
				  "\"com.docker.stack.namespace\":\"shop\""),
			"Service", "shop", "web");
}

static void a_container_says_when_it_began(void **state)
{
	struct docker_container c = container("web", "app:1", "\"a\":\"b\",\"c\":3");

	(void)state;
	assert_true(c.running && c.named);
	assert_int_equal(c.started_ms, INT64_C(1795550880074));
	assert_int_equal(c.pid, 25488);
	assert_int_equal(c.n_labels, 1);
	assert_true(span_is(c.image_id, S(IMAGE)));
}

static void an_image_has_every_digest_that_it_is_known_by(void **state)
{
	struct event_image image;

	(void)state;
	assert_int_equal(
	    docker_image_parse(S("{\"Id\":\"" IMAGE "\",\"RepoTags\":[\"app:1\",\"app:2\"],"
				 "\"RepoDigests\":[\"a/app@" PULLED "\",\"b/app@" PULLED "\"]}"),
			       &arena, &image, NULL),
	    RMG_OK);
	assert_int_equal(image.n_digests, 2);
	assert_true(span_is(image.digests[1], S(PULLED)));
	assert_true(span_is(image.ref, S("app:1")));
	assert_int_equal(image.n_names, 2);
	assert_true(span_is(image.names[1], S("app:2")));
	assert_int_equal(docker_image_parse(S("{\"Id\":\"54e69\"}"), &arena, &image, NULL),
			 RMG_E_FORMAT);
}

static void lists_give_their_ids(void **state)
{
	struct span *ids;
	size_t n;

	(void)state;
	assert_int_equal(
	    docker_ids_parse(S("[{\"Id\":\"a\"},{},{\"Id\":\"b\"}]"), &arena, &ids, &n, NULL),
	    RMG_OK);
	assert_int_equal(n, 2);
	assert_int_equal(docker_ids_parse(S("{\"message\":\"no\"}"), &arena, &ids, &n, NULL),
			 RMG_E_FORMAT);
}

static void who_enters_says_a_command(void **state)
{
	struct docker_event ev;
	struct docker_exec x;

	(void)state;
	assert_int_equal(
	    docker_event_parse(S("{\"Type\":\"container\",\"Action\":\"exec_start: /bin/sh -c echo "
				 "hi\\nexit 0\",\"Actor\":{\"ID\":\"" ID
				 "\",\"Attributes\":{\"execID\":\"af08\"}}}"),
			       &arena, &ev, NULL),
	    RMG_OK);
	assert_int_equal(ev.what, DOCKER_ENTERED);
	assert_true(span_is(ev.exec, S("af08")));
	assert_true(span_is(ev.command, S("/bin/sh -c echo hi?exit 0")));
	assert_int_equal(
	    docker_exec_parse(S("{\"Running\":true,\"Pid\":29550,\"ProcessConfig\":{\"arguments\":"
				"[\"-c\",\"id\"],\"entrypoint\":\"sh\",\"tty\":true,\"user\":"
				"\"1000\"}}"),
			      &arena, &x, NULL),
	    RMG_OK);
	assert_true(span_is(x.command, S("sh -c id")));
	assert_true(span_is(x.user, S("1000")));
	assert_true(x.terminal);
	assert_int_equal(x.pid, 29550);
}

static void a_health_check_is_known_by_its_command(void **state)
{
	static const struct {
		const char *config, *health;
	} rows[] = {
	    {"\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"curl -f x || exit 1\"]}",
	     "/bin/sh -c curl -f x || exit 1"},
	    {"\"Shell\":[\"/bin/bash\",\"-ec\"],\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"x\"]}",
	     "/bin/bash -ec x"},
	    {"\"Healthcheck\":{\"Test\":[\"CMD\",\"/probe\",\"-q\"]}", "/probe -q"},
	    {"\"Healthcheck\":{\"Test\":[\"NONE\"]}", ""},
	    {"\"Healthcheck\":null", ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct strbuf text = strbuf_of(1 << 16);
		struct docker_container c;

		strbuf_printf(&text,
			      "{\"Id\":\"" ID "\",\"Config\":{%s},\"ExecIDs\":[\"a\",\"b\"]}",
			      rows[i].config);
		assert_int_equal(docker_container_parse(strbuf_span(&text), &arena, &c, NULL),
				 RMG_OK);
		assert_true(span_is(c.health, span_cstr(rows[i].health)));
		assert_int_equal(c.n_execs, 2);
		strbuf_done(&text);
	}
}

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 24);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(events_are_told_apart),
	    cmocka_unit_test(r33_a_workload_outlives_its_containers),
	    cmocka_unit_test(a_container_says_when_it_began),
	    cmocka_unit_test(an_image_has_every_digest_that_it_is_known_by),
	    cmocka_unit_test(lists_give_their_ids),
	    cmocka_unit_test(who_enters_says_a_command),
	    cmocka_unit_test(a_health_check_is_known_by_its_command),
	};

	return cmocka_run_group_tests_name("docker_json", tests, set_up, tear_down);
}
