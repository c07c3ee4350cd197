/* SPDX-License-Identifier: Apache-2.0 */
/* Texts as kernels and runtimes write them: dockerd 20.10 and containerd 1.6 on a machine with both
 * versions of cgroups (recorded); the others by the runtimes' sources. */
#include "format/cgroup.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ID "cb9da34bd521308af9ef790ef2a55994480ebe6967731dd51a86e98258a9da45"
#define INNER "65c0d07b0fdadccf0ed9793c5263b249a6f5b1a2f42d90e6dcec6fb29ade2b35"

static void containers_are_found(void **state)
{
	static const struct {
		const char *text, *id;
	} rows[] = {
	    {"9:name=systemd:/docker/" ID "\n8:pids:/docker/" ID "\n1:cpu:/docker/" ID
	     "\n0::/docker/" ID "\n",
	     ID},
	    {"0::/system.slice/docker-" ID ".scope\n", ID},
	    {"0::/../docker-" ID ".scope\n", ID},
	    {"0::/kubepods.slice/kubepods-burstable.slice/"
	     "kubepods-burstable-pod0c1b_2.slice/cri-containerd-" ID ".scope\n",
	     ID},
	    {"4:memory:/kubepods/besteffort/pod0c1b-2/" ID "\n", ID},
	    {"0::/kubepods.slice/kubepods-pod1.slice/crio-" ID ".scope/container\n", ID},
	    {"0::/machine.slice/libpod-" ID ".scope/container\n", ID},
	    {"0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope\n",
	     ID},
	    {"10:devices:/libpod_parent/libpod-" ID "\n", ID},
	    {"0::/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:" ID "\n", ID},
	    {"0::/system.slice/nerdctl-" ID ".scope", ID},
	    {"0::/docker/" ID "/docker/" INNER "\n", INNER},
	    {"0::/ecs/task/" ID " (deleted)\n", ID},
	};
	struct span id;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_true(cgroup_container(span_cstr(rows[i].text), &id));
		assert_true(span_is(id, span_cstr(rows[i].id)));
	}
}

static void who_is_in_none_is_in_none(void **state)
{
	static const char *const texts[] = {
	    "",
	    "\n\n",
	    "0::/\n",
	    "0::/init.scope\n",
	    "0::/user.slice/user-0.slice/session-1.scope\n",
	    "0::/machine.slice/libpod-conmon-" ID ".scope\n",
	    "0::/kubepods.slice/crio-conmon-" ID ".scope\n",
	    "0::/docker/" ID "0\n",
	    "0::/docker/CB9DA34BD521308AF9EF790EF2A55994480EBE6967731DD51A86E98258A9DA45\n",
	    "0:/docker/" ID "\n",
	    "docker/" ID "\n",
	};
	struct span id;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		assert_false(cgroup_container(span_cstr(texts[i]), &id));
}

/* containerd takes any name for an id. */
static void names_come_innermost_first(void **state)
{
	static const char *const names[] = {"my-app.1", "default", "x", "user.slice"};
	struct cgroup_walk w =
	    cgroup_walk(S("3:cpu:/default/my-app.1\nno line\n0::/../user.slice//x.scope/\n"));
	struct cgroup_name name;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		assert_true(cgroup_next(&w, &name));
		assert_true(span_is(name.id, span_cstr(names[i])));
		assert_false(name.is_hex);
	}
	assert_false(cgroup_next(&w, &name));
	assert_false(cgroup_next(&w, &name));
}

static void only_a_whole_name_is_one(void **state)
{
	struct span text =
	    S("4:memory:/api/c1d73ab0c1\n0::/machine.slice/libpod-c1.scope/container\n");

	(void)state;
	assert_true(cgroup_has(text, S("c1")));
	assert_true(cgroup_has(text, S("c1d73ab0c1")));
	assert_false(cgroup_has(text, S("c1d73ab0c")));
	assert_false(cgroup_has(text, S("libpod-c1")));
	assert_false(cgroup_has(S("4:memory:/api/c1d73ab0c1\n"), S("c1")));
	assert_false(cgroup_has(S("0::/machine.slice/libpod-conmon-c1.scope\n"), S("c1")));
	assert_false(cgroup_has(text, S("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(containers_are_found),
	    cmocka_unit_test(who_is_in_none_is_in_none),
	    cmocka_unit_test(names_come_innermost_first),
	    cmocka_unit_test(only_a_whole_name_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
