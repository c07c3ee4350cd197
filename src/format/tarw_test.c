/* SPDX-License-Identifier: Apache-2.0 */
/* tarw_test.c - what is written reads the same with libarchive, with GNU tar and with tar.h. */
#include "format/tarw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>

#include "base/strbuf.h"

static char long_name[3001], long_link[201];

static const struct {
	const char *path, *link, *content;
	enum tar_type type;
	unsigned mode;
	uint64_t uid, gid;
} items[] = {
    {"etc", NULL, NULL, TAR_DIR, 0755, 0, 0},
    {"etc/os-release", NULL, "ID=sample\n", TAR_FILE, 0644, 0, 0},
    {"empty", NULL, "", TAR_FILE, 0600, 65534, 07777777},
    {"setuid", NULL, "#!", TAR_FILE, 04755, 2097152, 4294967294},
    {"link", "etc/os-release", NULL, TAR_SYMLINK, 0777, 0, 0},
    {"hard", "etc/os-release", NULL, TAR_HARDLINK, 0644, 0, 0},
    {long_name, NULL, "deep", TAR_FILE, 0644, 1, 1},
    {"to-long", long_link, NULL, TAR_SYMLINK, 0777, 0, 0},
    {"fifo", NULL, NULL, TAR_FIFO, 0600, 0, 0},
};

static bool write_to(void *user, struct span bytes)
{
	strbuf_put(user, bytes);
	return strbuf_rc(user) == RMG_OK;
}

static void write_all(struct strbuf *out)
{
	struct tarw w;

	memset(long_name, 'n', sizeof long_name - 1);
	for (size_t i = 100; i < sizeof long_name - 1; i += 100)
		long_name[i] = '/';
	memset(long_link, 'l', sizeof long_link - 1);
	tarw_init(&w, write_to, out);
	for (size_t i = 0; i < COUNT_OF(items); i++) {
		struct span content = span_cstr(items[i].content);
		struct tar_entry e = {
		    .path = span_cstr(items[i].path),
		    .link = span_cstr(items[i].link),
		    .type = items[i].type,
		    .mode = items[i].mode,
		    .uid = items[i].uid,
		    .gid = items[i].gid,
		    .size = content.n,
		};

		assert_int_equal(tarw_entry(&w, &e, NULL), RMG_OK);
		if (content.n)
			assert_int_equal(tarw_data(&w, content, NULL), RMG_OK);
	}
	assert_int_equal(tarw_end(&w, NULL), RMG_OK);
	assert_int_equal(out->n % 512, 0);
}

static int type_of(struct archive_entry *e)
{
	static const struct {
		unsigned filetype;
		int type;
	} types[] = {{AE_IFDIR, TAR_DIR}, {AE_IFLNK, TAR_SYMLINK}, {AE_IFIFO, TAR_FIFO}};

	if (archive_entry_hardlink(e))
		return TAR_HARDLINK;
	for (size_t i = 0; i < COUNT_OF(types); i++)
		if (archive_entry_filetype(e) == types[i].filetype)
			return types[i].type;
	return TAR_FILE;
}

static void test_libarchive_reads_it(void **state)
{
	struct strbuf b = strbuf_of(1 << 20);
	struct archive *a = archive_read_new();
	struct archive_entry *e;

	(void)state;
	write_all(&b);
	archive_read_support_format_tar(a);
	assert_int_equal(archive_read_open_memory(a, b.p, b.n), ARCHIVE_OK);
	for (size_t i = 0; i < COUNT_OF(items); i++) {
		char content[16] = "";
		const char *link;

		assert_int_equal(archive_read_next_header(a, &e), ARCHIVE_OK);
		assert_string_equal(archive_entry_pathname(e), items[i].path);
		assert_int_equal(type_of(e), items[i].type);
		assert_int_equal(archive_entry_perm(e), items[i].mode);
		assert_int_equal(archive_entry_uid(e), items[i].uid);
		assert_int_equal(archive_entry_gid(e), items[i].gid);
		link = items[i].type == TAR_HARDLINK ? archive_entry_hardlink(e)
						     : archive_entry_symlink(e);
		if (items[i].link)
			assert_string_equal(link, items[i].link);
		if (items[i].content) {
			assert_true(archive_read_data(a, content, sizeof content - 1) >= 0);
			assert_string_equal(content, items[i].content);
		}
	}
	assert_int_equal(archive_read_next_header(a, &e), ARCHIVE_EOF);
	archive_read_free(a);
	strbuf_done(&b);
}

