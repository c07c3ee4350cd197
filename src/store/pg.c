/* SPDX-License-Identifier: Apache-2.0 */
/* pg.c - the store on PostgreSQL: libpq's pipeline mode, binary values, prepared statements.
 *
 * Writes of a transaction are sent without waiting for their answers; a read, the commit, or every
 * SYNC_EVERY-th write waits for all of them. The first failure in between is kept and told then.
 * Reads are in single-row mode, so that a table of any size passes through little memory. */
#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <string.h>

#include "store/backend.h"

enum { SYNC_EVERY = 2048, SERVER_AT_LEAST = 150000 };
enum { OID_BOOL = 16, OID_BYTES = 17, OID_INT8 = 20, OID_INT4 = 23, OID_TEXT = 25 };

struct pg {
	struct store store;
	PGconn *conn;
	size_t pending; /* sent, and not answered */
	bool prepared[SQL_COUNT];
	struct rmg_err fault; /* the first of this transaction; rc RMG_OK: none */
};

static struct pg *of(struct store *st)
{
	return (struct pg *)st;
}

/* Failures. */

static struct span first_line(const char *text)
{
	struct span line, rest;

	return span_cut(span_cstr(text), '\n', &line, &rest) ? line : span_cstr(text);
}

static enum rmg_rc lost(struct pg *p, struct rmg_err *err)
{
	const char *text = PQerrorMessage(p->conn);

	p->store.lost = true;
	return err_set(err, RMG_E_IO, "PostgreSQL: " SPAN_FMT,
		       SPAN_ARG(first_line(*text ? text : "the connection is lost")));
}

/* What an SQLSTATE means for us (PostgreSQL, appendix A). */
static enum rmg_rc rc_of_state(const char *state)
{
	static const struct {
		const char *head;
		enum rmg_rc rc;
	} table[] = {
	    {"08", RMG_E_IO}, /* connection */
	    {"40", RMG_E_IO}, /* rolled back: deadlock, serialisation */
	    {"53", RMG_E_IO}, /* resources: disk, memory, connections */
	    {"55", RMG_E_IO}, /* a lock is not to be had */
	    {"57", RMG_E_IO}, /* the operator, a crash, a shutdown */
	    {"58", RMG_E_IO}, /* the server's own system */
	    {"25P0", RMG_E_IO} /* ended for being idle in a transaction */,
	    {"28", RMG_E_AUTH},
	    {"42501", RMG_E_AUTH},
	};

	for (size_t i = 0; i < COUNT_OF(table); i++)
		if (strncmp(state, table[i].head, strlen(table[i].head)) == 0)
			return table[i].rc;
	return RMG_E_DB;
}

static void note_fault(struct pg *p, const PGresult *res)
{
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

	if (p->fault.rc != RMG_OK)
		return;
	if (state && strcmp(state, "53100") == 0)
		err_set(&p->fault, RMG_E_IO, "no space left in the store: PostgreSQL: %s",
			text ? text : "disk full");
	else if (state && text)
		err_set(&p->fault, rc_of_state(state), "PostgreSQL: %s (%s)", text, state);
	else
		err_set(&p->fault, RMG_E_IO, "PostgreSQL: " SPAN_FMT,
			SPAN_ARG(first_line(PQresultErrorMessage(res))));
}

/* Tells what went wrong since the last time; in a transaction it stays until the rollback. */
static enum rmg_rc tell_fault(struct pg *p, struct rmg_err *err)
{
	enum rmg_rc rc = p->fault.rc;

	if (PQstatus(p->conn) == CONNECTION_BAD)
		p->store.lost = true;
	if (rc == RMG_OK)
		return p->store.lost ? lost(p, err) : RMG_OK;
	if (err)
		*err = p->fault;
	if (!p->store.begun)
		p->fault = (struct rmg_err){0};
	return rc;
}

/* Talking. */

