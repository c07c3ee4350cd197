/* SPDX-License-Identifier: Apache-2.0 */
/* Lines as vbatts/tar-split writes them (storage.Entry): "type" 1 a file, 2 a segment. */
#include "format/tarsplit.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/strbuf.h"

/* Items as text: bytes as they are, files as <NAME:SIZE>. */
static enum rmg_rc read_all(struct span in, size_t step, struct strbuf *text)
{
	struct tarsplit *t = NULL;
	struct rmg_err err;
	enum rmg_rc rc = RMG_OK;

	assert_int_equal(tarsplit_new(&t, &err), RMG_OK);
	strbuf_clear(text);
	while (in.n && rc == RMG_OK) {
		struct span piece = span_head(in, step);
		struct tarsplit_item item = {0};

		in = span_from(in, piece.n);
		do {
			rc = tarsplit_next(t, &piece, &item, &err);
			if (item.kind == TARSPLIT_BYTES)
				strbuf_put(text, item.bytes);
			if (item.kind == TARSPLIT_FILE)
				strbuf_printf(text, "<" SPAN_FMT ":%u>", SPAN_ARG(item.name),
					      (unsigned)item.size);
		} while (rc == RMG_OK && item.kind != TARSPLIT_MORE);
	}
	if (rc == RMG_OK)
		rc = tarsplit_end(t, &err);
	tarsplit_free(t);
	return rc;
}

static void expect(const char *in, enum rmg_rc want, const char *want_text)
{
	struct strbuf text = strbuf_of(4096);

	for (size_t step = 1; step < 200; step += 66) {
		assert_int_equal(read_all(span_cstr(in), step, &text), want);
		assert_string_equal(strbuf_cstr(&text), want_text);
	}
	strbuf_done(&text);
}

#define HEAD "{\"type\":2,\"payload\":\"aGVhZA==\",\"position\":0}\n"

static void test_files_and_bytes(void **state)
{
	(void)state;
	expect(HEAD "{\"type\":1,\"name\":\"bin/\",\"payload\":null,\"position\":1}\n"
		    "{\"type\":2,\"payload\":\"\",\"position\":2}\n"
		    "{\"type\":1,\"name\":\"./bin/tool\",\"size\":126,\"payload\":\"AA==\","
		    "\"position\":3}\n"
		    "{\"type\":2,\"payload\":\"dGFpbA==\",\"position\":4}\n",
	       RMG_OK, "head<./bin/tool:126>tail");
	expect("", RMG_OK, "");
	expect("\n" HEAD "\n", RMG_OK, "head");
}

static void test_names_that_are_no_text(void **state)
{
	(void)state;
	expect("{\"type\":1,\"name\":\"\",\"name_raw\":\"Zv9v\",\"size\":1,\"position\":0}\n",
	       RMG_OK, "<f\xffo:1>");
	expect("{\"type\":1,\"name\":\"a\\u0000b\",\"size\":1,\"position\":0}\n", RMG_E_FORMAT, "");
	expect("{\"type\":1,\"name\":\"\",\"size\":1,\"position\":0}\n", RMG_E_FORMAT, "");
}

static void test_damage(void **state)
{
	(void)state;
	expect(HEAD HEAD, RMG_E_FORMAT, "head");
	expect(HEAD "{\"type\":3,\"position\":1}\n", RMG_E_FORMAT, "head");
	expect(HEAD "{\"type\":2,\"pos", RMG_E_FORMAT, "head");
	expect("{\"type\":2,\"payload\":\"a=b\",\"position\":0}\n", RMG_E_FORMAT, "");
	expect("{\"type\":1,\"name\":\"a\",\"size\":-1,\"position\":0}\n", RMG_E_FORMAT, "");
	expect("{\"type\":1,\"name\":\"a\",\"size\":99999999999999,\"position\":0}\n", RMG_E_LIMIT,
	       "");
	expect("[]\n", RMG_E_FORMAT, "");
	expect("what is this\n", RMG_E_FORMAT, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_files_and_bytes),
	    cmocka_unit_test(test_names_that_are_no_text),
	    cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
