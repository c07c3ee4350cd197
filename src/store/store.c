/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <string.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "store/backend.h"

static const char *const counter_names[] = {
#define X(name, text) text,
    COUNTERS(X)
#undef X
};

/* Statements. */

struct statement {
	const char *text;  /* or NULL: made of what follows */
	const char *table; /* PUT: inserts or replaces */
	unsigned keys;
	const char *columns;
};

static const struct statement statements[] = {
#define X(name, text) {text, NULL, 0, NULL},
#define PUT(name, table, keys, columns) {NULL, table, keys, columns},
#include "store/statements.def"
#undef X
#undef PUT
};

static void put_values(struct strbuf *out, struct span columns)
{
	struct span column;

	for (unsigned n = 1; span_next(&columns, ',', &column); n++)
		strbuf_printf(out, n > 1 ? ", $%u" : "$%u", n);
}

static void put_update(struct strbuf *out, const struct statement *s)
{
	struct span columns = span_cstr(s->columns), column;

	strbuf_puts(out, ") ON CONFLICT (");
	for (unsigned n = 0; span_next(&columns, ',', &column); n++) {
		column = span_trim(column);
		if (n == s->keys)
			strbuf_puts(out, ") DO UPDATE SET ");
		else if (n > 0)
			strbuf_puts(out, ", ");
		strbuf_put(out, column);
		if (n < s->keys)
			continue;
		strbuf_puts(out, " = excluded.");
		strbuf_put(out, column);
	}
}

void sql_put(struct strbuf *out, enum sql sql)
{
	const struct statement *s = &statements[sql];

	if (s->text) {
		strbuf_puts(out, s->text);
		return;
	}
	strbuf_printf(out, "INSERT INTO %s (%s) VALUES (", s->table, s->columns);
	put_values(out, span_cstr(s->columns));
	put_update(out, s);
}

/* What goes to the back end. */

/* Texts are UTF-8 without NULs, which is all that PostgreSQL takes. */
static bool is_text(struct span s)
{
	return s.n == 0 || (memchr(s.p, 0, s.n) == NULL && utf8_valid(s));
}

static void put_clean(struct strbuf *out, struct span s)
{
	for (size_t i = 0; i < s.n;) {
		size_t len = s.p[i] ? utf8_len(s.p + i, s.n - i) : 0;

		if (len == 0)
			strbuf_putc(out, '?');
		else
			strbuf_put(out, span_of(s.p + i, len));
		i += len ? len : 1;
	}
}

/* The values with every text clean; the scratch buffer does not move while they are in use. */
static enum rmg_rc clean_values(struct store *st, const struct value *v, size_t n,
				struct value *out, struct rmg_err *err)
{
	size_t at[COLUMNS_MAX];

	CHECK(n <= COLUMNS_MAX);
	strbuf_clear(&st->scratch);
	for (size_t i = 0; i < n; i++) {
		out[i] = v[i];
		at[i] = SIZE_MAX;
		if (v[i].kind != VALUE_TEXT)
			continue;
		if (v[i].i && v[i].s.n > LIMIT_STORE_KEY_BYTES)
			return err_set(err, RMG_E_LIMIT, "a key has more than %u bytes: %.40s...",
				       (unsigned)LIMIT_STORE_KEY_BYTES, (const char *)v[i].s.p);
		if (is_text(v[i].s))
			continue;
		at[i] = st->scratch.n;
		put_clean(&st->scratch, v[i].s);
	}
	if (strbuf_rc(&st->scratch) != RMG_OK)
		return err_set(err, strbuf_rc(&st->scratch), "no room for a text to clean");
	for (size_t i = 0; i < n; i++)
		if (at[i] != SIZE_MAX)
			out[i].s.p = (const uint8_t *)st->scratch.p + at[i];
	return RMG_OK;
}

/* All but the rollback go through here. */
static enum rmg_rc usable(const struct store *st, struct rmg_err *err)
{
	CHECK(!st->reading);
	if (st->lost)
		return err_set(err, RMG_E_IO, "the connection to the store is lost");
	if (st->fault.rc != RMG_OK && err)
		*err = st->fault;
	return st->fault.rc;
}

/* rc, which a transaction does not survive. */
static enum rmg_rc keep_fault(struct store *st, enum rmg_rc rc, const struct rmg_err *err)
{
	if (rc == RMG_OK || !st->begun)
		return rc;
	if (err)
		st->fault = *err;
	else
		err_set(&st->fault, rc, "the transaction failed before");
	st->fault.rc = rc;
	return rc;
}

enum rmg_rc store_write(struct store *st, enum sql sql, const struct value *v, size_t n,
			struct rmg_err *err)
{
	struct value clean[COLUMNS_MAX];
	enum rmg_rc rc = usable(st, err);

	if (rc != RMG_OK)
		return rc;
	if (!st->begun || st->read_only)
		return err_set(err, RMG_E_ARG, "the store is written to outside a transaction");
	rc = clean_values(st, v, n, clean, err);
	if (rc != RMG_OK)
		return rc;
	return keep_fault(st, st->backend->write(st, sql, clean, n, err), err);
}

struct reader {
	cols_fn *fn;
	void *user;
	enum rmg_rc rc; /* of fn */
};

static enum rmg_rc read_row(void *user, const struct cols *c)
{
	struct reader *r = user;

	r->rc = r->fn(r->user, c);
	return r->rc;
}