/* All that is to be sent goes out; what comes meanwhile is taken in, or both sides might wait. */
static bool flush(struct pg *p)
{
	int left;

	while ((left = PQflush(p->conn)) > 0) {
		struct pollfd fd = {.fd = PQsocket(p->conn), .events = POLLIN | POLLOUT};

		if (poll(&fd, 1, -1) < 0 && errno != EINTR)
			return false;
		if ((fd.revents & ~POLLOUT) && !PQconsumeInput(p->conn))
			return false;
	}
	return left == 0;
}

static int64_t be_int(const uint8_t *p, int n)
{
	uint64_t x = n > 0 && p[0] & 0x80 ? UINT64_MAX : 0;

	for (int i = 0; i < n; i++)
		x = x << 8 | p[i];
	return (int64_t)x;
}

static void column(const PGresult *res, int row, int at, struct value *v)
{
	const uint8_t *bytes = (const uint8_t *)PQgetvalue(res, row, at);
	int n = PQgetlength(res, row, at);

	switch (PQftype(res, at)) {
	case OID_INT8:
	case OID_INT4:
		*v = v_int(be_int(bytes, n));
		break;
	case OID_BOOL:
		*v = v_int(n == 1 && bytes[0] != 0);
		break;
	case OID_BYTES:
		*v = v_bytes(span_of(bytes, (size_t)n));
		break;
	default:
		*v = v_text(span_of(bytes, (size_t)n));
	}
}

struct rows {
	cols_fn *fn; /* NULL: no rows are wanted */
	void *user;
	enum rmg_rc rc; /* of fn */
};

static void give_rows(const PGresult *res, struct rows *rows)
{
	int columns = PQnfields(res);
	struct cols c;

	if (rows == NULL || rows->fn == NULL)
		return;
	CHECK(columns <= COLUMNS_MAX);
	c.n = (size_t)columns;
	for (int row = 0; row < PQntuples(res) && rows->rc == RMG_OK; row++) {
		for (int i = 0; i < columns; i++)
			column(res, row, i, &c.v[i]);
		rows->rc = rows->fn(rows->user, &c);
	}
}

/* Answers up to the mark that PQpipelineSync() has set; false: it never came. */
static bool take_answers(struct pg *p, struct rows *rows)
{
	bool mark = false;

	for (unsigned nothing = 0; !mark && nothing < 3;) {
		PGresult *res = PQgetResult(p->conn);
		ExecStatusType status = PQresultStatus(res);

		nothing = res ? 0 : nothing + 1;
		if (status == PGRES_SINGLE_TUPLE || status == PGRES_TUPLES_OK)
			give_rows(res, rows);
		else if (status == PGRES_PIPELINE_SYNC)
			mark = true;
		else if (res && status != PGRES_COMMAND_OK && status != PGRES_PIPELINE_ABORTED)
			note_fault(p, res);
		PQclear(res);
	}
	return mark;
}

/* Waits for the answers to all that was sent. */
static enum rmg_rc settle(struct pg *p, struct rows *rows, struct rmg_err *err)
{
	p->pending = 0;
	if (!PQpipelineSync(p->conn) || !flush(p) || !take_answers(p, rows)) {
		p->store.lost = true;
		if (p->fault.rc == RMG_OK)
			return lost(p, err);
	}
	return tell_fault(p, err);
}

static enum rmg_rc sent(struct pg *p, int ok, struct rmg_err *err)
{
	if (!ok)
		return lost(p, err);
	if (++p->pending < SYNC_EVERY)
		return RMG_OK;
	return settle(p, NULL, err);
}

static enum rmg_rc send_text(struct pg *p, const char *sql, struct rmg_err *err)
{
	return sent(p, PQsendQueryParams(p->conn, sql, 0, NULL, NULL, NULL, NULL, 1), err);
}

static enum rmg_rc exec(struct store *st, const char *sql, struct rmg_err *err)
{
	enum rmg_rc rc = send_text(of(st), sql, err);

