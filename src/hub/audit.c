/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/audit.h"

#include <stdio.h>

#include "base/strbuf.h"
#include "format/sha256.h"

static void put_u64(struct sha256 *h, uint64_t n)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(n >> (56 - 8 * i));
	sha256_put(h, span_of(bytes, sizeof bytes));
}

static void put_text(struct sha256 *h, struct span text)
{
	put_u64(h, text.n);
	sha256_put(h, text);
}

static void hash_row(struct sha256 *h, const struct audit_row *row, uint8_t out[32])
{
	sha256_begin(h);
	sha256_put(h, span_of(row->prev, 32));
	put_u64(h, row->seq);
	put_u64(h, (uint64_t)row->at_ms);
	put_text(h, row->actor);
	put_text(h, row->action);
	put_text(h, row->subject);
	put_text(h, row->body);
	sha256_end(h, out);
}

enum rmg_rc audit_add(struct store *st, struct audit_row *row, struct rmg_err *err)
{
	struct audit_row last = {0};
	struct sha256 *h;
	enum rmg_rc rc = store_audit_last(st, &last, err);

	if (rc != RMG_OK)
		return rc;
	h = sha256_new();
	if (h == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for the audit log");
	row->seq = last.seq + 1;
	memcpy(row->prev, last.hash, sizeof row->prev);
	hash_row(h, row, row->hash);
	sha256_free(h);
	return store_audit_add(st, row, err);
}

struct verifier {
	struct sha256 *hash;
	const struct audit_head *told;
	struct audit_verdict *out;
	uint64_t next;
};

static void found(struct verifier *v, uint64_t seq, const char *why)
{
	if (v->out->first_bad)
		return;
	v->out->first_bad = seq;
	snprintf(v->out->why, sizeof v->out->why, "record %llu: %s", (unsigned long long)seq, why);
}

static enum rmg_rc check(void *user, const struct audit_row *row)
{
	struct verifier *v = user;
	uint8_t hash[32];

	v->out->records++;
	if (row->seq != v->next)
		found(v, v->next, "it is not there");
	hash_row(v->hash, row, hash);
	if (memcmp(hash, row->hash, sizeof hash) != 0)
		found(v, row->seq, "its content is not what its hash says");
	if (memcmp(row->prev, v->out->head.hash, sizeof row->prev) != 0)
		found(v, row->seq, "the record before it is not the one that it was written after");
	if (v->told && v->told->seq == row->seq && memcmp(v->told->hash, row->hash, 32) != 0)
		found(v, row->seq, "its hash is not the one that was told");
	v->out->head.seq = row->seq;
	memcpy(v->out->head.hash, row->hash, sizeof row->hash);
	v->next = row->seq + 1;
	return RMG_OK;
}

enum rmg_rc audit_verify(struct store *st, const struct audit_head *told, struct audit_verdict *out,
			 struct rmg_err *err)
{
	struct audit_verdict verdict = {0};
	struct verifier v = {.told = told, .out = &verdict, .next = 1};
	enum rmg_rc rc;

	v.hash = sha256_new();
	if (v.hash == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory to verify the audit log");
	rc = store_audit_each(st, 0, check, &v, err);
	sha256_free(v.hash);
	if (rc != RMG_OK)
		return rc;
	if (told && told->seq > verdict.head.seq)
		found(&v, verdict.head.seq + 1, "it was told, and is not there");
	*out = verdict;
	return RMG_OK;
}

enum rmg_rc audit_head(struct store *st, struct audit_head *out, struct rmg_err *err)
{
	struct audit_row last = {0};
	enum rmg_rc rc = store_audit_last(st, &last, err);

	if (rc != RMG_OK)
		return rc;
	out->seq = last.seq;
	memcpy(out->hash, last.hash, sizeof out->hash);
	return RMG_OK;
}

const char *audit_head_text(const struct audit_head *h, char buf[AUDIT_HEAD_BYTES])
{
	int n = 0;

	buf[0] = '\0';
	if (h->seq == 0)
		return buf;
	n = snprintf(buf, AUDIT_HEAD_BYTES, "%llu:", (unsigned long long)h->seq);
	for (size_t i = 0; i < sizeof h->hash; i++)
		n += snprintf(buf + n, AUDIT_HEAD_BYTES - (size_t)n, "%02x", h->hash[i]);
	return buf;
}

bool audit_head_parse(struct span text, struct audit_head *out)
{
	struct audit_head h;
	struct span seq, hash;

	if (!span_cut(text, ':', &seq, &hash) || !span_u64(seq, 10, INT64_MAX, &h.seq) ||
	    h.seq == 0 || hash.n != 64 || !span_unhex(hash, h.hash, sizeof h.hash))
		return false;
	*out = h;
	return true;
}
