/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes: what is taken for an inventory is packed into the same bytes again, but for numbers
 * that were written longer than they need be. */
#include "hub/reading.h"

#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf first = strbuf_of(MIB(1)), second = strbuf_of(MIB(1));
	struct inventory *inv, *again;
	struct hub_reading r;
	struct rmg_err err = {0};

	if (size > 1 << 14)
		return 0;
	if (reading_unpack(span_of(data, size), &inv, &r, &err) != RMG_OK) {
		CHECK(err.msg[0]);
		return 0;
	}
	CHECK(r.inventory == inv && strlen(inv->sandbox) <= size);
	for (size_t i = 0; i < inv->n_layers; i++)
		CHECK(origin_name(inv->layers[i].origin)[0]);
	reading_pack(&r, &first);
	CHECK(strbuf_rc(&first) == RMG_OK && first.n <= size);
	CHECK(reading_unpack(strbuf_span(&first), &again, &r, &err) == RMG_OK);
	reading_pack(&r, &second);
	CHECK(span_is(strbuf_span(&first), strbuf_span(&second)));
	inventory_free(again);
	inventory_free(inv);
	strbuf_done(&first);
	strbuf_done(&second);
	return 0;
}
