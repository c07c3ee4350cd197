/* SPDX-License-Identifier: Apache-2.0 */
/* keeper.c - retention: what was kept for long enough goes, a little at a time, on a connection of
 * its own, so that neither questions nor the hub's clockwork wait for it. */
#include <stdlib.h>

#include "base/clock.h"
#include "serve/parts.h"

enum { LOOK_MS = 1000, EVERY_MS = 3600 * 1000, BREATH_MS = 20 };

struct keeper {
	struct env *env;
	pthread_t thread;
	int64_t done_at; /* of the tick; 0: not yet */
	bool troubled;
};

static bool stop(void *user)
{
	const struct keeper *k = user;

	return env_stopping(k->env) || !atomic_load(&k->env->leads);
}

static int64_t before(const struct keeper *k, const atomic_uint *setting)
{
	int64_t days = atomic_load(setting);

	return days ? env_now_ms(k->env) - days * INT64_C(86400000) : 0;
}

static void say(struct keeper *k, enum rmg_rc rc, const struct rmg_err *err)
{
	if (rc != RMG_OK && !k->troubled)
		env_say(k->env, "warn", "the store could not be compacted: %s", err->msg);
	k->troubled = rc != RMG_OK;
}

/* Others write between the pieces. */
static void compact(struct keeper *k)
{
	const struct store_keep keep = {
	    .uses_before_ms = before(k, &k->env->ended_uses_days),
	    .outbox_before_ms = before(k, &k->env->sent_messages_days),
	    .changes_before_ms = before(k, &k->env->changes_days),
	};
	struct rmg_err err = {0};
	struct store *st = NULL;
	bool more = true;
	enum rmg_rc rc = store_open(k->env->store, &st, &err);

	while (rc == RMG_OK && more) {
		rc = store_compact(st, &keep, &more, &err);
		if (stop(k))
			break;
		clock_sleep_ms(BREATH_MS);
	}
	store_close(st);
	say(k, rc, &err);
}

static void *run(void *user)
{
	struct keeper *k = user;

	while (clock_rest(LOOK_MS, env_stopping, k->env)) {
		int64_t tick = clock_tick_ms();

		if (stop(k) || (k->done_at && tick - k->done_at < EVERY_MS))
			continue;
		compact(k);
		k->done_at = tick;
	}
	return NULL;
}

enum rmg_rc keeper_start(struct env *env, struct keeper **out, struct rmg_err *err)
{
	struct keeper *k = calloc(1, sizeof *k);

	if (k == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for retention");
	k->env = env;
	if (pthread_create(&k->thread, NULL, run, k) != 0) {
		free(k);
		return err_set(err, RMG_E_NOMEM, "no thread for retention");
	}
	*out = k;
	return RMG_OK;
}

void keeper_stop(struct keeper *k)
{
	if (k == NULL)
		return;
	pthread_join(k->thread, NULL);
	free(k);
}
