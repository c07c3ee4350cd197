/* SPDX-License-Identifier: Apache-2.0 */
/* elf_test.c - headers built by hand from the gABI's tables, and this very program, which the
 * machine's linker made. */
#include "format/elf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct file {
	uint8_t p[1024];
	size_t n;
	bool big;
};

static void put(struct file *f, unsigned width, uint64_t v)
{
	for (unsigned i = 0; i < width; i++) {
		unsigned byte = f->big ? width - 1 - i : i;

		f->p[f->n++] = (uint8_t)(byte < 8 ? v >> 8 * byte : 0);
	}
}

static void ident(struct file *f, bool wide, bool big)
{
	static const uint8_t magic[] = {0x7f, 'E', 'L', 'F'};

	*f = (struct file){.big = big};
	memcpy(f->p, magic, sizeof magic);
	f->p[4] = wide ? 2 : 1;
	f->p[5] = big ? 2 : 1;
	f->p[6] = 1;
	f->n = 16;
}

static void arch_is(bool wide, bool big, unsigned machine, const char *want)
{
	struct span arch = S("untouched");
	struct file f;

	ident(&f, wide, big);
	put(&f, 2, 2);
	put(&f, 2, machine);
	assert_true(elf_arch(span_of(f.p, ELF_HEAD_BYTES), &arch));
	assert_int_equal(arch.n, strlen(want));
	assert_memory_equal(arch.p, want, arch.n);
	assert_false(elf_arch(span_of(f.p, 19), &arch));
}

static void arch_by_class_and_order(void **state)
{
	(void)state;
	arch_is(true, false, 62, "amd64");
	arch_is(true, false, 183, "arm64");
	arch_is(false, false, 40, "arm");
	arch_is(false, false, 3, "386");
	arch_is(true, false, 21, "ppc64le");
	arch_is(true, true, 21, "ppc64");
	arch_is(true, true, 22, "s390x");
	arch_is(true, false, 243, "riscv64");
	arch_is(false, true, 8, "mips");
	arch_is(true, false, 8, "mips64le");
	arch_is(true, false, 258, "loong64");
	arch_is(true, false, 247, ""); /* BPF */
}

static void arch_of_other_files(void **state)
{
	struct span arch = S("untouched");

	(void)state;
	assert_false(elf_arch(S(""), &arch));
	assert_false(elf_arch(S("\177ELF"), &arch));
	assert_false(
	    elf_arch(S("\177ELF\3\1\1................................................"), &arch));
	assert_false(elf_arch(
	    S("#!/bin/sh\n........................................................"), &arch));
	assert_true(span_is(arch, S("untouched")));
}

/* A file of two sections and one segment, in the order that the gABI gives the fields. */
static void whole(struct file *f, bool wide, bool big, bool extended)
{
	unsigned a = wide ? 8 : 4;
	size_t head = wide ? 64 : 52, seg = wide ? 56 : 32, sec = wide ? 64 : 40;
	size_t names = head + seg + 3 * sec, data = names + 16;

	ident(f, wide, big);
	put(f, 2, 2);
	put(f, 2, 62);
	put(f, 4, 1);
	put(f, a, 0x400100);
	put(f, a, head);
	put(f, a, head + seg);
	put(f, 4, 0);
	put(f, 2, head);
	put(f, 2, seg);
	put(f, 2, extended ? 0xffff : 1);
	put(f, 2, sec);
	put(f, 2, extended ? 0 : 3);
	put(f, 2, extended ? 0xffff : 1);

	put(f, 4, ELF_PT_LOAD);
	if (wide)
		put(f, 4, ELF_PF_X);
	put(f, a, data);
	put(f, a, 0x400000);
	put(f, a, 0);
	put(f, a, 8);
	put(f, a, 32);
	if (!wide)
		put(f, 4, ELF_PF_X);
	put(f, a, 0x1000);

	for (unsigned i = 0; i < 3; i++) {
		put(f, 4, i == 1 ? 7 : i == 2 ? 1 : 0);
		put(f, 4, i == 0 ? 0 : i == 1 ? 3 : 1);
		put(f, a, 0);
		put(f, a, i == 2 ? 0x400000 : 0);
		put(f, a, i == 0 ? 0 : i == 1 ? names : data);
		put(f, a, i == 0 ? (extended ? 3 : 0) : i == 1 ? 16 : 8);
		put(f, 4, i == 0 && extended ? 1 : 0);
		put(f, 4, i == 0 && extended ? 1 : 0);
		put(f, a, 0);
		put(f, a, 0);
	}
	memcpy(f->p + f->n, "\0.text\0.names\0\0\0abcdefgh", 24);
	f->n += 24;
}

