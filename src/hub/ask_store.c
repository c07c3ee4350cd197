/* SPDX-License-Identifier: Apache-2.0 */
/* ask_store.c - what is asked of the store: lineage, exceptions, the outbox, the audit log. */
#include <stdio.h>

#include "hub/ask_page.h"
#include "hub/audit.h"

struct rows {
	struct page page;
	const struct ask *q;
	uint64_t n;
};

/* A text that is JSON of our own, or null. */
static void put_json(struct jsonw *w, const char *key, struct span json)
{
	jsonw_key(w, key);
	if (json.n == 0) {
		jsonw_null(w);
		return;
	}
	strbuf_put(w->out, json);
	w->comma = true;
}

/* Opens a page over the store's rows, runs it, and ends it. */
typedef enum rmg_rc each_fn(struct store *st, struct rows *r, struct rmg_err *err);

static enum rmg_rc list(struct hub *h, const struct ask *q, struct strbuf *out, each_fn *each,
			struct rmg_err *err)
{
	struct rows r = {.q = q};
	struct store *st;
	enum rmg_rc rc = page_begin(&r.page, q, out, err);

	if (rc != RMG_OK)
		return rc;
	st = hub_store_lock(h, err);
	if (st == NULL)
		return RMG_E_IO;
	rc = each(st, &r, err);
	hub_store_unlock(h);
	jsonw_array_end(&r.page.w);
	page_end(&r.page, NULL, hub_now_ms(h));
	return rc;
}

static enum rmg_rc go_on(const struct rows *r)
{
	return r->page.more ? RMG_E_STOPPED : RMG_OK;
}

static enum rmg_rc put_exception(void *user, const struct exception_row *row)
{
	struct rows *r = user;
	struct jsonw *w = &r->page.w;

	if (!page_at(&r->page, row->id, 0))
		return go_on(r);
	jsonw_object(w);
	jsonw_put_u64(w, "id", row->id);
	jsonw_put(w, "owner", row->owner);
	jsonw_put(w, "reason", row->reason);
	jsonw_put(w, "advisory", row->advisory);
	jsonw_put(w, "purl", row->purl);
	jsonw_put(w, "image", row->image);
	jsonw_put(w, "namespace", row->ns);
	jsonw_put(w, "workload", row->workload);
	jsonw_put(w, "vex_status", row->vex_status);
	jsonw_put(w, "justification", row->justification);
	put_time(w, "created", row->created_ms);
	put_time(w, "until", row->until_ms);
	jsonw_object_end(w);
	return RMG_OK;
}

static enum rmg_rc each_exception(struct store *st, struct rows *r, struct rmg_err *err)
{
	return store_exception_each(st, put_exception, r, err);
}

enum rmg_rc ask_exceptions(struct hub *h, const struct ask *q, struct strbuf *out,
			   struct rmg_err *err)
{
	return list(h, q, out, each_exception, err);
}

static enum rmg_rc put_outbox(void *user, const struct outbox_row *row)
{
	struct rows *r = user;
	struct jsonw *w = &r->page.w;

	if (!page_at(&r->page, row->id, 0))
		return go_on(r);
	jsonw_object(w);
	jsonw_put_u64(w, "id", row->id);
	jsonw_put(w, "sink", row->sink);
	jsonw_put(w, "state", row->state);
	jsonw_put_u64(w, "attempts", row->attempts);
	put_time(w, "created", row->created_ms);
	put_time(w, "next", row->next_ms);
	put_time(w, "done", row->done_ms);
	jsonw_put(w, "error", row->error);
	put_json(w, "message", row->message);
	jsonw_object_end(w);
	return RMG_OK;
}

static enum rmg_rc each_outbox(struct store *st, struct rows *r, struct rmg_err *err)
{
	static const char *const states[] = {"waiting", "sent", "dead"};
	struct span asked = r->q->state.n ? r->q->state : S("dead");

	for (size_t i = 0; i < COUNT_OF(states); i++)
		if (span_is(asked, span_cstr(states[i])))
			return store_outbox_each(st, asked, put_outbox, r, err);
	return err_set(err, RMG_E_ARG, "\"state\" is waiting, sent or dead");
}

enum rmg_rc ask_outbox(struct hub *h, const struct ask *q, struct strbuf *out, struct rmg_err *err)
{
	return list(h, q, out, each_outbox, err);
}

static enum rmg_rc put_audit(void *user, const struct audit_row *row)
{
	struct rows *r = user;
	struct jsonw *w = &r->page.w;
	struct strbuf hex = strbuf_of(80);

	if (!page_at(&r->page, row->seq, 0))
		return go_on(r);
	strbuf_hex(&hex, row->hash, sizeof row->hash);
	jsonw_object(w);
	jsonw_put_u64(w, "seq", row->seq);
	put_time(w, "at", row->at_ms);
	jsonw_put(w, "actor", row->actor);
	jsonw_put(w, "action", row->action);
	jsonw_put(w, "subject", row->subject);
	jsonw_put(w, "body", row->body);
	jsonw_put(w, "hash", strbuf_span(&hex));
	jsonw_object_end(w);
	strbuf_done(&hex);
	return RMG_OK;
}

static enum rmg_rc each_audit(struct store *st, struct rows *r, struct rmg_err *err)
{
	return store_audit_each(st, MAX_OF(r->page.from[0], 1u), put_audit, r, err);
}

enum rmg_rc ask_audit(struct hub *h, const struct ask *q, struct strbuf *out, struct rmg_err *err)
{
	return list(h, q, out, each_audit, err);
}

enum rmg_rc ask_audit_verify(struct hub *h, const struct ask *q, struct strbuf *out,
			     struct rmg_err *err)
{
	struct jsonw w = jsonw_of(out);
	struct audit_head told = {0};
	struct audit_verdict v = {0};
	char text[AUDIT_HEAD_BYTES];
	struct store *st;
	enum rmg_rc rc;

	if (q->query.n && !audit_head_parse(q->query, &told))
		return err_set(err, RMG_E_ARG, "\"query\" is a head of the log: SEQ:HASH");
	st = hub_store_lock(h, err);
	if (st == NULL)
		return RMG_E_IO;
	rc = audit_verify(st, q->query.n ? &told : NULL, &v, err);
	hub_store_unlock(h);
	if (rc != RMG_OK)
		return rc;
	jsonw_object(&w);
	jsonw_put_u64(&w, "records", v.records);
	jsonw_put_bool(&w, "good", v.why[0] == '\0');
	if (v.first_bad)
		jsonw_put_u64(&w, "first_bad", v.first_bad);
	else
		jsonw_put_null(&w, "first_bad");
	jsonw_put_cstr(&w, "why", v.why[0] ? v.why : NULL);
	jsonw_put_cstr(&w, "head", audit_head_text(&v.head, text));
	jsonw_object_end(&w);
	return RMG_OK;
}
