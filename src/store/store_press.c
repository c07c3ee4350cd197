/* SPDX-License-Identifier: Apache-2.0 */
/* store_press URL SECONDS FLOOR - writes numbered transactions without end, for tests that kill
 * what it writes to, or itself.
 *
 * Prints each number once the store has acknowledged it. Each transaction touches many tables;
 * whoever leads next, after every opening, has to find all of them of one and the same number,
 * which is at least the last one acknowledged (FLOOR, of an earlier run). What is not so is printed
 * as "bad ..." and ends it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/rows.h"

enum { STREAM_EACH = 5, USES_EACH = 3, PATIENCE_MS = 60000 };

static enum rmg_rc write_stream(struct store *st, uint64_t n, struct rmg_err *err)
{
	struct stream_row stream = {.at_ms = (int64_t)n, .kind = S("event"), .body = S("{}")};
	struct use_row use = {.workload = 1, .container = S("c"), .began_ms = 1};
	enum rmg_rc rc = RMG_OK;

	for (uint64_t i = 0; i < STREAM_EACH && rc == RMG_OK; i++)
		rc = store_stream_add(st, &stream, err);
	for (uint64_t i = 1; i <= USES_EACH && rc == RMG_OK; i++) {
		use.id = (uint32_t)((n - 1) * USES_EACH + i);
		rc = store_use_put(st, &use, err);
	}
	return rc;
}

static enum rmg_rc write_batch(struct store *st, uint64_t n, struct rmg_err *err)
{
	struct source_row source = {.source = S("press"), .seq = n};
	struct outbox_row outbox = {.sink = S("press"), .state = S("waiting")};
	struct audit_row audit = {.seq = n, .action = S("press")};
	char dedupe[32];
	enum rmg_rc rc = store_source_put(st, &source, err);

	snprintf(dedupe, sizeof dedupe, "%llu", (unsigned long long)n);
	outbox.dedupe = span_cstr(dedupe);
	if (rc == RMG_OK)
		rc = write_stream(st, n, err);
	if (rc == RMG_OK)
		rc = store_outbox_add(st, &outbox, NULL, err);
	return rc == RMG_OK ? store_audit_add(st, &audit, err) : rc;
}

static enum rmg_rc put(struct store *st, uint64_t n, struct rmg_err *err)
{
	enum rmg_rc rc = store_begin(st, err);

	if (rc != RMG_OK)
		return rc;
	rc = write_batch(st, n, err);
	if (rc == RMG_OK)
		return store_commit(st, err);
	store_rollback(st);
	return rc;
}

struct state {
	uint64_t seq, streamed, stream_last, uses, use_last, sent, audited;
};

static enum rmg_rc on_source(void *user, const struct source_row *row)
{
	((struct state *)user)->seq = row->seq;
	return RMG_OK;
}

static enum rmg_rc on_stream(void *user, const struct stream_row *row)
{
	struct state *s = user;

	s->stream_last = row->seq;
	s->streamed++;
	return RMG_OK;
}

static enum rmg_rc on_use(void *user, const struct use_row *row)
{
	struct state *s = user;

	s->use_last = row->id;
	s->uses++;
	return RMG_OK;
}

static enum rmg_rc on_outbox(void *user, const struct outbox_row *row)
{
	(void)row;
	((struct state *)user)->sent++;
	return RMG_OK;
}

static enum rmg_rc look(struct store *st, struct state *s, struct rmg_err *err)
{
	struct audit_row last;
	enum rmg_rc rc = store_source_each(st, on_source, s, err);

	if (rc == RMG_OK)
		rc = store_stream_each(st, 0, UINT32_MAX, on_stream, s, err);
	if (rc == RMG_OK)
		rc = store_use_open_each(st, on_use, s, err);
	if (rc == RMG_OK)
		rc = store_outbox_each(st, S(""), on_outbox, s, err);
	if (rc == RMG_OK)
		rc = store_audit_last(st, &last, err);
	if (rc == RMG_OK)
		s->audited = last.seq;
	return rc;
}

static bool is_whole(const struct state *s)
{
	return s->streamed == s->seq * STREAM_EACH && s->stream_last == s->streamed &&
	       s->uses == s->seq * USES_EACH && s->use_last == s->uses && s->sent == s->seq &&
	       s->audited == s->seq;
}

/* A server may still be at the last commit of a writer that was killed: it leads until that is
 * done. */
static enum rmg_rc lead_and_look(struct store *st, struct state *s, struct rmg_err *err)
{
	bool leads = false;
	enum rmg_rc rc = store_lead(st, &leads, err);

	if (rc == RMG_OK && !leads)
		return err_set(err, RMG_E_STOPPED, "another one leads");
	return rc == RMG_OK ? look(st, s, err) : rc;
}

/* Opens it, as often as that takes, and gives the number that it has come to. */
static struct store *open_and_look(const char *url, uint64_t *n, struct rmg_err *err)
{
	const int64_t until = clock_tick_ms() + PATIENCE_MS;

	for (; clock_tick_ms() < until; usleep(50000)) {
		struct store *st = NULL;
		struct state s = {0};

		if (store_open(url, &st, err) != RMG_OK)
			continue;
		if (lead_and_look(st, &s, err) != RMG_OK) {
			store_close(st);
			continue;
		}
		if (is_whole(&s) && s.seq >= *n) {
			*n = s.seq;
			return st;
		}
		printf("bad %llu acknowledged; %llu, %llu of the stream, %llu uses, %llu sent\n",
		       (unsigned long long)*n, (unsigned long long)s.seq,
		       (unsigned long long)s.streamed, (unsigned long long)s.uses,
		       (unsigned long long)s.sent);
		store_close(st);
		return NULL;
	}
	printf("bad: %s\n", err->msg);
	return NULL;
}

int main(int argc, char **argv)
{
	int64_t until = clock_tick_ms() + (argc > 2 ? strtol(argv[2], NULL, 10) : 10) * 1000;
	uint64_t n = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
	struct rmg_err err = {0};
	struct store *st;

	if (argc < 2)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	st = open_and_look(argv[1], &n, &err);
	while (st && clock_tick_ms() < until) {
		if (put(st, n + 1, &err) == RMG_OK) {
			printf("%llu\n", (unsigned long long)++n);
			continue;
		}
		printf("%s: %s\n", store_lost(st) ? "lost" : "failed", err.msg);
		store_close(st);
		st = open_and_look(argv[1], &n, &err);
	}
	if (st == NULL)
		return 1;
	store_close(st);
	printf("done %llu\n", (unsigned long long)n);
	return 0;
}
