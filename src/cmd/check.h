/* SPDX-License-Identifier: Apache-2.0 */
/* check.h - `--install-check`: what is missing or wrong for what was asked for, told without
 * starting any of it, and without changing anything but a file that comes and goes in a folder.
 *
 * A check is a row: what it is about (stable words), of which thing, how that stands, and what is
 * to be done. The exit code is the worst row's: missing EXIT_POLICY, unknown EXIT_INCOMPLETE. */
#ifndef CMD_CHECK_H
#define CMD_CHECK_H

#include "base/err.h"
#include "cmd/options.h"
#include "node/agent.h"
#include "serve/serve.h"

enum check_state { CHECK_OK, CHECK_WARN, CHECK_UNKNOWN, CHECK_MISSING };

struct checks;
/* NULL: no memory. verb: "hub". */
MUST struct checks *checks_new(const char *verb);

/* todo: shown unless it is CHECK_OK; NULL: nothing can be. Texts are cleaned, and cut. */
void check_put(struct checks *c, enum check_state state, const char *check, const char *subject,
	       const char *todo, const char *fmt, ...) PRINTF(6, 7);

/* A text that lives as long as the checks; "" where memory ran out. */
const char *check_text(struct checks *c, const char *fmt, ...) PRINTF(2, 3);

/* Writes the rows as -o says, and frees them (NULL: no memory); an exit code. */
int checks_end(struct checks *c, struct options *o);

/* What follows puts rows. check_place.c: this machine and process. */
void check_folder(struct checks *c, const char *check, const char *path, uint64_t least_bytes,
		  const char *todo);
void check_clock(struct checks *c);
/* Of a clock that was read just now, in milliseconds. */
void check_clocks(struct checks *c, const char *whose, int64_t ms);
void check_sandbox(struct checks *c, const struct rmg_opts *scan);
void check_listen(struct checks *c, const char *check, const char *at);
void check_runtimes(struct checks *c, const struct node_watch *v, size_t n, bool needed);
struct check_parts {
	bool host, drift, profile, execs, enforce;
};
void check_inside(struct checks *c, const struct check_parts *p);

/* check_kube.c: a cluster's API, and what may be done there. hub: what else than watching a hub is
 * to do there; NULL: nothing. webhooks: its admission is in use there. */
void check_kube(struct checks *c, const char *address, const char *const *kinds,
		const struct serve_opts *hub, bool webhooks);

/* check_hub.c, check_node.c: all of it, written as -o says; an exit code. */
int check_hub(struct options *o, const struct serve_opts *opts);
int check_node(struct options *o, const struct agent_opts *opts, const char *verb);

#endif
