/* SPDX-License-Identifier: Apache-2.0 */
/* check_place.c - what a machine has to give to a process of ours: folders, a clock, addresses,
 * runtimes, rights, and what the kernel tells. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "box/rights.h"
#include "cmd/check.h"
#include "io/proc.h"
#include "io/proc_events.h"
#include "io/socket.h"

enum {
	FEW_INODES = 1000,
	SKEW_MS = 30 * 1000,
	PROFILE_MAJOR = 5,
	PROFILE_MINOR = 14,
};

/* The first of all processes' namespaces: it has this number in every kernel. */
static const uint64_t first_pids = 0xeffffffc;

/* Folders. */

/* One that is not there yet is made by whoever starts, in the nearest one that is. */
static void nearest(const char *path, char *out, size_t size)
{
	char *slash;

	snprintf(out, size, "%s", path);
	while (access(out, F_OK) != 0 && errno == ENOENT) {
		slash = strrchr(out, '/');
		if (slash == NULL || slash == out) {
			snprintf(out, size, slash ? "/" : ".");
			return;
		}
		*slash = '\0';
	}
}

/* By doing it: permissions alone do not tell of a file system that may only be read. */
static bool can_write(const char *dir)
{
	char name[4200];
	ssize_t n = 0;
	int fd, why;

	snprintf(name, sizeof name, "%s/.rummage-check-%d", dir, (int)getpid());
	fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return false;
	n = write(fd, "x", 1);
	why = errno;
	close(fd);
	unlink(name);
	errno = why;
	return n == 1;
}

static void check_space(struct checks *c, const char *check, const char *path, const char *dir,
			uint64_t least_bytes)
{
	const char *todo = "give it more room";
	struct statvfs v;
	uint64_t room;

	if (statvfs(dir, &v) != 0) {
		check_put(c, CHECK_UNKNOWN, check, path, NULL, "how much room is left: %s",
			  strerror(errno));
		return;
	}
	room = (uint64_t)v.f_bavail * v.f_frsize;
	if (v.f_files && v.f_favail < FEW_INODES)
		check_put(c, CHECK_WARN, check, path, todo, "room for %llu files is left",
			  (unsigned long long)v.f_favail);
	else
		check_put(c,
			  room >= least_bytes        ? CHECK_OK
			  : room >= least_bytes / 16 ? CHECK_WARN
						     : CHECK_MISSING,
			  check, path, todo, "may be written to; %llu MiB are free",
			  (unsigned long long)(room / MIB(1)));
}

void check_folder(struct checks *c, const char *check, const char *path, uint64_t least_bytes,
		  const char *todo)
{
	char dir[4096];

	nearest(path, dir, sizeof dir);
	if (can_write(dir))
		check_space(c, check, path, dir, least_bytes);
	else
		check_put(c, CHECK_MISSING, check, path, todo, "%s cannot be written to: %s", dir,
			  strerror(errno));
}

/* Clocks. */

void check_clock(struct checks *c)
{
	struct timex t = {0};
	int state = adjtimex(&t);

	if (state < 0)
		check_put(c, CHECK_UNKNOWN, "clock", "this machine", NULL,
			  "whether anybody keeps it: %s", strerror(errno));
	else if (state == TIME_ERROR || (t.status & STA_UNSYNC))
		check_put(c, CHECK_WARN, "clock", "this machine",
			  "chrony, systemd-timesyncd or the host should keep it",
			  "nobody keeps it right");
	else
		check_put(c, CHECK_OK, "clock", "this machine", NULL, "is kept right");
}

void check_clocks(struct checks *c, const char *whose, int64_t ms)
{
	int64_t by = ms - clock_ms();
	int64_t off = by < 0 ? -by : by;

	check_put(c, off <= SKEW_MS ? CHECK_OK : CHECK_WARN, "clock", whose,
		  "one of both clocks is wrong: times of events will not fit each other",
		  "%lld s %s ours", (long long)((off + 500) / 1000),
		  by < 0 ? "behind" : "ahead of");
}

