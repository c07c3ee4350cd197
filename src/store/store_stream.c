/* SPDX-License-Identifier: Apache-2.0 */
#include "store/backend.h"
#include "store/rows.h"

struct stream_call {
	stream_row_fn *fn;
	void *user;
};

static enum rmg_rc stream_read(void *user, const struct cols *c)
{
	const struct stream_call *call = user;
	struct stream_row row = {
	    .seq = col_u64(c, 0),
	    .at_ms = col_int(c, 1),
	    .kind = col_span(c, 2),
	    .body = col_span(c, 3),
	};

	return call->fn(call->user, &row);
}

enum rmg_rc store_stream_add(struct store *st, struct stream_row *row, struct rmg_err *err)
{
	uint64_t seq;
	enum rmg_rc rc = store_next(st, COUNTER_STREAM, &seq, err);

	if (rc != RMG_OK)
		return rc;
	row->seq = seq;
	return store_write(
	    st, SQL_STREAM_ADD,
	    WITH(v_u64(row->seq), v_int(row->at_ms), v_text(row->kind), v_text(row->body)), err);
}

enum rmg_rc store_stream_each(struct store *st, uint64_t after, uint32_t max, stream_row_fn *fn,
			      void *user, struct rmg_err *err)
{
	struct stream_call call = {fn, user};

	return store_read(st, SQL_STREAM_EACH, WITH(v_u64(after), v_int(max)), stream_read, &call,
			  err);
}

enum rmg_rc store_stream_last(struct store *st, uint64_t *seq, struct rmg_err *err)
{
	return store_read(st, SQL_STREAM_LAST, WITHOUT, cols_u64, seq, err);
}

struct inbox_call {
	inbox_row_fn *fn;
	void *user;
};

static enum rmg_rc inbox_read(void *user, const struct cols *c)
{
	const struct inbox_call *call = user;
	struct inbox_row row = {
	    .id = col_u64(c, 0),
	    .kind = col_span(c, 1),
	    .body = col_span(c, 2),
	};

	return call->fn(call->user, &row);
}

enum rmg_rc store_inbox_add(struct store *st, struct inbox_row *row, struct rmg_err *err)
{
	uint64_t id;
	enum rmg_rc rc = store_next(st, COUNTER_INBOX, &id, err);

	if (rc != RMG_OK)
		return rc;
	row->id = id;
	return store_write(st, SQL_INBOX_ADD,
			   WITH(v_u64(row->id), v_text(row->kind), v_bytes(row->body)), err);
}

enum rmg_rc store_inbox_each(struct store *st, uint32_t max, inbox_row_fn *fn, void *user,
			     struct rmg_err *err)
{
	struct inbox_call call = {fn, user};

	return store_read(st, SQL_INBOX_EACH, WITH(v_int(max)), inbox_read, &call, err);
}

enum rmg_rc store_inbox_delete(struct store *st, uint64_t id, struct rmg_err *err)
{
	return store_write(st, SQL_INBOX_DELETE, WITH(v_u64(id)), err);
}
