/* SPDX-License-Identifier: Apache-2.0 */
#include "node/ruling.h"

#include <stdlib.h>

#include "base/limits.h"
#include "io/file.h"
#include "model/exec_rule.h"
#include "watch/rules_json.h"

enum { ASK_MS = 30000, AGAIN_MS = 3000 };

struct rules {
	struct arena arena;
	struct exec_rule *v;
	size_t n;
};

struct ruling {
	struct ruling_opts opts;
	char *path; /* where the hub's are kept */
	pthread_mutex_t lock;
	struct rules *rules; /* under lock; NULL: none are known */
	struct bell bell;
	pthread_t thread;
	bool running;
	/* The thread's. */
	struct strbuf text; /* of rules */
	bool troubled;
};

static void rules_free(struct rules *r)
{
	if (r == NULL)
		return;
	arena_done(&r->arena);
	free(r);
}

static enum rmg_rc rules_read(struct span text, struct rules **out, struct rmg_err *err)
{
	struct rules *r = calloc(1, sizeof *r);
	enum rmg_rc rc;

	if (r == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for rules");
	arena_init(&r->arena, 4 * LIMIT_RULES_BYTES);
	rc = exec_rules_parse(text, &r->arena, &r->v, &r->n, err);
	if (rc != RMG_OK) {
		rules_free(r);
		return rc;
	}
	*out = r;
	return RMG_OK;
}

/* Takes text over. */
static enum rmg_rc take(struct ruling *r, struct strbuf *text, struct rmg_err *err)
{
	struct rules *fresh = NULL, *old;
	enum rmg_rc rc = rules_read(strbuf_span(text), &fresh, err);

	if (rc != RMG_OK) {
		strbuf_done(text);
		return rc;
	}
	strbuf_done(&r->text);
	r->text = *text;
	pthread_mutex_lock(&r->lock);
	old = r->rules;
	r->rules = fresh;
	pthread_mutex_unlock(&r->lock);
	rules_free(old);
	return RMG_OK;
}

static void keep(struct ruling *r)
{
	struct rmg_err err = {0};

	if (r->opts.own == NULL && file_write(r->path, strbuf_span(&r->text), &err) != RMG_OK)
		node_say(r->opts.node, "error", "%s", err.msg);
}

static enum rmg_rc ask(struct ruling *r, struct rmg_err *err)
{
	struct strbuf text = strbuf_of(LIMIT_RULES_BYTES);
	enum rmg_rc rc = r->opts.own ? r->opts.own(r->opts.user, &text, err)
				     : uplink_rules(r->opts.uplink, &text, err);

	if (rc == RMG_OK && strbuf_rc(&text) != RMG_OK)
		rc = err_set(err, strbuf_rc(&text), "rules that are too long");
	if (rc != RMG_OK || span_is(strbuf_span(&text), strbuf_span(&r->text))) {
		strbuf_done(&text);
		return rc;
	}
	rc = take(r, &text, err);
	if (rc != RMG_OK)
		return rc;
	keep(r);
	node_say(r->opts.node, "info", "other rules about programs that start hold from now on");
	return RMG_OK;
}

static void say(struct ruling *r, enum rmg_rc rc, const struct rmg_err *err)
{
	if (rc != RMG_OK && rc != RMG_E_STOPPED && !r->troubled)
		node_say(r->opts.node, "warn",
			 "rules about programs that start stay as they are: %s", err->msg);
	else if (rc == RMG_OK && r->troubled)
		node_say(r->opts.node, "info", "rules about programs that start are known again");
	r->troubled = rc != RMG_OK;
}

static void *run(void *user)
{
	struct ruling *r = user;
	uint64_t heard = 0;
	unsigned ms = r->opts.own ? ASK_MS : 0; /* own ones have just been read */

	for (;;) {
		struct rmg_err err = {0};
		uint64_t before = heard;
		enum rmg_rc rc = RMG_OK;

		bell_wait(&r->bell, &heard, ms);
		if (node_stopping(r->opts.node))
			return NULL;
		if (r->opts.own == NULL || heard != before) {
			rc = ask(r, &err);
			say(r, rc, &err);
		}
		ms = rc == RMG_OK ? ASK_MS : AGAIN_MS;
	}
}

/* What the hub said before this agent was started. */
static enum rmg_rc remember(struct ruling *r, struct rmg_err *err)
{
	struct strbuf text = strbuf_of(LIMIT_RULES_BYTES);
	struct rmg_err why = {0};
	struct span bytes;
	enum rmg_rc rc;

	r->path = file_join(r->opts.state_dir, "node.rules");
	if (r->path == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a path");
	rc = file_read(r->path, LIMIT_RULES_BYTES, &bytes, &why);
	if (rc == RMG_E_NOTFOUND)
		return RMG_OK;
	if (rc == RMG_OK) {
		strbuf_put(&text, bytes);
		file_free(&bytes);
		rc = take(r, &text, &why);
	}
	if (rc != RMG_OK)
		node_say(r->opts.node, "warn", "%s: %s: the hub's rules are asked for anew",
			 r->path, why.msg);
	return RMG_OK;
}

static enum rmg_rc begin(struct ruling *r, struct rmg_err *err)
{
	struct strbuf text = strbuf_of(LIMIT_RULES_BYTES);
	enum rmg_rc rc;

	if (r->opts.own == NULL) {
		rc = remember(r, err);
		uplink_watch_rules(r->opts.uplink, &r->bell);
	} else {
		rc = r->opts.own(r->opts.user, &text, err);
		if (rc == RMG_OK)
			rc = take(r, &text, err);
		else
			strbuf_done(&text);
	}
	if (rc != RMG_OK)
		return rc;
	r->running = pthread_create(&r->thread, NULL, run, r) == 0;
	return r->running ? RMG_OK : err_set(err, RMG_E_NOMEM, "no thread for rules");
}

enum rmg_rc ruling_open(const struct ruling_opts *opts, struct ruling **out, struct rmg_err *err)
{
	struct ruling *r = calloc(1, sizeof *r);
	enum rmg_rc rc;

	if (r == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for rules");
	r->opts = *opts;
	pthread_mutex_init(&r->lock, NULL);
	bell_init(&r->bell);
	rc = begin(r, err);
	if (rc != RMG_OK) {
		ruling_close(r);
		return rc;
	}
	*out = r;
	return RMG_OK;
}

void ruling_close(struct ruling *r)
{
	if (r == NULL)
		return;
	uplink_watch_rules(r->opts.uplink, NULL);
	bell_ring(&r->bell);
	if (r->running)
		pthread_join(r->thread, NULL);
	rules_free(r->rules);
	strbuf_done(&r->text);
	free(r->path);
	bell_done(&r->bell);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

void ruling_again(struct ruling *r)
{
	if (r)
		bell_ring(&r->bell);
}

uint32_t ruling_hows(struct ruling *r)
{
	uint32_t hows = HOW_ALL;

	pthread_mutex_lock(&r->lock);
	if (r->rules)
		hows = exec_rules_hows(r->rules->v, r->rules->n);
	pthread_mutex_unlock(&r->lock);
	return hows;
}

uint32_t ruling_refused(struct ruling *r, const struct event *began)
{
	uint32_t refused = 0;

	pthread_mutex_lock(&r->lock);
	if (r->rules)
		refused = exec_rules_refused(r->rules->v, r->rules->n, began);
	pthread_mutex_unlock(&r->lock);
	return refused;
}
