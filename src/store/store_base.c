/* SPDX-License-Identifier: Apache-2.0 */
#include "store/backend.h"
#include "store/rows.h"

struct base_call {
	base_row_fn *fn;
	void *user;
};

static enum rmg_rc base_read(void *user, const struct cols *c)
{
	const struct base_call *call = user;
	struct base_row row = {
	    .image = col_u32(c, 0),
	    .ref = col_span(c, 1),
	    .parent = col_u32(c, 2),
	    .how = col_span(c, 3),
	    .layers = col_u32(c, 4),
	    .was = col_span(c, 5),
	    .now = col_span(c, 6),
	    .since_ms = col_int(c, 7),
	};

	return call->fn(call->user, &row);
}

enum rmg_rc store_base_put(struct store *st, const struct base_row *row, struct rmg_err *err)
{
	return store_write(st, SQL_BASE_PUT,
			   WITH(v_int(row->image), v_key(row->ref), v_int(row->parent),
				v_text(row->how), v_int(row->layers), v_text(row->was),
				v_text(row->now), v_int(row->since_ms)),
			   err);
}

enum rmg_rc store_base_each(struct store *st, base_row_fn *fn, void *user, struct rmg_err *err)
{
	struct base_call call = {fn, user};

	return store_read(st, SQL_BASE_EACH, WITHOUT, base_read, &call, err);
}

struct prefix_call {
	prefix_fn *fn;
	void *user;
};

static enum rmg_rc prefix_read(void *user, const struct cols *c)
{
	const struct prefix_call *call = user;

	return call->fn(call->user, col_u32(c, 0), col_u32(c, 1));
}

enum rmg_rc store_prefix_put(struct store *st, uint64_t chain, uint32_t image, uint32_t layers,
			     struct rmg_err *err)
{
	return store_write(st, SQL_PREFIX_PUT, WITH(v_u64(chain), v_int(image), v_int(layers)),
			   err);
}

enum rmg_rc store_prefix_of(struct store *st, uint64_t chain, prefix_fn *fn, void *user,
			    struct rmg_err *err)
{
	struct prefix_call call = {fn, user};

	return store_read(st, SQL_PREFIX_OF, WITH(v_u64(chain)), prefix_read, &call, err);
}
