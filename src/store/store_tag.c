/* SPDX-License-Identifier: Apache-2.0 */
#include "store/backend.h"
#include "store/rows.h"

struct tag_call {
	tag_row_fn *fn;
	void *user;
};

static enum rmg_rc tag_read(void *user, const struct cols *c)
{
	const struct tag_call *call = user;
	struct tag_row row = {
	    .ref = col_span(c, 0),
	    .first_ms = col_int(c, 1),
	    .digest = col_span(c, 2),
	    .source = col_span(c, 3),
	    .last_ms = col_int(c, 4),
	};

	return call->fn(call->user, &row);
}

enum rmg_rc store_tag_put(struct store *st, const struct tag_row *row, struct rmg_err *err)
{
	return store_write(st, SQL_TAG_PUT,
			   WITH(v_key(row->ref), v_int(row->first_ms), v_key(row->digest),
				v_text(row->source), v_int(row->last_ms)),
			   err);
}

enum rmg_rc store_tag_history(struct store *st, struct span ref, tag_row_fn *fn, void *user,
			      struct rmg_err *err)
{
	struct tag_call call = {fn, user};

	return store_read(st, SQL_TAG_HISTORY, WITH(v_text(ref)), tag_read, &call, err);
}

enum rmg_rc store_tag_current_each(struct store *st, tag_row_fn *fn, void *user,
				   struct rmg_err *err)
{
	struct tag_call call = {fn, user};

	return store_read(st, SQL_TAG_CURRENT, WITHOUT, tag_read, &call, err);
}

enum rmg_rc store_tag_meant_each(struct store *st, tag_row_fn *fn, void *user, struct rmg_err *err)
{
	struct tag_call call = {fn, user};

	return store_read(st, SQL_TAG_MEANT, WITHOUT, tag_read, &call, err);
}

enum rmg_rc store_tag_of_image(struct store *st, uint32_t image, tag_row_fn *fn, void *user,
			       struct rmg_err *err)
{
	struct tag_call call = {fn, user};

	return store_read(st, SQL_TAG_OF_IMAGE, WITH(v_int(image)), tag_read, &call, err);
}
