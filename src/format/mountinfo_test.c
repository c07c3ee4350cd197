/* SPDX-License-Identifier: Apache-2.0 */
#include "format/mountinfo.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/strbuf.h"

/* Of a container of dockerd 20.10 on Linux 6.18, shortened. */
static const char text[] =
    "72 48 0:39 / / rw,relatime master:2 - overlay overlay rw,lowerdir=/d/l/PL6E:/d/l/D3GQ,"
    "upperdir=/d/65c0/diff,workdir=/d/65c0/work,nouserxattr\n"
    "73 72 0:42 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw\n"
    "not a row\n"
    "1 2 3 / / rw - a b c\n"
    "88 74 0:47 / /dev/shm rw,nosuid,nodev,noexec,relatime - tmpfs shm rw,size=65536k\n"
    "89 72 254:0 /my\\040data /mnt\\040x ro,relatime shared:3 master:4 - ext4 /dev/vda rw\n"
    "90 72 0:50 / /mnt\\040x rw - tmpfs none";

static struct arena arena;

static void rows_are_read(void **state)
{
	struct span rest = span_cstr(text);
	struct mount_row row;

	(void)state;
	assert_true(mount_next(&rest, &row));
	assert_int_equal(row.id, 72);
	assert_int_equal(row.parent, 48);
	assert_int_equal(row.major, 0);
	assert_int_equal(row.minor, 39);
	assert_true(span_is(row.point, S("/")));
	assert_true(span_is(row.fs, S("overlay")));
	assert_true(mount_next(&rest, &row));
	assert_true(span_is(row.fs, S("proc")));
	assert_true(mount_next(&rest, &row));
	assert_int_equal(row.id, 88);
	assert_true(mount_has(row.options, S("noexec")));
	assert_false(mount_has(row.options, S("exec")));
	assert_true(mount_next(&rest, &row));
	assert_true(span_is(mount_path(&arena, row.root), S("/my data")));
	assert_true(mount_has(row.options, S("ro")));
	assert_true(mount_next(&rest, &row));
	assert_int_equal(row.super.n, 0);
	assert_false(mount_next(&rest, &row));
}

static void what_is_on_top_counts(void **state)
{
	struct mount_row row;

	(void)state;
	assert_true(mount_at(span_cstr(text), S("/mnt\\040x"), &row));
	assert_int_equal(row.id, 90);
	assert_false(mount_at(span_cstr(text), S("/mnt x"), &row));
	assert_true(mount_of(span_cstr(text), 89, &row));
	assert_true(span_is(row.fs, S("ext4")));
	assert_false(mount_of(span_cstr(text), 3, &row));
}

static void an_overlay_is_taken_apart(void **state)
{
	struct overlay_dirs dirs;
	struct mount_row row;

	(void)state;
	assert_true(mount_at(span_cstr(text), S("/"), &row));
	assert_true(overlay_dirs(&arena, row.super, &dirs));
	assert_int_equal(dirs.n_lower, 2);
	assert_true(span_is(dirs.lower[0], S("/d/l/PL6E")));
	assert_true(span_is(dirs.lower[1], S("/d/l/D3GQ")));
	assert_true(span_is(dirs.upper, S("/d/65c0/diff")));
}

/* As Linux 6.18 shows them: the kernel's escape around overlay's own. */
static void escapes_are_undone(void **state)
{
	static const struct {
		const char *super, *lower, *upper;
	} rows[] = {
	    {"rw,lowerdir=/a\\134:b\\040c,upperdir=/u\\054v", "/a:b c", "/u,v"},
	    {"ro,lowerdir+=/a:b,lowerdir+=/c,datadir+=/d", "/a:b|/c", ""},
	    {"ro,lowerdir=l/X:l/Y::/data", "l/X|l/Y", ""},
	    {"rw,userxattr,lowerdir=/a,upperdir=/u\\134\\134v,workdir=/w", "/a", "/u\\v"},
	    {"ro,lowerdir=/a\\08", "/a08", ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct strbuf lower = strbuf_of(KIB(1));
		struct overlay_dirs dirs;

		assert_true(overlay_dirs(&arena, span_cstr(rows[i].super), &dirs));
		for (size_t k = 0; k < dirs.n_lower; k++) {
			strbuf_puts(&lower, k ? "|" : "");
			strbuf_put(&lower, dirs.lower[k]);
		}
		assert_string_equal(strbuf_cstr(&lower), rows[i].lower);
		assert_true(span_is(dirs.upper, span_cstr(rows[i].upper)));
		strbuf_done(&lower);
	}
}

static void what_is_no_overlay_is_refused(void **state)
{
	static const char *const supers[] = {"",
					     "rw,size=1",
					     "rw,upperdir=/u",
					     "rw,lowerdir=",
					     "rw,lowerdir=::/data",
					     "rw,lowerdir=/a\\000b",
					     "rw,lowerdir+=",
					     "rw,lowerdir=:/a"};
	struct strbuf many = strbuf_of(KIB(64));
	struct overlay_dirs dirs;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(supers); i++)
		assert_false(overlay_dirs(&arena, span_cstr(supers[i]), &dirs));
	strbuf_puts(&many, "ro,lowerdir=/a");
	for (size_t i = 1; i < LIMIT_LAYERS; i++)
		strbuf_puts(&many, ":/a");
	assert_true(overlay_dirs(&arena, strbuf_span(&many), &dirs));
	assert_int_equal(dirs.n_lower, LIMIT_LAYERS);
	strbuf_puts(&many, ":/a");
	assert_false(overlay_dirs(&arena, strbuf_span(&many), &dirs));
	strbuf_done(&many);
}

static int begin(void **state)
{
	(void)state;
	arena_init(&arena, MIB(8));
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rows_are_read),
	    cmocka_unit_test(what_is_on_top_counts),
	    cmocka_unit_test(an_overlay_is_taken_apart),
	    cmocka_unit_test(escapes_are_undone),
	    cmocka_unit_test(what_is_no_overlay_is_refused),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
