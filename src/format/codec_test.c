/* SPDX-License-Identifier: Apache-2.0 */
#include "format/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../tests/sample.h"
#include "base/limits.h"
#include "format/codec_engine.h"

/* What tests/samples/codec.py compresses. */
static size_t text(char *out, size_t cap)
{
	size_t n = 0;

	for (unsigned i = 0; i < 400; i++)
		n += (size_t)snprintf(out + n, cap - n, "%u %u\n", i, i * i % 977);
	return n;
}

struct result {
	enum rmg_rc rc;
	size_t n;
	uint8_t bytes[8192];
	struct rmg_err err;
};

/* Decodes all of s, in pieces, into a buffer of cap bytes; what exceeds r->bytes is only counted.
 */
static void drive(struct codec *c, struct span s, size_t piece, size_t cap, struct result *r)
{
	uint8_t *out = malloc(cap);

	r->rc = RMG_OK;
	r->n = 0;
	while (s.n && r->rc == RMG_OK) {
		struct span in = span_head(s, piece);
		size_t given = cap;

		s = span_from(s, in.n);
		while (r->rc == RMG_OK && (in.n || given == cap)) {
			r->rc = codec_step(c, &in, out, cap, &given, &r->err);
			if (r->rc != RMG_OK)
				break;
			assert_true(given <= cap);
			for (size_t i = 0; i < given; i++, r->n++)
				if (r->n < sizeof r->bytes)
					r->bytes[r->n] = out[i];
		}
	}
	if (r->rc == RMG_OK) {
		r->rc = codec_end(c, &r->err);
		assert_int_equal(codec_out_bytes(c), r->n);
	}
	free(out);
}

static void decode(struct span s, size_t piece, size_t cap, struct result *r)
{
	struct codec *c;

	assert_int_equal(codec_new(codec_detect(s), &c, NULL), RMG_OK);
	drive(c, s, piece, cap, r);
	codec_free(c);
}

static void decode_with(const struct codec_engine *engine, struct span s, struct result *r)
{
	struct codec *c;

	assert_int_equal(codec_new_with(CODEC_GZIP, engine, &c, NULL), RMG_OK);
	drive(c, s, s.n, 65536, r);
	codec_free(c);
}

static const struct {
	const char *name;
	enum codec_kind kind;
	size_t copies;
	bool cut_is_seen; /* no prefix of it is a whole stream */
} good[] = {
    {"ok-gzip", CODEC_GZIP, 1, true},
    {"ok-gzip-name", CODEC_GZIP, 1, true},
    {"ok-gzip-all-fields", CODEC_GZIP, 1, true},
    {"ok-gzip-stored", CODEC_GZIP, 1, true},
    {"ok-gzip-pigz", CODEC_GZIP, 1, true},
    {"ok-gzip-two", CODEC_GZIP, 2, false},
    {"ok-gzip-two-and-empty", CODEC_GZIP, 2, false},
    {"ok-gzip-empty", CODEC_GZIP, 0, true},
    {"ok-gzip-zeros", CODEC_GZIP, 1, false},
    {"ok-zstd", CODEC_ZSTD, 1, true},
    {"ok-zstd-no-check", CODEC_ZSTD, 1, true},
    {"ok-zstd-two", CODEC_ZSTD, 2, false},
    {"ok-zstd-skippable", CODEC_ZSTD, 1, false},
    {"ok-zstd-empty", CODEC_ZSTD, 0, true},
    {"ok-xz", CODEC_XZ, 1, true},
    {"ok-xz-sha256", CODEC_XZ, 1, true},
    {"ok-xz-x86-filter", CODEC_XZ, 1, true},
    {"ok-xz-two-padded", CODEC_XZ, 2, false},
    {"ok-xz-empty", CODEC_XZ, 0, true},
    {"ok-bzip2", CODEC_BZIP2, 1, true},
    {"ok-bzip2-two", CODEC_BZIP2, 2, false},
    {"ok-bzip2-empty", CODEC_BZIP2, 0, true},
};

static void check_text(const struct result *r, size_t copies)
{
	char want[8192];
	size_t n = text(want, sizeof want);

	assert_int_equal(r->rc, RMG_OK);
	assert_int_equal(r->n, n * copies);
	for (size_t i = 0; i < copies; i++)
		assert_memory_equal(r->bytes + i * n, want, n);
}

