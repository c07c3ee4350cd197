/* SPDX-License-Identifier: Apache-2.0 */
/* hub_act.c - what people do, each under their name in the audit log. On a hub that does not lead
 * it goes through the inbox. */
#include <stdio.h>

#include "base/err.h"
#include "base/limits.h"
#include "format/json.h"
#include "format/jsonw.h"
#include "hub/audit.h"
#include "hub/hub_inside.h"

static enum rmg_rc audit(struct tx *tx, struct span actor, const char *action, struct span subject,
			 struct span body)
{
	struct audit_row row = {
	    .at_ms = tx->now_ms,
	    .actor = actor,
	    .action = span_cstr(action),
	    .subject = subject,
	    .body = body,
	};

	return audit_add(tx->st, &row, tx->err);
}

enum rmg_rc hub_change(struct hub *h, const struct hub_record *record, hub_change_fn *fn,
		       void *user, struct rmg_err *err)
{
	struct audit_row row = {
	    .at_ms = hub_now_ms(h),
	    .actor = record->actor,
	    .action = record->action,
	    .subject = record->subject,
	    .body = record->body,
	};
	struct store *st = hub_store_lock(h, err);
	enum rmg_rc rc;

	if (st == NULL)
		return RMG_E_IO;
	rc = store_begin(st, err);
	if (rc == RMG_OK) {
		rc = fn(user, st, err);
		if (rc == RMG_OK)
			rc = audit_add(st, &row, err);
		rc = store_end(st, rc, err);
	}
	hub_store_unlock(h);
	return rc;
}

/* Alerts. */

struct act {
	uint32_t alert;
	enum alert_act act;
	int64_t until_ms;
	struct span actor, reason;
};

static const char *const act_names[] = {
    [ACT_ACKNOWLEDGE] = "alert.acknowledge",
    [ACT_SUPPRESS] = "alert.suppress",
    [ACT_REOPEN] = "alert.reopen",
};

static void put_act(const struct act *a, struct strbuf *out)
{
	struct jsonw w = jsonw_of(out);

	strbuf_clear(out);
	jsonw_object(&w);
	jsonw_put_u64(&w, "act", a->act);
	jsonw_put_u64(&w, "alert", a->alert);
	jsonw_put_u64(&w, "until", a->until_ms > 0 ? (uint64_t)a->until_ms : 0);
	jsonw_put(&w, "actor", a->actor);
	jsonw_put(&w, "reason", a->reason);
	jsonw_object_end(&w);
}

static enum rmg_rc act(struct tx *tx, const struct act *a)
{
	static const enum alert_state to[] = {
	    [ACT_ACKNOWLEDGE] = ALERT_ACKNOWLEDGED,
	    [ACT_SUPPRESS] = ALERT_SUPPRESSED,
	    [ACT_REOPEN] = ALERT_FIRING,
	};
	char subject[32];
	int n = snprintf(subject, sizeof subject, "%u", a->alert);
	enum rmg_rc rc = alerts_act(tx->h->alerts, &tx->env, a->alert, to[a->act], a->until_ms,
				    a->actor, a->reason, tx->err);

	return rc == RMG_OK
		   ? audit(tx, a->actor, act_names[a->act], span_of(subject, (size_t)n), a->reason)
		   : rc;
}

enum rmg_rc tx_act(struct tx *tx, struct span body)
{
	struct json_doc doc = {0};
	uint64_t what = 0, alert = 0, until = 0;
	struct act a;
	enum rmg_rc rc = json_parse(&doc, body, LIMIT_MESSAGE_BYTES, tx->err);

	if (rc == RMG_OK && (!json_get_u64(doc.root, "act", &what) || what > ACT_REOPEN ||
			     !json_get_u64(doc.root, "alert", &alert) || alert > UINT32_MAX ||
			     !json_get_u64(doc.root, "until", &until)))
		rc = err_set(tx->err, RMG_E_FORMAT, "the inbox is damaged");
	a = (struct act){
	    .act = (enum alert_act)what,
	    .alert = (uint32_t)alert,
	    .until_ms = (int64_t)until,
	    .actor = json_get_str(doc.root, "actor"),
	    .reason = json_get_str(doc.root, "reason"),
	};
	/* An alert that was resolved meanwhile needs nothing done. */
	if (rc == RMG_OK && alerts_by_id(tx->h->alerts, a.alert))
		rc = act(tx, &a);
	json_done(&doc);
	return rc;
}

