/* SPDX-License-Identifier: Apache-2.0 */
/* hub_queue.c - batches of events: callers that come while one is being written wait, and the next
 * one of them writes for all, so that a disk that syncs slowly still takes many. */
#include "base/err.h"
#include "hub/hub_inside.h"
#include "watch/event_json.h"

struct batch {
	const struct event *events;
	size_t n;
	struct hub_result *results;
	struct rmg_err *err;
	enum rmg_rc rc;
	bool done;
	struct batch *next;
};

/* So much at once, that one transaction stays short; and so much in one row of the inbox. */
enum { EVENTS_AT_ONCE = 2000, INBOX_ROW_BYTES = 1 << 20, INBOX_FAULTS = 16 };

static enum rmg_rc apply_one(struct tx *tx, const struct batch *b)
{
	enum rmg_rc rc = RMG_OK;

	for (size_t i = 0; i < b->n && rc == RMG_OK; i++) {
		b->results[i] = (struct hub_result){0};
		rc = tx_event_in_order(tx, &b->events[i], &b->results[i]);
	}
	return rc;
}

/* Another hub leads: what came is kept for it. */
static enum rmg_rc put_aside(struct tx *tx, const struct batch *b)
{
	enum rmg_rc rc = RMG_OK;

	strbuf_clear(&tx->text);
	for (size_t i = 0; i < b->n && rc == RMG_OK; i++) {
		struct inbox_row row = {.kind = S("events")};

		event_write(&b->events[i], &tx->text);
		b->results[i] = (struct hub_result){.applied = APPLIED_QUEUED};
		if (i + 1 < b->n && tx->text.n < INBOX_ROW_BYTES)
			continue;
		if (strbuf_rc(&tx->text) != RMG_OK)
			return tx_no_memory(tx);
		row.body = strbuf_span(&tx->text);
		rc = store_inbox_add(tx->st, &row, tx->err);
		strbuf_clear(&tx->text);
	}
	return rc;
}

static enum rmg_rc write_all(struct tx *tx, const struct batch *first)
{
	enum rmg_rc rc = RMG_OK;

	for (const struct batch *b = first; b && rc == RMG_OK; b = b->next)
		rc = tx->h->leads ? apply_one(tx, b) : put_aside(tx, b);
	return rc == RMG_OK ? tx_settle(tx) : rc;
}

static void count(struct hub *h, const struct batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		hub_count_event(h, &b->results[i]);
}

static enum rmg_rc take_inbox(struct hub *h, struct rmg_err *err)
{
	enum rmg_rc rc = hub_take_inbox(h, err);

	/* A row that cannot be applied is no fault of these callers. It is left out the next time,
	 * and the clockwork tells of it. */
	for (size_t i = 0; i < INBOX_FAULTS && hub_is_row_fault(rc); i++)
		rc = hub_take_inbox(h, err);
	if (hub_is_row_fault(rc))
		rc = err->rc = RMG_E_IO;
	return rc;
}

/* A source may have told another hub what came before this: that is applied first, or what it said
 * earlier would be taken for known. Looked for inside the transaction: until it has begun, this hub
 * may come to lead. */
static enum rmg_rc begin_in_order(struct tx *tx, struct hub *h, struct rmg_err *err)
{
	bool waits = true;
	enum rmg_rc rc;

	for (;;) {
		rc = tx_begin(tx, h, err);
		if (rc != RMG_OK || !h->leads)
			return rc;
		rc = hub_inbox_waits(tx, &waits);
		if (rc == RMG_OK && !waits)
			return RMG_OK;
		tx->apart = true; /* nothing has changed */
		rc = tx_end(tx, rc);
		if (rc == RMG_OK)
			rc = take_inbox(h, err);
		if (rc != RMG_OK)
			return rc;
	}
}

static void serve(struct hub *h, struct batch *first)
{
	struct rmg_err err = {0};
	struct tx tx;
	enum rmg_rc rc = begin_in_order(&tx, h, &err);

	if (rc == RMG_OK)
		rc = tx_end(&tx, write_all(&tx, first));
	for (struct batch *b = first; b; b = b->next) {
		b->rc = rc;
		if (rc != RMG_OK && b->err)
			*b->err = err;
	}
}

/* Takes the oldest batches off the queue. */
static struct batch *take(struct hub *h)
{
	struct batch *first = h->first, *b = first;

	for (size_t n = b->n; b->next && n + b->next->n <= EVENTS_AT_ONCE; b = b->next)
		n += b->next->n;
	h->first = b->next;
	if (h->first == NULL)
		h->last = &h->first;
	b->next = NULL;
	return first;
}

static void serve_next(struct hub *h)
{
	struct batch *first = take(h), *next;

	h->serving = true;
	pthread_mutex_unlock(&h->queueing);
	serve(h, first);
	pthread_mutex_lock(&h->queueing);
	h->serving = false;
	for (struct batch *b = first; b; b = next) {
		next = b->next; /* b is its caller's, who may go once it is done */
		if (b->rc == RMG_OK)
			count(h, b);
		b->done = true;
	}
	pthread_cond_broadcast(&h->served);
}

enum rmg_rc hub_apply(struct hub *h, const struct event *events, size_t n,
		      struct hub_result *results, struct rmg_err *err)
{
	struct batch b = {.events = events, .n = n, .results = results, .err = err};

	if (n == 0)
		return RMG_OK;
	pthread_mutex_lock(&h->queueing);
	*h->last = &b;
	/* cppcheck-suppress autoVariables ; it is out of the queue before this returns */
	h->last = &b.next;
	while (!b.done) {
		if (h->serving)
			pthread_cond_wait(&h->served, &h->queueing);
		else
			serve_next(h);
	}
	pthread_mutex_unlock(&h->queueing);
	return b.rc;
}
