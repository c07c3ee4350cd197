/* SPDX-License-Identifier: Apache-2.0 */
/* The same tests hold SQLite and, where RUMMAGE_TEST_POSTGRESQL names a server, PostgreSQL. Each
 * begins with an empty store. */
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/backend.h"
#include "store/rows.h"

static char dir[64], file[96], url[512];
static struct rmg_err err;

#define OK(call) assert_int_equal(said(call), RMG_OK)

static enum rmg_rc said(enum rmg_rc rc)
{
	if (rc != RMG_OK)
		print_message("%s\n", err.msg);
	return rc;
}

static struct store *reopen(struct store *st)
{
	struct store *out = NULL;

	store_close(st);
	OK(store_open(url, &out, &err));
	return out;
}

static int sqlite_setup(void **state)
{
	snprintf(dir, sizeof dir, "/tmp/store_test-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(file, sizeof file, "%s/hub.db", dir);
	snprintf(url, sizeof url, "sqlite:%s", file);
	*state = reopen(NULL);
	return 0;
}

static int sqlite_teardown(void **state)
{
	static const char *const names[] = {"hub.db",  "hub.db-wal",  "hub.db-shm",  "hub.db.lead",
					    "copy.db", "copy.db-wal", "copy.db-shm", "other.db"};
	char path[128];

	store_close(*state);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		unlink(path);
	}
	return rmdir(dir);
}

/* What was read last, its texts joined. */
static char got[4096];

static void say(const char *fmt, ...) PRINTF(1, 2);
static void say(const char *fmt, ...)
{
	size_t n = strlen(got);
	va_list args;

	va_start(args, fmt);
	vsnprintf(got + n, sizeof got - n, fmt, args);
	va_end(args);
}

static enum rmg_rc say_component(void *user, const struct component_row *r)
{
	(void)user;
	say("%u %u %d " SPAN_FMT " " SPAN_FMT " " SPAN_FMT " " SPAN_FMT "\n", r->id, r->os,
	    r->is_os, SPAN_ARG(r->pkg.type), SPAN_ARG(r->pkg.name), SPAN_ARG(r->pkg.version),
	    SPAN_ARG(r->purl));
	return RMG_OK;
}

static enum rmg_rc say_component_once(void *user, const struct component_row *r)
{
	enum rmg_rc rc = say_component(user, r);

	return rc == RMG_OK ? *(enum rmg_rc *)user : rc;
}

static void components(struct store *st)
{
	got[0] = '\0';
	OK(store_component_each(st, say_component, NULL, &err));
}

static void test_rows_are_put_replaced_and_read(void **state)
{
	struct component_row row = {.id = 1, .os = 3, .is_os = true};
	enum rmg_rc answer = RMG_E_STOPPED;
	struct store *st = *state;

	row.pkg = (struct pkg){.type = S("deb"), .name = S("xz"), .version = S("5.6.1-1")};
	OK(store_begin(st, &err));
	OK(store_component_put(st, &row, &err));
	row.id = 2;
	row.purl = S("pkg:deb/debian/xz@5.6.1-1");
	OK(store_component_put(st, &row, &err));
	row.pkg.version = S("5.6.2");
	OK(store_component_put(st, &row, &err));
	components(st);
	assert_string_equal(got, "1 3 1 deb xz 5.6.1-1 \n"
				 "2 3 1 deb xz 5.6.2 pkg:deb/debian/xz@5.6.1-1\n");
	OK(store_commit(st, &err));

	*state = st = reopen(st);
	got[0] = '\0';
	OK(store_component_each(st, say_component_once, &answer, &err));
	assert_string_equal(got, "1 3 1 deb xz 5.6.1-1 \n");
	answer = RMG_E_NOMEM;
	assert_int_equal(store_component_each(st, say_component_once, &answer, &err), RMG_E_NOMEM);
	components(st); /* and is of use afterwards */
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
		if (strcmp(store_kind(st), "sqlite") == 0)
			strbuf_puts(&text, "EXPLAIN ");
		else
			strbuf_printf(&text, "PREPARE s%d AS ", (int)sql);
		sql_put(&text, sql);
		check_parameters(strbuf_cstr(&text));
		OK(st->backend->exec(st, strbuf_cstr(&text), &err));
	}
	strbuf_done(&text);
}

#define SQLITE(f) cmocka_unit_test_setup_teardown(f, sqlite_setup, sqlite_teardown)

int main(void)
{
	const struct CMUnitTest sqlite[] = {
	    SQLITE(test_rows_are_put_replaced_and_read),
	    SQLITE(test_every_statement_is_understood),
	};

	return cmocka_run_group_tests_name("sqlite", sqlite, NULL, NULL);
}
