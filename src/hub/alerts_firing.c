/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/alerts_firing.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/rfc3339.h"
#include "hub/alerts_inside.h"

static bool fires(const struct alert *x)
{
	return x->state == ALERT_FIRING || x->state == ALERT_ACKNOWLEDGED;
}

enum rmg_rc alerts_firing(const struct alerts *a, const struct alerts_env *env, const char *sink,
			  struct ids *out)
{
	int64_t quiet_ms = policy_quiet_since(env->policy, env->now_ms);

	out->n = 0;
	for (size_t i = 0; i < a->v.n; i++) {
		const struct alert *x = &a->v.v[i];
		bool waits =
		    quiet_ms && x->opened_ms >= quiet_ms && !x->kev && x->severity != SEV_CRITICAL;

		if (fires(x) && !waits && rule_tells(env->policy, x->rule, sink) &&
		    !VEC_PUSH(out, x->id))
			return RMG_E_NOMEM;
	}
	return RMG_OK;
}

struct firing {
	const uint32_t *ids;
	size_t n;
	struct arena texts, items;
	bool keyed[MESSAGE_ITEMS]; /* no finding: its texts are in the store */
	struct notice_text *text[MESSAGE_ITEMS];
	struct message_item item[MESSAGE_ITEMS];
};

enum rmg_rc firing_new(const uint32_t *ids, size_t n, struct firing **out)
{
	struct firing *f = calloc(1, sizeof *f);

	CHECK(n <= MESSAGE_ITEMS);
	if (f == NULL)
		return RMG_E_NOMEM;
	f->ids = ids;
	f->n = n;
	arena_init(&f->texts, LIMIT_MESSAGE_BYTES);
	arena_init(&f->items, GIB(1));
	*out = f;
	return RMG_OK;
}

void firing_free(struct firing *f)
{
	if (f == NULL)
		return;
	arena_done(&f->texts);
	arena_done(&f->items);
	free(f);
}

void firing_look(struct firing *f, const struct alerts *a)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct alert *x = alerts_by_id(a, f->ids[i]);

		f->keyed[i] = x && x->key && fires(x);
	}
}

enum rmg_rc firing_read(struct firing *f, struct store *st, struct rmg_err *err)
{
	const struct alerts_env env = {.store = st};
	struct call c = {.env = &env, .err = err, .items = &f->texts};

	for (size_t i = 0; i < f->n; i++) {
		enum rmg_rc rc;

		if (!f->keyed[i])
			continue;
		f->text[i] = ARENA_NEW(&f->texts, struct notice_text);
		rc = f->text[i] ? alert_texts(&c, f->ids[i], f->text[i]) : call_no_memory(&c);
		if (rc == RMG_E_NOTFOUND)
			f->text[i] = NULL; /* what memory knows is on disk a moment later */
		else if (rc != RMG_OK)
			return rc;
	}
	return RMG_OK;
}

static struct notice notice_of(const struct alert *x, struct notice_text *text)
{
	return (struct notice){
	    .alert = x->id,
	    .image = x->image,
	    .advisory = x->advisory,
	    .workload = x->workload,
	    .rule = x->rule,
	    .epss_permille = x->epss_permille,
	    .kind = MESSAGE_FIRING,
	    .severity = x->severity,
	    .kev = x->kev,
	    .fixable = x->fixable,
	    .opened_ms = x->opened_ms,
	    .text = text,
	};
}

enum rmg_rc firing_write(struct firing *f, struct alerts *a, const struct alerts_env *env,
			 struct span id, struct strbuf *out, struct rmg_err *err)
{
	struct call c = call_of(a, env, err);
	char at[RFC3339_BYTES];
	struct message m = {
	    .kind = MESSAGE_FIRING,
	    .id = id,
	    .title = S("what fires"),
	    .at = span_cstr(rfc3339_text(env->now_ms, at)),
	    .link = span_cstr(env->link ? env->link : ""),
	    .items = f->item,
	};

	c.items = &f->items;
	for (size_t i = 0; i < f->n; i++) {
		const struct alert *x = alerts_by_id(a, f->ids[i]);
		struct notice n;
		const struct message_item *item;

		if (x == NULL || !fires(x) || (x->key && f->text[i] == NULL))
			continue;
		n = notice_of(x, x->key ? f->text[i] : NULL);
		item = notice_item(&c, &n);
		if (item == NULL)
			return call_no_memory(&c);
		f->item[m.n_items++] = *item;
	}
	if (m.n_items)
		message_write(&m, out);
	return strbuf_rc(out) == RMG_OK ? RMG_OK : call_no_memory(&c);
}
