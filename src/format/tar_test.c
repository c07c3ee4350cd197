/* SPDX-License-Identifier: Apache-2.0 */
/* tar_test.c - against libarchive on archives of GNU tar and Python, and against what Go's reader
 * says of odd ones (noted by hand). */
#include "format/tar.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>

#include "../tests/sample.h"
#include "base/limits.h"
#include "base/strbuf.h"

static uint64_t put_hash(uint64_t h, struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		h = (h ^ s.p[i]) * 0x100000001b3u;
	return h;
}

/* One line an entry: type, mode, owner, size, hash of the content, path, target. */
static void put_line(struct strbuf *b, int type, unsigned mode, uint64_t uid, uint64_t gid,
		     uint64_t size, uint64_t hash, struct span path, struct span link)
{
	strbuf_printf(b, "%d %04o %llu:%llu %llu %016llx ", type, mode, (unsigned long long)uid,
		      (unsigned long long)gid, (unsigned long long)size, (unsigned long long)hash);
	strbuf_put(b, path);
	strbuf_puts(b, " -> ");
	strbuf_put(b, link);
	strbuf_putc(b, '\n');
}

struct listing {
	struct strbuf text, damage;
	enum rmg_rc rc;
	struct rmg_err err;
	struct tar_oddities odd;
	size_t entries, ends;
};

/* How many TAR_DATA bytes an entry had is compared with its size. */
static void take(struct listing *l, const struct tar_item *item, uint64_t *hash, uint64_t *n)
{
	const struct tar_entry *e = item->entry;

	if (item->event == TAR_ENTRY) {
		*hash = *n = 0;
		l->entries++;
	} else if (item->event == TAR_DATA) {
		*hash = put_hash(*hash, item->data);
		*n += item->data.n;
	} else if (item->event == TAR_ENTRY_END) {
		if (e->rc == RMG_OK && (e->type == TAR_FILE || e->type == TAR_OTHER))
			assert_int_equal(*n, e->size);
		assert_int_equal(e->rc == RMG_OK, e->damage == NULL);
		if (e->damage)
			strbuf_puts(&l->damage, e->damage);
		put_line(&l->text, (int)e->type, e->mode, e->uid, e->gid, e->size, *hash, e->path,
			 e->link);
		l->ends++;
	}
}

static struct listing list(struct span s, size_t piece)
{
	struct listing l = {.text = strbuf_of(1 << 20), .damage = strbuf_of(4096)};
	uint64_t hash = 0, n = 0;
	struct tar *t;

	assert_int_equal(tar_new(&t, NULL), RMG_OK);
	while (s.n && l.rc == RMG_OK) {
		struct span in = span_head(s, piece);
		struct tar_item item = {0};

		s = span_from(s, in.n);
		do {
			l.rc = tar_next(t, &in, &item, &l.err);
			if (l.rc == RMG_OK)
				take(&l, &item, &hash, &n);
		} while (l.rc == RMG_OK && item.event != TAR_MORE);
		assert_true(l.rc != RMG_OK || in.n == 0);
	}
	if (l.rc == RMG_OK)
		l.rc = tar_end(t, &l.err);
	l.odd = tar_odd(t);
	tar_free(t);
	return l;
}

static void listing_done(struct listing *l)
{
	strbuf_done(&l->text);
	strbuf_done(&l->damage);
}

static int type_of(struct archive_entry *e)
{
	if (archive_entry_hardlink(e))
		return TAR_HARDLINK;
	switch (archive_entry_filetype(e)) {
	case AE_IFREG:
		return TAR_FILE;
	case AE_IFLNK:
		return TAR_SYMLINK;
	case AE_IFCHR:
		return TAR_CHARDEV;
	case AE_IFBLK:
		return TAR_BLOCKDEV;
	case AE_IFDIR:
		return TAR_DIR;
	case AE_IFIFO:
		return TAR_FIFO;
	default:
		return TAR_OTHER;
	}
}

static uint64_t content_hash(struct archive *a, uint64_t size)
{
	uint64_t hash = 0, at = 0;
	const void *p;
	size_t n;
	la_int64_t offset;

	while (archive_read_data_block(a, &p, &n, &offset) == ARCHIVE_OK) {
		for (; at < (uint64_t)offset; at++)
			hash = put_hash(hash, S("\0"));
		hash = put_hash(hash, span_of(p, n));
		at += n;
	}
	for (; at < size; at++)
		hash = put_hash(hash, S("\0"));
	return hash;
}