void check_sandbox(struct checks *c, const struct rmg_opts *scan)
{
	char level[128];

	rmg_sandbox_level(scan, level, sizeof level);
	if (scan->no_sandbox)
		check_put(c, CHECK_WARN, "sandbox", level, "leave --no-sandbox out",
			  "images are parsed without protection, as you asked");
	else if (strncmp(level, "seccomp", 7) != 0)
		check_put(c, CHECK_MISSING, "sandbox", level,
			  "see SANDBOX in rummage(1); rummage-parse has to lie beside rummage",
			  "the worker that reads images does not reach its sandbox");
	else
		check_put(c, CHECK_OK, "sandbox", level, NULL, "the worker reaches it");
}

/* Addresses and runtimes. */

static int bind_once(const struct addrinfo *at)
{
	int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1, why;

	if (fd < 0)
		return errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	why = bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, 1) == 0 ? 0 : errno;
	close(fd);
	return why;
}

void check_listen(struct checks *c, const char *check, const char *at)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *found = NULL;
	char text[300], *port, *host = text;
	int why;

	snprintf(text, sizeof text, "%s", at);
	port = strrchr(text, ':');
	if (port == NULL) {
		check_put(c, CHECK_MISSING, check, at, "HOST:PORT", "is no address");
		return;
	}
	*port++ = '\0';
	if (*host == '[' && strchr(host, ']'))
		*strchr(++host, ']') = '\0';
	why = getaddrinfo(*host ? host : NULL, port, &hints, &found);
	if (why) {
		check_put(c, CHECK_MISSING, check, at, "take an address of this machine", "%s",
			  gai_strerror(why));
		return;
	}
	why = bind_once(found);
	freeaddrinfo(found);
	check_put(c,
		  why == 0            ? CHECK_OK
		  : why == EADDRINUSE ? CHECK_WARN
				      : CHECK_MISSING,
		  check, at,
		  why == EADDRINUSE
		      ? "well, if that is this hub; otherwise take another port"
		      : "take an address of this machine, and a port that you may have",
		  "%s", why ? strerror(why) : "is free");
}

static void check_runtime(struct checks *c, const struct node_watch *w)
{
	struct stat st;

	if (stat(w->address, &st) == 0 && S_ISDIR(st.st_mode)) {
		bool may = faccessat(AT_FDCWD, w->address, R_OK | X_OK, AT_EACCESS) == 0;

		check_put(c, may ? CHECK_OK : CHECK_MISSING, "runtime", w->address,
			  "only root may, mostly", "%s's store %s be read", w->kind,
			  may ? "can" : "cannot");
	} else if (socket_answers(w->address)) {
		check_put(c, CHECK_OK, "runtime", w->address, NULL, "%s answers", w->kind);
	} else {
		check_put(c, CHECK_MISSING, "runtime", w->address,
			  "start it, and let this user reach its socket (in a pod: node.runtimes)",
			  "%s does not answer: %s", w->kind, strerror(errno));
	}
}

void check_runtimes(struct checks *c, const struct node_watch *v, size_t n, bool needed)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i].kind, "kubernetes") != 0)
			check_runtime(c, &v[i]);
	if (n == 0 && needed)
		check_put(c, CHECK_WARN, "runtime", "well-known places",
			  "name one: --containerd, --cri, --docker, --podman",
			  "no runtime answers; it is looked for again and again");
}

/* Rights, and what the kernel tells. */

static const struct need {
	const char *name;
	unsigned cap;
	bool inside, heard, execs; /* of which parts: any of them; profile or execs; execs */
} needs[] = {
    {"CAP_SYS_ADMIN", CAP_SYS_ADMIN, true, false, false},
    {"CAP_SYS_PTRACE", CAP_SYS_PTRACE, true, false, false},
    {"CAP_SYS_NICE", CAP_SYS_NICE, false, true, false},
    {"CAP_NET_ADMIN", CAP_NET_ADMIN, false, false, true},
};

