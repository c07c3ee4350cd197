/* SPDX-License-Identifier: Apache-2.0 */
#include "store/backend.h"
#include "store/rows.h"

struct place_call {
	place_row_fn *fn;
	void *user;
};

static enum rmg_rc place_read(void *user, const struct cols *c)
{
	const struct place_call *call = user;
	struct place_row row = {
	    .id = col_u32(c, 0),
	    .place.cluster = col_span(c, 1),
	    .place.node = col_span(c, 2),
	    .place.ns = col_span(c, 3),
	};

	return call->fn(call->user, &row);
}

enum rmg_rc store_place_put(struct store *st, const struct place_row *row, struct rmg_err *err)
{
	return store_write(st, SQL_PLACE_PUT,
			   WITH(v_int(row->id), v_text(row->place.cluster), v_text(row->place.node),
				v_text(row->place.ns)),
			   err);
}

enum rmg_rc store_place_each(struct store *st, place_row_fn *fn, void *user, struct rmg_err *err)
{
	struct place_call call = {fn, user};

	return store_read(st, SQL_PLACE_EACH, WITHOUT, place_read, &call, err);
}

struct os_call {
	os_row_fn *fn;
	void *user;
};

static enum rmg_rc os_read(void *user, const struct cols *c)
{
	const struct os_call *call = user;
	struct os_row row = {
	    .id = col_u32(c, 0),
	    .os.id = col_span(c, 1),
	    .os.version_id = col_span(c, 2),
	    .os.codename = col_span(c, 3),
	    .os.name = col_span(c, 4),
	    .os.id_like = col_span(c, 5),
	    .os.variant_id = col_span(c, 6),
	    .os.cpe = col_span(c, 7),
	    .os.eol = col_span(c, 8),
	};

	return call->fn(call->user, &row);
}

enum rmg_rc store_os_put(struct store *st, const struct os_row *row, struct rmg_err *err)
{
	return store_write(st, SQL_OS_PUT,
			   WITH(v_int(row->id), v_text(row->os.id), v_text(row->os.version_id),
				v_text(row->os.codename), v_text(row->os.name),
				v_text(row->os.id_like), v_text(row->os.variant_id),
				v_text(row->os.cpe), v_text(row->os.eol)),
			   err);
}

enum rmg_rc store_os_each(struct store *st, os_row_fn *fn, void *user, struct rmg_err *err)
{
	struct os_call call = {fn, user};

	return store_read(st, SQL_OS_EACH, WITHOUT, os_read, &call, err);
}

struct source_call {
	source_row_fn *fn;
	void *user;
};

static enum rmg_rc source_read(void *user, const struct cols *c)
{
	const struct source_call *call = user;
	struct source_row row = {
	    .source = col_span(c, 0),
	    .place.cluster = col_span(c, 1),
	    .place.node = col_span(c, 2),
	    .place.ns = col_span(c, 3),
	    .epoch = col_u64(c, 4),
	    .seq = col_u64(c, 5),
	    .heard_ms = col_int(c, 6),
	};

	return call->fn(call->user, &row);
}

enum rmg_rc store_source_put(struct store *st, const struct source_row *row, struct rmg_err *err)
{
	return store_write(st, SQL_SOURCE_PUT,
			   WITH(v_key(row->source), v_text(row->place.cluster),
				v_text(row->place.node), v_text(row->place.ns), v_u64(row->epoch),
				v_u64(row->seq), v_int(row->heard_ms)),
			   err);
}

enum rmg_rc store_source_each(struct store *st, source_row_fn *fn, void *user, struct rmg_err *err)
{
	struct source_call call = {fn, user};

	return store_read(st, SQL_SOURCE_EACH, WITHOUT, source_read, &call, err);
}
