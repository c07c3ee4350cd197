/* SPDX-License-Identifier: Apache-2.0 */
#include "format/zpack.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "format/codec.h"

enum { BYTES = 1 << 20, UNPACKED = BYTES + 64 };

/* Bytes that do not compress by themselves. */
static uint8_t *noise(size_t n)
{
	uint8_t *p = malloc(n);
	uint64_t x = 88172645463325252u;

	assert_non_null(p);
	for (size_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		p[i] = (uint8_t)x;
	}
	return p;
}

/* The same with something put in near the beginning and a byte changed near the end. */
static uint8_t *changed(const uint8_t *p, size_t n)
{
	uint8_t *q = malloc(n + 7);

	assert_non_null(q);
	memcpy(q, p, 1000);
	memcpy(q + 1000, "a piece", 7);
	memcpy(q + 1007, p + 1000, n - 1000);
	q[n - 500] ^= 1;
	return q;
}

static void drop(struct span *s)
{
	free((void *)(uintptr_t)s->p);
	*s = (struct span){0};
}

static void patches(void **state)
{
	uint8_t *p = noise(BYTES), *q = changed(p, BYTES);
	struct span from = span_of(p, BYTES), to = span_of(q, BYTES + 7), patch, made;

	(void)state;
	assert_int_equal(zpack_patch(from, to, &patch, NULL), RMG_OK);
	assert_in_range(patch.n, 10, 400);
	assert_int_equal(zpack_unpatch(from, patch, BYTES + 7, &made, NULL), RMG_OK);
	assert_true(span_is(made, to));
	drop(&made);
	assert_int_equal(zpack_unpatch(from, patch, BYTES + 6, &made, NULL), RMG_E_LIMIT);
	drop(&patch);
	/* Nothing in common, and nothing at all. */
	assert_int_equal(zpack_patch(S("abc"), to, &patch, NULL), RMG_OK);
	assert_int_equal(zpack_unpatch(S("abc"), patch, SIZE_MAX, &made, NULL), RMG_OK);
	assert_true(span_is(made, to));
	drop(&patch);
	drop(&made);
	assert_int_equal(zpack_patch(S(""), S(""), &patch, NULL), RMG_OK);
	assert_int_equal(zpack_unpatch(S(""), patch, 0, &made, NULL), RMG_OK);
	assert_int_equal(made.n, 0);
	drop(&patch);
	drop(&made);
	free(p);
	free(q);
}

static void bad_patches(void **state)
{
	uint8_t *p = noise(BYTES), *q = changed(p, BYTES), *copy;
	struct span from = span_of(p, BYTES), patch, made = {0};
	struct rmg_err err = {0};

	(void)state;
	assert_int_equal(zpack_patch(from, span_of(q, BYTES + 7), &patch, NULL), RMG_OK);
	/* Against another buffer, against a shorter one. */
	p[BYTES / 2] ^= 1;
	assert_int_equal(zpack_unpatch(from, patch, SIZE_MAX, &made, &err), RMG_E_FORMAT);
	assert_non_null(strstr(err.msg, "checksum"));
	p[BYTES / 2] ^= 1;
	assert_int_equal(zpack_unpatch(S("x"), patch, SIZE_MAX, &made, NULL), RMG_E_FORMAT);
	for (size_t n = 0; n < patch.n; n++)
		assert_int_equal(zpack_unpatch(from, span_head(patch, n), SIZE_MAX, &made, NULL),
				 RMG_E_FORMAT);
	copy = malloc(patch.n + 1);
	assert_non_null(copy);
	memcpy(copy, patch.p, patch.n);
	copy[patch.n] = 0;
	assert_int_equal(zpack_unpatch(from, span_of(copy, patch.n + 1), SIZE_MAX, &made, NULL),
			 RMG_E_FORMAT);
	for (size_t i = 0; i < patch.n; i++) {
		copy[i] ^= 0x55;
		if (zpack_unpatch(from, span_of(copy, patch.n), BYTES * 2, &made, NULL) == RMG_OK)
			drop(&made);
		copy[i] ^= 0x55;
	}
	free(copy);
	drop(&patch);
	free(p);
	free(q);
}

/* What is packed, the reader of layers unpacks. */
static void packs(void **state)
{
	uint8_t *p = calloc(1, BYTES), *out = malloc(UNPACKED);
	struct span packed, in;
	struct codec *c;
	size_t n = 0, all = 0;

	(void)state;
	assert_true(p && out);
	memcpy(p + 77, "something", 9);
	assert_int_equal(zpack(span_of(p, BYTES), &packed, NULL), RMG_OK);
	assert_in_range(packed.n, 10, 1000);
	assert_int_equal(codec_detect(packed), CODEC_ZSTD);
	assert_int_equal(codec_new(CODEC_ZSTD, &c, NULL), RMG_OK);
	in = packed;
	do {
		assert_int_equal(codec_step(c, &in, out + all, UNPACKED - all, &n, NULL), RMG_OK);
		all += n;
	} while (in.n || n);
	assert_int_equal(codec_end(c, NULL), RMG_OK);
	assert_int_equal(all, BYTES);
	assert_memory_equal(out, p, BYTES);
	codec_free(c);
	drop(&packed);
	free(out);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(patches),
	    cmocka_unit_test(bad_patches),
	    cmocka_unit_test(packs),
	};

	return cmocka_run_group_tests_name("zpack", tests, NULL, NULL);
}
