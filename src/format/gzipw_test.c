/* SPDX-License-Identifier: Apache-2.0 */
/* What was packed is unpacked by codec.h, which has tests of its own against gzip(1). */
#include "format/gzipw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "format/codec.h"

enum { LARGE = 1 << 20 };

static struct strbuf json(size_t n)
{
	struct strbuf b = strbuf_of(2 * LARGE);

	for (unsigned i = 0; b.n < n; i++)
		strbuf_printf(&b, "{\"container\":\"%064x\",\"state\":\"running\"},", i);
	return b;
}

static void unpack(struct span packed, struct strbuf *out)
{
	struct codec *c = NULL;
	struct rmg_err err = {0};
	uint8_t piece[4096];
	size_t n = sizeof piece;

	assert_int_equal(codec_new(CODEC_GZIP, &c, &err), RMG_OK);
	while (packed.n || n == sizeof piece) {
		assert_int_equal(codec_step(c, &packed, piece, sizeof piece, &n, &err), RMG_OK);
		strbuf_put(out, span_of(piece, n));
	}
	assert_int_equal(codec_end(c, &err), RMG_OK);
	codec_free(c);
}

static void what_is_packed_is_the_same(void **state)
{
	static const size_t sizes[] = {100, 5000, 70000, LARGE};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		struct strbuf b = json(sizes[i]), was = json(sizes[i]), got = strbuf_of(2 * LARGE);

		assert_true(gzipw_pack(&b, b.n));
		assert_true(b.n < was.n);
		unpack(strbuf_span(&b), &got);
		assert_true(span_is(strbuf_span(&got), strbuf_span(&was)));
		strbuf_puts(&b, "x"); /* it is a strbuf like any other */
		assert_int_equal(strbuf_rc(&b), RMG_OK);
		strbuf_done(&b);
		strbuf_done(&was);
		strbuf_done(&got);
	}
}

static void what_does_not_pay_is_left(void **state)
{
	struct strbuf b = strbuf_of(100), limited = strbuf_of(3), large = json(5000);
	size_t n = large.n;

	(void)state;
	strbuf_puts(&b, "k4#q");
	assert_false(gzipw_pack(&b, b.n));
	assert_string_equal(strbuf_cstr(&b), "k4#q");
	assert_false(gzipw_pack(&b, 0));
	assert_false(gzipw_pack(&b, SIZE_MAX));
	strbuf_puts(&limited, "abc");
	strbuf_puts(&limited, "d");
	assert_false(gzipw_pack(&limited, 100));
	assert_false(gzipw_pack(&large, 100));
	assert_int_equal(large.n, n);
	strbuf_done(&b);
	strbuf_done(&limited);
	strbuf_done(&large);
}

static void nothing_may_be_packed_too(void **state)
{
	struct strbuf b = strbuf_of(100), got = strbuf_of(100);

	(void)state;
	assert_true(gzipw_pack(&b, 64));
	unpack(strbuf_span(&b), &got);
	assert_int_equal(got.n, 0);
	strbuf_done(&b);
	strbuf_done(&got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_packed_is_the_same),
	    cmocka_unit_test(what_does_not_pay_is_left),
	    cmocka_unit_test(nothing_may_be_packed_too),
	};

	return cmocka_run_group_tests_name("gzipw", tests, NULL, NULL);
}
