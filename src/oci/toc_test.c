/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of the forms that docs/estargz.md and containers/storage describe; the whole way, with
 * blobs that are made by those rules, is tests/test_partial.py's. */
#include "oci/toc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define A64 "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define FOOTER(hex)                                                                                \
	"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x1a\0SG\x16\0" hex "STARGZ\x01\0\0\xff\xff\0\0\0\0\0\0\0"  \
	"\0"

static struct arena arena;
static struct rmg_err err;

static int begin(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 20);
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

static void places(void **state)
{
	struct oci_pair stargz[] = {{S("containerd.io/snapshot/stargz/toc.digest"), S(A64)}};
	struct oci_pair chunked[] = {
	    {S("io.github.containers.zstd-chunked.manifest-checksum"), S(A64)},
	    {S("io.github.containers.zstd-chunked.manifest-position"), S("900:80:4000:1")},
	};
	struct toc_place p;

	(void)state;
	assert_int_equal(toc_locate(NULL, 0, 1000).kind, TOC_NONE);
	assert_int_equal(toc_locate(stargz, 1, 1000).kind, TOC_ESTARGZ);
	assert_int_equal(toc_locate(stargz, 1, 51).kind, TOC_NONE);
	p = toc_locate(chunked, 2, 1000);
	assert_int_equal(p.kind, TOC_ZSTD_CHUNKED);
	assert_int_equal(p.offset, 900);
	assert_int_equal(p.size, 80);
	assert_int_equal(toc_locate(chunked, 2, 979).kind, TOC_NONE);
	chunked[1].value = S("900:80:4000:2");
	assert_int_equal(toc_locate(chunked, 2, 1000).kind, TOC_NONE);
	chunked[1].value = S("900:80");
	assert_int_equal(toc_locate(chunked, 2, 1000).kind, TOC_NONE);
}

static void footers(void **state)
{
	struct toc_place p = {.kind = TOC_ESTARGZ};

	(void)state;
	assert_int_equal(toc_footer(S(FOOTER("0000000000000100")), 1000, &p, &err), RMG_OK);
	assert_int_equal(p.offset, 256);
	assert_int_equal(p.size, 1000 - 51 - 256);
	assert_int_equal(toc_footer(S(FOOTER("00000000000003b5")), 1000, &p, &err), RMG_E_FORMAT);
	assert_int_equal(toc_footer(S(FOOTER("fffffffffffffff0")), 1000, &p, &err), RMG_E_FORMAT);
	assert_int_equal(toc_footer(S(FOOTER("00000000000001zz")), 1000, &p, &err), RMG_E_FORMAT);
	assert_int_equal(toc_footer(S("short"), 1000, &p, &err), RMG_E_FORMAT);
}

static enum rmg_rc parse(const char *entries, enum toc_kind kind, struct toc *t)
{
	struct toc_place p = {.kind = kind, .offset = 1000, .size = 10};
	char text[2000];

	snprintf(text, sizeof text, "{\"version\":1,\"entries\":[%s]}", entries);
	return toc_parse(span_cstr(text), &p, &arena, t, &err);
}

static void tables(void **state)
{
	static const char entries[] =
	    "{\"name\":\"./\",\"type\":\"dir\",\"mode\":493},"
	    "{\"name\":\"bin/\",\"type\":\"dir\",\"mode\":493},"
	    "{\"name\":\"bin/a\",\"type\":\"reg\",\"size\":10,\"mode\":2541,\"offset\":100,"
	    "\"chunkSize\":6,\"chunkDigest\":\"" A64 "\"},"
	    "{\"name\":\"bin/a\",\"type\":\"chunk\",\"offset\":300,\"chunkOffset\":6},"
	    "{\"name\":\"./bin/b\",\"type\":\"symlink\",\"linkName\":\"../x\"},"
	    "{\"name\":\"/bin/c\",\"type\":\"hardlink\",\"linkName\":\"./bin/a\"},"
	    "{\"name\":\"empty\",\"type\":\"reg\"},"
	    "{\"name\":\"d\",\"type\":\"reg\",\"size\":3,\"offset\":200,\"digest\":\"" A64 "\"}";
	struct toc t;

	(void)state;
	assert_int_equal(parse(entries, TOC_ESTARGZ, &t), RMG_OK);
	assert_int_equal(t.n_entries, 6);
	assert_int_equal(t.n_chunks, 3);
	assert_true(span_is(t.entries[1].tar.path, S("bin/a")));
	assert_int_equal(t.entries[1].tar.mode, 04755);
	assert_int_equal(t.entries[1].n, 2);
	/* A member ends where the next one begins. */
	assert_int_equal(t.chunks[0].end, 200);
	assert_int_equal(t.chunks[1].end, 1000);
	assert_int_equal(t.chunks[1].size_bytes, 4);
	assert_int_equal(t.chunks[2].end, 300);
	assert_true(span_is(t.chunks[2].digest, S(A64)));
	assert_true(span_is(t.entries[2].tar.link, S("../x")));
	assert_true(span_is(t.entries[3].tar.link, S("bin/a")));
}