	return rc == RMG_OK ? settle(of(st), NULL, err) : rc;
}

/* The number that a statement answers; as it was where there is no row. */
static enum rmg_rc ask(struct pg *p, const char *sql, uint64_t *out, struct rmg_err *err)
{
	struct rows rows = {.fn = cols_u64, .user = out};
	enum rmg_rc rc = p->pending ? settle(p, NULL, err) : RMG_OK;

	if (rc == RMG_OK)
		rc = send_text(p, sql, err);
	return rc == RMG_OK ? settle(p, &rows, err) : rc;
}

/* Opening. */

static void ignore_notice(void *user, const PGresult *res)
{
	(void)user;
	(void)res;
}

/* A dead peer is noticed within ten seconds on both sides: here to open anew, there so that the
 * locks of a hub that was cut off are free for the next. */
static PGconn *dial(const char *url)
{
	static const char *const names[] = {"connect_timeout",           "keepalives",
					    "keepalives_idle",           "keepalives_interval",
					    "keepalives_count",          "tcp_user_timeout",
					    "fallback_application_name", "dbname",
					    "client_encoding",           NULL};
	const char *const values[] = {"10",   "1",       "3", "2",    "3",
				      "9000", "rummage", url, "UTF8", NULL};

	return PQconnectdbParams(names, values, 1);
}

static const char session[] =
    "SELECT set_config('tcp_keepalives_idle', '3', false), "
    "set_config('tcp_keepalives_interval', '2', false), "
    "set_config('tcp_keepalives_count', '3', false), "
    "set_config('tcp_user_timeout', '9000', false), "
    "set_config('idle_in_transaction_session_timeout', '60s', false), "
    "set_config('synchronous_commit', CASE current_setting('synchronous_commit') "
    "WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)";

static enum rmg_rc greet(struct pg *p, struct rmg_err *err)
{
	const char *encoding;

	if (PQstatus(p->conn) != CONNECTION_OK)
		return err_set(err, PQconnectionNeedsPassword(p->conn) ? RMG_E_AUTH : RMG_E_IO,
			       "PostgreSQL: " SPAN_FMT,
			       SPAN_ARG(first_line(PQerrorMessage(p->conn))));
	if (PQserverVersion(p->conn) < SERVER_AT_LEAST)
		return err_set(err, RMG_E_UNSUPPORTED, "PostgreSQL %d; 15 is the oldest",
			       PQserverVersion(p->conn) / 10000);
	encoding = PQparameterStatus(p->conn, "server_encoding");
	if (encoding == NULL || strcmp(encoding, "UTF8") != 0)
		return err_set(err, RMG_E_UNSUPPORTED,
			       "PostgreSQL: the database's encoding is %s; it has to be UTF8",
			       encoding ? encoding : "unknown");
	PQsetNoticeReceiver(p->conn, ignore_notice, NULL);
	if (PQsetnonblocking(p->conn, 1) != 0 || !PQenterPipelineMode(p->conn))
		return lost(p, err);
	return exec(&p->store, session, err);
}

static void close_store(struct store *st)
{
	PQfinish(of(st)->conn);
	free(of(st));
}

static enum rmg_rc open_store(const char *url, struct store **out, struct rmg_err *err)
{
	struct pg *p = calloc(1, sizeof *p);
	enum rmg_rc rc;

	if (p == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a connection");
	p->conn = dial(url);
	rc = p->conn ? greet(p, err) : err_set(err, RMG_E_NOMEM, "no memory for a connection");
	if (rc != RMG_OK) {
		close_store(&p->store);
		return rc;
	}
	*out = &p->store;
	return RMG_OK;
}

static enum rmg_rc look(const char *url, struct store **st, struct store_state *out,
			struct rmg_err *err)
{
	uint64_t may = 0, now = 0;
	enum rmg_rc rc = open_store(url, st, err);

