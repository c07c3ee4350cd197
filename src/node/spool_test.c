/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing that is to be kept is lost, whatever ends between what. */
#include "node/spool.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/limits.h"

static char dir[64];

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/spool_test_XXXXXX");
	return mkdtemp(dir) ? 0 : 1;
}

/* Calls back with the path of each file of the spool; gives how many there are. */
static unsigned each_file(void (*fn)(const char *path))
{
	DIR *d = opendir(dir);
	struct dirent *e;
	char path[400];
	unsigned n = 0;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		n++;
		if (fn)
			fn(path);
	}
	closedir(d);
	return n;
}

static void drop(const char *path)
{
	assert_int_equal(unlink(path), 0);
}

static int remove_dir(void **state)
{
	(void)state;
	each_file(drop);
	return rmdir(dir);
}

static struct spool *opened(uint64_t max_bytes)
{
	struct rmg_err err = {0};
	struct spool *s = NULL;

	if (spool_open(dir, max_bytes, &s, &err) != RMG_OK)
		fail_msg("%s", err.msg);
	return s;
}

static void put(struct spool *s, const char *text, bool detail)
{
	struct spool_item item = {span_cstr(text), detail};
	struct rmg_err err = {0};

	if (spool_put(s, &item, 1, &err) != RMG_OK)
		fail_msg("%s", err.msg);
}

/* All that comes, in batches of at most max. */
static void take(struct spool *s, size_t max, struct strbuf *out)
{
	struct rmg_err err = {0};
	size_t n;

	for (;;) {
		if (spool_take(s, max, out, &n, &err) != RMG_OK)
			fail_msg("%s", err.msg);
		if (n == 0)
			return;
		assert_true(n <= max);
		spool_done(s);
	}
}

static void expect(struct spool *s, const char *want)
{
	struct strbuf out = strbuf_of(MIB(64));

	take(s, 2, &out);
	assert_string_equal(strbuf_cstr(&out), want);
	strbuf_done(&out);
}

static void what_is_put_comes_in_order_and_is_gone(void **state)
{
	struct spool *s = opened(MIB(1));
	struct strbuf out = strbuf_of(KIB(4));
	struct rmg_err err = {0};
	size_t n;

	(void)state;
	expect(s, "");
	put(s, "one", false);
	put(s, "two", true);
	put(s, "three", false);
	assert_int_equal(spool_take(s, 2, &out, &n, &err), RMG_OK);
	assert_int_equal(n, 2);
	spool_back(s); /* nobody took them */
	put(s, "four", false);
	expect(s, "one\ntwo\nthree\nfour\n");
	assert_int_equal(spool_figures(s).bytes, 0);
	put(s, "five", false);
	expect(s, "five\n");
	spool_close(s);
	s = opened(MIB(1));
	expect(s, "");
	spool_close(s);
	strbuf_done(&out);
	assert_true(each_file(NULL) <= 1);
}

static void it_outlives_the_process(void **state)
{
	struct spool *s = opened(MIB(1));
	struct strbuf out = strbuf_of(KIB(4));
	struct rmg_err err = {0};
	size_t n;

	(void)state;
	put(s, "one", false);
	put(s, "two", false);
	assert_int_equal(spool_take(s, 1, &out, &n, &err), RMG_OK);
	spool_close(s); /* held, not done with */
	s = opened(MIB(1));
	put(s, "three", false);
	expect(s, "one\ntwo\nthree\n");
	spool_close(s);
	strbuf_done(&out);
}

static void tear(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size - 3), 0);
}

static void a_torn_end_is_left_out(void **state)
{
	struct spool *s = opened(MIB(1));

	(void)state;
	put(s, "one", false);
	put(s, "two", false);
	spool_close(s);
	each_file(tear);
	s = opened(MIB(1));
	put(s, "three", false);
	expect(s, "one\nthree\n");
	assert_int_equal(spool_figures(s).damaged, 0);
	spool_close(s);
}

static void spoil(const char *path)
{
	int fd = open(path, O_WRONLY);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "X", 1, 20), 1);
	close(fd);
}

static void a_damaged_record_spoils_no_other(void **state)
{
	struct spool *s = opened(MIB(1));

	(void)state;
	put(s, "one", false);
	put(s, "two", false);
	spool_close(s);
	each_file(spoil);
	s = opened(MIB(1));
	expect(s, "two\n");
	assert_int_equal(spool_figures(s).damaged, 1);
	put(s, "three", false);
	spool_close(s);
	each_file(spoil);
	s = opened(MIB(1));
	expect(s, ""); /* all that there was */
	put(s, "four", false);
	expect(s, "four\n");
	spool_close(s);
}

enum { MANY = 6000 };