static void oracle_entry(struct archive *a, struct archive_entry *e, struct strbuf *out)
{
	const char *link = archive_entry_hardlink(e);
	uint64_t size = (uint64_t)archive_entry_size(e);
	bool file = archive_entry_filetype(e) == AE_IFREG && !link;

	put_line(out, type_of(e), archive_entry_perm(e), (uint64_t)archive_entry_uid(e),
		 (uint64_t)archive_entry_gid(e), file ? size : 0, file ? content_hash(a, size) : 0,
		 span_cstr(archive_entry_pathname(e)),
		 span_cstr(link ? link : archive_entry_symlink(e)));
}

static void oracle(struct span s, struct strbuf *out)
{
	struct archive *a = archive_read_new();
	struct archive_entry *e;

	archive_read_support_format_tar(a);
	archive_read_set_format_option(a, "tar", "hdrcharset", "BINARY");
	assert_int_equal(archive_read_open_memory(a, s.p, s.n), ARCHIVE_OK);
	/* It warns of names that are not UTF-8. */
	for (;;) {
		int got = archive_read_next_header(a, &e);

		if (got != ARCHIVE_OK && got != ARCHIVE_WARN)
			break;
		oracle_entry(a, e, out);
	}
	archive_read_free(a);
}

static const char *const agreed[] = {
    "ok-gnutar-v7",    "ok-gnutar-ustar", "ok-gnutar-oldgnu",   "ok-gnutar-gnu",
    "ok-gnutar-posix", "ok-sparse-gnu",   "ok-sparse-gnu-many", "ok-sparse-0.0",
    "ok-sparse-0.1",   "ok-sparse-1.0",   "ok-sparse-all-hole", "ok-python-gnu",
    "ok-python-pax",   "ok-python-ustar", "ok-signed-checksum", "ok-v7-folder",
    "ok-prefix",       "ok-no-end",       "ok-one-zero-block",  "ok-junk-after-end",
    "ok-global",       "ok-base256-size", "ok-pax-last-wins",   "ok-pax-size",
};

static void test_archives_agree_with_libarchive(void **state)
{
	(void)state;
	setlocale(LC_ALL, "C.UTF-8");
	for (size_t i = 0; i < COUNT_OF(agreed); i++) {
		struct span s = sample_read("format/tar", agreed[i]);
		struct strbuf want = strbuf_of(1 << 20);
		struct listing got = list(s, s.n);

		oracle(s, &want);
		if (got.rc != RMG_OK || strcmp(strbuf_cstr(&got.text), strbuf_cstr(&want)) != 0) {
			printf("%s: %s\n", agreed[i], got.err.msg);
			fputs(strbuf_cstr(&got.text), stdout);
			printf("libarchive:\n");
			fputs(strbuf_cstr(&want), stdout);
			fail();
		}
		assert_int_equal(got.damage.n, 0);
		assert_true(got.entries > 0 && got.entries == got.ends);
		strbuf_done(&want);
		listing_done(&got);
		sample_free(s);
	}
}

/* Each line ends with the hash of what is in the file; 0 is no content. */
static void test_odd_archives_as_go_reads_them(void **state)
{
	static const struct {
		const char *name, *path;
		size_t entries;
	} odd[] = {
	    {"ok-star", NULL, 1},
	    {"ok-no-padding", " ok -> \n", 1},
	    {"ok-second-zero-block-cut", " ok -> \n", 1},
	    {"ok-hard-link-with-size", "1 0644 0:0 0 0000000000000000 h -> ok\n", 2},
	    {"ok-pax-two-headers", "0 0644 5:0 5 ", 1},
	    {"ok-pax-empty-value", " ok -> \n", 1},
	    {"ok-pax-and-gnu-name", " gnu -> \n", 1},
	    {"ok-capability", " ok -> \n", 1},
	    {"ok-other-type", "7 0644 0:0 7 ", 2},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(odd); i++) {
		struct span s = sample_read("format/tar", odd[i].name);
		struct listing got = list(s, s.n);

		assert_int_equal(got.rc, RMG_OK);
		assert_int_equal(got.entries, odd[i].entries);
		if (!span_has(strbuf_span(&got.text), span_cstr(odd[i].path)))
			fail_msg("%s: %s", odd[i].name, strbuf_cstr(&got.text));
		listing_done(&got);
		sample_free(s);
	}
}

static void test_any_pieces_give_the_same(void **state)
{
	static const size_t pieces[] = {1, 7, 511, 512, 513, 1500};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(agreed); i++) {
		struct span s = sample_read("format/tar", agreed[i]);
		struct listing want = list(s, s.n);

		for (size_t p = 0; p < COUNT_OF(pieces); p++) {
			struct listing got = list(s, pieces[p]);

			assert_int_equal(got.rc, RMG_OK);
			assert_string_equal(strbuf_cstr(&got.text), strbuf_cstr(&want.text));
			listing_done(&got);
		}
		listing_done(&want);
		sample_free(s);
	}
}