/* As containers/storage writes it: only the file says where it ends. */
static void chunked_tables(void **state)
{
	static const char entries[] =
	    "{\"name\":\"a\",\"type\":\"reg\",\"size\":100,\"offset\":0,\"endOffset\":90,"
	    "\"chunkSize\":40},"
	    "{\"name\":\"a\",\"type\":\"chunk\",\"offset\":50,\"chunkSize\":30,\"chunkOffset\":40,"
	    "\"chunkType\":\"zeros\"},"
	    "{\"name\":\"a\",\"type\":\"chunk\",\"offset\":60,\"chunkSize\":30,\"chunkOffset\":70}";
	struct toc t;

	(void)state;
	assert_int_equal(parse(entries, TOC_ZSTD_CHUNKED, &t), RMG_OK);
	assert_int_equal(t.chunks[0].end, 50);
	assert_true(t.chunks[1].zeros);
	assert_int_equal(t.chunks[1].size_bytes, 30);
	assert_int_equal(t.chunks[2].end, 90);
}

#define NOT_WHOLE                                                                                  \
	"{\"name\":\"a\",\"type\":\"reg\",\"size\":9,\"offset\":1,\"chunkSize\":5},"               \
	"{\"name\":\"b\",\"type\":\"reg\"}"

static void refused(void **state)
{
	static const char *const rows[] = {
	    "7",
	    "{\"name\":\"a\",\"type\":\"odd\"}",
	    "{\"name\":\"../a\",\"type\":\"reg\"}",
	    "{\"name\":\"\",\"type\":\"reg\"}",
	    "{\"name\":\"a\",\"type\":\"symlink\"}",
	    "{\"name\":\"a\",\"type\":\"chunk\",\"offset\":1}",
	    "{\"name\":\"a\",\"type\":\"reg\",\"size\":-1}",
	    "{\"name\":\"a\",\"type\":\"reg\",\"size\":1,\"offset\":1000}",
	    "{\"name\":\"a\",\"type\":\"reg\",\"size\":1,\"offset\":-1}",
	    "{\"name\":\"a\",\"type\":\"reg\",\"size\":9,\"offset\":1,\"chunkSize\":10}",
	    "{\"name\":\"a\",\"type\":\"reg\",\"size\":9,\"offset\":1,\"chunkSize\":5}",
	    NOT_WHOLE,
	};
	struct toc t;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (parse(rows[i], TOC_ESTARGZ, &t) == RMG_OK)
			fail_msg("%s", rows[i]);
	assert_int_not_equal(
	    parse("{\"name\":\"a\",\"type\":\"reg\",\"size\":1,\"offset\":5,\"endOffset\":5}",
		  TOC_ZSTD_CHUNKED, &t),
	    RMG_OK);
	assert_int_not_equal(
	    parse("{\"name\":\"a\",\"type\":\"reg\",\"size\":1,\"offset\":5,\"endOffset\":1001}",
		  TOC_ZSTD_CHUNKED, &t),
	    RMG_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(places, begin, end),
	    cmocka_unit_test_setup_teardown(footers, begin, end),
	    cmocka_unit_test_setup_teardown(tables, begin, end),
	    cmocka_unit_test_setup_teardown(chunked_tables, begin, end),
	    cmocka_unit_test_setup_teardown(refused, begin, end),
	};

	return cmocka_run_group_tests_name("toc", tests, NULL, NULL);
}