static void test_streams_of_the_real_tools(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		struct span s = sample_read("format/codec", good[i].name);
		struct result r;

		assert_int_equal(codec_detect(s), good[i].kind);
		decode(s, s.n, 65536, &r);
		check_text(&r, good[i].copies);
		sample_free(s);
	}
}

static void test_any_pieces_give_the_same(void **state)
{
	static const size_t pieces[] = {1, 2, 3, 7, 100, 4096}, caps[] = {1, 13, 1000, 65536};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		struct span s = sample_read("format/codec", good[i].name);

		for (size_t p = 0; p < COUNT_OF(pieces); p++) {
			for (size_t c = 0; c < COUNT_OF(caps); c++) {
				struct result r;

				decode(s, pieces[p], caps[c], &r);
				check_text(&r, good[i].copies);
			}
		}
		sample_free(s);
	}
}

static void test_cut_anywhere_is_an_error(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		struct span s = sample_read("format/codec", good[i].name);

		for (size_t n = CODEC_MAGIC_BYTES; good[i].cut_is_seen && n < s.n; n++) {
			struct result r;

			decode(span_head(s, n), n, 65536, &r);
			assert_int_equal(r.rc, RMG_E_FORMAT);
			assert_true(span_has(span_cstr(r.err.msg), S("cut off")));
		}
		sample_free(s);
	}
}

