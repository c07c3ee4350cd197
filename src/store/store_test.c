/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <sys/stat.h>

#include "../tests/store_fixture.h"
#include "io/file.h"

static void test_transactions_are_whole(void **state)
{
	struct alert_row alert = {.id = 1, .key = S("k")};
	struct source_row source = {.source = S("x"), .seq = 1};
	struct store *st = *state;

	assert_int_equal(store_source_put(st, &source, &err), RMG_E_ARG);
	assert_int_equal(store_commit(st, &err), RMG_E_ARG);
	OK(store_begin(st, &err));
	assert_int_equal(store_begin(st, &err), RMG_E_ARG);
	OK(store_source_put(st, &source, &err));
	store_rollback(st);
	store_rollback(st);
	OK(store_source_each(st, say_source, NULL, &err));
	expect("");

	OK(store_begin(st, &err));
	OK(store_source_put(st, &source, &err));
	OK(store_alert_put(st, &alert, &err));
	alert.id = 2;
	/* The key is another's: told now or, where writes are on their way, later. */
	if (store_alert_put(st, &alert, &err) == RMG_OK)
		assert_int_equal(store_source_each(st, say_source, NULL, &err), RMG_E_DB);
	assert_int_not_equal(store_source_put(st, &source, &err), RMG_OK);
	assert_int_not_equal(store_commit(st, &err), RMG_OK);
	assert_false(store_lost(st));
	OK(store_source_each(st, say_source, NULL, &err));
	OK(store_alert_each(st, say_alert, NULL, &err));
	expect("");
	OK(store_begin(st, &err));
	OK(store_source_put(st, &source, &err));
	OK(store_commit(st, &err));
	OK(store_source_each(st, say_source, NULL, &err));
	expect("x  0 1\n");
}

static void test_others_see_what_is_committed(void **state)
{
	struct source_row source = {.source = S("x"), .seq = 1};
	struct store *st = *state, *other = open_store();

	OK(store_begin(st, &err));
	OK(store_source_put(st, &source, &err));
	OK(store_source_each(other, say_source, NULL, &err));
	expect("");
	OK(store_commit(st, &err));
	OK(store_source_each(other, say_source, NULL, &err));
	expect("x  0 1\n");
	store_close(other);
}

static void test_reading_is_of_one_moment(void **state)
{
	struct source_row source = {.source = S("x"), .seq = 1};
	struct store *st = *state, *other = open_store();

	OK(store_begin_reading(st, &err));
	OK(store_begin(other, &err));
	OK(store_source_put(other, &source, &err));
	OK(store_commit(other, &err));
	OK(store_source_each(st, say_source, NULL, &err));
	expect("");
	assert_int_equal(store_source_put(st, &source, &err), RMG_E_ARG);
	OK(store_commit(st, &err));
	OK(store_source_each(st, say_source, NULL, &err));
	expect("x  0 1\n");
	store_close(other);
}

static void test_one_leads(void **state)
{
	struct store *st = *state, *other = open_store();
	bool leads = false;

	OK(store_lead(st, &leads, &err));
	assert_true(leads);
	OK(store_lead(st, &leads, &err));
	assert_true(leads);
	OK(store_lead(other, &leads, &err));
	assert_false(leads);
	store_close(st);
	*state = other;
	for (int i = 0; i < 100 && !leads; i++, usleep(10000))
		OK(store_lead(other, &leads, &err));
	assert_true(leads);
}

/* All that is to be given up; in how many pieces. */
static size_t compact(struct store *st, struct store_keep keep)
{
	bool more = true;
	size_t n = 0;

	for (; more; n++)
		OK(store_compact(st, &keep, &more, &err));
	return n;
}