static void reads(const struct file *f)
{
	struct rmg_err err;
	struct elf e;
	struct elf_section s;
	struct span got;

	assert_int_equal(elf_open(span_of(f->p, f->n), &e, &err), RMG_OK);
	assert_int_equal(e.n_sections, 3);
	assert_int_equal(e.n_segments, 1);
	assert_int_equal(e.entry, 0x400100);
	assert_true(elf_find(&e, S(".text"), &s));
	assert_true(span_is(s.data, S("abcdefgh")));
	assert_true(elf_find(&e, S(".names"), &s));
	assert_false(elf_find(&e, S(".data"), &s));
	assert_true(elf_read(&e, 0x400002, 3, &got));
	assert_true(span_is(got, S("cde")));
	assert_false(
	    elf_read(&e, 0x400002, 7, &got)); /* beyond what the file has, though not the memory */
	assert_false(elf_read(&e, 0x3fffff, 1, &got));
	assert_false(elf_read(&e, UINT64_MAX, 1, &got));
}

static void tables_of_all_shapes(void **state)
{
	struct file f;

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		whole(&f, i & 1, i & 2, i & 4);
		reads(&f);
	}
}

static void every_truncation_is_safe(void **state)
{
	struct elf_section s;
	struct file f;
	struct elf e;

	(void)state;
	whole(&f, true, false, true);
	for (size_t n = 0; n < f.n; n++) {
		uint8_t *cut = malloc(n ? n : 1); /* so that a sanitizer sees the end */

		assert_non_null(cut);
		memcpy(cut, f.p, n);
		if (elf_open(span_of(cut, n), &e, NULL) == RMG_OK) {
			for (size_t i = 0; elf_section(&e, i, &s); i++)
				assert_true(s.data.n <= n);
			assert_false(elf_read(&e, 0x400000, 9, &s.data));
		} else {
			assert_true(n < 64);
		}
		free(cut);
	}
}

static void reads_a_linked_program(void **state)
{
	struct elf_section s;
	struct elf e;
	uint8_t *p = malloc(1 << 24);
	FILE *f = fopen("/proc/self/exe", "rb");
	struct span code;
	size_t n;

	(void)state;
	assert_non_null(p);
	assert_non_null(f);
	n = fread(p, 1, 1 << 24, f);
	fclose(f);
	assert_int_equal(elf_open(span_of(p, n), &e, NULL), RMG_OK);
	assert_true(elf_find(&e, S(".text"), &s));
	assert_true(elf_read(&e, s.addr, s.size, &code));
	assert_ptr_equal(code.p, s.data.p);
	assert_true(elf_read(&e, e.entry, 1, &code));
	assert_true(elf_find(&e, S(".bss"), &s));
	assert_int_equal(s.data.n, 0);
	free(p);
}

/* Sections in number, all named in a table without a NUL. */
static double find_seconds(size_t n)
{
	size_t names = n, total = 64 + n * 64 + names;
	uint8_t *p = calloc(1, total);
	struct timespec began, ended;
	struct elf_section s;
	struct file f;
	struct elf e;

	assert_non_null(p);
	ident(&f, true, false);
	put(&f, 2, 2);
	put(&f, 2, 62);
	put(&f, 4, 1);
	put(&f, 8, 0);
	put(&f, 8, 0);
	put(&f, 8, 64);
	put(&f, 4, 0);
	put(&f, 2, 64);
	put(&f, 2, 0);
	put(&f, 2, 0);
	put(&f, 2, 64);
	put(&f, 2, 0);
	put(&f, 2, 0xffff);
	/* Section 0 holds the counts, section 1 the names. */
	put(&f, 8, 0);
	put(&f, 24, 0);
	put(&f, 8, n);
	put(&f, 4, 1);
	memcpy(p, f.p, f.n);
	f.n = 0;
	put(&f, 24, 0);
	put(&f, 8, 64 + n * 64);
	put(&f, 8, names);
	memcpy(p + 128, f.p, f.n);
	memset(p + 64 + n * 64, 'x', names);
	assert_int_equal(elf_open(span_of(p, total), &e, NULL), RMG_OK);
	assert_int_equal(e.n_sections, n);
	assert_int_equal(e.names.n, names);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &began);
	assert_false(elf_find(&e, S(".text"), &s));
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ended);
	free(p);
	return (double)(ended.tv_sec - began.tv_sec) +
	       (double)(ended.tv_nsec - began.tv_nsec) / 1e9;
}

static void finding_is_linear(void **state)
{
	double once = find_seconds(50000), four = find_seconds(200000);

	(void)state;
	print_message("50,000 sections: %.1f ms, 200,000: %.1f ms\n", once * 1e3, four * 1e3);
	assert_true(four < once * 12 + 0.02);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(arch_by_class_and_order), cmocka_unit_test(arch_of_other_files),
	    cmocka_unit_test(tables_of_all_shapes),    cmocka_unit_test(every_truncation_is_safe),
	    cmocka_unit_test(reads_a_linked_program),  cmocka_unit_test(finding_is_linear),
	};

	return cmocka_run_group_tests_name("elf", tests, NULL, NULL);
}