static enum rmg_rc put_aside(struct tx *tx, const char *kind)
{
	struct inbox_row row = {.kind = span_cstr(kind), .body = strbuf_span(&tx->text)};

	if (strbuf_rc(&tx->text) != RMG_OK)
		return tx_no_memory(tx);
	return store_inbox_add(tx->st, &row, tx->err);
}

enum rmg_rc hub_alert_act(struct hub *h, uint32_t alert, enum alert_act what, int64_t until_ms,
			  struct span actor, struct span reason, struct rmg_err *err)
{
	struct act a = {alert, what, until_ms, actor, reason};
	struct tx tx;
	enum rmg_rc rc = tx_begin(&tx, h, err);

	if (rc != RMG_OK)
		return rc;
	if (alerts_by_id(h->alerts, alert) == NULL ||
	    (what == ACT_SUPPRESS && until_ms && until_ms <= tx.now_ms)) {
		rc = tx_end(&tx, RMG_OK); /* nothing was changed: nothing needs to be taken back */
		if (rc != RMG_OK)
			return rc;
		return err_set(err, RMG_E_NOTFOUND, "no open alert %u, or a time that is over",
			       alert);
	}
	put_act(&a, &tx.text);
	rc = h->leads ? act(&tx, &a) : put_aside(&tx, "alert");
	return tx_end(&tx, rc == RMG_OK ? tx_settle(&tx) : rc);
}

/* Exceptions. */

enum rmg_rc tx_exceptions_changed(struct tx *tx, struct span actor, const char *action, uint64_t id,
				  struct span body)
{
	char subject[32];
	int n = snprintf(subject, sizeof subject, "%llu", (unsigned long long)id);
	enum rmg_rc rc = audit(tx, actor, action, span_of(subject, (size_t)n), body);

	strbuf_clear(&tx->text);
	strbuf_printf(&tx->text, "{\"exception\":%s,\"what\":\"%s\"}", subject, action);
	if (rc == RMG_OK && tx->h->leads)
		rc = tx_tell(tx, "exception", strbuf_span(&tx->text));
	if (rc != RMG_OK)
		return rc;
	return tx->h->leads ? alerts_exceptions(tx->h->alerts, &tx->env, tx->err)
			    : put_aside(tx, "exception");
}

enum rmg_rc hub_exception_put(struct hub *h, struct exception_row *row, struct span actor,
			      struct rmg_err *err)
{
	struct tx tx;
	enum rmg_rc rc = tx_begin(&tx, h, err);

	if (rc != RMG_OK)
		return rc;
	if (row->created_ms == 0)
		row->created_ms = tx.now_ms;
	rc = store_exception_put(tx.st, row, err);
	if (rc == RMG_OK)
		rc = tx_exceptions_changed(&tx, actor, "exception.put", row->id, row->reason);
	return tx_end(&tx, rc == RMG_OK ? tx_settle(&tx) : rc);
}

struct sought {
	uint64_t id;
	bool found;
};

static enum rmg_rc seek(void *user, const struct exception_row *row)
{
	struct sought *s = user;

	s->found = s->found || row->id == s->id;
	return RMG_OK;
}

/* Asked before the transaction: one that fails has everything loaded anew. */
static enum rmg_rc find_exception(struct hub *h, uint64_t id, struct rmg_err *err)
{
	struct sought sought = {.id = id};
	struct store *st = hub_store_lock(h, err);
	enum rmg_rc rc;

	if (st == NULL)
		return RMG_E_IO;
	rc = store_exception_each(st, seek, &sought, err);
	hub_store_unlock(h);
	if (rc == RMG_OK && !sought.found)
		rc = err_set(err, RMG_E_NOTFOUND, "no exception has this id");
	return rc;
}

enum rmg_rc hub_exception_delete(struct hub *h, uint64_t id, struct span actor, struct rmg_err *err)
{
	struct tx tx;
	enum rmg_rc rc = find_exception(h, id, err);

	if (rc == RMG_OK)
		rc = tx_begin(&tx, h, err);
	if (rc != RMG_OK)
		return rc;
	rc = store_exception_delete(tx.st, id, err);
	if (rc == RMG_OK)
		rc = tx_exceptions_changed(&tx, actor, "exception.delete", id, (struct span){0});
	return tx_end(&tx, rc == RMG_OK ? tx_settle(&tx) : rc);
}
