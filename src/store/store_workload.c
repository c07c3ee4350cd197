/* SPDX-License-Identifier: Apache-2.0 */
#include "store/backend.h"
#include "store/rows.h"

struct workload_call {
	workload_row_fn *fn;
	void *user;
};

static enum rmg_rc workload_read(void *user, const struct cols *c)
{
	const struct workload_call *call = user;
	struct workload_row row = {
	    .id = col_u32(c, 0),
	    .place = col_u32(c, 1),
	    .kind = col_span(c, 2),
	    .name = col_span(c, 3),
	    .declared = col_bool(c, 4),
	    .suspended = col_bool(c, 5),
	    .replicas = col_u64(c, 6),
	    .schedule = col_span(c, 7),
	    .labels = col_span(c, 8),
	    .images = col_span(c, 9),
	    .source = col_span(c, 10),
	    .first_ms = col_int(c, 11),
	    .last_ms = col_int(c, 12),
	    .removed_ms = col_int(c, 13),
	    .of = col_u32(c, 14),
	};

	return call->fn(call->user, &row);
}

enum rmg_rc store_workload_put(struct store *st, const struct workload_row *row,
			       struct rmg_err *err)
{
	return store_write(st, SQL_WORKLOAD_PUT,
			   WITH(v_int(row->id), v_int(row->place), v_text(row->kind),
				v_text(row->name), v_int(row->declared), v_int(row->suspended),
				v_u64(row->replicas), v_text(row->schedule), v_text(row->labels),
				v_text(row->images), v_text(row->source), v_int(row->first_ms),
				v_int(row->last_ms), v_int(row->removed_ms), v_int(row->of)),
			   err);
}

enum rmg_rc store_workload_becomes(struct store *st, uint32_t id, uint32_t other,
				   struct rmg_err *err)
{
	enum rmg_rc rc = store_write(st, SQL_WORKLOAD_OF, WITH(v_int(other), v_int(id)), err);

	if (rc != RMG_OK || other == 0)
		return rc;
	rc = store_write(st, SQL_USE_MOVE, WITH(v_int(other), v_int(id)), err);
	if (rc == RMG_OK)
		rc = store_write(st, SQL_LINEAGE_DROP, WITH(v_int(id)), err);
	return rc == RMG_OK ? store_write(st, SQL_ALERT_MOVE, WITH(v_int(other), v_int(id)), err)
			    : rc;
}

enum rmg_rc store_lineage_earlier(struct store *st, uint32_t workload, int64_t was_ms,
				  int64_t now_ms, struct rmg_err *err)
{
	return store_write(st, SQL_LINEAGE_EARLIER,
			   WITH(v_int(now_ms), v_int(workload), v_int(was_ms)), err);
}

enum rmg_rc store_workload_each(struct store *st, workload_row_fn *fn, void *user,
				struct rmg_err *err)
{
	struct workload_call call = {fn, user};

	return store_read(st, SQL_WORKLOAD_EACH, WITHOUT, workload_read, &call, err);
}

struct lineage_call {
	lineage_row_fn *fn;
	void *user;
};

static enum rmg_rc lineage_read(void *user, const struct cols *c)
{
	const struct lineage_call *call = user;
	struct lineage_row row = {
	    .id = col_u64(c, 0),
	    .workload = col_u32(c, 1),
	    .image = col_u32(c, 2),
	    .from = col_u32(c, 3),
	    .at_ms = col_int(c, 4),
	    .what = col_span(c, 5),
	    .text = col_span(c, 6),
	    .counts = col_span(c, 7),
	};

	return call->fn(call->user, &row);
}

enum rmg_rc store_lineage_add(struct store *st, const struct lineage_row *row, struct rmg_err *err)
{
	uint64_t id;
	enum rmg_rc rc = store_next(st, COUNTER_LINEAGE, &id, err);

	if (rc != RMG_OK)
		return rc;
	return store_write(st, SQL_LINEAGE_ADD,
			   WITH(v_u64(id), v_int(row->workload), v_int(row->image),
				v_int(row->from), v_int(row->at_ms), v_text(row->what),
				v_text(row->text), v_text(row->counts)),
			   err);
}

enum rmg_rc store_lineage_each(struct store *st, uint32_t workload, lineage_row_fn *fn, void *user,
			       struct rmg_err *err)
{
	struct lineage_call call = {fn, user};

	if (workload == 0)
		return store_read(st, SQL_LINEAGE_EACH, WITHOUT, lineage_read, &call, err);
	return store_read(st, SQL_LINEAGE_OF, WITH(v_int(workload)), lineage_read, &call, err);
}
