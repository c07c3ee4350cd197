/* SPDX-License-Identifier: Apache-2.0 */
#include "store/backend.h"
#include "store/rows.h"

struct said_call {
	said_row_fn *fn;
	void *user;
};

static enum rmg_rc said_read(void *user, const struct cols *c)
{
	const struct said_call *call = user;
	struct said_row row = {
	    .image = col_u32(c, 0),
	    .source = col_span(c, 1),
	    .key = col_span(c, 2),
	    .value = col_span(c, 3),
	    .at_ms = col_int(c, 4),
	};

	return call->fn(call->user, &row);
}

enum rmg_rc store_said_put(struct store *st, const struct said_row *row, struct rmg_err *err)
{
	return store_write(st, SQL_SAID_PUT,
			   WITH(v_int(row->image), v_key(row->source), v_key(row->key),
				v_text(row->value), v_int(row->at_ms)),
			   err);
}

enum rmg_rc store_said_delete(struct store *st, uint32_t image, struct span source,
			      struct rmg_err *err)
{
	return store_write(st, SQL_SAID_DELETE, WITH(v_int(image), v_key(source)), err);
}

enum rmg_rc store_said_each(struct store *st, said_row_fn *fn, void *user, struct rmg_err *err)
{
	struct said_call call = {fn, user};

	return store_read(st, SQL_SAID_EACH, WITHOUT, said_read, &call, err);
}

enum rmg_rc store_said_of(struct store *st, uint32_t image, said_row_fn *fn, void *user,
			  struct rmg_err *err)
{
	struct said_call call = {fn, user};

	return store_read(st, SQL_SAID_OF, WITH(v_int(image)), said_read, &call, err);
}
