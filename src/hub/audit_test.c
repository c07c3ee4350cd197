/* SPDX-License-Identifier: Apache-2.0 */
/* The chain is held against what a hand that is in the store may do to it; the first hash against
 * one that another implementation of SHA-256 made of the same bytes. */
#include "hub/audit.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct log {
	char dir[40], file[64], url[80];
	struct store *st;
};

static void log_open(struct log *l)
{
	struct rmg_err err = {0};

	snprintf(l->url, sizeof l->url, "sqlite:%s", l->file);
	if (store_open(l->url, &l->st, &err) != RMG_OK)
		fail_msg("%s", err.msg);
}

static void log_begin(struct log *l)
{
	static const char *const actions[] = {"alert.acknowledge", "exception.put", "policy.set",
					      "token.put", "alert.suppress"};
	struct rmg_err err = {0};

	snprintf(l->dir, sizeof l->dir, "%s/audit_test.XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"); /* no disk to wait for */
	assert_non_null(mkdtemp(l->dir));
	snprintf(l->file, sizeof l->file, "%s/s.db", l->dir);
	log_open(l);
	for (size_t i = 0; i < COUNT_OF(actions); i++) {
		struct audit_row row = {.at_ms = 1000 + (int64_t)i,
					.actor = S("alice"),
					.action = span_cstr(actions[i]),
					.subject = S("alert/1"),
					.body = S("{}")};

		assert_int_equal(store_begin(l->st, &err), RMG_OK);
		assert_int_equal(audit_add(l->st, &row, &err), RMG_OK);
		assert_int_equal(store_commit(l->st, &err), RMG_OK);
		assert_int_equal(row.seq, i + 1);
	}
}

static void log_end(struct log *l)
{
	char command[80];

	store_close(l->st);
	snprintf(command, sizeof command, "rm -r '%s'", l->dir);
	assert_int_equal(system(command), 0);
}

static struct audit_verdict verified(struct log *l, const struct audit_head *told)
{
	struct audit_verdict v = {0};
	struct rmg_err err = {0};

	if (audit_verify(l->st, told, &v, &err) != RMG_OK)
		fail_msg("%s", err.msg);
	return v;
}