static void test_our_reader_reads_it(void **state)
{
	struct strbuf b = strbuf_of(1 << 20);
	struct span in;
	struct tar_item item;
	size_t i = 0;
	struct tar *t;

	(void)state;
	write_all(&b);
	in = strbuf_span(&b);
	assert_int_equal(tar_new(&t, NULL), RMG_OK);
	do {
		assert_int_equal(tar_next(t, &in, &item, NULL), RMG_OK);
		if (item.event != TAR_ENTRY)
			continue;
		assert_true(span_is(item.entry->path, span_cstr(items[i].path)));
		assert_true(span_is(item.entry->link, span_cstr(items[i].link)));
		assert_int_equal(item.entry->type, items[i].type);
		assert_int_equal(item.entry->uid, items[i].uid);
		assert_int_equal(item.entry->rc, RMG_OK);
		i++;
	} while (item.event != TAR_MORE);
	assert_int_equal(tar_end(t, NULL), RMG_OK);
	assert_false(tar_odd(t).no_end);
	assert_int_equal(i, COUNT_OF(items));
	tar_free(t);
	strbuf_done(&b);
}

static void test_gnu_tar_lists_it(void **state)
{
	struct strbuf b = strbuf_of(1 << 20);
	char path[] = "/tmp/tarw_test.XXXXXX", command[200], line[4096];
	int fd = mkstemp(path);
	size_t i = 0;
	FILE *f;

	(void)state;
	write_all(&b);
	assert_int_equal(write(fd, b.p, b.n), b.n);
	close(fd);
	snprintf(command, sizeof command, "tar --warning=no-timestamp -tf %s 2>&1", path);
	f = popen(command, "r");
	assert_non_null(f);
	while (fgets(line, sizeof line, f)) {
		line[strcspn(line, "\n")] = 0;
		assert_string_equal(line, items[i].path);
		i++;
	}
	assert_int_equal(pclose(f), 0);
	assert_int_equal(i, COUNT_OF(items));
	unlink(path);
	strbuf_done(&b);
}

static bool refuse(void *user, struct span bytes)
{
	(void)user;
	(void)bytes;
	return false;
}

static void test_sizes_must_add_up(void **state)
{
	struct strbuf b = strbuf_of(4096);
	struct tar_entry e = {.path = S("f"), .size = 3};
	struct rmg_err err;
	struct tarw w;

	(void)state;
	tarw_init(&w, write_to, &b);
	assert_int_equal(tarw_entry(&w, &e, &err), RMG_OK);
	assert_int_equal(tarw_data(&w, S("ab"), &err), RMG_OK);
	assert_int_equal(tarw_end(&w, &err), RMG_E_ARG);
	assert_int_equal(tarw_entry(&w, &e, &err), RMG_E_ARG);
	tarw_init(&w, write_to, &b);
	assert_int_equal(tarw_entry(&w, &e, &err), RMG_OK);
	assert_int_equal(tarw_data(&w, S("abcd"), &err), RMG_E_ARG);
	tarw_init(&w, refuse, NULL);
	assert_int_equal(tarw_entry(&w, &e, &err), RMG_E_IO);
	assert_int_equal(tarw_data(&w, S("abc"), &err), RMG_E_IO);
	tarw_init(&w, write_to, &b);
	e.path = S("nul\0inside");
	assert_int_equal(tarw_entry(&w, &e, &err), RMG_E_ARG);
	strbuf_done(&b);
}

static void a_hole_is_read_as_zeros(void **state)
{
	struct tar_entry e = {.path = S("hole"), .type = TAR_FILE, .size = 70000, .sparse = true};
	struct strbuf out = strbuf_of(1 << 20);
	struct tar_item item = {.event = TAR_ENTRY};
	struct tar *tar;
	struct tarw w;
	struct span left;
	uint64_t zeros = 0;

	(void)state;
	tarw_init(&w, write_to, &out);
	assert_int_equal(tarw_entry(&w, &e, NULL), RMG_OK);
	assert_int_equal(tarw_end(&w, NULL), RMG_OK);
	left = strbuf_span(&out);
	assert_true(left.n < 4096);
	assert_int_equal(tar_new(&tar, NULL), RMG_OK);
	while (item.event != TAR_MORE) {
		assert_int_equal(tar_next(tar, &left, &item, NULL), RMG_OK);
		if (item.event == TAR_ENTRY)
			assert_int_equal(item.entry->size, 70000);
		for (size_t i = 0; item.event == TAR_DATA && i < item.data.n; i++)
			zeros += item.data.p[i] == 0;
	}
	assert_int_equal(zeros, 70000);
	tar_free(tar);
	strbuf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_hole_is_read_as_zeros),  cmocka_unit_test(test_libarchive_reads_it),
	    cmocka_unit_test(test_our_reader_reads_it), cmocka_unit_test(test_gnu_tar_lists_it),
	    cmocka_unit_test(test_sizes_must_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
