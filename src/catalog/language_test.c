/* SPDX-License-Identifier: Apache-2.0 */
/* language_test.c - the catalogers of languages on inputs of N, 2N and 4N: time may double. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/strbuf.h"
#include "catalog/catalog.h"

typedef void make_fn(struct strbuf *b, size_t n);

static double seconds(const struct cataloger *c, const char *path, make_fn *make, size_t n)
{
	struct strbuf b = strbuf_of(MIB(256));
	struct timespec began, ended;
	struct facts_builder *out;
	struct arena scratch;
	struct cat_file f;

	make(&b, n);
	assert_int_equal(strbuf_rc(&b), RMG_OK);
	f = (struct cat_file){.path = span_cstr(path),
			      .size = b.n,
			      .mode = 0755,
			      .head = span_head(strbuf_span(&b), LIMIT_HEAD_BYTES)};
	assert_int_equal(facts_builder_new(&out), RMG_OK);
	arena_init(&scratch, MIB(256));
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &began);
	assert_true(catalog_wants(c, &f));
	catalog_run(c, &f, strbuf_span(&b), out, &scratch);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ended);
	arena_done(&scratch);
	facts_builder_free(out);
	strbuf_done(&b);
	return (double)(ended.tv_sec - began.tv_sec) +
	       (double)(ended.tv_nsec - began.tv_nsec) / 1e9;
}

/* Sixteenfold would be quadratic; the machine may be busy. */
static void grows(const struct cataloger *c, const char *path, make_fn *make, size_t n)
{
	double one = seconds(c, path, make, n), two = seconds(c, path, make, 2 * n);
	double four = seconds(c, path, make, 4 * n);

	print_message("%s: %.1f, %.1f, %.1f ms\n", path, one * 1e3, two * 1e3, four * 1e3);
	assert_true(four < one * 10 + 0.03);
}

static void put_le(struct strbuf *b, size_t bytes, uint64_t v)
{
	for (size_t i = 0; i < bytes; i++)
		strbuf_putc(b, (char)(i < 8 ? v >> 8 * i : 0));
}

static void record(struct strbuf *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		strbuf_printf(b, "acme/../acme/deep/er/file%zu.py,sha256=x,%zu\r\n", i, i);
}

static void classifiers(struct strbuf *b, size_t n)
{
	strbuf_puts(b, "Name: x\nVersion: 1\n");
	for (size_t i = 0; i < n; i++)
		strbuf_printf(b, "Classifier: License :: L%zu\n  goes on\n", i);
}

static void licences(struct strbuf *b, size_t n)
{
	strbuf_puts(b, "{\"name\":\"x\",\"version\":\"1\",\"license\":[");
	for (size_t i = 0; i < n; i++)
		strbuf_printf(b, "{\"type\":\"L%zu\"},", i);
	strbuf_puts(b, "\"last\"]}");
}

/* n stored members with the same one pom.properties, each with classes around it. */
static void poms(struct strbuf *b, size_t n)
{
	static const char name[] = "META-INF/maven/g/a/pom.properties";
	size_t directory;

	strbuf_put(b, S("PK\3\4"));
	put_le(b, 14, 0);
	put_le(b, 4, 0); /* no content: CRC and lengths are 0 */
	put_le(b, 4, 0);
	put_le(b, 2, sizeof(name) - 1);
	put_le(b, 2, 0);
	strbuf_puts(b, name);
	directory = b->n;
	for (size_t i = 0; i < 2 * n; i++) {
		const char *this = i % 2 ? name : "org/acme/very/deep/in/folders/A.class";

		strbuf_put(b, S("PK\1\2"));
		put_le(b, 24, 0);
		put_le(b, 2, strlen(this));
		put_le(b, 16, 0);
		strbuf_puts(b, this);
	}
	n = b->n - directory;
	strbuf_put(b, S("PK\5\6"));
	put_le(b, 8, 0);
	put_le(b, 4, n);
	put_le(b, 4, directory);
	put_le(b, 2, 0);
}

/* A PE as far as it matters, with n modules, half of them replaced, and settings that name none. */
static void modules(struct strbuf *b, size_t n)
{
	struct strbuf m = strbuf_of(MIB(256));
	uint64_t left;

	strbuf_puts(&m, "0123456789abcdef");
	for (size_t i = 0; i < n; i++)
		strbuf_printf(
		    &m, "mod\tm%zu\t(devel)\ndep\ta/b%zu\tv1\n=>\tc/d%zu\tv2\nbuild\tx=\"\\\\\"\n",
		    i, i, i);
	strbuf_puts(&m, "0123456789abcdef");
	strbuf_puts(b, "MZ\xff Go build ID: ");
	strbuf_put(b, S("\xff Go buildinf:\x08\x02"));
	put_le(b, 16, 0);
	strbuf_puts(b, "\3go1");
	for (left = m.n; left > 127; left >>= 7)
		strbuf_putc(b, (char)(left | 0x80));
	strbuf_putc(b, (char)left);
	strbuf_put(b, strbuf_span(&m));
	strbuf_done(&m);
}

static void marks(struct strbuf *b, size_t n)
{
	strbuf_puts(b, "MZ\xff Go build ID: ");
	for (size_t i = 0; i < n; i++)
		strbuf_put(b, S("\xff Go buildinf:\x08\x02"));
}

static void python_is_linear(void **state)
{
	(void)state;
	grows(&catalog_python, "x/acme-1.dist-info/RECORD", record, 20000);
	grows(&catalog_python, "x/acme-1.dist-info/METADATA", classifiers, 20000);
}

static void node_is_linear(void **state)
{
	(void)state;
	grows(&catalog_node, "node_modules/x/package.json", licences, 20000);
}

static void java_is_linear(void **state)
{
	(void)state;
	grows(&catalog_java, "opt/acme-1.jar", poms, 20000);
}

static void golang_is_linear(void **state)
{
	(void)state;
	grows(&catalog_golang, "usr/bin/x", modules, 20000);
	grows(&catalog_golang, "usr/bin/x", marks, 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(python_is_linear),
	    cmocka_unit_test(node_is_linear),
	    cmocka_unit_test(java_is_linear),
	    cmocka_unit_test(golang_is_linear),
	};

	return cmocka_run_group_tests_name("language", tests, NULL, NULL);
}