/* As somebody with the file in his hands. */
static void done_to(struct log *l, const char *sql)
{
	sqlite3 *db;
	char *message = NULL;

	store_close(l->st);
	assert_int_equal(sqlite3_open(l->file, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", sql, message);
	sqlite3_close(db);
	log_open(l);
}

static void a_whole_chain_is_good(void **state)
{
	struct log l = {0};
	struct audit_verdict v;
	struct audit_head head;
	struct rmg_err err;

	(void)state;
	log_begin(&l);
	v = verified(&l, NULL);
	assert_int_equal(v.records, 5);
	assert_int_equal(v.first_bad, 0);
	assert_int_equal(audit_head(l.st, &head, &err), RMG_OK);
	assert_int_equal(head.seq, 5);
	assert_memory_equal(head.hash, v.head.hash, 32);
	assert_int_equal(verified(&l, &head).first_bad, 0);
	log_end(&l);
}

static void r29_what_was_done_to_the_log_is_found(void **state)
{
	static const struct {
		const char *what, *sql;
		uint64_t first_bad;
		const char *why;
	} rows[] = {
	    {"edited actor", "UPDATE audit SET actor = 'bob' WHERE seq = 3", 3, "content"},
	    {"edited action", "UPDATE audit SET action = 'nothing' WHERE seq = 1", 1, "content"},
	    {"edited time", "UPDATE audit SET at_ms = at_ms + 1 WHERE seq = 5", 5, "content"},
	    {"moved a letter between fields",
	     "UPDATE audit SET actor = 'alicea', action = 'lert.suppress' WHERE seq = 5", 5,
	     "content"},
	    {"removed", "DELETE FROM audit WHERE seq = 3", 3, "not there"},
	    {"removed the first", "DELETE FROM audit WHERE seq = 1", 1, "not there"},
	    {"removed and closed the gap",
	     "DELETE FROM audit WHERE seq = 3; UPDATE audit SET seq = seq - 1 WHERE seq > 3", 3,
	     "content"},
	    {"re-ordered",
	     "UPDATE audit SET seq = 99 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3;"
	     "UPDATE audit SET seq = 3 WHERE seq = 99",
	     2, "content"},
	    {"put one in",
	     "INSERT INTO audit SELECT 6, at_ms, actor, action, subject, body, "
	     "prev, hash FROM audit WHERE seq = 5",
	     6, "content"},
	    {"all gone", "DELETE FROM audit", 1, "told"},
	    {"cut off at the end", "DELETE FROM audit WHERE seq > 3", 4, "told"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct log l = {0};
		struct audit_verdict v;
		struct audit_head told;
		struct rmg_err err;

		log_begin(&l);
		assert_int_equal(audit_head(l.st, &told, &err), RMG_OK);
		done_to(&l, rows[i].sql);
		v = verified(&l, &told);
		if (v.first_bad != rows[i].first_bad || !strstr(v.why, rows[i].why))
			fail_msg("%s: %llu, %s", rows[i].what, (unsigned long long)v.first_bad,
				 v.why);
		log_end(&l);
	}
}

/* A record forged with a hash that fits it breaks the chain at the next one; the last one forged so
 * is seen against the head that was told. */
static void r29_a_forged_hash_does_not_help(void **state)
{
	struct log l = {0};
	struct audit_verdict v;
	struct audit_head told, forged;
	struct audit_row row = {.at_ms = 1, .actor = S("mallory"), .action = S("x")};
	struct rmg_err err;

	(void)state;
	log_begin(&l);
	assert_int_equal(audit_head(l.st, &told, &err), RMG_OK);
	done_to(&l, "DELETE FROM audit WHERE seq = 5");
	assert_int_equal(store_begin(l.st, &err), RMG_OK);
	assert_int_equal(audit_add(l.st, &row, &err), RMG_OK);
	assert_int_equal(store_commit(l.st, &err), RMG_OK);
	assert_int_equal(audit_head(l.st, &forged, &err), RMG_OK);
	assert_int_equal(verified(&l, NULL).first_bad, 0);
	v = verified(&l, &told);
	assert_int_equal(v.first_bad, 5);
	assert_non_null(strstr(v.why, "told"));
	log_end(&l);
}

static void no_record_is_good(void **state)
{
	struct log l = {0};

	(void)state;
	log_begin(&l);
	done_to(&l, "DELETE FROM audit");
	assert_int_equal(verified(&l, NULL).first_bad, 0);
	assert_int_equal(verified(&l, NULL).records, 0);
	log_end(&l);
}

static void a_head_as_text(void **state)
{
	static const char text[] =
	    "17:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
	char buf[AUDIT_HEAD_BYTES];
	struct audit_head h = {0};

	(void)state;
	assert_string_equal(audit_head_text(&h, buf), "");
	assert_true(audit_head_parse(span_cstr(text), &h));
	assert_int_equal(h.seq, 17);
	assert_int_equal(h.hash[31], 31);
	assert_string_equal(audit_head_text(&h, buf), text);
	assert_false(audit_head_parse(S("17"), &h));
	assert_false(audit_head_parse(S("17:00"), &h));
	assert_false(audit_head_parse(S("17:"), &h));
}

/* printf of the bytes that audit.h names, piped into sha256sum. */
static void the_hash_is_that_of_the_bytes_said(void **state)
{
	static const char bytes[] =
	    "head -c 32 /dev/zero; printf '\\0\\0\\0\\0\\0\\0\\0\\1\\0\\0\\0\\0\\0\\0\\3\\350"
	    "\\0\\0\\0\\0\\0\\0\\0\\5alice\\0\\0\\0\\0\\0\\0\\0\\21alert.acknowledge"
	    "\\0\\0\\0\\0\\0\\0\\0\\7alert/1\\0\\0\\0\\0\\0\\0\\0\\2{}'";
	struct log l = {0};
	char command[400], got[65] = "", head[AUDIT_HEAD_BYTES];
	struct audit_head first;
	struct rmg_err err;
	FILE *f;

	(void)state;
	snprintf(command, sizeof command, "(%s) | sha256sum", bytes);
	f = popen(command, "r");
	assert_non_null(f);
	assert_non_null(fgets(got, sizeof got, f));
	pclose(f);
	log_begin(&l);
	done_to(&l, "DELETE FROM audit WHERE seq > 1");
	assert_int_equal(audit_head(l.st, &first, &err), RMG_OK);
	assert_string_equal(audit_head_text(&first, head) + 2, got);
	log_end(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_whole_chain_is_good),
	    {"R29: what was done to the log is found", r29_what_was_done_to_the_log_is_found, NULL,
	     NULL, NULL},
	    {"R29: a forged hash does not help", r29_a_forged_hash_does_not_help, NULL, NULL, NULL},
	    cmocka_unit_test(no_record_is_good),
	    cmocka_unit_test(a_head_as_text),
	    cmocka_unit_test(the_hash_is_that_of_the_bytes_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
