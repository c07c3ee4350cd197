/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"
#include "store/backend.h"
#include "store/rows.h"

struct use_call {
	use_row_fn *fn;
	void *user;
};

static enum rmg_rc use_read(void *user, const struct cols *c)
{
	const struct use_call *call = user;
	struct use_row row = {
	    .id = col_u32(c, 0),
	    .image = col_u32(c, 1),
	    .workload = col_u32(c, 2),
	    .place = col_u32(c, 3),
	    .cached = col_bool(c, 4),
	    .container = col_span(c, 5),
	    .name = col_span(c, 6),
	    .runtime = col_span(c, 7),
	    .ref = col_span(c, 8),
	    .source = col_span(c, 9),
	    .digests = col_span(c, 10),
	    .began_ms = col_int(c, 11),
	    .ended_ms = col_int(c, 12),
	    .pod = col_span(c, 13),
	};

	return call->fn(call->user, &row);
}

enum rmg_rc store_use_put(struct store *st, const struct use_row *row, struct rmg_err *err)
{
	return store_write(st, SQL_USE_PUT,
			   WITH(v_int(row->id), v_int(row->image), v_int(row->workload),
				v_int(row->place), v_int(row->cached), v_text(row->container),
				v_text(row->name), v_text(row->runtime), v_text(row->ref),
				v_text(row->source), v_text(row->digests), v_int(row->began_ms),
				v_int(row->ended_ms), v_text(row->pod)),
			   err);
}

enum rmg_rc store_use_end(struct store *st, uint32_t id, int64_t ended_ms, struct rmg_err *err)
{
	return store_write(st, SQL_USE_END, WITH(v_int(ended_ms), v_int(id)), err);
}

enum rmg_rc store_use_image(struct store *st, uint32_t id, uint32_t image, struct rmg_err *err)
{
	return store_write(st, SQL_USE_IMAGE, WITH(v_int(image), v_int(id)), err);
}

enum rmg_rc store_use_name(struct store *st, uint32_t id, struct span ref, struct span name,
			   struct rmg_err *err)
{
	return store_write(st, SQL_USE_NAME, WITH(v_text(ref), v_text(name), v_int(id)), err);
}

enum rmg_rc store_use_began(struct store *st, uint32_t id, int64_t began_ms, struct rmg_err *err)
{
	return store_write(st, SQL_USE_BEGAN, WITH(v_int(began_ms), v_int(id)), err);
}

enum rmg_rc store_use_take_over(struct store *st, uint32_t id, uint32_t by, struct rmg_err *err)
{
	enum rmg_rc rc = store_write(st, SQL_CHANGE_MOVE, WITH(v_int(by), v_int(id)), err);

	return rc == RMG_OK ? store_write(st, SQL_USE_DELETE, WITH(v_int(id)), err) : rc;
}

enum rmg_rc store_use_ended_since(struct store *st, struct span container, int64_t since_ms,
				  bool *has, struct rmg_err *err)
{
	uint64_t n = 0;
	enum rmg_rc rc = store_read(st, SQL_USE_ENDED_SINCE,
				    WITH(v_int(MAX_OF(since_ms, INT64_C(0))), v_text(container)),
				    cols_u64, &n, err);

	*has = n > 0;
	return rc;
}

struct ended_call {
	use_ended_fn *fn;
	void *user;
};

static enum rmg_rc ended_read(void *user, const struct cols *c)
{
	const struct ended_call *call = user;

	return call->fn(call->user, col_u32(c, 0), col_int(c, 1));
}

enum rmg_rc store_use_ended_of_image(struct store *st, uint32_t image, use_ended_fn *fn, void *user,
				     struct rmg_err *err)
{
	struct ended_call call = {fn, user};

	return store_read(st, SQL_USE_ENDED_OF_IMAGE, WITH(v_int(image)), ended_read, &call, err);
}

enum rmg_rc store_use_open_each(struct store *st, use_row_fn *fn, void *user, struct rmg_err *err)
{
	struct use_call call = {fn, user};

	return store_read(st, SQL_USE_OPEN, WITHOUT, use_read, &call, err);
}