enum rmg_rc store_read(struct store *st, enum sql sql, const struct value *v, size_t n, cols_fn *fn,
		       void *user, struct rmg_err *err)
{
	struct reader r = {fn, user, RMG_OK};
	struct value clean[COLUMNS_MAX];
	enum rmg_rc rc = usable(st, err);

	if (rc == RMG_OK)
		rc = clean_values(st, v, n, clean, err);
	if (rc != RMG_OK)
		return rc;
	st->reading = true;
	rc = st->backend->read(st, sql, clean, n, read_row, &r, err);
	st->reading = false;
	if (r.rc != RMG_OK)
		return r.rc == RMG_E_STOPPED ? RMG_OK : r.rc;
	return keep_fault(st, rc, err);
}

enum rmg_rc cols_u64(void *user, const struct cols *c)
{
	*(uint64_t *)user = col_u64(c, 0);
	return RMG_OK;
}

enum rmg_rc cols_true(void *user, const struct cols *c)
{
	(void)c;
	*(bool *)user = true;
	return RMG_OK;
}

/* Counters. */

enum rmg_rc store_hold(struct store *st, enum counter counter, struct rmg_err *err)
{
	struct counter_state *c = &st->counters[counter];
	struct span name = span_cstr(counter_names[counter]);
	uint64_t value = UINT64_MAX;
	enum rmg_rc rc;

	if (c->held)
		return RMG_OK;
	if (!st->begun || st->read_only)
		return err_set(err, RMG_E_ARG, "the store gives ids inside a transaction only");
	rc = store_read(st, SQL_COUNTER_HOLD, WITH(v_text(name)), cols_u64, &value, err);
	if (rc != RMG_OK)
		return rc;
	if (value > INT64_MAX)
		return keep_fault(
		    st,
		    err_set(err, RMG_E_DB, "the store has no counter " SPAN_FMT, SPAN_ARG(name)),
		    err);
	*c = (struct counter_state){.held = true, .value = (int64_t)value};
	return RMG_OK;
}

enum rmg_rc store_next(struct store *st, enum counter counter, uint64_t *id, struct rmg_err *err)
{
	enum rmg_rc rc = store_hold(st, counter, err);

	if (rc != RMG_OK)
		return rc;
	st->counters[counter].moved = true;
	*id = (uint64_t)++st->counters[counter].value;
	return RMG_OK;
}

static enum rmg_rc write_counters(struct store *st, struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;

	for (size_t i = 0; i < COUNTER_COUNT && rc == RMG_OK; i++)
		if (st->counters[i].moved)
			rc = store_write(
			    st, SQL_COUNTER_SET,
			    WITH(v_int(st->counters[i].value), v_text(span_cstr(counter_names[i]))),
			    err);
	return rc;
}

/* Transactions. */

static enum rmg_rc begin(struct store *st, bool read_only, struct rmg_err *err)
{
	enum rmg_rc rc = usable(st, err);

	if (rc != RMG_OK)
		return rc;
	if (st->begun)
		return err_set(err, RMG_E_ARG, "the store is inside a transaction already");
	rc = st->backend->begin(st, read_only, err);
	st->begun = rc == RMG_OK;
	st->read_only = read_only;
	return rc;
}

enum rmg_rc store_begin(struct store *st, struct rmg_err *err)
{
	return begin(st, false, err);
}

enum rmg_rc store_begin_reading(struct store *st, struct rmg_err *err)
{
	return begin(st, true, err);
}

enum rmg_rc store_commit(struct store *st, struct rmg_err *err)
{
	enum rmg_rc rc = usable(st, err);

	if (rc == RMG_OK && !st->begun)
		return err_set(err, RMG_E_ARG, "the store is not inside a transaction");
	if (rc == RMG_OK)
		rc = write_counters(st, err);
	if (rc == RMG_OK)
		rc = st->backend->commit(st, err);
	if (rc != RMG_OK) {
		store_rollback(st);
		return rc;
	}
	st->begun = false;
	memset(st->counters, 0, sizeof st->counters);
	return RMG_OK;
}

void store_rollback(struct store *st)
{
	CHECK(!st->reading);
	if (st->begun && !st->lost)
		st->backend->rollback(st);
	st->begun = false;
	st->fault = (struct rmg_err){0};
	memset(st->counters, 0, sizeof st->counters);
}

enum rmg_rc store_end(struct store *st, enum rmg_rc rc, struct rmg_err *err)
{
	if (rc == RMG_OK)
		rc = store_commit(st, err);
	if (rc != RMG_OK)
		store_rollback(st);
	return rc;
}

/* The rest is the back end's. */

bool store_lost(struct store *st)
{
	if (!st->lost && !st->begun && !st->reading)
		st->lost = st->backend->gone(st);
	return st->lost;
}

void store_close(struct store *st)
{
	if (st == NULL)
		return;
	store_rollback(st);
	strbuf_done(&st->scratch);
	st->backend->close(st);
}

enum rmg_rc store_lead(struct store *st, bool *leads, struct rmg_err *err)
{
	enum rmg_rc rc = usable(st, err);

	return rc != RMG_OK ? rc : keep_fault(st, st->backend->lead(st, leads, err), err);
}

enum rmg_rc store_size(struct store *st, uint64_t *bytes, struct rmg_err *err)
{
	enum rmg_rc rc = usable(st, err);

	return rc != RMG_OK ? rc : keep_fault(st, st->backend->size(st, bytes, err), err);
}
