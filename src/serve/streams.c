/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/streams.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "serve/api.h"

/* A comment after so long a silence: that nobody listens any more is found out by sending. */
enum { SUBSCRIBERS = 200, PAGE_ROWS = 200, SILENCE_S = 5 };

struct streams {
	struct hub *hub;
	atomic_uint n;
};

struct subscriber {
	struct streams *streams;
	uint64_t after;
	struct strbuf page;
	size_t sent;
	int64_t spoke_s;
};

static enum rmg_rc put(void *user, const struct stream_row *row)
{
	struct subscriber *s = user;

	strbuf_printf(&s->page, "id: %" PRIu64 "\nevent: " SPAN_FMT "\ndata: ", row->seq,
		      SPAN_ARG(row->kind));
	strbuf_put(&s->page, row->body);
	strbuf_puts(&s->page, "\n\n");
	s->after = row->seq;
	return s->page.n > MIB(1) ? RMG_E_STOPPED : RMG_OK;
}

static enum rmg_rc next_page(struct subscriber *s)
{
	struct store *st = hub_store_lock(s->streams->hub, NULL);
	enum rmg_rc rc = RMG_E_IO;

	strbuf_clear(&s->page);
	s->sent = 0;
	if (st) {
		rc = store_stream_each(st, s->after, PAGE_ROWS, put, s, NULL);
		hub_store_unlock(s->streams->hub);
	}
	if (rc == RMG_OK && s->page.n == 0 && clock_tick_s() - s->spoke_s >= SILENCE_S)
		strbuf_puts(&s->page, ":\n\n");
	return rc == RMG_OK ? strbuf_rc(&s->page) : rc;
}

static ptrdiff_t more(void *stream, char *buf, size_t max)
{
	struct subscriber *s = stream;
	size_t n;

	if (s->sent == s->page.n && next_page(s) != RMG_OK)
		return -1; /* it comes again with the last id that it has */
	n = MIN_OF(max, s->page.n - s->sent);
	memcpy(buf, strbuf_cstr(&s->page) + s->sent, n);
	s->sent += n;
	if (n)
		s->spoke_s = clock_tick_s();
	return (ptrdiff_t)n;
}

static void end(void *stream)
{
	struct subscriber *s = stream;

	atomic_fetch_sub(&s->streams->n, 1);
	strbuf_done(&s->page);
	free(s);
}

enum rmg_rc streams_open(struct hub *hub, struct streams **out, struct rmg_err *err)
{
	struct streams *s = calloc(1, sizeof *s);

	if (s == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for streams");
	s->hub = hub;
	*out = s;
	return RMG_OK;
}

void streams_close(struct streams *s)
{
	free(s);
}

enum rmg_rc streams_subscribe(struct streams *s, uint64_t after, struct server_response *out,
			      struct rmg_err *err)
{
	struct subscriber *sub;

	if (atomic_fetch_add(&s->n, 1) >= SUBSCRIBERS) {
		atomic_fetch_sub(&s->n, 1);
		return err_set(err, RMG_E_STOPPED, "too many subscribers");
	}
	sub = calloc(1, sizeof *sub);
	if (sub == NULL) {
		atomic_fetch_sub(&s->n, 1);
		return err_set(err, RMG_E_NOMEM, "no memory for a subscriber");
	}
	*sub = (struct subscriber){
	    .streams = s, .after = after, .page = strbuf_of(MIB(8)), .spoke_s = clock_tick_s()};
	strbuf_puts(&sub->page, "retry: 1000\n\n");
	out->content_type = "text/event-stream";
	out->more = more;
	out->end = end;
	out->stream = sub;
	return RMG_OK;
}

void api_changes(struct api *api, const struct call *c, struct server_response *out)
{
	const char *last = server_header(c->request, "Last-Event-ID");
	struct span text = span_cstr(last ? last : server_query(c->request, "after"));
	struct rmg_err err = {0};
	uint64_t after = 0;
	enum rmg_rc rc;

	if (text.n && !span_u64(text, 10, INT64_MAX, &after)) {
		api_error(out, 400, "\"after\" is the sequence number of a change");
		return;
	}
	rc = streams_subscribe(api->streams, after, out, &err);
	if (rc != RMG_OK)
		api_fail(out, rc, &err);
}
