/* SPDX-License-Identifier: Apache-2.0 */
/* Folders as overlay leaves them, made by hand: two layers, and what was written over them. */
#include "node/upper.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/limits.h"
#include "format/sha256.h"

#define ELF "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\76\0\1\0\0\0"

struct made {
	char top[64];
	struct container_root root;
	struct span lower[2];
	char paths[3][128];
	struct catalog_select *wants;
	struct upper *upper;
};

static const char *path_in(const struct made *m, const char *layer, const char *path)
{
	static char buf[256];

	snprintf(buf, sizeof buf, "%s/%s/%s", m->top, layer, path);
	return buf;
}

static void folder(const struct made *m, const char *layer, const char *path)
{
	assert_int_equal(mkdir(path_in(m, layer, path), 0755), 0);
}

static void file(const struct made *m, const char *layer, const char *path, const char *text)
{
	FILE *f = fopen(path_in(m, layer, path), "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void whiteout(const struct made *m, const char *layer, const char *path)
{
	if (mknod(path_in(m, layer, path), S_IFCHR, makedev(0, 0)) != 0)
		skip();
}

static void opaque(const struct made *m, const char *layer, const char *path)
{
	if (setxattr(path_in(m, layer, path), "user.overlay.opaque", "y", 1, 0) != 0)
		skip();
}

static int begin(void **state)
{
	static const char *const names[] = {"high", "low", "upper"};
	struct made *m = calloc(1, sizeof *m);

	*state = m;
	snprintf(m->top, sizeof m->top, "/tmp/rummage-upper-XXXXXX");
	assert_non_null(mkdtemp(m->top));
	for (size_t i = 0; i < 3; i++) {
		snprintf(m->paths[i], sizeof m->paths[i], "%s/%s", m->top, names[i]);
		assert_int_equal(mkdir(m->paths[i], 0755), 0);
		folder(m, names[i], "bin");
		folder(m, names[i], "etc");
	}
	m->lower[0] = span_cstr(m->paths[0]);
	m->lower[1] = span_cstr(m->paths[1]);
	m->root.dirs = (struct overlay_dirs){m->lower, 2, span_cstr(m->paths[2])};
	assert_int_equal(lib_wants_new(&m->wants), RMG_OK);
	assert_int_equal(upper_open(&m->root, m->wants, &m->upper, NULL), RMG_OK);
	return 0;
}

static int end(void **state)
{
	struct made *m = *state;
	char command[128];

	upper_close(m->upper);
	lib_wants_free(m->wants);
	snprintf(command, sizeof command, "rm -rf %s", m->top);
	assert_int_equal(system(command), 0);
	free(m);
	return 0;
}

static struct upper_walk look(struct made *m)
{
	static const struct upper_opts opts;
	struct upper_walk w;

	assert_int_equal(upper_look(m->upper, &opts, &w, NULL), RMG_OK);
	return w;
}

static bool has(const struct upper_walk *w, const char *path, enum upper_what what)
{
	for (size_t i = 0; i < w->changes.n; i++)
		if (w->changes.v[i].what == what && span_is(w->changes.v[i].path, span_cstr(path)))
			return true;
	return false;
}

/* R10: what was touched, or got another mode, is not changed. */
static void r10_the_same_bytes_are_no_change(void **state)
{
	struct made *m = *state;
	struct upper_walk w;

	file(m, "low", "bin/a", "#!/bin/sh\n");
	file(m, "upper", "bin/a", "#!/bin/sh\n");
	assert_int_equal(chmod(path_in(m, "upper", "bin/a"), 0700), 0);
	file(m, "low", "etc/c", "old");
	file(m, "high", "etc/c", "new");
	file(m, "upper", "etc/c", "new");
	w = look(m);
	assert_int_equal(w.n_files, 4);
	assert_int_equal(w.state, 0);
	assert_int_equal(w.changes.n, 0);
	upper_walk_done(&w);
	/* What a higher layer hides is not what the image has. */
	file(m, "upper", "etc/c", "old");
	w = look(m);
	assert_true(w.state != 0);
	assert_true(has(&w, "etc/c", UPPER_CHANGED));
	upper_walk_done(&w);
}

static void only_what_is_looked_into_counts_as_new(void **state)
{
	struct made *m = *state;
	struct upper_walk w;
	uint64_t before;

	file(m, "upper", "etc/log", "text");
	w = look(m);
	assert_int_equal(w.state, 0);
	upper_walk_done(&w);
	file(m, "upper", "bin/new", ELF);
	w = look(m);
	before = w.state;
	assert_true(before != 0);
	assert_int_equal(w.changes.n, 0);
	upper_walk_done(&w);
	w = look(m);
	assert_true(w.state == before);
	upper_walk_done(&w);
	assert_int_equal(unlink(path_in(m, "upper", "bin/new")), 0);
	w = look(m);
	assert_int_equal(w.state, 0);
	upper_walk_done(&w);
}

static void what_is_gone_is_told(void **state)
{
	struct made *m = *state;
	struct upper_walk w;

	file(m, "low", "bin/a", "a");
	file(m, "low", "bin/b", "b");
	whiteout(m, "high", "bin/b");
	whiteout(m, "upper", "bin/a");
	whiteout(m, "upper", "bin/b");
	whiteout(m, "upper", "bin/never");
	w = look(m);
	assert_int_equal(w.changes.n, 1);
	assert_true(has(&w, "bin/a", UPPER_GONE));
	upper_walk_done(&w);
}

static void an_opaque_folder_hides_what_is_below(void **state)
{
	struct made *m = *state;
	struct upper_walk w;

	folder(m, "low", "lib");
	file(m, "low", "lib/x", ELF);
	folder(m, "high", "lib");
	opaque(m, "high", "lib");
	folder(m, "upper", "lib");
	file(m, "upper", "lib/x", ELF);
	w = look(m);
	assert_true(w.state != 0); /* new: the image does not show it */
	assert_int_equal(w.changes.n, 0);
	upper_walk_done(&w);
	opaque(m, "upper", "etc");
	w = look(m);
	assert_true(has(&w, "etc", UPPER_GONE));
	upper_walk_done(&w);
}

static void links_are_not_followed(void **state)
{
	struct made *m = *state;
	uint8_t sha256[32];
	struct upper_walk w;

	file(m, "low", "etc/shadow", "secret");
	assert_int_equal(symlink("/etc", path_in(m, "high", "link")), 0);
	folder(m, "upper", "link");
	file(m, "upper", "link/passwd", ELF);
	assert_int_equal(symlink("/etc/passwd", path_in(m, "upper", "etc/shadow")), 0);
	w = look(m);
	assert_true(has(&w, "etc/shadow", UPPER_CHANGED));
	assert_int_equal(w.changes.n, 1);
	assert_false(upper_hash(m->upper, S("etc/shadow"), sha256));
	assert_false(upper_hash(m->upper, S("../upper/link/passwd"), sha256));
	upper_walk_done(&w);
}

static void a_file_is_hashed(void **state)
{
	struct made *m = *state;
	uint8_t sha256[32], want[32];

	file(m, "upper", "bin/new", "hello");
	sha256_of(S("hello"), want);
	assert_true(upper_hash(m->upper, S("bin/new"), sha256));
	assert_memory_equal(sha256, want, sizeof want);
	assert_false(upper_hash(m->upper, S("bin/none"), sha256));
	assert_false(upper_hash(m->upper, S("bin"), sha256));
	assert_false(upper_hash(m->upper, S(""), sha256));
}

static bool count(void *user, int fd)
{
	(void)fd;
	++*(int *)user;
	return true;
}

static void folders_are_shown_to_who_watches(void **state)
{
	struct made *m = *state;
	struct upper_walk w;
	int n = 0;
	struct upper_opts opts = {.watch = count, .user = &n};

	folder(m, "upper", "bin/deep");
	assert_int_equal(upper_look(m->upper, &opts, &w, NULL), RMG_OK);
	assert_int_equal(n, 4);
	upper_walk_done(&w);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
	    T(r10_the_same_bytes_are_no_change),
	    T(only_what_is_looked_into_counts_as_new),
	    T(what_is_gone_is_told),
	    T(an_opaque_folder_hides_what_is_below),
	    T(links_are_not_followed),
	    T(a_file_is_hashed),
	    T(folders_are_shown_to_who_watches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
