/* SPDX-License-Identifier: Apache-2.0 */
/* hub_vex.c - exceptions from OpenVEX documents, and as one. */
#include "base/err.h"
#include "base/limits.h"
#include "base/vec.h"
#include "format/sha256.h"
#include "hub/hub_inside.h"
#include "hub/vex.h"

enum rmg_rc hub_vex_in(struct hub *h, struct span json, struct span actor, size_t *taken,
		       struct rmg_err *err)
{
	struct vex *v;
	struct tx tx;
	enum rmg_rc rc = vex_parse(json, &v, err);

	if (rc != RMG_OK)
		return rc;
	rc = tx_begin(&tx, h, err);
	if (rc != RMG_OK) {
		vex_free(v);
		return rc;
	}
	rc = vex_apply(v, tx.st, tx.now_ms, taken, err);
	if (rc == RMG_OK)
		rc = tx_exceptions_changed(&tx, actor, "vex.put", 0, v->author);
	rc = tx_end(&tx, rc == RMG_OK ? tx_settle(&tx) : rc);
	vex_free(v);
	return rc;
}

/* Writing. */

struct export
{
	const struct world *w;
	struct vex_writer writer;
	int64_t now_ms;
	struct arena arena;
	VEC(struct exception_row) rows;
};

static enum rmg_rc keep(void *user, const struct exception_row *row)
{
	struct export *x = user;
	struct exception_row copy = *row;
	struct span *texts[] = {&copy.owner,    &copy.reason,     &copy.advisory,
				&copy.purl,     &copy.image,      &copy.ns,
				&copy.workload, &copy.vex_status, &copy.justification};

	if (row->until_ms && row->until_ms <= x->now_ms)
		return RMG_OK;
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		*texts[i] = arena_dup(&x->arena, *texts[i]);
	if (!VEC_PUSH(&x->rows, copy))
		return RMG_E_NOMEM;
	return arena_rc(&x->arena);
}

static bool is_meant(const struct world *w, const struct exception_row *row, uint32_t image)
{
	const struct world_image *im = &w->images.v[image];

	return row->image.n == 0 || where_glob(row->image, im->digest) ||
	       where_glob(row->image, im->ref) || world_digest_means(w, row->image, image);
}

/* A statement about packages stands alone; one about images is of those known that it is about. */
static void put_row(struct export *x, const struct exception_row *row)
{
	uint32_t advisory = world_advisory_of(x->w, row->advisory);
	uint32_t named = world_image_of(x->w, row->image, 0);
	struct world_finding f;

	if (span_starts(row->image, S("sha256:")) && !span_ends(row->image, S("*"))) {
		(void)vex_put(&x->writer, row, row->image, x->w->images.v[named].ref);
		return;
	}
	if (row->image.n == 0 && row->purl.n) {
		(void)vex_put(&x->writer, row, (struct span){0}, (struct span){0});
		return;
	}
	for (uint32_t i = 1; i < x->w->images.n && advisory; i++) {
		const struct world_image *im = &x->w->images.v[i];

		if (world_finding_of(x->w, i, advisory, &f) && is_meant(x->w, row, i))
			(void)vex_put(&x->writer, row, im->digest, im->ref);
	}
}

static void write_document(struct export *x, struct strbuf *out)
{
	struct strbuf id = strbuf_of(200);
	uint8_t hash[SHA256_BYTES];
	struct sha256 *h = sha256_new();

	for (size_t i = 0; h && i < x->rows.n; i++) {
		sha256_put(h, span_of(&x->rows.v[i].id, sizeof x->rows.v[i].id));
		sha256_put(h, span_of(&x->rows.v[i].created_ms, sizeof x->rows.v[i].created_ms));
	}
	if (h)
		sha256_end(h, hash);
	sha256_free(h);
	strbuf_puts(&id, "urn:rummage:vex:");
	strbuf_hex(&id, hash, h ? sizeof hash : 0);
	vex_begin(&x->writer, out, strbuf_span(&id), S("Rummage"), x->now_ms);
	for (size_t i = 0; i < x->rows.n; i++)
		put_row(x, &x->rows.v[i]);
	vex_end(&x->writer);
	strbuf_done(&id);
}

enum rmg_rc hub_vex_out(struct hub *h, struct strbuf *out, struct rmg_err *err)
{
	struct export x = {.now_ms = hub_now_ms(h)};
	struct store *st = hub_store_lock(h, err);
	enum rmg_rc rc;

	if (st == NULL)
		return RMG_E_IO;
	arena_init(&x.arena, GIB(1));
	rc = store_exception_each(st, keep, &x, err);
	hub_store_unlock(h);
	if (rc == RMG_OK)
		rc = hub_read_lock(h, &x.w, NULL, err);
	if (rc == RMG_OK) {
		write_document(&x, out);
		hub_read_unlock(h);
		if (strbuf_rc(out) != RMG_OK)
			rc = err_set(err, strbuf_rc(out), "no room for the exceptions");
	}
	VEC_DONE(&x.rows);
	arena_done(&x.arena);
	return rc;
}
