/* SPDX-License-Identifier: Apache-2.0 */
/* store_open.c - finding the back end, and bringing the schema up to date. */
#include <string.h>

#include "store/backend.h"
#include "store/store.h"

static const struct step {
	int64_t version;
	const char *sql;
} steps[] = {
#define X(version, sql) {version, sql},
#include "store/schema.def"
#undef X
};

/* sql in the back end's words. */
static void put_words(struct strbuf *out, const struct backend *b, struct span sql)
{
	while (sql.n > 0) {
		const struct word *w = b->words;
		size_t n = 0;

		while (n < sql.n && (is_alnum(sql.p[n]) || sql.p[n] == '_'))
			n++;
		while (n && w->word && !span_is(span_cstr(w->word), span_head(sql, n)))
			w++;
		if (n && w->word)
			strbuf_puts(out, w->means);
		else
			strbuf_put(out, span_head(sql, MAX_OF(n, 1)));
		sql = span_from(sql, MAX_OF(n, 1));
	}
}

static enum rmg_rc run_step(struct store *st, const struct step *s, struct rmg_err *err)
{
	struct strbuf text = strbuf_of(1 << 16);
	enum rmg_rc rc;

	put_words(&text, st->backend, span_cstr(s->sql));
	rc = strbuf_rc(&text);
	if (rc != RMG_OK)
		err_set(err, rc, "no memory for a statement");
	else
		rc = st->backend->exec(st, strbuf_cstr(&text), err);
	strbuf_done(&text);
	return rc;
}

/* Steps of the next version, if any, in one transaction. */
static enum rmg_rc migrate_one(struct store *st, bool *done, struct rmg_err *err)
{
	int64_t have = 0, next = INT64_MAX;
	enum rmg_rc rc = st->backend->version(st, &have, err);

	for (size_t i = 0; i < COUNT_OF(steps); i++)
		if (steps[i].version > have && steps[i].version < next)
			next = steps[i].version;
	*done = next == INT64_MAX;
	if (rc != RMG_OK || *done)
		return rc;
	for (size_t i = 0; i < COUNT_OF(steps) && rc == RMG_OK; i++)
		if (steps[i].version == next)
			rc = run_step(st, &steps[i], err);
	if (rc == RMG_OK)
		rc = st->backend->version_set(st, next, err);
	if (rc != RMG_OK)
		err_add(err, "schema %lld", (long long)next);
	return rc;
}

static enum rmg_rc migrate(struct store *st, struct rmg_err *err)
{
	const int64_t newest = steps[COUNT_OF(steps) - 1].version;
	int64_t have = 0;
	bool done = false;
	enum rmg_rc rc = st->backend->version(st, &have, err);

	if (rc == RMG_OK && have > newest)
		return err_set(err, RMG_E_UNSUPPORTED,
			       "the store has schema %lld of a newer Rummage; this one knows %lld",
			       (long long)have, (long long)newest);
	while (rc == RMG_OK && have < newest && !done) {
		rc = store_begin(st, err);
		if (rc == RMG_OK)
			rc = migrate_one(st, &done, err);
		if (rc == RMG_OK)
			rc = store_commit(st, err);
		else
			store_rollback(st);
	}
	return rc;
}

static enum rmg_rc find_backend(const char *url, const struct backend **out, struct rmg_err *err)
{
	struct span s = span_cstr(url);

	if (span_starts(s, S("sqlite:")) && s.n > S("sqlite:").n) {
		*out = &backend_sqlite;
		return RMG_OK;
	}
	if (span_starts(s, S("postgresql://")) || span_starts(s, S("postgres://"))) {
#ifdef RMG_POSTGRESQL
		*out = &backend_pg;
		return RMG_OK;
#else
		return err_set(err, RMG_E_UNSUPPORTED, "this build has no PostgreSQL");
#endif
	}
	return err_set(err, RMG_E_ARG, "a store is sqlite:FILE or postgresql://...");
}

enum rmg_rc store_open(const char *url, struct store **out, struct rmg_err *err)
{
	const struct backend *backend = NULL;
	struct store *st = NULL;
	enum rmg_rc rc = find_backend(url, &backend, err);

	if (rc == RMG_OK)
		rc = backend->open(url, &st, err);
	if (rc != RMG_OK)
		return rc;
	st->backend = backend;
	st->scratch = strbuf_of(1 << 30);
	rc = migrate(st, err);
	if (rc != RMG_OK) {
		store_close(st);
		return rc;
	}
	*out = st;
	return RMG_OK;
}

enum rmg_rc store_look(const char *url, struct store_state *out, struct rmg_err *err)
{
	const struct backend *backend = NULL;
	struct store_state state = {.newest = steps[COUNT_OF(steps) - 1].version};
	struct store *st = NULL;
	enum rmg_rc rc = find_backend(url, &backend, err);

	if (rc == RMG_OK)
		rc = backend->look(url, &st, &state, err);
	if (rc == RMG_OK && st)
		rc = backend->version(st, &state.schema, err);
	if (st)
		backend->close(st);
	if (rc == RMG_OK)
		*out = state;
	return rc;
}
