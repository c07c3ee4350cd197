/* SPDX-License-Identifier: Apache-2.0 */
/* parts.h - the threads of `rummage hub` besides the HTTP server's: each is a struct, a start and a
 * stop that waits for it.
 *
 * deliver  one a sink: takes what is due from the outbox and sends it, while this hub leads
 * feeder   keeps the advisory database current, and hands each new one to the hub
 * scanner  reads images in use that nobody has read, from this node's engines
 * watcher  one a runtime: events into the hub
 * host     this machine's own software, as a use that lasts
 *
 * Each says what a person should know through env->say, once when a trouble begins and once when it
 * ends, not at each try. */
#ifndef SERVE_PARTS_H
#define SERVE_PARTS_H

#include <stdatomic.h>

#include "hub/hub.h"
#include "serve/bell.h"
#include "serve/config.h"
#include "serve/serve.h"

struct env {
	const struct serve_opts *opts;
	struct hub *hub;
	const char *store; /* its URL */
	int64_t (*now_ms)(void *user);
	void *clock_user;
	struct bell sent;   /* something is in the outbox */
	struct bell wanted; /* an image may be wanted */
	atomic_bool stopping, leads;
};

void env_say(const struct env *env, const char *level, const char *fmt, ...) PRINTF(3, 4);
bool env_stopping(void *env); /* as a stop callback */
int64_t env_now_ms(const struct env *env);
struct rmg_opts env_scan_opts(struct env *env); /* as asked for, ended by the hub's end */

struct deliver;
MUST enum rmg_rc deliver_start(struct env *env, const struct config_sink *sink,
			       struct deliver **out, struct rmg_err *err);
void deliver_stop(struct deliver *d);

struct feeder;
MUST enum rmg_rc feeder_start(struct env *env, struct feeder **out, struct rmg_err *err);
void feeder_stop(struct feeder *f);

struct scanner;
MUST enum rmg_rc scanner_start(struct env *env, struct scanner **out, struct rmg_err *err);
void scanner_stop(struct scanner *s);

struct watcher;
MUST enum rmg_rc watcher_start(struct env *env, const struct serve_watch *what,
			       struct watcher **out, struct rmg_err *err);
void watcher_stop(struct watcher *w);

struct host;
MUST enum rmg_rc host_start(struct env *env, struct host **out, struct rmg_err *err);
void host_stop(struct host *h);

#endif
