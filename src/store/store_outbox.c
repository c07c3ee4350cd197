/* SPDX-License-Identifier: Apache-2.0 */
#include "store/backend.h"
#include "store/rows.h"

struct outbox_call {
	outbox_row_fn *fn;
	void *user;
};

static enum rmg_rc outbox_read(void *user, const struct cols *c)
{
	const struct outbox_call *call = user;
	struct outbox_row row = {
	    .id = col_u64(c, 0),
	    .sink = col_span(c, 1),
	    .dedupe = col_span(c, 2),
	    .message = col_span(c, 3),
	    .state = col_span(c, 4),
	    .attempts = col_u32(c, 5),
	    .created_ms = col_int(c, 6),
	    .next_ms = col_int(c, 7),
	    .done_ms = col_int(c, 8),
	    .error = col_span(c, 9),
	};

	return call->fn(call->user, &row);
}

enum rmg_rc store_outbox_add(struct store *st, const struct outbox_row *row, bool *added,
			     struct rmg_err *err)
{
	bool got = false;
	uint64_t id;
	enum rmg_rc rc = store_next(st, COUNTER_OUTBOX, &id, err);

	if (rc == RMG_OK)
		rc = store_read(st, SQL_OUTBOX_ADD,
				WITH(v_u64(id), v_key(row->sink), v_key(row->dedupe),
				     v_text(row->message), v_text(row->state), v_int(row->attempts),
				     v_int(row->created_ms), v_int(row->next_ms),
				     v_int(row->done_ms), v_text(row->error)),
				cols_true, &got, err);
	if (rc == RMG_OK && added)
		*added = got;
	return rc;
}

enum rmg_rc store_outbox_due(struct store *st, struct span sink, int64_t now_ms, uint32_t max,
			     outbox_row_fn *fn, void *user, struct rmg_err *err)
{
	struct outbox_call call = {fn, user};

	return store_read(st, SQL_OUTBOX_DUE, WITH(v_text(sink), v_int(now_ms), v_int(max)),
			  outbox_read, &call, err);
}

enum rmg_rc store_outbox_update(struct store *st, const struct outbox_row *row, struct rmg_err *err)
{
	return store_write(st, SQL_OUTBOX_UPDATE,
			   WITH(v_text(row->state), v_int(row->attempts), v_int(row->next_ms),
				v_int(row->done_ms), v_text(row->error), v_u64(row->id)),
			   err);
}

enum rmg_rc store_outbox_each(struct store *st, struct span state, outbox_row_fn *fn, void *user,
			      struct rmg_err *err)
{
	struct outbox_call call = {fn, user};

	if (state.n == 0)
		return store_read(st, SQL_OUTBOX_EACH, WITHOUT, outbox_read, &call, err);
	return store_read(st, SQL_OUTBOX_OF, WITH(v_text(state)), outbox_read, &call, err);
}

enum rmg_rc store_outbox_count(struct store *st, struct span state, uint64_t *n,
			       struct rmg_err *err)
{
	return store_read(st, SQL_OUTBOX_COUNT, WITH(v_text(state)), cols_u64, n, err);
}
