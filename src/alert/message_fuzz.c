/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a message: what is taken lies within the bounds, has no control bytes, and once
 * written comes back as the same. */
#include "alert/message.h"

#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_BYTES = 1 << 20 };

static void check_use(const struct message_use *use)
{
	CHECK(utf8_is_clean(use->cluster) && utf8_is_clean(use->node) && utf8_is_clean(use->ns));
	CHECK(utf8_is_clean(use->workload) && utf8_is_clean(use->container));
	CHECK(utf8_is_clean(use->name) && utf8_is_clean(use->since));
}

static void check_item(const struct message_item *item)
{
	CHECK(utf8_is_clean(item->key) && utf8_is_clean(item->title) && utf8_valid(item->text));
	CHECK(utf8_is_clean(item->summary) && utf8_is_clean(item->url));
	CHECK(item->epss >= 0 && item->epss <= 1);
	CHECK(item->uses_listed <= MESSAGE_USES);
	for (size_t i = 0; i < item->uses_listed; i++)
		check_use(&item->uses[i]);
}

static void written(struct span json, struct strbuf *out)
{
	struct message *m;
	struct rmg_err err = {0};

	CHECK(message_parse(json, &m, &err) == RMG_OK);
	message_write(m, out);
	message_free(m);
}

static void check_message(const struct message *m)
{
	struct strbuf a = strbuf_of(8 * MAX_BYTES), b = strbuf_of(8 * MAX_BYTES);

	CHECK(m->id.n && utf8_is_clean(m->id) && utf8_is_clean(m->title));
	CHECK(m->n_items <= MESSAGE_ITEMS);
	for (size_t i = 0; i < m->n_items; i++)
		check_item(&m->items[i]);
	message_write(m, &a);
	written(strbuf_span(&a), &b);
	CHECK(strbuf_rc(&a) == RMG_OK && span_is(strbuf_span(&a), strbuf_span(&b)));
	strbuf_clear(&a);
	message_text(m, &a);
	CHECK(strbuf_rc(&a) == RMG_OK && utf8_valid(strbuf_span(&a)));
	strbuf_done(&a);
	strbuf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct message *m;
	struct rmg_err err = {0};

	if (size > MAX_BYTES)
		return 0;
	if (message_parse(span_of(data, size), &m, &err) != RMG_OK) {
		CHECK(err.msg[0]);
		return 0;
	}
	check_message(m);
	message_free(m);
	return 0;
}
