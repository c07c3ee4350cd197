/* SPDX-License-Identifier: Apache-2.0 */
#include "store/backend.h"
#include "store/rows.h"

struct facts_call {
	facts_row_fn *fn;
	void *user;
};

static enum rmg_rc facts_read(void *user, const struct cols *c)
{
	const struct facts_call *call = user;
	struct facts_row row = {
	    .digest = col_span(c, 0),
	    .packed = col_span(c, 1),
	    .reader = col_span(c, 2),
	    .at_ms = col_int(c, 3),
	};

	return call->fn(call->user, &row);
}

enum rmg_rc store_facts_put(struct store *st, const struct facts_row *row, struct rmg_err *err)
{
	return store_write(
	    st, SQL_FACTS_PUT,
	    WITH(v_key(row->digest), v_bytes(row->packed), v_text(row->reader), v_int(row->at_ms)),
	    err);
}

struct facts_found {
	struct facts_call call;
	bool found;
};

static enum rmg_rc facts_one(void *user, const struct cols *c)
{
	struct facts_found *f = user;

	f->found = true;
	return facts_read(&f->call, c);
}

enum rmg_rc store_facts_get(struct store *st, struct span digest, facts_row_fn *fn, void *user,
			    struct rmg_err *err)
{
	struct facts_found f = {{fn, user}, false};
	enum rmg_rc rc = store_read(st, SQL_FACTS_GET, WITH(v_text(digest)), facts_one, &f, err);

	if (rc == RMG_OK && !f.found)
		return err_set(err, RMG_E_NOTFOUND, "no facts of " SPAN_FMT, SPAN_ARG(digest));
	return rc;
}

enum rmg_rc store_facts_has(struct store *st, struct span digest, bool *has, struct rmg_err *err)
{
	bool got = false;
	enum rmg_rc rc = store_read(st, SQL_FACTS_HAS, WITH(v_text(digest)), cols_true, &got, err);

	if (rc == RMG_OK)
		*has = got;
	return rc;
}

struct first_reading {
	bool found;
	uint8_t content[32];
};

static enum rmg_rc first_read(void *user, const struct cols *c)
{
	struct first_reading *f = user;

	f->found = true;
	col_copy(c, 0, f->content, sizeof f->content);
	return RMG_OK;
}

/* The counter is held before the first reading is looked for, so that of two that come at the same
 * time one sees the other. */
enum rmg_rc store_facts_reading(struct store *st, struct span digest, struct span reader,
				const uint8_t content[32], int64_t at_ms, bool *agrees,
				struct rmg_err *err)
{
	struct first_reading first = {0};
	uint64_t rank;
	enum rmg_rc rc = store_next(st, COUNTER_READING, &rank, err);

	if (rc == RMG_OK)
		rc = store_read(st, SQL_READING_FIRST, WITH(v_text(digest)), first_read, &first,
				err);
	if (rc == RMG_OK)
		rc = store_write(st, SQL_READING_ADD,
				 WITH(v_key(digest), v_key(reader), v_bytes(span_of(content, 32)),
				      v_int(at_ms), v_u64(rank)),
				 err);
	if (rc == RMG_OK)
		*agrees = !first.found || memcmp(first.content, content, 32) == 0;
	return rc;
}
