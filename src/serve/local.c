/* SPDX-License-Identifier: Apache-2.0 */
/* local.c - what this machine's own watchers and scanner see, straight into the hub: what an agent
 * on another machine sends by HTTP. */
#include <stdlib.h>

#include "serve/parts.h"

static bool want_tag(void *user, const struct hub_tag_wanted *w)
{
	struct env *env = user;

	tags_want(env->node.tags, &(struct node_tag){w->ref, w->known, w->n_known, w->after_ms});
	return true;
}

static enum rmg_rc events(void *user, const struct event *e, size_t n, bool *resync,
			  struct rmg_err *err)
{
	struct env *env = user;
	struct hub_result *results = calloc(n + 1, sizeof *results);
	enum rmg_rc rc;

	*resync = false;
	if (results == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for events");
	rc = hub_apply(env->hub, e, n, results, err);
	for (size_t i = 0; rc == RMG_OK && i < n; i++)
		*resync |= results[i].resync;
	if (rc == RMG_OK && env->node.tags)
		hub_tags_wanted(env->hub, e, results, n, span_cstr(env->opts->node),
				env->opts->all_tags, want_tag, env);
	free(results);
	bell_ring(&env->sent);
	return rc;
}

static enum rmg_rc image(void *user, const struct node_image *image, struct rmg_err *err)
{
	struct env *env = user;
	struct hub_reading reading = {
	    .inventory = image->inventory,
	    .read_by = S("hub"),
	    .asked = image->asked,
	    .taken_ms = image->taken_ms,
	    .created_ms = image->created_ms,
	    .revision = image->revision,
	};
	enum rmg_rc rc = hub_image_put(env->hub, &reading, NULL, err);

	bell_ring(&env->sent);
	return rc;
}

struct wanting {
	node_wanted_fn *fn;
	void *user;
};

static bool want(void *user, const struct hub_wanted *w)
{
	const struct wanting *to = user;
	struct node_wanted wanted = {w->ref, w->digest, w->runtime, w->node};

	return to->fn(to->user, &wanted);
}

static enum rmg_rc wanted(void *user, node_wanted_fn *fn, void *fn_user, struct rmg_err *err)
{
	struct env *env = user;
	struct wanting to = {fn, fn_user};

	return hub_wanted_each(env->hub, span_cstr(env->opts->node), want, &to, err);
}

static enum rmg_rc profile(void *user, const struct profile *p, struct node_profiled *out,
			   struct rmg_err *err)
{
	struct env *env = user;
	struct hub_profiled known = {0};
	enum rmg_rc rc = hub_profile_put(env->hub, p, &known, err);

	*out = (struct node_profiled){known.closed, known.executed, known.n_executed};
	return rc;
}

struct node_to local_to(struct env *env)
{
	return (struct node_to){
	    .events = events, .image = image, .wanted = wanted, .profile = profile, .user = env};
}