enum rmg_rc store_use_of_workload(struct store *st, uint32_t workload, use_row_fn *fn, void *user,
				  struct rmg_err *err)
{
	struct use_call call = {fn, user};

	return store_read(st, SQL_USE_OF_WORKLOAD, WITH(v_int(workload)), use_read, &call, err);
}

enum rmg_rc store_use_last_id(struct store *st, uint32_t *id, struct rmg_err *err)
{
	uint64_t last = 0;
	enum rmg_rc rc = store_read(st, SQL_USE_LAST, WITHOUT, cols_u64, &last, err);

	if (rc == RMG_OK)
		*id = (uint32_t)last;
	return rc;
}

struct change_call {
	change_row_fn *fn;
	void *user;
};

static struct change_row change_of_cols(const struct cols *c)
{
	return (struct change_row){
	    .use = col_u32(c, 0),
	    .change.kind = col_span(c, 1),
	    .change.path = col_span(c, 2),
	    .change.sha256 = col_span(c, 3),
	    .change.purl = col_span(c, 4),
	    .change.was_purl = col_span(c, 5),
	    .at_ms = col_int(c, 6),
	    .change.text = col_span(c, 7),
	    .change.who = col_span(c, 8),
	};
}

static enum rmg_rc change_read(void *user, const struct cols *c)
{
	const struct change_call *call = user;
	struct change_row row = change_of_cols(c);

	return call->fn(call->user, &row);
}

/* Finds the row that says the same; the row is compared whole. */
static int64_t change_hash(const struct event_change *x)
{
	const struct span parts[] = {x->kind, x->path, x->sha256, x->purl, x->was_purl};
	uint64_t h = 0;

	for (size_t i = 0; i < COUNT_OF(parts); i++)
		h = hash_mix(h * 3 + hash_span(parts[i]));
	return (int64_t)h;
}

enum rmg_rc store_change_put(struct store *st, const struct change_row *row, struct rmg_err *err)
{
	const int64_t hash = change_hash(&row->change);
	uint64_t id;
	enum rmg_rc rc = store_next(st, COUNTER_CHANGE, &id, err);

	if (rc == RMG_OK)
		rc = store_write(st, SQL_CHANGE_DELETE,
				 WITH(v_int(row->use), v_int(hash), v_text(row->change.kind),
				      v_text(row->change.path), v_text(row->change.sha256),
				      v_text(row->change.purl), v_text(row->change.was_purl)),
				 err);
	if (rc == RMG_OK)
		rc = store_write(st, SQL_CHANGE_ADD,
				 WITH(v_u64(id), v_int(row->use), v_int(hash),
				      v_text(row->change.kind), v_text(row->change.path),
				      v_text(row->change.sha256), v_text(row->change.purl),
				      v_text(row->change.was_purl), v_int(row->at_ms),
				      v_text(row->change.text), v_text(row->change.who)),
				 err);
	return rc;
}

struct change_of_call {
	change_of_fn *fn;
	void *user;
};

static enum rmg_rc change_of_read(void *user, const struct cols *c)
{
	const struct change_of_call *call = user;
	struct change_of of = {
	    .row = change_of_cols(c),
	    .pod = col_span(c, 9),
	    .container = col_span(c, 10),
	    .place = col_u32(c, 11),
	    .image = col_u32(c, 12),
	};

	return call->fn(call->user, &of);
}

enum rmg_rc store_change_of_workload(struct store *st, uint32_t workload, change_of_fn *fn,
				     void *user, struct rmg_err *err)
{
	struct change_of_call call = {fn, user};

	return store_read(st, SQL_CHANGE_OF_WORKLOAD, WITH(v_int(workload)), change_of_read, &call,
			  err);
}

enum rmg_rc store_change_each(struct store *st, uint32_t use, change_row_fn *fn, void *user,
			      struct rmg_err *err)
{
	struct change_call call = {fn, user};

	if (use == 0)
		return store_read(st, SQL_CHANGE_OPEN, WITHOUT, change_read, &call, err);
	return store_read(st, SQL_CHANGE_OF, WITH(v_int(use)), change_read, &call, err);
}