static void fill(struct spool *s, unsigned first, unsigned n)
{
	char line[600];

	for (unsigned i = first; i < first + n; i++) {
		snprintf(line, sizeof line, "%c%u%0500d", i % 3 ? 'd' : 'k', i, 0);
		put(s, line, i % 3 != 0);
	}
}

/* Lines in their order; how many begin with c. */
static unsigned count(const struct strbuf *b, char c)
{
	struct span rest = strbuf_span(b), line;
	unsigned n = 0;
	uint64_t number, before = 0;

	while (span_next(&rest, '\n', &line)) {
		if (line.p[0] != c)
			continue;
		assert_true(
		    span_u64(span_head(span_from(line, 1), line.n - 501), 10, MANY, &number));
		assert_true(n == 0 || number > before);
		before = number;
		n++;
	}
	return n;
}

static void above_the_bound_the_oldest_detail_goes(void **state)
{
	struct spool *s = opened(MIB(2));
	struct strbuf out = strbuf_of(MIB(64));
	struct spool_figures f;

	(void)state;
	fill(s, 0, MANY);
	f = spool_figures(s);
	assert_true(f.dropped > 0 && f.bytes <= MIB(2) && !f.over);
	take(s, 500, &out);
	assert_int_equal(count(&out, 'k'), MANY / 3);
	assert_int_equal(count(&out, 'd'), MANY / 3 * 2 - f.dropped);
	/* What is left of the detail is the newest. */
	assert_true(span_has(strbuf_span(&out), S("\nd5999")));
	assert_false(span_has(strbuf_span(&out), S("\nd1000")));
	strbuf_done(&out);
	spool_close(s);
}

static void what_is_held_is_not_touched(void **state)
{
	struct spool *s = opened(KIB(64));
	struct strbuf held = strbuf_of(MIB(1)), out = strbuf_of(MIB(64));
	struct rmg_err err = {0};
	size_t n;

	(void)state;
	fill(s, 0, 12);
	assert_int_equal(spool_take(s, 6, &held, &n, &err), RMG_OK);
	assert_int_equal(n, 6);
	fill(s, 12, 3000);
	spool_done(s);
	take(s, 500, &out);
	assert_int_equal(count(&held, 'k'), 2);
	assert_int_equal(count(&out, 'k'), 3012 / 3 - 2);
	assert_true(span_starts(strbuf_span(&out), S("k6")));
	assert_true(spool_figures(s).dropped > 0);
	strbuf_done(&held);
	strbuf_done(&out);
	spool_close(s);
}

static void what_must_be_kept_is_kept_above_the_bound(void **state)
{
	struct spool *s = opened(KIB(16));
	struct strbuf out = strbuf_of(MIB(64));
	char line[600];

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(line, sizeof line, "k%u%0500d", i, 0);
		put(s, line, false);
	}
	assert_true(spool_figures(s).over);
	spool_close(s);
	s = opened(KIB(16));
	take(s, 500, &out);
	assert_int_equal(count(&out, 'k'), 3000);
	strbuf_done(&out);
	spool_close(s);
}

/* A file that cannot grow stands for a disk that is full. */
static void a_full_disk_tears_no_record(void **state)
{
	struct rlimit before, small = {4096, 4096};
	struct spool *s = opened(MIB(1));
	struct strbuf out = strbuf_of(MIB(1));
	struct rmg_err err = {0};
	char line[1500];
	unsigned kept = 0;

	(void)state;
	getrlimit(RLIMIT_FSIZE, &before);
	small.rlim_max = before.rlim_max;
	snprintf(line, sizeof line, "%01400d", 0);
	setrlimit(RLIMIT_FSIZE, &small);
	for (unsigned i = 0; i < 5; i++) {
		struct spool_item item = {span_cstr(line), false};

		if (spool_put(s, &item, 1, &err) == RMG_OK)
			kept++;
	}
	setrlimit(RLIMIT_FSIZE, &before);
	assert_int_equal(kept, 2);
	assert_true(err.msg[0] != '\0');
	put(s, "after", false);
	take(s, 10, &out);
	assert_int_equal(out.n, kept * 1401 + 6);
	assert_int_equal(spool_figures(s).damaged, 0);
	strbuf_done(&out);
	spool_close(s);
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    IN_A_FOLDER(what_is_put_comes_in_order_and_is_gone),
	    IN_A_FOLDER(it_outlives_the_process),
	    IN_A_FOLDER(a_torn_end_is_left_out),
	    IN_A_FOLDER(a_damaged_record_spoils_no_other),
	    IN_A_FOLDER(above_the_bound_the_oldest_detail_goes),
	    IN_A_FOLDER(what_is_held_is_not_touched),
	    IN_A_FOLDER(what_must_be_kept_is_kept_above_the_bound),
	    IN_A_FOLDER(a_full_disk_tears_no_record),
	};

	signal(SIGXFSZ, SIG_IGN);
	return cmocka_run_group_tests_name("spool", tests, NULL, NULL);
}