static void test_old_rows_go(void **state)
{
	struct use_row use = {.workload = 1, .container = S("c"), .began_ms = 1};
	struct change_row change = {.use = 1, .change = {.kind = S("exec")}};
	struct outbox_row outbox = {.sink = S("s"), .state = S("sent")};
	struct stream_row stream = {.kind = S("event")};
	struct store *st = *state;
	char dedupe[16];
	size_t n = 0;

	OK(store_begin(st, &err));
	for (use.id = 1; use.id <= 6000; use.id++) {
		use.ended_ms = use.id % 3 ? use.id : 0;
		OK(store_use_put(st, &use, &err));
	}
	OK(store_change_put(st, &change, &err));
	for (int i = 1; i <= 4; i++) {
		stream.at_ms = i;
		OK(store_stream_add(st, &stream, &err));
		outbox.done_ms = i;
		snprintf(dedupe, sizeof dedupe, "%d", i);
		outbox.dedupe = span_cstr(dedupe);
		OK(store_outbox_add(st, &outbox, NULL, &err));
	}
	OK(store_commit(st, &err));
	assert_int_equal(compact(st, (struct store_keep){0}), 1); /* keeps all */
	OK(store_change_each(st, 1, say_change, NULL, &err));
	expect("1 exec   0\n");
	assert_true(compact(st, (struct store_keep){90000, 3, 4}) > 2);
	OK(store_change_each(st, 1, say_change, NULL, &err));
	OK(store_use_of_workload(st, 1, say_use, &(enum rmg_rc){RMG_E_STOPPED}, &err));
	expect("6000 0 1 c 1-0\n");
	OK(store_outbox_each(st, S(""), say_outbox, NULL, &err));
	expect("3 s 3 sent 0 \n4 s 4 sent 0 \n");
	OK(store_stream_each(st, 0, 9, say_stream, NULL, &err));
	expect("4 event \n");
	compact(st, (struct store_keep){90000, 90, 90});
	OK(store_begin(st, &err)); /* numbers go on where they were */
	OK(store_stream_add(st, &stream, &err));
	assert_int_equal(stream.seq, 5);
	OK(store_commit(st, &err));
	if (is_sqlite(st)) {
		n = rows_of(st, "use");
		assert_int_equal(n, 2000);
	}
}

/* Parameters are numbered in the order of their first appearance, which is SQLite's own number. */
static void check_parameters(const char *sql)
{
	unsigned long last = 0, n;

	for (const char *at = sql; (at = strchr(at, '$')) != NULL; at++) {
		n = strtoul(at + 1, NULL, 10);
		if (n > last + 1 || n == 0)
			fail_msg("$%lu after $%lu: %s", n, last, sql);
		last = MAX_OF(last, n);
	}
}

static void test_every_statement_is_understood(void **state)
{
	struct strbuf text = strbuf_of(1 << 16);
	struct store *st = *state;

	for (enum sql sql = 0; sql < SQL_COUNT; sql++) {
		strbuf_clear(&text);
		if (is_sqlite(st))
			strbuf_puts(&text, "EXPLAIN ");
		else
			strbuf_printf(&text, "PREPARE test%d AS ", (int)sql);
		sql_put(&text, sql);
		check_parameters(strbuf_cstr(&text));
		OK(st->backend->exec(st, strbuf_cstr(&text), &err));
	}
	strbuf_done(&text);
}

static void test_newer_schema_is_refused(void **state)
{
	struct store *st = *state, *other = NULL;
	int64_t version = 0;

	OK(st->backend->version(st, &version, &err));
	OK(store_begin(st, &err));
	OK(st->backend->version_set(st, 1000, &err));
	OK(store_commit(st, &err));
	assert_int_equal(store_open(url, &other, &err), RMG_E_UNSUPPORTED);
	assert_non_null(strstr(err.msg, "newer Rummage"));
	OK(store_begin(st, &err));
	OK(st->backend->version_set(st, version, &err));
	OK(store_commit(st, &err));
	store_close(open_store());
}

