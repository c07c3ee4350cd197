/* SPDX-License-Identifier: Apache-2.0 */
/* hub_facts.c - layer facts that agents give, so that a layer is read once for all. The first
 * reading of a blob stays; a second one that says other than the first is told, so that one node
 * that was taken over cannot whitewash a layer for all. */
#include "base/err.h"
#include "base/limits.h"
#include "format/sha256.h"
#include "hub/hub_inside.h"

enum rmg_rc hub_facts_has(struct hub *h, struct span digest, bool *has, struct rmg_err *err)
{
	struct store *st = hub_store_lock(h, err);
	enum rmg_rc rc;

	if (st == NULL)
		return RMG_E_IO;
	rc = store_facts_has(st, digest, has, err);
	hub_store_unlock(h);
	return rc;
}

struct giving {
	hub_bytes_fn *fn;
	void *user;
};

static enum rmg_rc give(void *user, const struct facts_row *row)
{
	const struct giving *g = user;

	return g->fn(g->user, row->packed);
}

enum rmg_rc hub_facts_get(struct hub *h, struct span digest, hub_bytes_fn *fn, void *user,
			  struct rmg_err *err)
{
	struct store *st = hub_store_lock(h, err);
	struct giving g = {fn, user};
	enum rmg_rc rc;

	if (st == NULL)
		return RMG_E_IO;
	rc = store_facts_get(st, digest, give, &g, err);
	hub_store_unlock(h);
	return rc;
}

static enum rmg_rc disagree(struct tx *tx, struct span digest, struct span reader)
{
	struct strbuf text = strbuf_of(LIMIT_TEXT_BYTES * 4);
	struct happening x = {
	    .kind = RULE_FACTS_DISAGREE,
	    .subject = digest,
	    .title = S("two readers of one layer say different things of it"),
	    .severity = SEV_CRITICAL,
	};
	enum rmg_rc rc;

	strbuf_put(&text, reader);
	strbuf_puts(&text, " says other than the first reader of ");
	strbuf_put(&text, digest);
	strbuf_puts(&text, " did. What the first one said is still believed.");
	x.text = strbuf_span(&text);
	rc = strbuf_rc(&text) == RMG_OK ? alerts_happened(tx->h->alerts, &tx->env, &x, tx->err)
					: tx_no_memory(tx);
	strbuf_done(&text);
	return rc;
}

/* Alerts are the leading hub's to raise. A line: the digest, a blank, the reader. */
static enum rmg_rc put_aside(struct tx *tx, struct span digest, struct span reader)
{
	struct inbox_row row = {.kind = S("facts")};

	strbuf_clear(&tx->text);
	strbuf_printf(&tx->text, SPAN_FMT " " SPAN_FMT, SPAN_ARG(digest), SPAN_ARG(reader));
	row.body = strbuf_span(&tx->text);
	return strbuf_rc(&tx->text) == RMG_OK ? store_inbox_add(tx->st, &row, tx->err)
					      : tx_no_memory(tx);
}

enum rmg_rc tx_facts_disagree(struct tx *tx, struct span body)
{
	struct span digest, reader;

	if (!span_cut(body, ' ', &digest, &reader))
		return err_set(tx->err, RMG_E_FORMAT, "the inbox is damaged");
	return disagree(tx, digest, reader);
}

static enum rmg_rc put(struct tx *tx, struct span digest, struct span packed, struct span reader)
{
	struct facts_row row = {
	    .digest = digest, .packed = packed, .reader = reader, .at_ms = tx->now_ms};
	uint8_t content[32];
	bool agrees;
	enum rmg_rc rc = store_facts_put(tx->st, &row, tx->err);

	sha256_of(packed, content);
	if (rc == RMG_OK)
		rc = store_facts_reading(tx->st, digest, reader, content, tx->now_ms, &agrees,
					 tx->err);
	if (rc != RMG_OK || agrees)
		return rc;
	return tx->h->leads ? disagree(tx, digest, reader) : put_aside(tx, digest, reader);
}

enum rmg_rc hub_facts_put(struct hub *h, struct span digest, struct span packed, struct span reader,
			  struct rmg_err *err)
{
	struct tx tx;
	enum rmg_rc rc;

	if (digest.n == 0 || digest.n > LIMIT_STORE_KEY_BYTES || reader.n > LIMIT_STORE_KEY_BYTES)
		return err_set(err, RMG_E_ARG, "a digest or a reader's name that is none");
	rc = tx_begin(&tx, h, err);
	if (rc != RMG_OK)
		return rc;
	rc = put(&tx, digest, packed, reader);
	return tx_end(&tx, rc == RMG_OK ? tx_settle(&tx) : rc);
}
