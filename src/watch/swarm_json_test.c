/* SPDX-License-Identifier: Apache-2.0 */
/* Documents as managers of engine 20.10 (API 1.41) write them, shortened. */
#include "watch/swarm_json.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/limits.h"

#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define CONTAINER "3b6bb55d40b363ce38d0742214e4d068f02e55729bdd0c70ada32781d8370bec"

static struct arena arena;

static struct swarm_service *services(const char *json, size_t want)
{
	struct swarm_service *s = NULL;
	size_t n = 0;

	assert_int_equal(swarm_services_parse(span_cstr(json), &arena, &s, &n, NULL), RMG_OK);
	assert_int_equal(n, want);
	return s;
}

static void a_service_is_read(void **state)
{
	const struct swarm_service *s = services(
	    "[{\"ID\":\"m6uetsf0sadvjdvxhv8u21b7c\",\"Version\":{\"Index\":36},"
	    "\"CreatedAt\":\"2026-11-30T13:26:58.874197303Z\","
	    "\"UpdatedAt\":\"2026-11-30T13:27:29.773682087Z\",\"Spec\":{\"Name\":\"shop_web\","
	    "\"Labels\":{\"com.docker.stack.namespace\":\"shop\",\"team\":\"blue\"},"
	    "\"TaskTemplate\":{\"ContainerSpec\":{\"Image\":\"r.test/shop/web:1@" DIGEST "\","
	    "\"Labels\":{\"com.docker.stack.namespace\":\"shop\"}}},"
	    "\"Mode\":{\"Replicated\":{\"Replicas\":2}}},"
	    "\"PreviousSpec\":{\"Name\":\"shop_web\",\"TaskTemplate\":{\"ContainerSpec\":"
	    "{\"Image\":\"shop:2\"}},\"Mode\":{\"Replicated\":{\"Replicas\":2}}},"
	    "\"UpdateStatus\":{\"State\":\"rollback_started\","
	    "\"StartedAt\":\"2026-11-30T13:27:29.773675614Z\","
	    "\"Message\":\"manually requested rollback\"},"
	    "\"ServiceStatus\":{\"RunningTasks\":2,\"DesiredTasks\":2,\"CompletedTasks\":0}}]",
	    1);
	struct event_image image;

	(void)state;
	assert_true(span_is(s->id, S("m6uetsf0sadvjdvxhv8u21b7c")));
	assert_true(span_is(s->name, S("shop_web")));
	assert_true(span_is(s->ns, S("shop")));
	assert_true(span_is(s->was_ref, S("shop:2")));
	assert_true(span_is(s->update, S("rollback_started")));
	assert_int_equal(s->version, 36);
	assert_int_equal(s->replicas, 2);
	assert_int_equal(s->changed_ms, INT64_C(1796045249773));
	assert_int_equal(s->n_labels, 3);
	swarm_image(s->ref, &image);
	assert_true(span_is(image.ref, S("r.test/shop/web:1@" DIGEST)));
	assert_int_equal(image.n_digests, 1);
	assert_true(span_is(image.digests[0], S(DIGEST)));
	swarm_image(s->was_ref, &image);
	assert_int_equal(image.n_digests, 0);
	assert_true(span_is(image.ref, S("shop:2")));
}

#define SERVICE(mode, status)                                                                      \
	"[{\"ID\":\"a\",\"Spec\":{\"Name\":\"web\",\"TaskTemplate\":{\"ContainerSpec\":"           \
	"{\"Image\":\"shop:1\"}},\"Mode\":{" mode "}}" status "}]"

