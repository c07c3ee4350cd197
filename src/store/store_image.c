/* SPDX-License-Identifier: Apache-2.0 */
#include "store/backend.h"
#include "store/rows.h"

struct image_call {
	image_row_fn *fn;
	void *user;
};

static enum rmg_rc image_read(void *user, const struct cols *c)
{
	const struct image_call *call = user;
	struct image_row row = {
	    .id = col_u32(c, 0),
	    .digest = col_span(c, 1),
	    .platform = col_span(c, 2),
	    .ref = col_span(c, 3),
	    .os = col_u32(c, 4),
	    .created_ms = col_int(c, 5),
	    .seen_ms = col_int(c, 6),
	    .read_ms = col_int(c, 7),
	    .complete = col_bool(c, 8),
	    .size_bytes = col_u64(c, 9),
	    .read_by = col_span(c, 10),
	    .components = col_span(c, 11),
	    .about = col_span(c, 12),
	};

	return call->fn(call->user, &row);
}

enum rmg_rc store_image_put(struct store *st, const struct image_row *row, struct rmg_err *err)
{
	return store_write(st, SQL_IMAGE_PUT,
			   WITH(v_int(row->id), v_text(row->digest), v_text(row->platform),
				v_text(row->ref), v_int(row->os), v_int(row->created_ms),
				v_int(row->seen_ms), v_int(row->read_ms), v_int(row->complete),
				v_u64(row->size_bytes), v_text(row->read_by),
				v_bytes(row->components), v_text(row->about)),
			   err);
}

enum rmg_rc store_image_each(struct store *st, image_row_fn *fn, void *user, struct rmg_err *err)
{
	struct image_call call = {fn, user};

	return store_read(st, SQL_IMAGE_EACH, WITHOUT, image_read, &call, err);
}

struct image_found {
	struct image_call call;
	bool found;
};

static enum rmg_rc image_one(void *user, const struct cols *c)
{
	struct image_found *f = user;

	f->found = true;
	return image_read(&f->call, c);
}

enum rmg_rc store_image_get(struct store *st, uint32_t id, image_row_fn *fn, void *user,
			    struct rmg_err *err)
{
	struct image_found f = {{fn, user}, false};
	enum rmg_rc rc = store_read(st, SQL_IMAGE_GET, WITH(v_int(id)), image_one, &f, err);

	if (rc == RMG_OK && !f.found)
		return err_set(err, RMG_E_NOTFOUND, "no image %u", id);
	return rc;
}

struct alias_call {
	alias_row_fn *fn;
	void *user;
};

static enum rmg_rc alias_read(void *user, const struct cols *c)
{
	const struct alias_call *call = user;
	struct alias_row row = {
	    .digest = col_span(c, 0),
	    .image = col_u32(c, 1),
	    .kind = col_span(c, 2),
	};

	return call->fn(call->user, &row);
}

enum rmg_rc store_alias_put(struct store *st, const struct alias_row *row, struct rmg_err *err)
{
	return store_write(st, SQL_ALIAS_PUT,
			   WITH(v_key(row->digest), v_int(row->image), v_text(row->kind)), err);
}

enum rmg_rc store_alias_each(struct store *st, alias_row_fn *fn, void *user, struct rmg_err *err)
{
	struct alias_call call = {fn, user};

	return store_read(st, SQL_ALIAS_EACH, WITHOUT, alias_read, &call, err);
}

enum rmg_rc store_alias_chain(struct store *st, uint32_t image, alias_row_fn *fn, void *user,
			      struct rmg_err *err)
{
	struct alias_call call = {fn, user};

	return store_read(st, SQL_ALIAS_CHAIN, WITH(v_int(image)), alias_read, &call, err);
}
