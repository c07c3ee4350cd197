/* SPDX-License-Identifier: Apache-2.0 */
/* store_fixture.h - for the tests of src/store: an empty store on either back end, and callbacks
 * that say rows as text. PostgreSQL takes part where RUMMAGE_TEST_POSTGRESQL names a database that
 * may be emptied. */
#ifndef TESTS_STORE_FIXTURE_H
#define TESTS_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "store/backend.h"
#include "store/rows.h"

static char dir[64], file[96], url[512];
static struct rmg_err err;
static char got[8192]; /* what was read since it was cleared, a line a row */

UNUSED static enum rmg_rc told(enum rmg_rc rc)
{
	if (rc != RMG_OK)
		print_message("%s\n", err.msg);
	return rc;
}

#define OK(call) assert_int_equal(told(call), RMG_OK)

UNUSED static struct store *open_store(void)
{
	struct store *out = NULL;

	got[0] = '\0';
	OK(store_open(url, &out, &err));
	return out;
}

UNUSED static struct store *reopen(struct store *st)
{
	store_close(st);
	return open_store();
}

UNUSED static int sqlite_setup(void **state)
{
	snprintf(dir, sizeof dir, "/tmp/store_test-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(file, sizeof file, "%s/hub.db", dir);
	snprintf(url, sizeof url, "sqlite:%s", file);
	*state = open_store();
	return 0;
}

UNUSED static int sqlite_teardown(void **state)
{
	static const char *const names[] = {"hub.db", "hub.db-wal", "hub.db-shm", "hub.db.lead"};
	char path[128];

	store_close(*state);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		unlink(path);
	}
	return rmdir(dir);
}

UNUSED static int pg_setup(void **state)
{
	struct store *st;

	snprintf(url, sizeof url, "%s", getenv("RUMMAGE_TEST_POSTGRESQL"));
	st = open_store();
	OK(st->backend->exec(st, "DROP SCHEMA public CASCADE", &err));
	OK(st->backend->exec(st, "CREATE SCHEMA public", &err));
	*state = reopen(st);
	return 0;
}

UNUSED static int pg_teardown(void **state)
{
	store_close(*state);
	return 0;
}

UNUSED static bool is_sqlite(const struct store *st)
{
	return st->backend == &backend_sqlite;
}

static void say(const char *fmt, ...) PRINTF(1, 2);
UNUSED static void say(const char *fmt, ...)
{
	size_t n = strlen(got);
	va_list args;

	va_start(args, fmt);
	vsnprintf(got + n, sizeof got - n, fmt, args);
	va_end(args);
}

UNUSED static void expect(const char *want)
{
	assert_string_equal(got, want);
	got[0] = '\0';
}

#define T(s) SPAN_ARG(s)
#define LL(x) (long long)(x)
#define F SPAN_FMT

/* X(noun, format, values...) makes say_NOUN, a callback that says row r. */
#define SAY(noun, ...)                                                                             \
	UNUSED static enum rmg_rc say_##noun(void *user, const struct noun##_row *r)               \
	{                                                                                          \
		say(__VA_ARGS__);                                                                  \
		return user ? *(enum rmg_rc *)user : RMG_OK;                                       \
	}

SAY(place, "%u " F " " F " " F "\n", r->id, T(r->place.cluster), T(r->place.node), T(r->place.ns))
SAY(os, "%u " F " " F " " F "\n", r->id, T(r->os.id), T(r->os.version_id), T(r->os.eol))
SAY(component, "%u %u %d " F " " F " " F " " F "\n", r->id, r->os, r->is_os, T(r->pkg.type),
    T(r->pkg.name), T(r->pkg.version), T(r->purl))
SAY(image, "%u " F " " F " %lld %d %llu %zu:" F " " F "\n", r->id, T(r->digest), T(r->ref),
    LL(r->read_ms), r->complete, LL(r->size_bytes), r->components.n, T(r->components), T(r->about))
