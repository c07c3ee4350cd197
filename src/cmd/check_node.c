/* SPDX-License-Identifier: Apache-2.0 */
/* check_node.c - what an agent needs: a hub that takes what it says, a folder, runtimes, and the
 * rights to look where it was told to. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/env.h"
#include "base/limits.h"
#include "cmd/check.h"
#include "io/file.h"

enum { STATE_BYTES = 256 << 20, TMP_BYTES = 64 << 20, ASK_S = 15 };

/* Images that nobody has read yet: every agent asks this, and it changes nothing. */
static void check_hubline(struct checks *c, const struct hubline_opts *hub)
{
	struct hubline_opts how = *hub;
	const struct hub_ask ask = {.path = "/api/v1/wanted"};
	struct hub_answer answer = {0};
	struct hubline *line = NULL;
	struct rmg_err err = {0};
	const char *name = hub->hub ? hub->hub : "none";
	enum rmg_rc rc;

	if (hub->hub == NULL) {
		check_put(c, CHECK_MISSING, "hub", name, "--hub https://HOST:PORT",
			  "it is not said where the hub is");
		return;
	}
	how.stall_s = ASK_S;
	rc = hubline_open(&how, &line, &err);
	if (rc == RMG_OK)
		rc = hubline_do(line, &ask, &answer, &err);
	if (rc == RMG_OK)
		check_put(c, CHECK_OK, "hub", name, NULL, "takes what this agent says");
	else if (answer.status == 401 || answer.status == 403)
		check_put(c, CHECK_MISSING, "hub", name,
			  "a token of the role agent: rummage token NAME --cluster CLUSTER", "%s",
			  err.msg);
	else
		check_put(c, CHECK_MISSING, "hub", name,
			  "--hub, the way there, and --hub-fingerprint or --ca-cert", "%s",
			  err.msg);
	if (answer.date_s)
		check_clocks(c, "the hub", answer.date_s * 1000);
	hubline_close(line);
}

static void check_found(struct checks *c, const struct agent_opts *o)
{
	struct node_watch found[AGENT_WATCHES];
	struct arena texts;
	size_t n;

	if (o->n_watches) {
		check_runtimes(c, o->watches, o->n_watches, true);
		return;
	}
	arena_init(&texts, MIB(1));
	n = agent_find(found, COUNT_OF(found), &texts);
	check_runtimes(c, found, n, true);
	arena_done(&texts);
}

static bool has_release(const char *root)
{
	static const char *const files[] = {"etc/os-release", "usr/lib/os-release"};
	char path[4200];

	for (size_t i = 0; i < COUNT_OF(files); i++) {
		snprintf(path, sizeof path, "%s/%s", root, files[i]);
		if (access(path, R_OK) == 0)
			return true;
	}
	return false;
}

/* A pod that reads its own image for the machine would say that all is well. */
static void check_host(struct checks *c, const char *root)
{
	struct stat own, pid1;

	if (!has_release(root))
		check_put(c, CHECK_MISSING, "host", root,
			  "--host-root: where the machine's / is mounted",
			  "is no root file system that can be read");
	else if (strcmp(root, "/") == 0 && stat("/proc/1/root/", &pid1) == 0 &&
		 stat("/", &own) == 0 && (own.st_dev != pid1.st_dev || own.st_ino != pid1.st_ino))
		check_put(c, CHECK_WARN, "host", root,
			  "--host-root: where the machine's / is mounted",
			  "is this container's, not the machine's");
	else
		check_put(c, CHECK_OK, "host", root, NULL, "can be read");
}

/* Where there is none, reading comes last all the same. */
static void check_cage(struct checks *c)
{
	char text[4096] = "", path[4200];
	struct span groups = {0}, rest, line;
	bool may = false;

	if (access("/sys/fs/cgroup/cgroup.controllers", F_OK) != 0) {
		may = access("/sys/fs/cgroup/memory/rummage", W_OK) == 0 ||
		      access("/sys/fs/cgroup/memory", W_OK) == 0;
	} else if (file_read("/proc/self/cgroup", KIB(64), &groups, NULL) == RMG_OK) {
		rest = groups;
		while (span_next(&rest, '\n', &line))
			if (span_starts(line, S("0::")))
				snprintf(text, sizeof text, SPAN_FMT, SPAN_ARG(span_from(line, 3)));
		snprintf(path, sizeof path, "/sys/fs/cgroup%s", text);
		may = access(path, W_OK) == 0;
		file_free(&groups);
	}
	check_put(
	    c, may ? CHECK_OK : CHECK_WARN, "cgroup", "of workers",
	    "Delegate=yes of the unit; without it they have idle priority and their own limits",
	    "%s", may ? "can be made" : "cannot be made");
}

static void put_all(struct checks *c, const struct options *o, const struct agent_opts *opts)
{
	struct check_parts inside = {opts->host, opts->drift, opts->profile, opts->execs,
				     opts->enforce};
	const char *tmp = env_get("TMPDIR");
	char state[4096];

	if (opts->state_dir)
		snprintf(state, sizeof state, "%s", opts->state_dir);
	else if (!file_state_dir(state, sizeof state))
		snprintf(state, sizeof state, ".");
	check_hubline(c, &opts->hub);
	check_folder(c, "state-dir", state, STATE_BYTES, "--state-dir");
	if (opts->no_images) {
		for (size_t i = 0; i < opts->n_watches; i++)
			check_kube(c, opts->watches[i].address, opts->watches[i].kinds, NULL,
				   false);
	} else {
		check_folder(c, "tmp", tmp ? tmp : "/tmp", TMP_BYTES, "a volume there, or TMPDIR");
		check_found(c, opts);
		if (opts->host)
			check_host(c, o->host_root ? o->host_root : "/");
		check_inside(c, &inside);
		if (!opts->eager)
			check_cage(c);
		check_sandbox(c, opts->scan);
	}
	check_clock(c);
}

int check_node(struct options *o, const struct agent_opts *opts, const char *verb)
{
	struct checks *c = checks_new(verb);

	if (c)
		put_all(c, o, opts);
	return checks_end(c, o);
}