static void test_looking_makes_nothing(void **state)
{
	struct store *st = *state;
	struct store_state found = {0};
	struct strbuf none = strbuf_of(1 << 12);
	int64_t version = 0;

	OK(st->backend->version(st, &version, &err));
	OK(store_look(url, &found, &err));
	assert_true(found.schema == version && found.newest == version && found.may_write);
	assert_int_equal(found.now_ms == 0, is_sqlite(st));
	if (is_sqlite(st)) {
		strbuf_printf(&none, "%s.none", url);
		OK(store_look(strbuf_cstr(&none), &found, &err));
		assert_true(found.schema == 0 && found.may_write);
		assert_int_equal(access(strbuf_cstr(&none) + strlen("sqlite:"), F_OK), -1);
		strbuf_puts(&none, "/below/hub.db");
		assert_int_equal(store_look(strbuf_cstr(&none), &found, &err), RMG_E_NOTFOUND);
	}
	strbuf_done(&none);
}

static void test_size(void **state)
{
	struct store *st = *state;
	uint64_t bytes = 0;

	OK(store_size(st, &bytes, &err));
	assert_true(bytes > 4096);
}

/* SQLite only. */

static void test_full_disk_undoes_the_transaction(void **state)
{
	struct facts_row row = {S("sha256:x"), {0}, S("r"), 1};
	struct store *st = *state;
	uint8_t *big = calloc(1, 1 << 20);
	bool has = true;

	assert_non_null(big);
	row.packed = span_of(big, 1 << 20);
	OK(st->backend->exec(st, "PRAGMA max_page_count = 150", &err));
	OK(store_begin(st, &err));
	assert_int_equal(store_facts_put(st, &row, &err), RMG_E_IO);
	assert_non_null(strstr(err.msg, "no space left in /tmp/"));
	assert_int_not_equal(store_commit(st, &err), RMG_OK);
	OK(st->backend->exec(st, "PRAGMA max_page_count = 100000", &err));
	OK(store_facts_has(st, row.digest, &has, &err));
	assert_false(has);
	OK(store_begin(st, &err));
	OK(store_facts_put(st, &row, &err));
	OK(store_commit(st, &err));
	free(big);
}

static void test_what_is_no_store_is_refused(void **state)
{
	struct store *st = *state;
	sqlite3 *db = NULL;

	store_close(st);
	*state = NULL;
	assert_int_equal(file_write(file,
				    S("no database at all, but more than a header of one, as "
				      "anybody may have lying about in that place ......"),
				    &err),
			 RMG_OK);
	assert_int_equal(store_open(url, &st, &err), RMG_E_DB);
	unlink(file);
	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "CREATE TABLE theirs (a)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(store_open(url, &st, &err), RMG_E_DB);
	assert_non_null(strstr(err.msg, "no store of Rummage"));
	assert_int_equal(store_open("mysql://x", &st, &err), RMG_E_ARG);
	assert_int_equal(store_open("sqlite:", &st, &err), RMG_E_ARG);
	assert_int_equal(store_open("sqlite:/no/such/folder/x", &st, &err), RMG_E_IO);
}

static void test_file_is_for_its_owner(void **state)
{
	struct stat s;

	(void)state;
	assert_int_equal(stat(file, &s), 0);
	assert_int_equal(s.st_mode & 0777, 0600);
}

#define EVERY(X)                                                                                   \
	X(test_transactions_are_whole)                                                             \
	X(test_others_see_what_is_committed)                                                       \
	X(test_reading_is_of_one_moment)                                                           \
	X(test_one_leads)                                                                          \
	X(test_old_rows_go)                                                                        \
	X(test_every_statement_is_understood)                                                      \
	X(test_newer_schema_is_refused)                                                            \
	X(test_looking_makes_nothing)                                                              \
	X(test_size)

int main(void)
{
	const struct CMUnitTest sqlite[] = {
	    EVERY(SQLITE) SQLITE(test_full_disk_undoes_the_transaction)
		SQLITE(test_what_is_no_store_is_refused) SQLITE(test_file_is_for_its_owner)};
	const struct CMUnitTest pg[] = {EVERY(PG)};

	return cmocka_run_group_tests_name("sqlite", sqlite, NULL, NULL) + RUN_PG(pg);
}
