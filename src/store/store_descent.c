/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "base/strbuf.h"
#include "model/way.h"
#include "store/backend.h"
#include "store/rows.h"

struct descent_call {
	descent_row_fn *fn;
	void *user;
};

static bool counts_of(struct span text, uint32_t out[DESCENT_COUNTS])
{
	struct span word;
	uint64_t n;

	for (size_t i = 0; i < DESCENT_COUNTS; i++) {
		if (!span_word(&text, &word) || !span_u64(word, 10, UINT32_MAX, &n))
			return false;
		out[i] = (uint32_t)n;
	}
	return true;
}

static enum rmg_rc descent_read(void *user, const struct cols *c)
{
	const struct descent_call *call = user;
	struct descent_row row = {
	    .image = col_u32(c, 0),
	    .parent = col_u32(c, 2),
	    .how = col_span(c, 3),
	    .container = col_span(c, 4),
	    .said = col_span(c, 5),
	};

	if (!way_of(col_span(c, 1), &row.way))
		row.way = WAY_UNKNOWN;
	row.counted = counts_of(col_span(c, 6), row.counts);
	return call->fn(call->user, &row);
}

enum rmg_rc store_descent_put(struct store *st, const struct descent_row *row, struct rmg_err *err)
{
	struct strbuf counts = strbuf_of(KIB(1));
	enum rmg_rc rc;

	for (size_t i = 0; row->counted && i < DESCENT_COUNTS; i++)
		strbuf_printf(&counts, "%s%u", i ? " " : "", row->counts[i]);
	rc = store_write(st, SQL_DESCENT_PUT,
			 WITH(v_int(row->image), v_text(span_cstr(way_name(row->way))),
			      v_int(row->parent), v_text(row->how), v_text(row->container),
			      v_text(row->said), v_text(strbuf_span(&counts))),
			 err);
	strbuf_done(&counts);
	return rc;
}

enum rmg_rc store_descent_each(struct store *st, descent_row_fn *fn, void *user,
			       struct rmg_err *err)
{
	struct descent_call call = {fn, user};

	return store_read(st, SQL_DESCENT_EACH, WITHOUT, descent_read, &call, err);
}

enum rmg_rc store_descent_get(struct store *st, uint32_t image, descent_row_fn *fn, void *user,
			      struct rmg_err *err)
{
	struct descent_call call = {fn, user};

	return store_read(st, SQL_DESCENT_GET, WITH(v_int(image)), descent_read, &call, err);
}