	/* Who does not own a table cannot change it in the next step. */
	if (rc == RMG_OK)
		rc = ask(of(*st),
			 "SELECT has_schema_privilege(current_schema(), 'CREATE') AND NOT EXISTS "
			 "(SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND "
			 "tablename = 'counter' AND NOT pg_has_role(tableowner, 'USAGE'))",
			 &may, err);
	if (rc == RMG_OK)
		rc = ask(of(*st), "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint",
			 &now, err);
	out->may_write = may != 0;
	out->now_ms = (int64_t)now;
	return rc;
}

static enum rmg_rc version(struct store *st, int64_t *out, struct rmg_err *err)
{
	uint64_t there = 0, version = 0;
	enum rmg_rc rc = RMG_OK;

	if (st->begun)
		rc = exec(st, "SELECT pg_advisory_xact_lock(hashtext('rummage schema'))", err);
	if (rc == RMG_OK)
		rc = ask(of(st), "SELECT to_regclass('counter') IS NOT NULL", &there, err);
	if (rc == RMG_OK && there)
		rc = ask(of(st), "SELECT value FROM counter WHERE name = 'schema'", &version, err);
	if (rc == RMG_OK)
		*out = (int64_t)version;
	return rc;
}

static enum rmg_rc version_set(struct store *st, int64_t version, struct rmg_err *err)
{
	char sql[192];

	snprintf(sql, sizeof sql,
		 "INSERT INTO counter (name, value) VALUES ('schema', %lld) "
		 "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
		 (long long)version);
	return exec(st, sql, err);
}

/* Transactions. */

static enum rmg_rc begin(struct store *st, bool read_only, struct rmg_err *err)
{
	/* A server that is gone is better seen before anything was done than at its answer. */
	if (!PQconsumeInput(of(st)->conn))
		return lost(of(st), err);
	/* The moment that is read begins with the first statement after BEGIN. */
	if (!read_only)
		return send_text(of(st), "BEGIN", err);
	(void)!send_text(of(st), "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", NULL);
	return exec(st, "SELECT 1", err);
}

static enum rmg_rc commit(struct store *st, struct rmg_err *err)
{
	return exec(st, "COMMIT", err);
}

static void rollback(struct store *st)
{
	struct pg *p = of(st);

	if (p->pending)
		(void)!settle(p, NULL, NULL);
	p->fault = (struct rmg_err){0};
	if (!st->lost && exec(st, "ROLLBACK", NULL) != RMG_OK)
		st->lost = true;
	p->fault = (struct rmg_err){0};
}

/* Statements. */

static void statement_name(enum sql sql, char *buf, size_t n)
{
	snprintf(buf, n, "s%d", (int)sql);
}

static enum rmg_rc prepare(struct pg *p, enum sql sql, const struct value *v, size_t n,
			   struct rmg_err *err)
{
	static const Oid types[] = {
	    [VALUE_INT] = OID_INT8, [VALUE_TEXT] = OID_TEXT, [VALUE_BYTES] = OID_BYTES};
	struct strbuf text = strbuf_of(1 << 16);
	Oid oids[COLUMNS_MAX];
	char name[16];
	enum rmg_rc rc;

	for (size_t i = 0; i < n; i++)
		oids[i] = types[v[i].kind];
	statement_name(sql, name, sizeof name);
	sql_put(&text, sql);
	if (strbuf_rc(&text) != RMG_OK)
		rc = err_set(err, RMG_E_NOMEM, "no memory for a statement");
	else
		rc = sent(p, PQsendPrepare(p->conn, name, strbuf_cstr(&text), (int)n, oids), err);
	strbuf_done(&text);
	if (rc == RMG_OK)
		rc = settle(p, NULL, err);
	p->prepared[sql] = rc == RMG_OK;
	return rc;
}

struct packed {
	const char *values[COLUMNS_MAX];
	int lengths[COLUMNS_MAX], formats[COLUMNS_MAX];
	uint8_t ints[COLUMNS_MAX][8];
};

static void pack(struct packed *k, const struct value *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		k->formats[i] = 1;
		if (v[i].kind == VALUE_INT) {
			for (int b = 0; b < 8; b++)
				k->ints[i][b] = (uint8_t)((uint64_t)v[i].i >> (56 - 8 * b));
			k->values[i] = (const char *)k->ints[i];
			k->lengths[i] = 8;
		} else {
			CHECK(v[i].s.n <= INT32_MAX);
			k->values[i] = v[i].s.n ? (const char *)v[i].s.p : "";
			k->lengths[i] = (int)v[i].s.n;
		}
	}
}

