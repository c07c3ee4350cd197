/* SPDX-License-Identifier: Apache-2.0 */
/* A document of any bytes: every claim has an owner, a reason and a scope, and what excepts can be
 * written as a document that is taken again. */
#include "hub/vex.h"

#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_claim(const struct vex_claim *c)
{
	const struct exception_row *row = &c->row;

	CHECK(row->owner.n && utf8_is_clean(row->owner));
	CHECK(row->reason.n && utf8_is_clean(row->reason));
	CHECK(row->advisory.n && span_chr(row->advisory, '*') == SIZE_MAX);
	CHECK(row->image.n || row->purl.n);
	CHECK(row->ns.n + row->workload.n == 0 && row->until_ms == 0);
	CHECK(c->excepts == (span_is(row->vex_status, S("not_affected")) ||
			     span_is(row->vex_status, S("fixed"))));
}

static void write_again(const struct vex *v)
{
	struct strbuf text = strbuf_of(64 << 20);
	struct vex_writer w;
	struct vex *back;
	struct rmg_err err = {0};

	vex_begin(&w, &text, S("urn:x"), S("a"), 0);
	for (size_t i = 0; i < v->n_claims; i++) {
		const struct exception_row *row = &v->claims[i].row;

		(void)vex_put(&w, row, row->image, (struct span){0});
	}
	vex_end(&w);
	CHECK(strbuf_rc(&text) == RMG_OK);
	if (w.n) {
		CHECK(vex_parse(strbuf_span(&text), &back, &err) == RMG_OK);
		vex_free(back);
	}
	strbuf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vex *v;
	struct rmg_err err = {0};

	if (size > 1 << 14)
		return 0;
	if (vex_parse(span_of(data, size), &v, &err) != RMG_OK) {
		CHECK(err.msg[0]);
		return 0;
	}
	for (size_t i = 0; i < v->n_claims; i++)
		check_claim(&v->claims[i]);
	write_again(v);
	vex_free(v);
	return 0;
}