static void test_damage_is_told(void **state)
{
	static const struct {
		const char *name;
		enum rmg_rc rc;
		const char *text;
	} bad[] = {
	    {"bad-gzip-junk", RMG_E_FORMAT, "junk after the end"},
	    {"bad-gzip-zeros-then-junk", RMG_E_FORMAT, "junk after the end"},
	    {"bad-gzip-zeros-then-member", RMG_E_FORMAT, "junk after the end"},
	    {"bad-gzip-crc", RMG_E_FORMAT, "gzip at byte 151"},
	    {"bad-gzip-length", RMG_E_FORMAT, "gzip at byte 1518"},
	    {"bad-gzip-second-crc", RMG_E_FORMAT, "gzip at byte 303"},
	    {"bad-gzip-reserved-flag", RMG_E_FORMAT, "not such a stream"},
	    {"bad-gzip-header-crc", RMG_E_FORMAT, "gzip"},
	    {"bad-gzip-cut", RMG_E_FORMAT, "cut off after byte 1517"},
	    {"bad-zstd-junk", RMG_E_FORMAT, "junk after the end"},
	    {"bad-zstd-zeros", RMG_E_FORMAT, "junk after the end"},
	    {"bad-zstd-check", RMG_E_FORMAT, "checksum"},
	    {"bad-zstd-window", RMG_E_LIMIT, "memory"},
	    {"bad-zstd-bomb", RMG_E_LIMIT, "expands too much"},
	    {"bad-xz-padding", RMG_E_FORMAT, "cut off"},
	    {"bad-xz-padding-then-stream", RMG_E_FORMAT, "junk after the end"},
	    {"bad-xz-junk", RMG_E_FORMAT, "junk after the end"},
	    {"bad-xz-crc", RMG_E_FORMAT, "damaged"},
	    {"bad-xz-dictionary", RMG_E_LIMIT, "dictionary"},
	    {"bad-xz-bomb", RMG_E_LIMIT, "expands too much"},
	    {"bad-bzip2-junk", RMG_E_FORMAT, "junk after the end"},
	    {"bad-bzip2-crc", RMG_E_FORMAT, "damaged"},
	    {"bad-bzip2-bomb", RMG_E_LIMIT, "expands too much"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct span s = sample_read("format/codec", bad[i].name);
		static struct result whole, pieces;

		decode(s, s.n, 65536, &whole);
		assert_int_equal(whole.rc, bad[i].rc);
		if (!span_has(span_cstr(whole.err.msg), span_cstr(bad[i].text)))
			fail_msg("%s: %s", bad[i].name, whole.err.msg);
		decode(s, 5, 65536, &pieces);
		assert_int_equal(pieces.rc, bad[i].rc);
		sample_free(s);
	}
}

/* What comes before damage is not lost, and the failure is told for ever. */
static void test_bytes_before_the_damage_are_given(void **state)
{
	struct span s = sample_read("format/codec", "bad-gzip-junk"), in = s;
	uint8_t out[8192];
	struct rmg_err err;
	struct codec *c;
	size_t n = 0;

	(void)state;
	assert_int_equal(codec_new(CODEC_GZIP, &c, &err), RMG_OK);
	assert_int_equal(codec_step(c, &in, out, sizeof out, &n, &err), RMG_OK);
	assert_true(n > 2000);
	assert_int_equal(codec_step(c, &in, out, sizeof out, &n, &err), RMG_E_FORMAT);
	assert_int_equal(codec_step(c, &in, out, sizeof out, &n, &err), RMG_E_FORMAT);
	err = (struct rmg_err){0};
	assert_int_equal(codec_end(c, &err), RMG_E_FORMAT);
	assert_true(span_has(span_cstr(err.msg), S("junk")));
	codec_free(c);
	sample_free(s);
}

#ifdef RMG_HAVE_ISAL
static void test_bit_flips_agree_with_zlib(void **state)
{
	static const char *const names[] = {"ok-gzip", "ok-gzip-all-fields", "ok-gzip-stored"};

	(void)state;
	for (size_t k = 0; k < COUNT_OF(names); k++) {
		struct span s = sample_read("format/codec", names[k]);
		uint8_t *p = malloc(s.n);
		static struct result isal, zlib;

		memcpy(p, s.p, s.n);
		for (size_t bit = 0; bit < s.n * 8; bit++) {
			p[bit / 8] ^= (uint8_t)(1 << bit % 8);
			decode_with(&codec_isal, span_of(p, s.n), &isal);
			decode_with(&codec_zlib, span_of(p, s.n), &zlib);
			p[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_int_equal(isal.rc, zlib.rc);
			if (isal.rc == RMG_OK) {
				assert_int_equal(isal.n, zlib.n);
				assert_memory_equal(isal.bytes, zlib.bytes, isal.n);
			}
		}
		free(p);
		sample_free(s);
	}
}
#endif

static void test_zlib_reads_the_samples_too(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		struct span s = sample_read("format/codec", good[i].name);
		struct result r;

		if (good[i].kind == CODEC_GZIP) {
			decode_with(&codec_zlib, s, &r);
			check_text(&r, good[i].copies);
		}
		sample_free(s);
	}
}

static void test_none_copies(void **state)
{
	struct result r;

	(void)state;
	assert_int_equal(codec_detect(S("")), CODEC_NONE);
	assert_int_equal(codec_detect(S("\x1f\x8b")), CODEC_NONE);
	assert_int_equal(codec_detect(S("BZh9 a file name")), CODEC_NONE);
	decode(S("plain bytes"), 3, 2, &r);
	assert_int_equal(r.rc, RMG_OK);
	assert_int_equal(r.n, 11);
	assert_memory_equal(r.bytes, "plain bytes", 11);
	decode(S(""), 1, 1, &r);
	assert_int_equal(r.rc, RMG_OK);
}

static void test_nothing_is_a_cut_stream(void **state)
{
	struct codec *c;
	struct rmg_err err;

	(void)state;
	for (int kind = CODEC_GZIP; kind <= CODEC_BZIP2; kind++) {
		assert_int_equal(codec_new((enum codec_kind)kind, &c, &err), RMG_OK);
		assert_int_equal(codec_end(c, &err), RMG_E_FORMAT);
		codec_free(c);
	}
	codec_free(NULL);
	assert_string_equal(codec_name(CODEC_ZSTD), "zstd");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_streams_of_the_real_tools),
	    cmocka_unit_test(test_any_pieces_give_the_same),
	    cmocka_unit_test(test_cut_anywhere_is_an_error),
	    cmocka_unit_test(test_damage_is_told),
	    cmocka_unit_test(test_bytes_before_the_damage_are_given),
#ifdef RMG_HAVE_ISAL
	    cmocka_unit_test(test_bit_flips_agree_with_zlib),
#endif
	    cmocka_unit_test(test_zlib_reads_the_samples_too),
	    cmocka_unit_test(test_none_copies),
	    cmocka_unit_test(test_nothing_is_a_cut_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
