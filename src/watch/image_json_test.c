/* SPDX-License-Identifier: Apache-2.0 */
/* Images as docs/API.md describes them. */
#include "watch/image_json.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/limits.h"

#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER "sha256:ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

static enum rmg_rc parse(const char *text, struct image_told *t)
{
	struct rmg_err err = {0};
	enum rmg_rc rc = image_parse(span_cstr(text), MIB(1), t, &err);

	if (rc != RMG_OK)
		assert_true(err.msg[0] != '\0');
	return rc;
}

static void an_image_is_read_whole(void **state)
{
	struct image_told t;
	const struct inventory *inv;

	(void)state;
	assert_int_equal(
	    parse("{\"ref\":\"app:1\",\"manifest\":\"" DIGEST "\",\"asked\":\"" OTHER
		  "\",\"created\":\"2026-11-20T10:00:00Z\",\"labels\":{\"a\":\"b\"},"
		  "\"base\":{\"name\":\"debian:12\",\"how\":\"chain\",\"layers\":1},\"later\":1,"
		  "\"layers\":[{\"digest\":\"" DIGEST "\",\"size\":5,\"origin\":\"base\"},"
		  "{\"facts\":\"" OTHER "\"},{\"unread\":{\"text\":\"cut\"}}],"
		  "\"notes\":[{\"level\":\"warn\",\"code\":\"x\",\"layer\":1},{\"code\":\"y\"}]}",
		  &t),
	    RMG_OK);
	inv = t.inv;
	assert_true(span_is(inv->ref, S("app:1")));
	assert_true(span_is(inv->source, S("upload")));
	assert_true(span_is(t.asked, S(OTHER)));
	assert_int_equal(t.created_ms, INT64_C(1795168800000));
	assert_int_equal(inv->n_labels, 1);
	assert_true(inv->base.known);
	assert_string_equal(inv->base.how, "chain");
	assert_int_equal(inv->n_layers, 3);
	assert_int_equal(inv->size, 5);
	assert_int_equal(inv->layers[0].origin, ORIGIN_BASE);
	assert_true(span_is(inv->layers[0].facts, S(DIGEST)));
	assert_int_equal(inv->layers[1].digest.n, 0);
	assert_true(span_is(inv->layers[1].facts, S(OTHER)));
	assert_true(span_is(t.unread[2].code, S("layer-unreadable")));
	assert_int_equal(t.n_notes[0], 2);
	assert_int_equal(t.notes[0][0].note.level, NOTE_WARN);
	assert_int_equal(t.notes[0][0].layer, 1);
	/* A level that is not known may be of lost data. */
	assert_int_equal(t.notes[0][1].note.level, NOTE_LOST);
	assert_int_equal(t.notes[0][1].layer, NO_LAYER);
	inventory_free(t.inv);
}

static void what_is_wrong_is_refused(void **state)
{
	static const char *const rows[] = {
	    "[]",
	    "{}",
	    "{\"layers\":{}}",
	    "{\"config\":\"x\",\"layers\":[]}",
	    "{\"layers\":[{}]}",
	    "{\"layers\":[{\"digest\":\"sha256:12\"}]}",
	    "{\"layers\":[{\"digest\":\"sha256:12\",\"unread\":{}}]}",
	    "{\"layers\":[],\"notes\":[{\"code\":\"x\",\"layer\":0}]}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct image_told t = {0};

		assert_int_equal(parse(rows[i], &t), RMG_E_FORMAT);
		assert_null(t.inv);
	}
}

static void too_much_is_refused(void **state)
{
	struct strbuf b = strbuf_of(MIB(1));
	struct image_told t;

	(void)state;
	strbuf_puts(&b, "{\"layers\":[],\"notes\":[{}");
	for (size_t i = 0; i < LIMIT_NOTES; i++)
		strbuf_puts(&b, ",{}");
	strbuf_puts(&b, "]}");
	assert_int_equal(parse(strbuf_cstr(&b), &t), RMG_E_LIMIT);
	strbuf_clear(&b);
	strbuf_puts(&b, "{\"layers\":[{}");
	for (size_t i = 0; i < LIMIT_LAYERS; i++)
		strbuf_puts(&b, ",{}");
	strbuf_puts(&b, "]}");
	assert_int_equal(parse(strbuf_cstr(&b), &t), RMG_E_FORMAT);
	strbuf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_image_is_read_whole),
	    cmocka_unit_test(what_is_wrong_is_refused),
	    cmocka_unit_test(too_much_is_refused),
	};

	return cmocka_run_group_tests_name("image_json", tests, NULL, NULL);
}
