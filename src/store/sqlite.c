/* SPDX-License-Identifier: Apache-2.0 */
/* sqlite.c - the store in one file: write-ahead log, every commit on disk before it is told. */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/file.h"
#include "store/backend.h"

enum { BUSY_MS = 10000, PAGES_AT_ONCE = 1000, APPLICATION_ID = 0x726d6764 /* "rmgd" */ };

struct sqlite {
	struct store store;
	sqlite3 *db;
	sqlite3_stmt *prepared[SQL_COUNT];
	char *file;
	int lead_fd;
};

static struct sqlite *of(struct store *st)
{
	return (struct sqlite *)st;
}

static enum rmg_rc fault(struct sqlite *s, const char *what, struct rmg_err *err)
{
	int code = sqlite3_errcode(s->db), os = sqlite3_system_errno(s->db);

	if ((code & 0xff) == SQLITE_FULL ||
	    ((code & 0xff) == SQLITE_IOERR && (os == ENOSPC || os == EDQUOT || os == EFBIG)))
		return err_set(err, RMG_E_IO, "no space left in %s", s->file);
	switch (code & 0xff) {
	case SQLITE_NOMEM:
		return err_set(err, RMG_E_NOMEM, "no memory: %s", what);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(err, RMG_E_IO, "%s is in use by somebody else: %s", s->file, what);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return err_set(err, RMG_E_DB, "%s is damaged, or no store: %s", s->file,
			       sqlite3_errmsg(s->db));
	case SQLITE_CONSTRAINT:
	case SQLITE_ERROR:
	case SQLITE_MISMATCH:
	case SQLITE_TOOBIG:
		return err_set(err, RMG_E_DB, "%s: %s: %.200s", s->file, sqlite3_errmsg(s->db),
			       what);
	default:
		return err_set(err, RMG_E_IO, "%s: %s%s%s", s->file, sqlite3_errmsg(s->db),
			       os ? ": " : "", os ? strerror(os) : "");
	}
}

static enum rmg_rc exec(struct store *st, const char *sql, struct rmg_err *err)
{
	struct sqlite *s = of(st);

	return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? RMG_OK
								       : fault(s, sql, err);
}

/* The number that a statement answers. */
static enum rmg_rc ask(struct sqlite *s, const char *sql, int64_t *out, struct rmg_err *err)
{
	sqlite3_stmt *stmt = NULL;
	enum rmg_rc rc = RMG_OK;

	if (sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL) == SQLITE_OK &&
	    sqlite3_step(stmt) == SQLITE_ROW)
		*out = sqlite3_column_int64(stmt, 0);
	else
		rc = fault(s, sql, err);
	sqlite3_finalize(stmt);
	return rc;
}

/* Opening. */

/* Ours to read only: it names what runs where. */
static enum rmg_rc make_file(const char *file, struct rmg_err *err)
{
	int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_os(err, RMG_E_IO, "open %s", file);
	close(fd);
	return RMG_OK;
}

/* Another program's database is not written to. */
static enum rmg_rc check_owner(struct sqlite *s, struct rmg_err *err)
{
	int64_t id = 0, tables = 0;
	enum rmg_rc rc = ask(s, "PRAGMA application_id", &id, err);

	if (rc == RMG_OK)
		rc = ask(s, "SELECT count(*) FROM sqlite_schema", &tables, err);
	if (rc == RMG_OK && id != APPLICATION_ID && (id != 0 || tables != 0))
		return err_set(err, RMG_E_DB, "%s is a database, but no store of Rummage", s->file);
	return rc;
}

static enum rmg_rc set_up(struct sqlite *s, struct rmg_err *err)
{
	enum rmg_rc rc;

	sqlite3_busy_timeout(s->db, BUSY_MS);
	sqlite3_extended_result_codes(s->db, 1);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	rc = check_owner(s, err);
	if (rc != RMG_OK)
		return rc;
	return exec(&s->store,
		    "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;"
		    "PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;"
		    "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;"
		    "PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -16384",
		    err);
}

static void close_store(struct store *st)
{
	struct sqlite *s = of(st);

	for (size_t i = 0; i < SQL_COUNT; i++)
		sqlite3_finalize(s->prepared[i]);
	sqlite3_close(s->db);
	file_unlock(&s->lead_fd);
	free(s->file);
	free(s);
}

static enum rmg_rc open_file(const char *file, int how, struct store **out, struct rmg_err *err)
{
	const int flags = how | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	struct sqlite *s = calloc(1, sizeof *s);
	enum rmg_rc rc;

