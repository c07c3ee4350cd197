/* SPDX-License-Identifier: Apache-2.0 */
#include "box/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/limits.h"

/* A sanitizer's runtime wants more memory and more calls than we grant. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum { NOBODY = 65534 };

/* linux/landlock.h of Debian 12 lacks the newer rights: the numbers are the kernel's ABI. */
enum { LANDLOCK_VERSION_FLAG = 1, SYS_LANDLOCK_CREATE = 444, SYS_LANDLOCK_RESTRICT = 446 };

struct landlock_ruleset {
	uint64_t access_fs, access_net, scoped;
};

static enum rmg_rc limit(unsigned what, rlim_t value, const char *name, struct rmg_err *err)
{
	struct rlimit now, want = {value, value};

	if (getrlimit(what, &now) == 0 && now.rlim_max < value)
		want.rlim_cur = want.rlim_max = now.rlim_max;
	if (setrlimit(what, &want) != 0)
		return err_os(err, RMG_E_SANDBOX, "setrlimit %s", name);
	return RMG_OK;
}

static enum rmg_rc limits(struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;

	if (!SANITIZED)
		rc = limit(RLIMIT_AS, LIMIT_WORKER_AS_BYTES, "AS", err);
	if (rc == RMG_OK)
		rc = limit(RLIMIT_CPU, LIMIT_WORKER_CPU_S, "CPU", err);
	if (rc == RMG_OK)
		rc = limit(RLIMIT_FSIZE, 0, "FSIZE", err);
	if (rc == RMG_OK)
		rc = limit(RLIMIT_CORE, 0, "CORE", err);
	if (rc == RMG_OK)
		rc = limit(RLIMIT_NOFILE, 4, "NOFILE", err);
	return rc;
}

static enum rmg_rc drop_user(struct rmg_err *err)
{
	for (int cap = 0; cap <= 63; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0)
			break; /* EINVAL: past the last one; EPERM: we have none to drop */
	if (geteuid() != 0)
		return RMG_OK;
	/* Inside a user namespace nobody may not exist; then the capabilities go all the same. */
	if (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
	    setresuid(NOBODY, NOBODY, NOBODY) != 0) {
		if (errno != EPERM && errno != EINVAL)
			return err_os(err, RMG_E_SANDBOX, "give up root");
	}
	return RMG_OK;
}

static enum rmg_rc drop_capabilities(struct rmg_err *err)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct none[2] = {{0}, {0}};

	if (syscall(SYS_capset, &head, none) != 0)
		return err_os(err, RMG_E_SANDBOX, "drop capabilities");
	return RMG_OK;
}

/* An empty ruleset that handles every right forbids all of them. Rights by ABI: landlock(7). */
static enum rmg_rc landlock(struct sandbox *s, struct rmg_err *err)
{
	static const uint8_t fs_rights[] = {0, 13, 14, 15, 15, 16};
	long abi = syscall(SYS_LANDLOCK_CREATE, NULL, 0, LANDLOCK_VERSION_FLAG);
	struct landlock_ruleset rules = {0};
	size_t size = sizeof rules.access_fs;
	long fd;

	/* Without Landlock seccomp stands alone, and the level says so. */
	if (abi <= 0)
		return RMG_OK;
	rules.access_fs = (UINT64_C(1) << fs_rights[MIN_OF(abi, 5L)]) - 1;
	if (abi >= 4) {
		rules.access_net = 3;
		size += sizeof rules.access_net;
	}
	if (abi >= 6) {
		rules.scoped = 3;
		size += sizeof rules.scoped;
	}
	fd = syscall(SYS_LANDLOCK_CREATE, &rules, size, 0);
	if (fd < 0)
		return err_os(err, RMG_E_SANDBOX, "landlock_create_ruleset");
	if (syscall(SYS_LANDLOCK_RESTRICT, fd, 0) != 0)
		return err_os(err, RMG_E_SANDBOX, "landlock_restrict_self");
	close((int)fd);
	s->landlock = (int)abi;
	return RMG_OK;
}

enum rmg_rc sandbox_enter(struct sandbox *s, struct rmg_err *err)
{
	enum rmg_rc rc;

	if (s->off)
		return RMG_OK;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return err_os(err, RMG_E_SANDBOX, "no_new_privs");
	rc = landlock(s, err);
	if (rc == RMG_OK)
		rc = drop_user(err);
	if (rc == RMG_OK)
		rc = drop_capabilities(err);
	if (rc == RMG_OK)
		rc = limits(err);
	if (rc == RMG_OK && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		rc = err_os(err, RMG_E_SANDBOX, "not dumpable");
	return rc;
}

/* Memory may be had, but never executable memory. */
static int allow_memory(scmp_filter_ctx ctx)
{
	struct scmp_arg_cmp no_exec = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	int rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, no_exec);

	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, no_exec);
	return rc;
}

static int allow_calls(scmp_filter_ctx ctx)
{
	static const int calls[] = {
	    SCMP_SYS(read),
	    SCMP_SYS(write),
	    SCMP_SYS(close),
	    SCMP_SYS(munmap),
	    SCMP_SYS(mremap),
	    SCMP_SYS(brk),
	    SCMP_SYS(madvise),
	    SCMP_SYS(futex),
	    SCMP_SYS(exit),
	    SCMP_SYS(exit_group),
	    SCMP_SYS(rt_sigreturn),
	    SCMP_SYS(rt_sigprocmask),
	    SCMP_SYS(clock_gettime),
	    SCMP_SYS(gettimeofday),
	    SCMP_SYS(sched_yield),
	    SCMP_SYS(getpid),
	    SCMP_SYS(gettid),
	    SCMP_SYS(tgkill),
	    SCMP_SYS(restart_syscall),
	    SCMP_SYS(getrandom),
	};
	int rc = allow_memory(ctx);

	for (size_t i = 0; rc == 0 && i < COUNT_OF(calls); i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);
	/* glibc's qsort() asks how much memory there is, and does without the answer. */
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(sysinfo), 0);
	return rc;
}

static enum rmg_rc seccomp_list(struct rmg_err *err)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int rc = ctx ? seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1) : -ENOMEM;

	if (rc == 0)
		rc = allow_calls(ctx);
	if (rc == 0)
		rc = seccomp_load(ctx);
	seccomp_release(ctx);
	if (rc != 0) {
		errno = -rc;
		return err_os(err, RMG_E_SANDBOX, "seccomp");
	}
	return RMG_OK;
}

enum rmg_rc sandbox_seal(struct sandbox *s, struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;

	if (!s->off && !SANITIZED) {
		rc = seccomp_list(err);
		s->seccomp = rc == RMG_OK;
	}
	if (s->off || !s->seccomp)
		snprintf(s->level, sizeof s->level, "%s", s->off ? "none" : "landlock only");
	else if (s->landlock)
		snprintf(s->level, sizeof s->level, "seccomp+landlock/%d", s->landlock);
	else
		snprintf(s->level, sizeof s->level, "seccomp");
	return rc;
}