static uint64_t our_rights(void)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {{0}, {0}};

	if (syscall(SYS_capget, &head, data) != 0)
		return 0;
	return data[0].effective | (uint64_t)data[1].effective << 32;
}

static void check_right(struct checks *c, const char *name, bool has)
{
	check_put(c, has ? CHECK_OK : CHECK_MISSING, "capability", name,
		  "run as root; of a service rummage-node-inside.conf, of a pod node.drift and the "
		  "like of the chart give it",
		  "%s", has ? "is there" : "is not there");
}

static void check_rights(struct checks *c, const struct check_parts *p)
{
	bool inside = p->drift || p->profile || p->execs;
	uint64_t ours = our_rights();

	if (inside || p->host)
		check_right(c, "CAP_DAC_READ_SEARCH",
			    (ours & (RIGHT(CAP_DAC_READ_SEARCH) | RIGHT(CAP_DAC_OVERRIDE))) != 0);
	for (size_t i = 0; i < COUNT_OF(needs); i++)
		if ((needs[i].inside && inside) || (needs[i].execs && p->execs) ||
		    (needs[i].heard && (p->profile || p->execs)))
			check_right(c, needs[i].name, (ours & RIGHT(needs[i].cap)) != 0);
}

static void check_fanotify(struct checks *c, const char *what, unsigned class)
{
	int fd = fanotify_init(class | FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_MARKS,
			       O_RDONLY | O_LARGEFILE | O_CLOEXEC);

	check_put(c, fd >= 0 ? CHECK_OK : CHECK_MISSING, "fanotify", what,
		  errno == ENOSYS ? "a kernel with CONFIG_FANOTIFY"
		  : errno == EINVAL
		      ? "a kernel with CONFIG_FANOTIFY_ACCESS_PERMISSIONS"
		      : "CAP_SYS_ADMIN, in the machine's own user namespace, and a seccomp profile "
			"that allows fanotify_init",
		  "%s", fd >= 0 ? "the kernel does it" : strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void check_processes(struct checks *c)
{
	struct rmg_err err = {0};
	int fd = -1;
	bool told = proc_events_open(&fd, &err) == RMG_OK;

	check_put(c, told ? CHECK_OK : CHECK_MISSING, "process-events", "starts of programs",
		  "CONFIG_PROC_EVENTS, CAP_NET_ADMIN, and the machine's own network (hostNetwork)",
		  "%s", told ? "the kernel tells of them" : err.msg);
	if (told)
		close(fd);
}

static void check_kernel(struct checks *c)
{
	struct utsname u = {0};
	struct span rest, first, second;
	uint64_t major = 0, minor = 0;
	bool good;

	if (uname(&u) != 0)
		return;
	rest = span_cstr(u.release);
	if (!span_next(&rest, '.', &first) || !span_u64(first, 10, 1000, &major) ||
	    !span_next(&rest, '.', &second) || !span_u64(second, 10, 1000, &minor))
		minor = 0;
	good = major > PROFILE_MAJOR || (major == PROFILE_MAJOR && minor >= PROFILE_MINOR);
	check_put(c, good ? CHECK_OK : CHECK_MISSING, "kernel", u.release, "Linux 5.14 or newer",
		  "%s", good ? "is new enough" : "is too old for --profile");
}

void check_inside(struct checks *c, const struct check_parts *p)
{
	uint64_t pids = proc_namespace((unsigned)getpid(), "pid");

	check_rights(c, p);
	if (!p->drift && !p->profile && !p->execs)
		return;
	check_put(c, pids == first_pids ? CHECK_OK : CHECK_MISSING, "processes", "of containers",
		  "the machine's own process namespace (hostPID, --pid=host)", "%s",
		  pids == first_pids ? "can be seen" : "cannot be seen from within this one");
	check_fanotify(c, "files that are opened and written", FAN_CLASS_NOTIF);
	if (p->enforce)
		check_fanotify(c, "files that may not be started", FAN_CLASS_CONTENT);
	if (p->execs)
		check_processes(c);
	if (p->profile)
		check_kernel(c);
}