	if (s == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for %s", file);
	s->lead_fd = -1;
	s->file = strdup(file);
	if (s->file == NULL)
		rc = err_set(err, RMG_E_NOMEM, "no memory for %s", file);
	else if (sqlite3_open_v2(file, &s->db, flags, NULL) != SQLITE_OK)
		rc = fault(s, "open", err);
	else
		rc = how == SQLITE_OPEN_READONLY ? check_owner(s, err) : set_up(s, err);
	if (rc != RMG_OK) {
		close_store(&s->store);
		return rc;
	}
	*out = &s->store;
	return RMG_OK;
}

static enum rmg_rc open_store(const char *url, struct store **out, struct rmg_err *err)
{
	const char *file = url + strlen("sqlite:");
	enum rmg_rc rc = make_file(file, err);

	return rc == RMG_OK ? open_file(file, SQLITE_OPEN_READWRITE, out, err) : rc;
}

static bool may_write(const char *path)
{
	return faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0;
}

static enum rmg_rc look(const char *url, struct store **st, struct store_state *out,
			struct rmg_err *err)
{
	const char *file = url + strlen("sqlite:"), *slash = strrchr(file, '/');
	char dir[4096] = ".";

	if (slash)
		snprintf(dir, sizeof dir, "%.*s", (int)MAX_OF(slash - file, 1), file);
	out->may_write = may_write(dir) && (!file_exists(file) || may_write(file));
	if (!file_exists(dir))
		return err_set(err, RMG_E_NOTFOUND, "%s is not there", dir);
	return file_exists(file) ? open_file(file, SQLITE_OPEN_READONLY, st, err) : RMG_OK;
}

static enum rmg_rc version(struct store *st, int64_t *out, struct rmg_err *err)
{
	return ask(of(st), "PRAGMA user_version", out, err);
}

static enum rmg_rc version_set(struct store *st, int64_t version, struct rmg_err *err)
{
	char sql[128];

	snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %lld",
		 APPLICATION_ID, (long long)version);
	return exec(st, sql, err);
}

/* Transactions. */

static enum rmg_rc begin(struct store *st, bool read_only, struct rmg_err *err)
{
	/* The moment that is read begins with the first look. */
	return exec(st,
		    read_only ? "BEGIN; SELECT count(*) FROM counter WHERE name = ''"
			      : "BEGIN IMMEDIATE",
		    err);
}

static enum rmg_rc commit(struct store *st, struct rmg_err *err)
{
	return exec(st, "COMMIT", err);
}

static void rollback(struct store *st)
{
	struct sqlite *s = of(st);

	/* A full disk has rolled it back already. What cannot be rolled back keeps the file locked;
	 * a new connection is needed then. */
	if (!sqlite3_get_autocommit(s->db) && exec(st, "ROLLBACK", NULL) != RMG_OK)
		st->lost = true;
}

/* Statements. */

static enum rmg_rc prepare(struct sqlite *s, enum sql sql, sqlite3_stmt **out, struct rmg_err *err)
{
	struct strbuf text = strbuf_of(1 << 16);
	enum rmg_rc rc = RMG_OK;

	*out = s->prepared[sql];
	if (*out)
		return RMG_OK;
	sql_put(&text, sql);
	if (strbuf_rc(&text) != RMG_OK)
		rc = err_set(err, RMG_E_NOMEM, "no memory for a statement");
	else if (sqlite3_prepare_v3(s->db, strbuf_cstr(&text), -1, SQLITE_PREPARE_PERSISTENT,
				    &s->prepared[sql], NULL) != SQLITE_OK)
		rc = fault(s, strbuf_cstr(&text), err);
	strbuf_done(&text);
	*out = s->prepared[sql];
	return rc;
}

static int bind_one(sqlite3_stmt *stmt, int at, const struct value *v)
{
	const void *bytes = v->s.n ? (const void *)v->s.p : "";

	if (v->kind == VALUE_INT)
		return sqlite3_bind_int64(stmt, at, v->i);
	if (v->kind == VALUE_TEXT)
		return sqlite3_bind_text64(stmt, at, bytes, v->s.n, SQLITE_STATIC, SQLITE_UTF8);
	return sqlite3_bind_blob64(stmt, at, bytes, v->s.n, SQLITE_STATIC);
}

/* Values are borrowed until the statement is reset. */
static enum rmg_rc start(struct sqlite *s, enum sql sql, const struct value *v, size_t n,
			 sqlite3_stmt **out, struct rmg_err *err)
{
	enum rmg_rc rc = prepare(s, sql, out, err);

	if (rc != RMG_OK)
		return rc;
	CHECK((size_t)sqlite3_bind_parameter_count(*out) == n);
	for (size_t i = 0; i < n; i++)
		if (bind_one(*out, (int)i + 1, &v[i]) != SQLITE_OK)
			return fault(s, "bind", err);
	return RMG_OK;
}

static enum rmg_rc write_row(struct store *st, enum sql sql, const struct value *v, size_t n,
			     struct rmg_err *err)
{
	struct sqlite *s = of(st);
	sqlite3_stmt *stmt;
	enum rmg_rc rc = start(s, sql, v, n, &stmt, err);

