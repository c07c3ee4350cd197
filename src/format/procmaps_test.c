/* SPDX-License-Identifier: Apache-2.0 */
/* Texts as the kernel writes them (Linux 6). */
#include "format/procmaps.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void mapped_files_are_found(void **state)
{
	struct span text =
			S("55d0c1a00000-55d0c1a02000 r--p 00000000 00:1c 12    /usr/bin/cat\n"
			  "55d0c1a02000-55d0c1a07000 r-xp 00002000 00:1c 12    /usr/bin/cat\n"
			  "55d0c2a02000-55d0c2a07000 rw-p 00000000 00:00 0     [heap]\n"
			  "7f2f8a000000-7f2f8a001000 r--p 00000000 00:00 0 \n"
			  "7f2f8a000000-7f2f8a001000 r--s 00000000 00:01 9     /memfd:x (deleted)\n"
			  "7f2f8a000000-7f2f8a001000 r--p 00000000 00:1c 14    /srv/two words.so\n"
			  "7f2f8a000000-7f2f8a001000 r--p 00000000 00:1c 15    /srv/a\\012b\n"
			  "7f2f8a000000-7f2f8a001000 r--p 00000000 00:1c 16    /usr/lib/libc.so.6"),
		    path = {0};

	(void)state;
	assert_true(procmaps_next(&text, &path));
	assert_true(span_is(path, S("/usr/bin/cat")));
	assert_true(procmaps_next(&text, &path));
	assert_true(span_is(path, S("/srv/two words.so")));
	assert_true(procmaps_next(&text, &path));
	assert_true(span_is(path, S("/usr/lib/libc.so.6")));
	assert_false(procmaps_next(&text, &path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(mapped_files_are_found)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