static void what_is_wanted_is_counted(void **state)
{
	static const struct {
		const char *json;
		uint64_t replicas;
	} rows[] = {
	    {SERVICE("\"Replicated\":{\"Replicas\":0}", ""), 0},
	    {SERVICE("\"Replicated\":{\"Replicas\":0}", ",\"ServiceStatus\":{\"DesiredTasks\":3}"),
	     0},
	    {SERVICE("\"Global\":{}", ",\"ServiceStatus\":{\"DesiredTasks\":3}"), 3},
	    {SERVICE("\"Global\":{}", ",\"ServiceStatus\":{\"DesiredTasks\":0}"), 0},
	    {SERVICE("\"Global\":{}", ""), 1},
	    {SERVICE("\"ReplicatedJob\":{\"MaxConcurrent\":1,\"TotalCompletions\":5}", ""), 5},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_int_equal(services(rows[i].json, 1)->replicas, rows[i].replicas);
}

static void what_has_no_name_is_left_out(void **state)
{
	struct swarm_service *s;
	size_t n;

	(void)state;
	services("[{},7,null,{\"ID\":\"a\",\"Spec\":{\"Name\":\"web\"}},"
		 "{\"ID\":\"a\",\"Spec\":{\"Name\":\"w\\u0007b\",\"TaskTemplate\":"
		 "{\"ContainerSpec\":{\"Image\":\"shop:1\"}}}}]",
		 0);
	services("[]", 0);
	assert_int_equal(swarm_services_parse(S("{}"), &arena, &s, &n, NULL), RMG_E_FORMAT);
	assert_int_equal(swarm_services_parse(S("[{\"ID\""), &arena, &s, &n, NULL), RMG_E_FORMAT);
}

static void tasks_are_read(void **state)
{
	struct swarm_task *t = NULL;
	size_t n = 0;

	(void)state;
	assert_int_equal(
	    swarm_tasks_parse(
		S("[{\"ID\":\"4sndfledclcy4r51c8js251pz\",\"CreatedAt\":"
		  "\"2026-11-30T13:26:58.878478329Z\",\"Spec\":{\"ContainerSpec\":{\"Image\":"
		  "\"shop:1\"}},\"ServiceID\":\"m6\",\"Slot\":1,\"NodeID\":\"r9\",\"Status\":"
		  "{\"Timestamp\":\"2026-11-30T13:26:59.698205911Z\",\"State\":\"running\","
		  "\"ContainerStatus\":{\"ContainerID\":\"" CONTAINER "\",\"PID\":29729}},"
		  "\"DesiredState\":\"running\"},"
		  "{\"ID\":\"q2\",\"Spec\":{\"ContainerSpec\":{\"Image\":\"shop:3\"}},"
		  "\"ServiceID\":\"m6\",\"NodeID\":\"r9\",\"Status\":{\"State\":\"rejected\"},"
		  "\"DesiredState\":\"shutdown\"}]"),
		&arena, &t, &n, NULL),
	    RMG_OK);
	assert_int_equal(n, 2);
	assert_true(span_is(t[0].service, S("m6")));
	assert_true(span_is(t[0].node, S("r9")));
	assert_true(span_is(t[0].container, S(CONTAINER)));
	assert_true(span_is(t[0].ref, S("shop:1")));
	assert_true(t[0].running);
	assert_int_equal(t[0].slot, 1);
	assert_int_equal(t[0].state_ms, INT64_C(1796045219698));
	assert_false(t[1].running);
	assert_int_equal(t[1].slot, 0);
	assert_int_equal(t[1].container.n, 0);
}

static void nodes_are_read(void **state)
{
	struct swarm_node *x = NULL;
	size_t n = 0;

	(void)state;
	assert_int_equal(
	    swarm_nodes_parse(
		S("[{\"ID\":\"r9\",\"Spec\":{\"Role\":\"manager\",\"Availability\":\"active\"},"
		  "\"Description\":{\"Hostname\":\"m1\"},\"Status\":{\"State\":\"ready\"},"
		  "\"ManagerStatus\":{\"Leader\":true,\"Reachability\":\"reachable\"}},"
		  "{\"ID\":\"w1\",\"Spec\":{\"Availability\":\"drain\"},\"Description\":"
		  "{\"Hostname\":\"w1\"},\"Status\":{\"State\":\"down\"}}]"),
		&arena, &x, &n, NULL),
	    RMG_OK);
	assert_int_equal(n, 2);
	assert_true(x[0].leader && span_is(x[0].name, S("m1")) && span_is(x[0].state, S("ready")));
	assert_true(!x[1].leader && span_is(x[1].availability, S("drain")));
	assert_true(span_is(x[1].state, S("down")));
}

static void who_is_a_manager(void **state)
{
	static const struct {
		const char *json;
		bool manager;
	} rows[] = {
	    {"{\"Swarm\":{\"NodeID\":\"r9\",\"LocalNodeState\":\"active\","
	     "\"ControlAvailable\":true}}",
	     true},
	    {"{\"Swarm\":{\"NodeID\":\"r9\",\"LocalNodeState\":\"active\","
	     "\"ControlAvailable\":false}}",
	     false},
	    {"{\"Swarm\":{\"NodeID\":\"\",\"LocalNodeState\":\"inactive\","
	     "\"ControlAvailable\":false}}",
	     false},
	    {"{\"Swarm\":{\"NodeID\":\"r9\",\"LocalNodeState\":\"locked\","
	     "\"ControlAvailable\":true}}",
	     false},
	    {"{}", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct swarm_self self;

		assert_int_equal(swarm_self_parse(span_cstr(rows[i].json), &arena, &self, NULL),
				 RMG_OK);
		assert_int_equal(self.manager, rows[i].manager);
	}
}

static int begin(void **state)
{
	(void)state;
	arena_init(&arena, MIB(1));
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
	    T(a_service_is_read),
	    T(what_is_wanted_is_counted),
	    T(what_has_no_name_is_left_out),
	    T(tasks_are_read),
	    T(nodes_are_read),
	    T(who_is_a_manager),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
