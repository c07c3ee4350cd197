/* SPDX-License-Identifier: Apache-2.0 */
/* backend.h - what SQLite and PostgreSQL have in common, inside this folder only.
 *
 *     store_NOUN.c --store_write, store_read, store_next--> store.c --struct backend--> sqlite.c,
 * pg.c
 *
 * Values go in and come out as struct value, in order of the statement's parameters and columns.
 * store.c keeps the rules (writes inside a transaction only, nothing after a failure, clean text);
 * a back end talks to its library and turns failures into words. */
#ifndef STORE_BACKEND_H
#define STORE_BACKEND_H

#include "base/strbuf.h"
#include "store/store.h"

enum value_kind { VALUE_INT, VALUE_TEXT, VALUE_BYTES };
struct value {
	enum value_kind kind;
	int64_t i;
	struct span s;
};

static inline struct value v_int(int64_t i)
{
	return (struct value){.kind = VALUE_INT, .i = i};
}

/* Numbers of 64 bits without a sign keep their bits; above INT64_MAX they do not sort. */
static inline struct value v_u64(uint64_t i)
{
	return (struct value){.kind = VALUE_INT, .i = (int64_t)i};
}

static inline struct value v_text(struct span s)
{
	return (struct value){.kind = VALUE_TEXT, .s = s};
}

/* Text that an index is made of: store_write() refuses what is longer than
 * LIMIT_STORE_KEY_BYTES. */
static inline struct value v_key(struct span s)
{
	return (struct value){.kind = VALUE_TEXT, .i = 1, .s = s};
}

static inline struct value v_bytes(struct span s)
{
	return (struct value){.kind = VALUE_BYTES, .s = s};
}

/* The parameters of a statement: store_write(st, SQL_X, WITH(v_int(1), v_text(name)), err). */
#define WITH(...)                                                                                  \
	(const struct value[]){__VA_ARGS__}, COUNT_OF(((const struct value[]){__VA_ARGS__}))
#define WITHOUT NULL, 0

/* One row that was read; its spans live until the callback returns. */
enum { COLUMNS_MAX = 24 };
struct cols {
	struct value v[COLUMNS_MAX];
	size_t n;
};
typedef enum rmg_rc cols_fn(void *user, const struct cols *c);

static inline int64_t col_int(const struct cols *c, size_t at)
{
	CHECK(at < c->n);
	return c->v[at].i;
}

static inline uint64_t col_u64(const struct cols *c, size_t at)
{
	return (uint64_t)col_int(c, at);
}

/* 0 where it does not fit: somebody else wrote it. */
static inline uint32_t col_u32(const struct cols *c, size_t at)
{
	int64_t i = col_int(c, at);

	return i >= 0 && i <= UINT32_MAX ? (uint32_t)i : 0;
}

static inline bool col_bool(const struct cols *c, size_t at)
{
	return col_int(c, at) != 0;
}

static inline struct span col_span(const struct cols *c, size_t at)
{
	CHECK(at < c->n);
	return c->v[at].s;
}

/* Exactly n bytes, or zeros. */
static inline void col_copy(const struct cols *c, size_t at, uint8_t *out, size_t n)
{
	struct span s = col_span(c, at);

	memset(out, 0, n);
	if (s.n == n)
		memcpy(out, s.p, n);
}

enum sql {
#define X(name, text) SQL_##name,
#define PUT(name, table, keys, columns) SQL_##name,
#include "store/statements.def"
#undef X
#undef PUT
	SQL_COUNT
};

/* The statement's text, as both back ends take it. */
void sql_put(struct strbuf *out, enum sql sql);

/* Ids that the store gives: rows of the table counter. One that is held is ours until the end of
 * the transaction, which puts those who write the same table in the order of their commits. */
#define COUNTERS(X)                                                                                \
	X(EXECUTABLE, "executable")                                                                \
	X(EXECUTABLE_SET, "executable_set")                                                        \
	X(READING, "facts_reading")                                                                \
	X(CHANGE, "change")                                                                        \
	X(LINEAGE, "lineage")                                                                      \
	X(ALERT_LOG, "alert_log")                                                                  \
	X(EXCEPTION, "exception")                                                                  \
	X(OUTBOX, "outbox")                                                                        \
	X(AUDIT, "audit")                                                                          \
	X(GENERATION, "generation")                                                                \
	X(STREAM, "stream")                                                                        \
	X(INBOX, "inbox")                                                                          \
	X(PROFILE, "profile")

