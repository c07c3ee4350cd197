/* SPDX-License-Identifier: Apache-2.0 */
#include "store/backend.h"
#include "store/rows.h"

struct other_call {
	other_row_fn *fn;
	void *user;
};

static enum rmg_rc other_row_read(void *user, const struct cols *c)
{
	const struct other_call *call = user;
	struct other_row row = {
	    .image = col_u32(c, 0),
	    .source = col_span(c, 1),
	    .at_ms = col_int(c, 2),
	    .report = col_span(c, 3),
	};

	return call->fn(call->user, &row);
}

enum rmg_rc store_other_put(struct store *st, const struct other_row *row, struct rmg_err *err)
{
	return store_write(
	    st, SQL_OTHER_PUT,
	    WITH(v_int(row->image), v_key(row->source), v_int(row->at_ms), v_text(row->report)),
	    err);
}

enum rmg_rc store_other_of(struct store *st, uint32_t image, other_row_fn *fn, void *user,
			   struct rmg_err *err)
{
	struct other_call call = {fn, user};

	return store_read(st, SQL_OTHER_OF, WITH(v_int(image)), other_row_read, &call, err);
}