static enum rmg_rc send_statement(struct pg *p, enum sql sql, const struct value *v, size_t n,
				  struct rmg_err *err)
{
	struct packed k;
	char name[16];

	pack(&k, v, n);
	statement_name(sql, name, sizeof name);
	return sent(
	    p, PQsendQueryPrepared(p->conn, name, (int)n, k.values, k.lengths, k.formats, 1), err);
}

static enum rmg_rc write_row(struct store *st, enum sql sql, const struct value *v, size_t n,
			     struct rmg_err *err)
{
	struct pg *p = of(st);
	enum rmg_rc rc = p->prepared[sql] ? RMG_OK : prepare(p, sql, v, n, err);

	return rc == RMG_OK ? send_statement(p, sql, v, n, err) : rc;
}

static enum rmg_rc read_all(struct store *st, enum sql sql, const struct value *v, size_t n,
			    cols_fn *fn, void *user, struct rmg_err *err)
{
	struct rows rows = {fn, user, RMG_OK};
	struct pg *p = of(st);
	enum rmg_rc rc = p->prepared[sql] ? RMG_OK : prepare(p, sql, v, n, err);

	if (rc == RMG_OK && p->pending)
		rc = settle(p, NULL, err);
	if (rc == RMG_OK)
		rc = send_statement(p, sql, v, n, err);
	if (rc != RMG_OK)
		return rc;
	(void)!PQsetSingleRowMode(p->conn); /* at worst the rows come all at once */
	rc = settle(p, &rows, err);
	return rows.rc != RMG_OK ? rows.rc : rc;
}

/* The rest. */

static enum rmg_rc lead(struct store *st, bool *leads, struct rmg_err *err)
{
	/* Asked again, the lock would have to be given back twice. But whether the connection is
	 * still there has to be seen each time. */
	const char *sql =
	    st->leads ? "SELECT 1" : "SELECT pg_try_advisory_lock(hashtext('rummage lead'))";
	uint64_t got = 0;
	enum rmg_rc rc = ask(of(st), sql, &got, err);

	if (rc == RMG_OK)
		*leads = st->leads = got != 0;
	return rc;
}

/* A server that ends says why first: only what is read after that is the end. */
static bool gone(struct store *st)
{
	PGconn *conn = of(st)->conn;

	return !PQconsumeInput(conn) || !PQconsumeInput(conn) || PQstatus(conn) == CONNECTION_BAD;
}

/* Dead rows are autovacuum's business. */
static enum rmg_rc shrink(struct store *st, bool *more, struct rmg_err *err)
{
	(void)st;
	(void)err;
	*more = false;
	return RMG_OK;
}

static enum rmg_rc size(struct store *st, uint64_t *bytes, struct rmg_err *err)
{
	return ask(of(st), "SELECT pg_database_size(current_database())", bytes, err);
}

static const struct word words[] = {
    {"ID", "BIGINT PRIMARY KEY"},
    {"INT64", "BIGINT NOT NULL"},
    {"TEXT", "TEXT COLLATE \"C\" NOT NULL"},
    {"BYTES", "BYTEA NOT NULL"},
    {"HEAP", ""},
    {"KEYED", ""},
    {NULL, NULL},
};

const struct backend backend_pg = BACKEND;