static void test_oddities_are_told(void **state)
{
	struct span s = sample_read("format/tar", "ok-junk-after-end");
	struct listing l = list(s, 300);

	(void)state;
	assert_int_equal(l.odd.trailing_bytes, 4);
	assert_false(l.odd.no_end);
	listing_done(&l);
	sample_free(s);
	s = sample_read("format/tar", "ok-no-end");
	l = list(s, s.n);
	assert_true(l.odd.no_end && !l.odd.global_ignored);
	listing_done(&l);
	sample_free(s);
	s = sample_read("format/tar", "ok-global");
	l = list(s, s.n);
	assert_true(l.odd.global_ignored && !l.odd.no_end);
	listing_done(&l);
	sample_free(s);
	l = list(S(""), 1);
	assert_int_equal(l.rc, RMG_OK);
	assert_true(l.odd.no_end);
	listing_done(&l);
}

static void test_dead_archives(void **state)
{
	static const struct {
		const char *name, *text;
		size_t entries;
	} bad[] = {
	    {"bad-checksum", "checksum at byte 0", 0},
	    {"bad-second-checksum", "checksum at byte 1024", 1},
	    {"bad-negative-size", "size that is negative or no number at byte 0", 0},
	    {"bad-size-text", "size that is negative or no number at byte 0", 0},
	    {"bad-huge-size", "cut off after byte 1536, inside an entry", 1},
	    {"bad-lone-zero-block", "lone block of zeros at byte 1024", 1},
	    {"bad-cut-header", "cut off after byte 1124, inside a header", 1},
	    {"bad-cut-content", "cut off after byte 515, inside an entry", 1},
	    {"bad-cut-pax", "inside a PAX header", 0},
	    {"bad-pax-without-entry", "before the entry that a header announces", 1},
	    {"bad-pax-size-negative", "PAX size", 0},
	    {"bad-lone-zero-block-and-cut", "cut off after byte 1636, inside a header", 1},
	    {"bad-pax-before-end", "the end instead of the entry", 1},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct span s = sample_read("format/tar", bad[i].name);

		for (size_t piece = 1; piece <= s.n; piece *= 64) {
			struct listing got = list(s, piece);

			assert_int_equal(got.rc, RMG_E_FORMAT);
			if (!span_has(span_cstr(got.err.msg), span_cstr(bad[i].text)))
				fail_msg("%s: %s", bad[i].name, got.err.msg);
			assert_int_equal(got.entries, bad[i].entries);
			listing_done(&got);
		}
		sample_free(s);
	}
}

/* The damaged entry is told and the one behind it is still found. */
static void test_damage_does_not_end_the_archive(void **state)
{
	static const struct {
		const char *name, *text;
	} damaged[] = {
	    {"damaged-pax-length", "PAX header"},
	    {"damaged-pax-no-equals", "PAX header"},
	    {"damaged-pax-no-newline", "PAX header"},
	    {"damaged-pax-nul", "PAX header"},
	    {"damaged-pax-uid", "PAX header"},
	    {"damaged-global", "a global PAX header"},
	    {"damaged-mode", "mode or owner"},
	    {"damaged-path-too-long", "path is too long"},
	    {"damaged-sparse-overlap", "sparse map"},
	    {"damaged-sparse-beyond-size", "sparse map"},
	    {"damaged-sparse-missing-data", "sparse map"},
	    {"damaged-sparse-more-data", "sparse map"},
	    {"damaged-sparse-extension", "sparse map"},
	    {"damaged-sparse-1.0-letters", "sparse map"},
	    {"damaged-sparse-1.0-count", "sparse map"},
	    {"damaged-sparse-0.0-order", "PAX header"},
	    {"damaged-sparse-0.1-count", "sparse map"},
	    {"damaged-sparse-folder", "sparse, but not a file"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(damaged); i++) {
		struct span s = sample_read("format/tar", damaged[i].name);
		struct listing got = list(s, s.n);

		assert_int_equal(got.rc, RMG_OK);
		if (!span_has(strbuf_span(&got.damage), span_cstr(damaged[i].text)))
			fail_msg("%s: %s", damaged[i].name, strbuf_cstr(&got.damage));
		if (got.entries == 2)
			assert_true(span_ends(strbuf_span(&got.text), S(" ok -> \n")));
		listing_done(&got);
		sample_free(s);
	}
}

/* Every prefix is an error or a whole number of entries: nothing is lost in silence. */
static void test_cut_anywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(agreed); i++) {
		struct span s = sample_read("format/tar", agreed[i]);
		struct listing whole = list(s, s.n);

		for (size_t n = 0; n < s.n && n < 9000; n++) {
			struct listing got = list(span_head(s, n), s.n);

			if (got.rc == RMG_OK) {
				assert_int_equal(got.entries, got.ends);
				assert_true(
				    span_starts(strbuf_span(&whole.text), strbuf_span(&got.text)));
			}
			listing_done(&got);
		}
		listing_done(&whole);
		sample_free(s);
	}
}

