/* SPDX-License-Identifier: Apache-2.0 */
/* hub_firing.c - what fires, told again and again: a look at the alerts under the read lock. */
#include "base/err.h"
#include "hub/alerts_firing.h"
#include "hub/hub_inside.h"

/* The read lock, and what is asked under it. db is a copy, so that damage that is found in it is
 * noted by this question alone. */
static enum rmg_rc look(struct hub *h, struct alerts_env *env, struct advdb *db,
			struct rmg_err *err)
{
	const struct world *w;
	struct advdb *judged_by;
	enum rmg_rc rc = hub_read_lock(h, &w, &judged_by, err);

	if (rc != RMG_OK)
		return rc;
	*env = (struct alerts_env){
	    .world = h->world,
	    .policy = h->policy,
	    .now_ms = hub_now_ms(h),
	    .link = h->opts.link,
	};
	if (judged_by) {
		*db = *judged_by;
		env->db = db;
	}
	return RMG_OK;
}

enum rmg_rc hub_firing(struct hub *h, const char *sink, struct ids *out, struct rmg_err *err)
{
	struct alerts_env env;
	struct advdb db;
	enum rmg_rc rc = look(h, &env, &db, err);

	if (rc != RMG_OK)
		return rc;
	rc = alerts_firing(h->alerts, &env, sink, out);
	hub_read_unlock(h);
	return rc == RMG_OK ? rc : err_set(err, rc, "no memory for what fires");
}

static enum rmg_rc write_firing(struct hub *h, struct firing *f, struct store *st, struct span id,
				struct strbuf *out, struct rmg_err *err)
{
	struct alerts_env env;
	struct advdb db;
	enum rmg_rc rc = look(h, &env, &db, err);

	if (rc != RMG_OK)
		return rc;
	firing_look(f, h->alerts);
	hub_read_unlock(h);
	rc = firing_read(f, st, err);
	if (rc == RMG_OK)
		rc = look(h, &env, &db, err);
	if (rc != RMG_OK)
		return rc;
	rc = firing_write(f, h->alerts, &env, id, out, err);
	hub_read_unlock(h);
	return rc;
}

enum rmg_rc hub_firing_message(struct hub *h, struct store *st, const uint32_t *ids, size_t n,
			       struct span id, struct strbuf *out, struct rmg_err *err)
{
	struct firing *f;
	enum rmg_rc rc;

	strbuf_clear(out);
	if (firing_new(ids, n, &f) != RMG_OK)
		return err_set(err, RMG_E_NOMEM, "no memory for what fires");
	rc = write_firing(h, f, st, id, out, err);
	firing_free(f);
	return rc;
}
