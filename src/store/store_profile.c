/* SPDX-License-Identifier: Apache-2.0 */
#include "store/backend.h"
#include "store/rows.h"

struct profile_call {
	profile_row_fn *fn;
	void *user;
};

static enum rmg_rc profile_read(void *user, const struct cols *c)
{
	const struct profile_call *call = user;
	struct profile_row row = {
	    .image = col_u32(c, 0),
	    .first_ms = col_int(c, 1),
	    .last_ms = col_int(c, 2),
	    .observed_ms = col_u64(c, 3),
	    .containers = col_u64(c, 4),
	    .watched = col_span(c, 5),
	    .used = col_span(c, 6),
	    .executed = col_span(c, 7),
	};

	return call->fn(call->user, &row);
}

enum rmg_rc store_profile_put(struct store *st, const struct profile_row *row, struct rmg_err *err)
{
	return store_write(st, SQL_PROFILE_PUT,
			   WITH(v_int(row->image), v_int(row->first_ms), v_int(row->last_ms),
				v_u64(row->observed_ms), v_u64(row->containers),
				v_bytes(row->watched), v_bytes(row->used), v_bytes(row->executed)),
			   err);
}

enum rmg_rc store_profile_get(struct store *st, uint32_t image, profile_row_fn *fn, void *user,
			      struct rmg_err *err)
{
	struct profile_call call = {fn, user};

	return store_read(st, SQL_PROFILE_GET, WITH(v_int(image)), profile_read, &call, err);
}

enum rmg_rc store_profile_hold(struct store *st, struct rmg_err *err)
{
	return store_hold(st, COUNTER_PROFILE, err);
}
