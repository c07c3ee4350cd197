/* SPDX-License-Identifier: Apache-2.0 */
#include "store/backend.h"
#include "store/rows.h"

struct alert_call {
	alert_row_fn *fn;
	void *user;
};

static enum rmg_rc alert_read(void *user, const struct cols *c)
{
	const struct alert_call *call = user;
	struct alert_row row = {
	    .id = col_u32(c, 0),
	    .image = col_u32(c, 1),
	    .workload = col_u32(c, 2),
	    .key = col_span(c, 3),
	    .rule = col_span(c, 4),
	    .advisory = col_span(c, 5),
	    .severity = col_span(c, 6),
	    .title = col_span(c, 7),
	    .state = col_span(c, 8),
	    .details = col_span(c, 9),
	    .kev = col_bool(c, 10),
	    .fixable = col_bool(c, 11),
	    .epss_permille = col_u32(c, 12),
	    .escalation = col_u32(c, 13),
	    .times_opened = col_u32(c, 14),
	    .first_ms = col_int(c, 15),
	    .opened_ms = col_int(c, 16),
	    .changed_ms = col_int(c, 17),
	    .resolved_ms = col_int(c, 18),
	    .until_ms = col_int(c, 19),
	    .by = col_span(c, 20),
	    .reason = col_span(c, 21),
	};

	return call->fn(call->user, &row);
}

enum rmg_rc store_alert_put(struct store *st, const struct alert_row *row, struct rmg_err *err)
{
	return store_write(
	    st, SQL_ALERT_PUT,
	    WITH(v_int(row->id), v_int(row->image), v_int(row->workload), v_key(row->key),
		 v_text(row->rule), v_text(row->advisory), v_text(row->severity),
		 v_text(row->title), v_text(row->state), v_text(row->details), v_int(row->kev),
		 v_int(row->fixable), v_int(row->epss_permille), v_int(row->escalation),
		 v_int(row->times_opened), v_int(row->first_ms), v_int(row->opened_ms),
		 v_int(row->changed_ms), v_int(row->resolved_ms), v_int(row->until_ms),
		 v_text(row->by), v_text(row->reason)),
	    err);
}

enum rmg_rc store_alert_each(struct store *st, alert_row_fn *fn, void *user, struct rmg_err *err)
{
	struct alert_call call = {fn, user};

	return store_read(st, SQL_ALERT_EACH, WITHOUT, alert_read, &call, err);
}

struct alert_found {
	struct alert_call call;
	bool found;
};

static enum rmg_rc alert_one(void *user, const struct cols *c)
{
	struct alert_found *f = user;

	f->found = true;
	return alert_read(&f->call, c);
}

enum rmg_rc store_alert_get(struct store *st, uint32_t id, alert_row_fn *fn, void *user,
			    struct rmg_err *err)
{
	struct alert_found f = {{fn, user}, false};
	enum rmg_rc rc = store_read(st, SQL_ALERT_GET, WITH(v_int(id)), alert_one, &f, err);

	if (rc == RMG_OK && !f.found)
		return err_set(err, RMG_E_NOTFOUND, "no alert %u", id);
	return rc;
}

struct alert_log_call {
	alert_log_fn *fn;
	void *user;
};

static enum rmg_rc alert_log_read(void *user, const struct cols *c)
{
	const struct alert_log_call *call = user;
	struct alert_log_row row = {
	    .alert = col_u32(c, 0),
	    .at_ms = col_int(c, 1),
	    .what = col_span(c, 2),
	    .by = col_span(c, 3),
	    .text = col_span(c, 4),
	};

	return call->fn(call->user, &row);
}

enum rmg_rc store_alert_log_add(struct store *st, const struct alert_log_row *row,
				struct rmg_err *err)
{
	uint64_t id;
	enum rmg_rc rc = store_next(st, COUNTER_ALERT_LOG, &id, err);

	if (rc != RMG_OK)
		return rc;
	return store_write(st, SQL_ALERT_LOG_ADD,
			   WITH(v_u64(id), v_int(row->alert), v_int(row->at_ms), v_text(row->what),
				v_text(row->by), v_text(row->text)),
			   err);
}

enum rmg_rc store_alert_log_each(struct store *st, uint32_t alert, alert_log_fn *fn, void *user,
				 struct rmg_err *err)
{
	struct alert_log_call call = {fn, user};

	return store_read(st, SQL_ALERT_LOG_OF, WITH(v_int(alert)), alert_log_read, &call, err);
}

struct exception_call {
	exception_row_fn *fn;
	void *user;
};

static enum rmg_rc exception_read(void *user, const struct cols *c)
{
	const struct exception_call *call = user;
	struct exception_row row = {
	    .id = col_u64(c, 0),
	    .owner = col_span(c, 1),
	    .reason = col_span(c, 2),
	    .advisory = col_span(c, 3),
	    .purl = col_span(c, 4),
	    .image = col_span(c, 5),
	    .ns = col_span(c, 6),
	    .workload = col_span(c, 7),
	    .vex_status = col_span(c, 8),
	    .justification = col_span(c, 9),
	    .created_ms = col_int(c, 10),
	    .until_ms = col_int(c, 11),
	};

	return call->fn(call->user, &row);
}

enum rmg_rc store_exception_put(struct store *st, struct exception_row *row, struct rmg_err *err)
{
	uint64_t id = row->id;
	enum rmg_rc rc = id ? RMG_OK : store_next(st, COUNTER_EXCEPTION, &id, err);

	if (rc != RMG_OK)
		return rc;
	row->id = id;
	return store_write(st, SQL_EXCEPTION_PUT,
			   WITH(v_u64(row->id), v_text(row->owner), v_text(row->reason),
				v_text(row->advisory), v_text(row->purl), v_text(row->image),
				v_text(row->ns), v_text(row->workload), v_text(row->vex_status),
				v_text(row->justification), v_int(row->created_ms),
				v_int(row->until_ms)),
			   err);
}

enum rmg_rc store_exception_delete(struct store *st, uint64_t id, struct rmg_err *err)
{
	return store_write(st, SQL_EXCEPTION_DELETE, WITH(v_u64(id)), err);
}

enum rmg_rc store_exception_each(struct store *st, exception_row_fn *fn, void *user,
				 struct rmg_err *err)
{
	struct exception_call call = {fn, user};

	return store_read(st, SQL_EXCEPTION_EACH, WITHOUT, exception_read, &call, err);
}
