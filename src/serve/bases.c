/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/bases.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/vec.h"
#include "model/ref.h"
#include "serve/puller.h"

enum { LOOK_MS = 500, FIRST_PAUSE_S = 10, LONGEST_PAUSE_S = 3600, MOST_TRIED = 10000 };

struct tried {
	unsigned times;
	int64_t next_ms; /* of the tick */
};

struct bases {
	struct env *env;
	pthread_t thread;
	VEC(struct tried) tried;
	struct map by_what; /* hashes of reference and digest */
	char ref[PULLER_REF];
	uint64_t what;
	bool found;
};

static struct tried *tried_of(struct bases *b, uint64_t what)
{
	uint32_t i = map_find(&b->by_what, what);

	return i == MAP_NONE ? NULL : &b->tried.v[i];
}

static bool choose(void *user, struct span ref, struct span digest)
{
	struct bases *b = user;
	struct span repository, tag;
	const struct tried *t;

	b->what = path_child(hash_span(ref), hash_span(digest));
	t = tried_of(b, b->what);
	if (t && t->next_ms > clock_tick_ms())
		return true;
	ref_cut(ref, &repository, &tag);
	b->found = repository.n + 1 + digest.n < sizeof b->ref;
	snprintf(b->ref, sizeof b->ref, SPAN_FMT "@" SPAN_FMT, SPAN_ARG(repository),
		 SPAN_ARG(digest));
	return !b->found;
}

static void not_again_soon(struct bases *b)
{
	struct tried *t = tried_of(b, b->what);

	if (t == NULL) {
		if (b->tried.n >= MOST_TRIED) {
			b->tried.n = 0;
			map_clear(&b->by_what);
		}
		t = VEC_ADD(&b->tried);
		if (t == NULL)
			return;
		if (!map_set(&b->by_what, b->what, (uint32_t)b->tried.n - 1)) {
			b->tried.n--;
			return;
		}
	}
	t->next_ms =
	    clock_tick_ms() + 1000 * MIN_OF((int64_t)FIRST_PAUSE_S << MIN_OF(t->times, 10u),
					    (int64_t)LONGEST_PAUSE_S);
	t->times++;
}

static void read_one(struct bases *b)
{
	struct rmg_err err = {0};
	bool first = tried_of(b, b->what) == NULL;
	enum rmg_rc rc =
	    puller_image(b->env, b->ref, NULL, "which images stand on", env_stopping, b->env, &err);

	if (rc != RMG_OK && rc != RMG_E_STOPPED && first)
		env_say(b->env, "warn", "the base image %s could not be read: %s", b->ref, err.msg);
	not_again_soon(b);
	bell_ring(&b->env->sent);
}

static void *run(void *user)
{
	struct bases *b = user;

	while (!env_stopping(b->env)) {
		struct rmg_err err;

		b->found = false;
		if (atomic_load(&b->env->leads) &&
		    hub_bases_wanted(b->env->hub, choose, b, &err) == RMG_OK && b->found)
			read_one(b);
		else
			(void)clock_rest(LOOK_MS, env_stopping, b->env);
	}
	return NULL;
}

enum rmg_rc bases_start(struct env *env, struct bases **out, struct rmg_err *err)
{
	struct bases *b = calloc(1, sizeof *b);

	if (b == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for what reads base images");
	b->env = env;
	if (pthread_create(&b->thread, NULL, run, b) != 0) {
		free(b);
		return err_set(err, RMG_E_NOMEM, "no thread for what reads base images");
	}
	*out = b;
	return RMG_OK;
}

void bases_stop(struct bases *b)
{
	if (b == NULL)
		return;
	pthread_join(b->thread, NULL);
	VEC_DONE(&b->tried);
	map_done(&b->by_what);
	free(b);
}