enum counter {
#define X(name, text) COUNTER_##name,
	COUNTERS(X)
#undef X
	    COUNTER_COUNT
};

struct counter_state {
	bool held, moved;
	int64_t value;
};

struct store {
	const struct backend *backend;
	bool lost, leads;
	bool begun, read_only;
	struct rmg_err fault; /* of this transaction, which can only be rolled back then */
	bool reading;         /* inside an _each: its callback may not use this store */
	struct counter_state counters[COUNTER_COUNT];
	struct strbuf scratch; /* texts that had to be cleaned */
};

/* A word of schema.def, and what this back end says for it. */
struct word {
	const char *word, *means;
};

struct backend {
	const struct word *words; /* ends with a NULL word */
	enum rmg_rc (*open)(const char *url, struct store **out, struct rmg_err *err);
	/* To be looked at; *st stays as it is where there is none yet. Of *out all but the schema.
	 */
	enum rmg_rc (*look)(const char *url, struct store **st, struct store_state *out,
			    struct rmg_err *err);
	void (*close)(struct store *st);
	enum rmg_rc (*begin)(struct store *st, bool read_only, struct rmg_err *err);
	enum rmg_rc (*commit)(struct store *st, struct rmg_err *err);
	void (*rollback)(struct store *st);
	/* May return before it is done; a failure is then told by a later call, at last by commit.
	 */
	enum rmg_rc (*write)(struct store *st, enum sql sql, const struct value *v, size_t n,
			     struct rmg_err *err);
	/* What fn returns other than RMG_OK ends it and is returned, with *err as fn left it. */
	enum rmg_rc (*read)(struct store *st, enum sql sql, const struct value *v, size_t n,
			    cols_fn *fn, void *user, struct rmg_err *err);
	enum rmg_rc (*exec)(struct store *st, const char *sql, struct rmg_err *err);
	/* Of the schema; 0 where there is none yet. In a transaction: no other one migrates. */
	enum rmg_rc (*version)(struct store *st, int64_t *version, struct rmg_err *err);
	enum rmg_rc (*version_set)(struct store *st, int64_t version, struct rmg_err *err);
	enum rmg_rc (*lead)(struct store *st, bool *leads, struct rmg_err *err);
	bool (*gone)(struct store *st); /* without asking it */
	/* Gives back some of the space that nothing is in; *more: there is more of it. */
	enum rmg_rc (*shrink)(struct store *st, bool *more, struct rmg_err *err);
	enum rmg_rc (*size)(struct store *st, uint64_t *bytes, struct rmg_err *err);
};

/* A back end out of the static functions of its file, which have the same names in each. */
#define BACKEND                                                                                    \
	{                                                                                          \
		.words = words, .open = open_store, .look = look, .close = close_store,            \
		.begin = begin, .commit = commit, .rollback = rollback, .write = write_row,        \
		.read = read_all, .exec = exec, .version = version, .version_set = version_set,    \
		.lead = lead, .gone = gone, .shrink = shrink, .size = size,                        \
	}

extern const struct backend backend_sqlite;
extern const struct backend backend_pg; /* where RMG_POSTGRESQL is defined */

MUST enum rmg_rc store_write(struct store *st, enum sql sql, const struct value *v, size_t n,
			     struct rmg_err *err);

/* Calls back every row. RMG_E_STOPPED of the callback is success; another failure of it is handed
 * on, and what *err says is the callback's affair. */
MUST enum rmg_rc store_read(struct store *st, enum sql sql, const struct value *v, size_t n,
			    cols_fn *fn, void *user, struct rmg_err *err);

/* Takes hold of the counter; gives its next value. Both in a transaction. */
MUST enum rmg_rc store_hold(struct store *st, enum counter counter, struct rmg_err *err);
MUST enum rmg_rc store_next(struct store *st, enum counter counter, uint64_t *id,
			    struct rmg_err *err);

/* Callbacks for one value: user points to what it is put in, which stays as it is without a row. */
enum rmg_rc cols_u64(void *user, const struct cols *c);  /* uint64_t */
enum rmg_rc cols_true(void *user, const struct cols *c); /* bool: there is a row */

#endif
