/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/workload.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void assert_text(struct span s, const char *want)
{
	assert_int_equal(s.n, strlen(want));
	assert_memory_equal(s.n ? s.p : (const uint8_t *)"", want, s.n);
}

static void test_pod(void **state)
{
	const struct event_label labels[] = {
	    {S("io.kubernetes.pod.name"), S("web-7d4")},
	    {S("io.kubernetes.pod.namespace"), S("shop")},
	    {S("io.kubernetes.container.name"), S("app")},
	    {S("com.docker.compose.project"), S("no")},
	    {S("com.docker.compose.service"), S("no")},
	};
	struct workload w;

	(void)state;
	workload_of_list(labels, COUNT_OF(labels), S("id"), S("name"), S("app:1"), &w);
	assert_text(w.kind, "Pod");
	assert_text(w.name, "web-7d4");
	assert_text(w.ns, "shop");
	assert_text(w.container_name, "app");
	assert_true(w.pod && !w.named);
	/* A sandbox has no name of its own. */
	workload_of_list(labels, 2, S("id"), S(""), S("pause:3"), &w);
	assert_text(w.name, "web-7d4");
	assert_text(w.container_name, "");
}

static void test_services(void **state)
{
	const struct event_label swarm[] = {
	    {S("com.docker.swarm.service.name"), S("shop_web")},
	    {S("com.docker.stack.namespace"), S("shop")},
	};
	const struct event_label compose[] = {
	    {S("com.docker.compose.service"), S("web")},
	    {S("com.docker.compose.project"), S("shop")},
	    {S("org.opencontainers.image.version"), S("1.9")},
	};
	struct workload w;

	(void)state;
	workload_of_list(swarm, 2, S("id"), S("shop_web.1"), S("app:1"), &w);
	assert_text(w.kind, "Service");
	assert_text(w.name, "shop_web");
	assert_text(w.ns, "shop");
	workload_of_list(compose, 3, S("id"), S("shop-web-1"), S("app:1"), &w);
	assert_text(w.kind, "Compose");
	assert_text(w.name, "web");
	assert_text(w.ns, "shop");
	assert_text(w.revision, "1.9");
	assert_false(w.named);
}

static void test_the_rest(void **state)
{
	struct workload w;

	(void)state;
	workload_of_list(NULL, 0, S("id"), S("web"), S("host:5000/team/app:1"), &w);
	assert_text(w.kind, "Container");
	assert_text(w.name, "web");
	assert_true(w.named);
	workload_of_list(NULL, 0, S("id"), S(""), S("host:5000/team/app:1"), &w);
	assert_text(w.kind, "Repository");
	assert_text(w.name, "host:5000/team/app");
	assert_false(w.named);
	workload_of_list(NULL, 0, S("id"), S(""), S(""), &w);
	assert_text(w.name, "id");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_pod),
	    cmocka_unit_test(test_services),
	    cmocka_unit_test(test_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