	if (rc == RMG_OK && sqlite3_step(stmt) != SQLITE_DONE)
		rc = fault(s, sqlite3_sql(stmt), err);
	sqlite3_reset(stmt);
	return rc;
}

static void column(sqlite3_stmt *stmt, int at, struct value *v)
{
	switch (sqlite3_column_type(stmt, at)) {
	case SQLITE_INTEGER:
		*v = v_int(sqlite3_column_int64(stmt, at));
		break;
	case SQLITE_TEXT:
		v->kind = VALUE_TEXT;
		v->i = 0;
		v->s.p = sqlite3_column_text(stmt, at);
		v->s.n = (size_t)sqlite3_column_bytes(stmt, at);
		break;
	default:
		v->kind = VALUE_BYTES;
		v->i = 0;
		v->s.p = sqlite3_column_blob(stmt, at);
		v->s.n = (size_t)sqlite3_column_bytes(stmt, at);
	}
}

static enum rmg_rc read_rows(struct sqlite *s, sqlite3_stmt *stmt, cols_fn *fn, void *user,
			     struct rmg_err *err)
{
	struct cols c;
	int n = sqlite3_column_count(stmt), got;

	CHECK(n <= COLUMNS_MAX);
	c.n = (size_t)n;
	while ((got = sqlite3_step(stmt)) == SQLITE_ROW) {
		enum rmg_rc rc;

		for (int i = 0; i < n; i++)
			column(stmt, i, &c.v[i]);
		rc = fn(user, &c);
		if (rc != RMG_OK)
			return rc;
	}
	return got == SQLITE_DONE ? RMG_OK : fault(s, sqlite3_sql(stmt), err);
}

static enum rmg_rc read_all(struct store *st, enum sql sql, const struct value *v, size_t n,
			    cols_fn *fn, void *user, struct rmg_err *err)
{
	sqlite3_stmt *stmt;
	enum rmg_rc rc = start(of(st), sql, v, n, &stmt, err);

	if (rc == RMG_OK)
		rc = read_rows(of(st), stmt, fn, user, err);
	sqlite3_reset(stmt);
	return rc;
}

/* The rest. */

static enum rmg_rc lead(struct store *st, bool *leads, struct rmg_err *err)
{
	struct sqlite *s = of(st);
	struct strbuf path = strbuf_of(1 << 16);
	enum rmg_rc rc = RMG_OK;

	if (s->lead_fd < 0) {
		strbuf_printf(&path, "%s.lead", s->file);
		rc = strbuf_rc(&path) != RMG_OK
			 ? err_set(err, RMG_E_NOMEM, "no memory for a path")
			 : file_lock(strbuf_cstr(&path), false, &s->lead_fd, err);
	}
	strbuf_done(&path);
	if (rc != RMG_OK && rc != RMG_E_NOTFOUND)
		return rc;
	*leads = s->lead_fd >= 0;
	return RMG_OK;
}

static bool gone(struct store *st)
{
	(void)st;
	return false;
}

static enum rmg_rc shrink(struct store *st, bool *more, struct rmg_err *err)
{
	char sql[64];
	int64_t before = 0, after = 0;
	enum rmg_rc rc = ask(of(st), "PRAGMA freelist_count", &before, err);

	snprintf(sql, sizeof sql, "PRAGMA incremental_vacuum(%d)", PAGES_AT_ONCE);
	if (rc == RMG_OK && before)
		rc = exec(st, sql, err);
	if (rc == RMG_OK && before)
		rc = ask(of(st), "PRAGMA freelist_count", &after, err);
	*more = after && after < before;
	if (rc != RMG_OK || *more)
		return rc;
	/* The planner's statistics of so many rows an index, and no more: it writes meanwhile. */
	return exec(st,
		    "PRAGMA analysis_limit = 1000; PRAGMA optimize; PRAGMA wal_checkpoint(PASSIVE)",
		    err);
}

static enum rmg_rc size(struct store *st, uint64_t *bytes, struct rmg_err *err)
{
	int64_t n = 0;
	enum rmg_rc rc = ask(of(st),
			     "SELECT page_count * page_size FROM pragma_page_count(), "
			     "pragma_page_size()",
			     &n, err);

	if (rc == RMG_OK)
		*bytes = (uint64_t)n;
	return rc;
}

static const struct word words[] = {
    {"ID", "INTEGER PRIMARY KEY"},
    {"INT64", "INTEGER NOT NULL"},
    {"TEXT", "TEXT NOT NULL"},
    {"BYTES", "BLOB NOT NULL"},
    {"HEAP", "STRICT"},
    {"KEYED", "STRICT, WITHOUT ROWID"},
    {NULL, NULL},
};

const struct backend backend_sqlite = BACKEND;
