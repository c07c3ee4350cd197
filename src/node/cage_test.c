/* SPDX-License-Identifier: Apache-2.0 */
/* Folders that look like control groups: what is written where. The kernel's own are of
 * tests/test_node_cage.py. */
#include "node/cage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/file.h"

static char root[64], path[256];
static const struct cage_limits limits = {.cpu_percent = 50, .memory_bytes = 1 << 30};

static const char *in_root(const char *name)
{
	snprintf(path, sizeof path, "%s/%s", root, name);
	return path;
}

static void folder(const char *name)
{
	assert_int_equal(file_mkdirs(in_root(name), NULL), RMG_OK);
}

static void holds(const char *name, const char *text)
{
	FILE *f = fopen(in_root(name), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void has(const char *name, const char *text)
{
	char buf[200] = "";
	FILE *f = fopen(in_root(name), "r");

	assert_non_null(f);
	(void)!fread(buf, 1, sizeof buf - 1, f);
	fclose(f);
	assert_string_equal(buf, text);
}

static int set_up(void **state)
{
	(void)state;
	snprintf(root, sizeof root, "/tmp/cage-XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int tear_down(void **state)
{
	char command[100];

	(void)state;
	snprintf(command, sizeof command, "rm -r %s", root);
	return system(command);
}

static enum rmg_rc build(const char *groups, const char *mounts, struct cage **out,
			 struct rmg_err *err)
{
	return cage_open_in(root, span_cstr(groups), span_cstr(mounts), &limits, out, err);
}

static const char v2_mount[] = "30 23 0:26 / /cg rw,nosuid - cgroup2 cgroup2 rw\n";

static void unit(const char *own_processes)
{
	char pid[16];

	snprintf(pid, sizeof pid, "%d\n", (int)getpid());
	folder("cg/system.slice/r.service/rummage-scan");
	folder("cg/system.slice/r.service/rummage-agent");
	holds("cg/system.slice/r.service/cgroup.procs", own_processes ? own_processes : pid);
	holds("cg/system.slice/r.service/cgroup.type", "domain\n");
	holds("cg/system.slice/r.service/cgroup.controllers", "cpuset cpu io memory pids\n");
	holds("cg/system.slice/r.service/cgroup.subtree_control", "");
	holds("cg/system.slice/r.service/rummage-agent/cgroup.procs", "");
	holds("cg/system.slice/r.service/rummage-scan/cgroup.procs", "");
	holds("cg/system.slice/r.service/rummage-scan/cpu.max", "");
	holds("cg/system.slice/r.service/rummage-scan/cpu.weight", "");
	holds("cg/system.slice/r.service/rummage-scan/cpu.idle", "");
	holds("cg/system.slice/r.service/rummage-scan/memory.max", "");
	holds("cg/system.slice/r.service/rummage-scan/io.weight", "");
}

static void version_2_in_a_unit(void **state)
{
	struct cage *c = NULL;
	struct rmg_err err;
	char pid[16];

	(void)state;
	snprintf(pid, sizeof pid, "%d", (int)getpid());
	unit(NULL);
	assert_int_equal(build("0::/system.slice/r.service\n", v2_mount, &c, &err), RMG_OK);
	assert_string_equal(cage_limits_what(c), "cpu, memory, io");
	has("cg/system.slice/r.service/rummage-agent/cgroup.procs", pid);
	has("cg/system.slice/r.service/rummage-scan/cpu.max", "50000 100000");
	has("cg/system.slice/r.service/rummage-scan/cpu.weight", "1");
	has("cg/system.slice/r.service/rummage-scan/cpu.idle", "1");
	has("cg/system.slice/r.service/rummage-scan/memory.max", "1073741824");
	has("cg/system.slice/r.service/rummage-scan/io.weight", "default 1");
	assert_true(cage_put(c, 4711));
	has("cg/system.slice/r.service/rummage-scan/cgroup.procs", "4711");
	cage_close(c);
}

static void a_group_with_others_is_left_alone(void **state)
{
	struct cage *c = NULL;
	struct rmg_err err;

	(void)state;
	unit("1\n2\n");
	assert_int_equal(build("0::/system.slice/r.service\n", v2_mount, &c, &err), RMG_E_IO);
	assert_non_null(strstr(err.msg, "others are in this control group"));
	has("cg/system.slice/r.service/rummage-agent/cgroup.procs", "");
	has("cg/system.slice/r.service/rummage-scan/cpu.max", "");
	assert_null(c);
}

static void version_1(void **state)
{
	static const char mounts[] = "30 23 0:26 / /my\\040cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
				     "31 23 0:27 / /mem rw - cgroup cgroup rw,memory\n";
	char group[64];
	struct cage *c = NULL;
	struct rmg_err err;

	(void)state;
	snprintf(group, sizeof group, "my cpu/own/rummage/%d", (int)getpid());
	folder(group);
	folder("mem");
	for (const char *const *name =
		 (const char *const[]){"cpu.shares", "cpu.cfs_period_us", "cpu.cfs_quota_us",
				       "cgroup.procs", NULL};
	     *name; name++) {
		snprintf(group, sizeof group, "my cpu/own/rummage/%d/%s", (int)getpid(), *name);
		holds(group, "");
	}
	folder("my cpu/own/rummage/2147483646"); /* of a process that is no more */
	folder("my cpu/own/rummage/1");
	assert_int_equal(build("5:memory:/gone\n4:cpu,cpuacct:/own\n0::/own\n", mounts, &c, &err),
			 RMG_OK);
	assert_string_equal(cage_limits_what(c), "cpu");
	snprintf(group, sizeof group, "my cpu/own/rummage/%d/cpu.cfs_quota_us", (int)getpid());
	has(group, "50000");
	assert_false(file_exists(in_root("my cpu/own/rummage/2147483646")));
	assert_true(file_exists(in_root("my cpu/own/rummage/1")));
	cage_close(c);
}

/* Without a namespace of its own a container sees its group's path, and that group mounted. */
static void a_container_sees_its_own_group(void **state)
{
	static const char mounts[] = "31 23 0:27 /docker/abc /mem ro - cgroup cgroup rw,memory\n";
	char group[64];
	struct cage *c = NULL;
	struct rmg_err err;

	(void)state;
	snprintf(group, sizeof group, "mem/rummage/%d", (int)getpid());
	folder(group);
	snprintf(group, sizeof group, "mem/rummage/%d/cgroup.procs", (int)getpid());
	holds(group, "");
	snprintf(group, sizeof group, "mem/rummage/%d/memory.limit_in_bytes", (int)getpid());
	holds(group, "");
	assert_int_equal(build("5:memory:/docker/abc\n", mounts, &c, &err), RMG_OK);
	has(group, "1073741824");
	cage_close(c);
	c = NULL;
	assert_int_equal(build("5:memory:/docker/xyz\n", mounts, &c, &err), RMG_E_UNSUPPORTED);
	assert_int_equal(build("5:memory:/docker/abc/../../x\n", mounts, &c, &err),
			 RMG_E_UNSUPPORTED);
	assert_int_equal(build("", "", &c, &err), RMG_E_UNSUPPORTED);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(version_2_in_a_unit),
	    TEST(a_group_with_others_is_left_alone),
	    TEST(version_1),
	    TEST(a_container_sees_its_own_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
