/* SPDX-License-Identifier: Apache-2.0 */
#include "store/backend.h"
#include "store/rows.h"

struct component_call {
	component_row_fn *fn;
	void *user;
};

static enum rmg_rc component_read(void *user, const struct cols *c)
{
	const struct component_call *call = user;
	struct component_row row = {
	    .id = col_u32(c, 0),
	    .os = col_u32(c, 1),
	    .is_os = col_bool(c, 2),
	    .pkg.type = col_span(c, 3),
	    .pkg.ns = col_span(c, 4),
	    .pkg.name = col_span(c, 5),
	    .pkg.version = col_span(c, 6),
	    .pkg.arch = col_span(c, 7),
	    .pkg.src_name = col_span(c, 8),
	    .pkg.src_version = col_span(c, 9),
	    .pkg.license = col_span(c, 10),
	    .pkg.vendor = col_span(c, 11),
	    .pkg.module = col_span(c, 12),
	    .pkg.cpe = col_span(c, 13),
	    .pkg.claims = col_span(c, 14),
	    .pkg.build = col_span(c, 15),
	    .purl = col_span(c, 16),
	    .cataloger = col_span(c, 17),
	};

	return call->fn(call->user, &row);
}

enum rmg_rc store_component_put(struct store *st, const struct component_row *row,
				struct rmg_err *err)
{
	return store_write(
	    st, SQL_COMPONENT_PUT,
	    WITH(v_int(row->id), v_int(row->os), v_int(row->is_os), v_text(row->pkg.type),
		 v_text(row->pkg.ns), v_text(row->pkg.name), v_text(row->pkg.version),
		 v_text(row->pkg.arch), v_text(row->pkg.src_name), v_text(row->pkg.src_version),
		 v_text(row->pkg.license), v_text(row->pkg.vendor), v_text(row->pkg.module),
		 v_text(row->pkg.cpe), v_text(row->pkg.claims), v_text(row->pkg.build),
		 v_text(row->purl), v_text(row->cataloger)),
	    err);
}

enum rmg_rc store_component_each(struct store *st, component_row_fn *fn, void *user,
				 struct rmg_err *err)
{
	struct component_call call = {fn, user};

	return store_read(st, SQL_COMPONENT_EACH, WITHOUT, component_read, &call, err);
}

enum rmg_rc store_component_after(struct store *st, uint32_t id, component_row_fn *fn, void *user,
				  struct rmg_err *err)
{
	struct component_call call = {fn, user};

	return store_read(st, SQL_COMPONENT_AFTER, WITH(v_int(id)), component_read, &call, err);
}
