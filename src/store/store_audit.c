/* SPDX-License-Identifier: Apache-2.0 */
#include "store/backend.h"
#include "store/rows.h"

static void audit_of(struct audit_row *row, const struct cols *c)
{
	*row = (struct audit_row){
	    .seq = col_u64(c, 0),
	    .at_ms = col_int(c, 1),
	    .actor = col_span(c, 2),
	    .action = col_span(c, 3),
	    .subject = col_span(c, 4),
	    .body = col_span(c, 5),
	};
	col_copy(c, 6, row->prev, sizeof row->prev);
	col_copy(c, 7, row->hash, sizeof row->hash);
}

struct audit_call {
	audit_row_fn *fn;
	void *user;
};

static enum rmg_rc audit_read(void *user, const struct cols *c)
{
	const struct audit_call *call = user;
	struct audit_row row;

	audit_of(&row, c);
	return call->fn(call->user, &row);
}

static enum rmg_rc audit_keep(void *user, const struct cols *c)
{
	struct audit_row *row = user;

	audit_of(row, c);
	row->actor = row->action = row->subject = row->body = (struct span){0};
	return RMG_OK;
}

enum rmg_rc store_audit_add(struct store *st, const struct audit_row *row, struct rmg_err *err)
{
	return store_write(st, SQL_AUDIT_ADD,
			   WITH(v_u64(row->seq), v_int(row->at_ms), v_text(row->actor),
				v_text(row->action), v_text(row->subject), v_text(row->body),
				v_bytes(span_of(row->prev, 32)), v_bytes(span_of(row->hash, 32))),
			   err);
}

/* In a transaction the last one stays the last until it ends: two hubs do not both add to it. */
enum rmg_rc store_audit_last(struct store *st, struct audit_row *out, struct rmg_err *err)
{
	struct audit_row last = {0};
	enum rmg_rc rc = st->begun && !st->read_only ? store_hold(st, COUNTER_AUDIT, err) : RMG_OK;

	if (rc == RMG_OK)
		rc = store_read(st, SQL_AUDIT_LAST, WITHOUT, audit_keep, &last, err);
	if (rc == RMG_OK)
		*out = last;
	return rc;
}

enum rmg_rc store_audit_each(struct store *st, uint64_t from, audit_row_fn *fn, void *user,
			     struct rmg_err *err)
{
	struct audit_call call = {fn, user};

	return store_read(st, SQL_AUDIT_EACH, WITH(v_u64(from)), audit_read, &call, err);
}

struct generation_call {
	generation_row_fn *fn;
	void *user;
};

static enum rmg_rc generation_read(void *user, const struct cols *c)
{
	const struct generation_call *call = user;
	struct generation_row row = {
	    .id = col_u64(c, 0),
	    .digest = col_span(c, 1),
	    .built = col_span(c, 2),
	    .loaded_ms = col_int(c, 3),
	    .advisories = col_u64(c, 4),
	};

	return call->fn(call->user, &row);
}

enum rmg_rc store_generation_add(struct store *st, const struct generation_row *row,
				 struct rmg_err *err)
{
	uint64_t id;
	enum rmg_rc rc = store_next(st, COUNTER_GENERATION, &id, err);

	if (rc != RMG_OK)
		return rc;
	return store_write(st, SQL_GENERATION_ADD,
			   WITH(v_u64(id), v_text(row->digest), v_text(row->built),
				v_int(row->loaded_ms), v_u64(row->advisories)),
			   err);
}

enum rmg_rc store_generation_each(struct store *st, generation_row_fn *fn, void *user,
				  struct rmg_err *err)
{
	struct generation_call call = {fn, user};

	return store_read(st, SQL_GENERATION_EACH, WITHOUT, generation_read, &call, err);
}

struct token_call {
	token_row_fn *fn;
	void *user;
};

static enum rmg_rc token_read(void *user, const struct cols *c)
{
	const struct token_call *call = user;
	struct token_row row = {
	    .name = col_span(c, 1),
	    .role = col_span(c, 2),
	    .place = {col_span(c, 3), col_span(c, 4), col_span(c, 5)},
	    .created_ms = col_int(c, 6),
	    .until_ms = col_int(c, 7),
	};

	col_copy(c, 0, row.hash, sizeof row.hash);
	return call->fn(call->user, &row);
}

enum rmg_rc store_token_put(struct store *st, const struct token_row *row, struct rmg_err *err)
{
	return store_write(st, SQL_TOKEN_PUT,
			   WITH(v_bytes(span_of(row->hash, 32)), v_text(row->name),
				v_text(row->role), v_text(row->place.cluster),
				v_text(row->place.node), v_text(row->place.ns),
				v_int(row->created_ms), v_int(row->until_ms)),
			   err);
}

enum rmg_rc store_token_delete(struct store *st, struct span name, struct rmg_err *err)
{
	return store_write(st, SQL_TOKEN_DELETE, WITH(v_text(name)), err);
}

enum rmg_rc store_token_each(struct store *st, token_row_fn *fn, void *user, struct rmg_err *err)
{
	struct token_call call = {fn, user};

	return store_read(st, SQL_TOKEN_EACH, WITHOUT, token_read, &call, err);
}