static void test_skip_passes_over_content(void **state)
{
	struct span s = sample_read("format/tar", "ok-sparse-gnu-many"), in = s;
	struct tar_item item = {0};
	size_t data = 0, entries = 0;
	struct tar *t;

	(void)state;
	assert_int_equal(tar_new(&t, NULL), RMG_OK);
	do {
		assert_int_equal(tar_next(t, &in, &item, NULL), RMG_OK);
		data += item.event == TAR_DATA;
		if (item.event == TAR_ENTRY) {
			tar_skip(t);
			entries++;
		}
	} while (item.event != TAR_MORE);
	assert_int_equal(tar_end(t, NULL), RMG_OK);
	assert_int_equal(tar_bytes(t), s.n);
	assert_int_equal(data, 0);
	assert_int_equal(entries, 3);
	tar_free(t);
	tar_free(NULL);
	sample_free(s);
}

static void test_capability_is_seen(void **state)
{
	struct span s = sample_read("format/tar", "ok-capability"), in = s;
	struct tar_item item;
	struct tar *t;

	(void)state;
	assert_int_equal(tar_new(&t, NULL), RMG_OK);
	assert_int_equal(tar_next(t, &in, &item, NULL), RMG_OK);
	assert_int_equal(item.event, TAR_ENTRY);
	assert_true(item.entry->has_capability);
	assert_int_equal(item.entry->offset, 0);
	tar_free(t);
	sample_free(s);
}

/* ---- doubling: twice the input may take at most about twice the time ---- */

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void header(uint8_t *p, uint8_t letter, size_t size)
{
	unsigned sum = 0;

	memset(p, 0, 512);
	memcpy(p, "name", 4);
	memcpy(p + 100, "0000644\0000000000\0000000000", 24);
	snprintf((char *)p + 124, 12, "%011zo", size);
	p[156] = letter;
	memcpy(p + 257, "ustar\00000", 8);
	memset(p + 148, ' ', 8);
	for (size_t i = 0; i < 512; i++)
		sum += p[i];
	snprintf((char *)p + 148, 8, "%06o", sum);
}

/* n records in one PAX header: keys of no meaning, or a sparse map of version 0.0. */
static double time_pax(size_t n, bool map)
{
	enum { EACH = 32 };
	size_t blocks = 2 + (n * EACH + 511) / 512;
	uint8_t *p = calloc(blocks, 512);
	struct listing l;
	double begin;

	header(p, 'x', n * EACH);
	for (size_t i = 0; i < n; i++) {
		char record[EACH + 1];

		if (!map)
			snprintf(record, sizeof record, "%d some.key=%018zu\n", EACH, i);
		else if (i % 2)
			snprintf(record, sizeof record, "%d GNU.sparse.numbytes=%07d\n", EACH, 0);
		else
			snprintf(record, sizeof record, "%d GNU.sparse.offset=%09zu\n", EACH, i);
		memcpy(p + 512 + i * EACH, record, EACH);
	}
	header(p + (blocks - 1) * 512, '0', 0);
	begin = seconds();
	l = list(span_of(p, blocks * 512), blocks * 512);
	begin = seconds() - begin;
	assert_int_equal(l.rc, RMG_OK);
	assert_int_equal(l.entries, 1);
	listing_done(&l);
	free(p);
	return begin;
}

static void test_doubling(void **state)
{
	(void)state;
	for (int map = 0; map < 2; map++) {
		double one = time_pax(8000, map), four = time_pax(32000, map);

		assert_true(four < one * 12 + 0.01);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_archives_agree_with_libarchive),
	    cmocka_unit_test(test_odd_archives_as_go_reads_them),
	    cmocka_unit_test(test_any_pieces_give_the_same),
	    cmocka_unit_test(test_oddities_are_told),
	    cmocka_unit_test(test_dead_archives),
	    cmocka_unit_test(test_damage_does_not_end_the_archive),
	    cmocka_unit_test(test_cut_anywhere),
	    cmocka_unit_test(test_skip_passes_over_content),
	    cmocka_unit_test(test_capability_is_seen),
	    cmocka_unit_test(test_doubling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