SAY(alias, F " " F " %u\n", T(r->digest), T(r->kind), r->image)
SAY(executable, "%u " F " %02x%02x %llu %o %d " F " %d %u\n", r->image, T(r->executable->path),
    r->executable->sha256[0], r->executable->sha256[31], LL(r->executable->size),
    r->executable->mode, r->executable->format, T(r->executable->arch), r->executable->origin,
    r->executable->layer)
SAY(facts, F " %zu " F " %lld\n", T(r->digest), r->packed.n, T(r->reader), LL(r->at_ms))
SAY(workload, "%u %u " F "/" F " %d%d %llu " F "\n", r->id, r->place, T(r->kind), T(r->name),
    r->declared, r->suspended, LL(r->replicas), T(r->labels))
SAY(use, "%u %u %u " F " %lld-%lld\n", r->id, r->image, r->workload, T(r->container),
    LL(r->began_ms), LL(r->ended_ms))
SAY(change, "%u " F " " F " " F " %lld\n", r->use, T(r->change.kind), T(r->change.path),
    T(r->change.text), LL(r->at_ms))
SAY(tag, F " " F " " F " %lld-%lld\n", T(r->ref), T(r->digest), T(r->source), LL(r->first_ms),
    LL(r->last_ms))
SAY(lineage, "%llu %u %u<-%u " F " " F "\n", LL(r->id), r->workload, r->image, r->from, T(r->what),
    T(r->text))
SAY(alert, "%u %u " F " " F " %d%d %u %lld " F "\n", r->id, r->image, T(r->key), T(r->state),
    r->kev, r->fixable, r->epss_permille, LL(r->until_ms), T(r->by))
SAY(alert_log, "%u " F " " F " " F "\n", r->alert, T(r->what), T(r->by), T(r->text))
SAY(exception, "%llu " F " " F " %lld\n", LL(r->id), T(r->owner), T(r->advisory), LL(r->until_ms))
SAY(outbox, "%llu " F " " F " " F " %u " F "\n", LL(r->id), T(r->sink), T(r->dedupe), T(r->state),
    r->attempts, T(r->error))
SAY(audit, "%llu " F " %02x %02x\n", LL(r->seq), T(r->action), r->prev[31], r->hash[0])
SAY(source, F " " F " %llu %llu\n", T(r->source), T(r->place.node), LL(r->epoch), LL(r->seq))
SAY(generation, "%llu " F " %llu\n", LL(r->id), T(r->digest), LL(r->advisories))
SAY(token, F " " F " " F " %02x\n", T(r->name), T(r->role), T(r->place.cluster), r->hash[31])
SAY(stream, "%llu " F " " F "\n", LL(r->seq), T(r->kind), T(r->body))
SAY(inbox, "%llu " F " %zu\n", LL(r->id), T(r->kind), r->body.n)

UNUSED static size_t rows_of(struct store *st, const char *table)
{
	char sql[128];
	uint64_t n = 0;

	(void)table;
	snprintf(sql, sizeof sql, "SELECT COUNT(*) FROM %s", table);
	if (is_sqlite(st)) {
		sqlite3 *db = NULL;
		sqlite3_stmt *stmt = NULL;

		assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
		assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
		assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
		n = (uint64_t)sqlite3_column_int64(stmt, 0);
		sqlite3_finalize(stmt);
		sqlite3_close(db);
	}
	return n;
}

#define SQLITE(f) cmocka_unit_test_setup_teardown(f, sqlite_setup, sqlite_teardown),
#define PG(f) cmocka_unit_test_setup_teardown(f, pg_setup, pg_teardown),

#define RUN_PG(tests)                                                                              \
	(getenv("RUMMAGE_TEST_POSTGRESQL")                                                         \
	     ? cmocka_run_group_tests_name("postgresql", tests, NULL, NULL)                        \
	     : 0)

#endif
