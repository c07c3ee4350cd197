/* SPDX-License-Identifier: Apache-2.0 */
/* parts.h - the threads of `rummage hub` besides the HTTP server's and those of this machine
 * (node/node.h): each is a struct, a start and a stop that waits for it.
 *
 * delivers one a sink: takes what is due from the outbox and sends it, while this hub leads
 * feeder   keeps the advisory database current, and hands each new one to the hub; begins to read
 *          before that is open
 * keeper   gives up what was kept for as long as the hub's file says, while this hub leads
 *
 * Each says what a person should know through env->say, once when a trouble begins and once when it
 * ends, not at each try. */
#ifndef SERVE_PARTS_H
#define SERVE_PARTS_H

#include <stdatomic.h>

#include "hub/hub.h"
#include "node/node.h"
#include "serve/config.h"
#include "serve/serve.h"

struct env {
	const struct serve_opts *opts;
	struct hub *_Atomic hub; /* NULL until it is open, which the feeder alone sees */
	const char *store;       /* its URL */
	int64_t (*now_ms)(void *user);
	void *clock_user;
	struct node node;                /* this machine */
	struct admission_missed *missed; /* NULL: nobody is asked about admission */
	struct bell opened;              /* the hub is there */
	struct bell sent;                /* something is in the outbox */
	pthread_mutex_t ruling;
	const struct policy *policy; /* as it is now; under ruling */
	int64_t opened_ms;           /* when the hub was, before anything was judged anew */
	const char *link;            /* of the hub, for people; NULL: none; under ruling */
	struct hub_tag_opts tags;    /* the same */
	atomic_bool stopping, leads;
	atomic_uint ended_uses_days, changes_days, sent_messages_days; /* 0: for ever */
};

void env_say(const struct env *env, const char *level, const char *fmt, ...) PRINTF(3, 4);
bool env_stopping(void *env); /* as a stop callback */
int64_t env_now_ms(const struct env *env);
struct node_to local_to(struct env *env); /* this machine's, straight into the hub */

struct deliver;
struct delivers {
	struct deliver *v[CONFIG_SINKS];
	size_t n;
};
/* The sinks of a config, of which they hold a share. Those that are as they were go on; the others
 * end, what they were sending is sent again, and begin as they are now. */
MUST enum rmg_rc delivers_set(struct delivers *d, struct env *env, struct config *config,
			      struct rmg_err *err);
void delivers_stop(struct delivers *d);

struct feeder;
MUST enum rmg_rc feeder_start(struct env *env, struct feeder **out, struct rmg_err *err);
void feeder_stop(struct feeder *f);

struct keeper;
MUST enum rmg_rc keeper_start(struct env *env, struct keeper **out, struct rmg_err *err);
void keeper_stop(struct keeper *k);

#endif
