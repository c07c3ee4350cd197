/* SPDX-License-Identifier: Apache-2.0 */
#include "node/file_index.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/hash.h"

static void files_lead_to_components(void **state)
{
	enum { MANY = 5000, PARTS = 50 };
	static struct owned_file files[MANY + 1];
	static struct component parts[PARTS];
	static char purls[PARTS][24];
	struct executable program = {.path = S("usr/bin/tool")};
	struct inventory inv = {.files = files,
				.n_files = MANY + 1,
				.components = parts,
				.n_components = PARTS,
				.executables = &program,
				.n_executables = 1};
	struct file_index *x;
	char path[40];
	size_t at;

	(void)state;
	for (uint32_t i = 0; i < PARTS; i++) {
		snprintf(purls[i], sizeof purls[i], "pkg:deb/x/p%u@1", i);
		parts[i].purl = span_cstr(purls[i]);
	}
	for (uint32_t i = 0; i < MANY; i++) {
		snprintf(path, sizeof path, "usr/lib/f%u", i);
		files[i] = (struct owned_file){.path = path_hash(span_cstr(path)),
					       .folder = path_hash(S("usr/lib")),
					       .bytes = 2,
					       .component = i % PARTS,
					       .counts = i % PARTS != 7};
	}
	files[MANY] = files[0];
	files[MANY].component = 9; /* a file of two */
	assert_int_equal(file_index_new(&inv, &x, NULL), RMG_OK);
	for (uint32_t i = 1; i < MANY; i++) {
		snprintf(path, sizeof path, "usr/lib/f%u", i);
		at = 0;
		if (i % PARTS != 7)
			assert_int_equal(file_index_next(x, path_hash(span_cstr(path)), &at),
					 i % PARTS);
		assert_int_equal(file_index_next(x, path_hash(span_cstr(path)), &at), SIZE_MAX);
	}
	at = 0;
	assert_int_equal(file_index_next(x, files[0].path, &at), 0);
	assert_int_equal(file_index_next(x, files[0].path, &at), 9);
	assert_int_equal(file_index_next(x, files[0].path, &at), SIZE_MAX);
	at = 0;
	assert_int_equal(file_index_next(x, path_hash(S("usr/lib/none")), &at), SIZE_MAX);
	assert_int_equal(file_index_component(x, 3).component, hash_span(parts[3].purl));
	assert_int_equal(file_index_component(x, 7).bytes, 2 * MANY / PARTS);
	assert_true(file_index_is_watched(x, 3));
	assert_false(file_index_is_watched(x, 7));
	assert_int_equal(file_index_program(x, path_hash(program.path)), 0);
	assert_int_equal(file_index_program(x, path_hash(S("usr/bin"))), SIZE_MAX);
	assert_true(file_index_has_folder(x, path_hash(S("usr/lib"))));
	assert_true(file_index_has_folder(x, path_hash(S("usr/bin"))));
	assert_false(file_index_has_folder(x, path_hash(S("tmp"))));
	assert_true(file_index_bytes(x) < 16 * MANY);
	file_index_let_go(file_index_hold(x));
	file_index_let_go(x);
	file_index_let_go(NULL);
}

static void compiled_python_is_its_source(void **state)
{
	char buf[64];
	struct span out;

	(void)state;
	assert_true(file_index_source_of(S("usr/lib/python3/__pycache__/ssl.cpython-311.pyc"), buf,
					 sizeof buf, &out));
	assert_true(span_is(out, S("usr/lib/python3/ssl.py")));
	assert_true(
	    file_index_source_of(S("__pycache__/a.cpython-311.opt-1.pyc"), buf, sizeof buf, &out));
	assert_true(span_is(out, S("a.py")));
	assert_false(file_index_source_of(S("usr/lib/python3/ssl.pyc"), buf, sizeof buf, &out));
	assert_false(file_index_source_of(S("x/__pycache__/ssl.txt"), buf, sizeof buf, &out));
	assert_false(file_index_source_of(S("longer/than/that/__pycache__/a.b.pyc"), buf, 8, &out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(files_lead_to_components),
	    cmocka_unit_test(compiled_python_is_its_source),
	};

	return cmocka_run_group_tests_name("R19: whose a file is", tests, NULL, NULL);
}
