/* SPDX-License-Identifier: Apache-2.0 */
#include "io/grpc_wire.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/strbuf.h"

enum {
	PREFIX = 5, /* of each message: compressed or not, four bytes of length */
	MOST_HEADERS = 16,
	MESSAGE_TEXT = 256,
	STREAM_WINDOW = 1 << 20,
	WIRE_WINDOW = 4 << 20,
	HTTP_OK = 200,
};

static const struct {
	const char *name;
	enum rmg_rc rc;
} statuses[] = {
#define X(name, rc) {#name, rc},
    GRPC_STATUSES(X)
#undef X
};

struct grpc_wire {
	nghttp2_session *session;
	const struct grpc_call *call;
	int32_t stream;
	size_t sent; /* of the prefix and the request */
	bool over, heard;
	bool broken, leaving, ponged; /* of the connection */

	/* What came of this call. */
	unsigned http;
	bool is_grpc;
	enum grpc_status status;
	struct strbuf text; /* the status, in the server's words */
	uint8_t prefix[PREFIX];
	size_t prefix_n;
	uint32_t length; /* of the message under way */
	struct strbuf message;
	uint64_t n_messages;
	enum rmg_rc rc; /* what ended it here */
	struct rmg_err why;
};

/* Ends the call, and the connection with it. */
#define FAIL(w, code, ...)                                                                         \
	do {                                                                                       \
		if ((w)->rc == RMG_OK)                                                             \
			(w)->rc = err_set(&(w)->why, (code), __VA_ARGS__);                         \
		(w)->over = (w)->broken = true;                                                    \
	} while (0)

/* Messages. */

static uint64_t max_bytes(const struct grpc_wire *w)
{
	return w->call->max_bytes ? w->call->max_bytes : LIMIT_GRPC_BYTES;
}

static void hand_over(struct grpc_wire *w)
{
	const struct grpc_call *c = w->call;
	enum rmg_rc rc = RMG_OK;

	w->n_messages++;
	w->prefix_n = 0;
	if (!c->stream && w->n_messages > 1) {
		FAIL(w, RMG_E_NET, "the server gave several answers to one question");
		return;
	}
	if (c->sink)
		rc = c->sink(c->user, strbuf_span(&w->message), &w->why);
	strbuf_clear(&w->message);
	if (rc == RMG_OK)
		return;
	w->rc = rc;
	w->over = w->broken = true;
}

static void begin_message(struct grpc_wire *w)
{
	const uint8_t *p = w->prefix;

	w->length =
	    (uint32_t)p[1] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 8 | (uint32_t)p[4];
	strbuf_clear(&w->message);
	if (p[0] != 0)
		FAIL(w, RMG_E_NET, "the server compresses, which it was not asked for");
	else if (w->length > max_bytes(w))
		FAIL(w, RMG_E_LIMIT, "a message of %u bytes: more than %llu are not read",
		     w->length, (unsigned long long)max_bytes(w));
}

static void take_data(struct grpc_wire *w, struct span s)
{
	while (!w->over && (s.n || (w->prefix_n == PREFIX && w->message.n == w->length))) {
		struct span part;

		if (w->prefix_n < PREFIX) {
			w->prefix[w->prefix_n++] = s.p[0];
			s = span_from(s, 1);
			if (w->prefix_n == PREFIX)
				begin_message(w);
			continue;
		}
		part = span_head(s, w->length - w->message.n);
		strbuf_put(&w->message, part);
		s = span_from(s, part.n);
		if (strbuf_rc(&w->message) != RMG_OK)
			FAIL(w, strbuf_rc(&w->message), "no memory for a message");
		else if (w->message.n == w->length)
			hand_over(w);
	}
}

/* The server's words are percent-encoded. */
static void take_text(struct grpc_wire *w, struct span s)
{
	strbuf_clear(&w->text);
	s = span_head(s, MESSAGE_TEXT);
	while (s.n) {
		uint8_t byte = s.p[0];
		bool coded = byte == '%' && s.n > 2 && span_unhex(span_of(s.p + 1, 2), &byte, 1);

		strbuf_putc(&w->text, byte ? (char)byte : '?');
		s = span_from(s, coded ? 3 : 1);
	}
}

/* What HTTP says where gRPC says nothing. */
static enum grpc_status status_of_http(unsigned http)
{
	switch (http) {
	case 400:
		return GRPC_INTERNAL;
	case 401:
		return GRPC_UNAUTHENTICATED;
	case 403:
		return GRPC_PERMISSION_DENIED;
	case 404:
		return GRPC_UNIMPLEMENTED;
	case 429:
	case 502:
	case 503:
	case 504:
		return GRPC_UNAVAILABLE;
	default:
		return GRPC_UNKNOWN;
	}
}

/* What nghttp2 calls. */

static bool is_ours(const struct grpc_wire *w, int32_t stream)
{
	return w->call && stream == w->stream && !w->over;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags, void *user)
{
	struct grpc_wire *w = user;
	struct span key = span_of(name, name_n), v = span_of(value, value_n);
	uint64_t n;

	(void)session, (void)flags;
	if (!is_ours(w, frame->hd.stream_id))
		return 0;
	w->heard = true;
	if (span_is(key, S(":status")) && span_u64(v, 10, 999, &n))
		w->http = (unsigned)n;
	else if (span_is(key, S("content-type")))
		w->is_grpc = span_starts(v, S("application/grpc"));
	else if (span_is(key, S("grpc-status")))
		w->status =
		    span_u64(v, 10, GRPC_UNAUTHENTICATED, &n) ? (enum grpc_status)n : GRPC_UNKNOWN;
	else if (span_is(key, S("grpc-message")))
		take_text(w, v);
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *p,
		   size_t n, void *user)
{
	struct grpc_wire *w = user;

	(void)session, (void)flags;
	if (!is_ours(w, stream))
		return 0;
	w->heard = true;
	if (w->http != HTTP_OK || !w->is_grpc)
		return 0;
	take_data(w, span_of(p, n));
	return w->rc == RMG_OK ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct grpc_wire *w = user;

	(void)session;
	if (frame->hd.type == NGHTTP2_GOAWAY)
		w->leaving = true;
	else if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK))
		w->ponged = true;
	return 0;
}

/* Whatever comes before we have said so ends the call the same way. */
static int on_invalid(nghttp2_session *session, const nghttp2_frame *frame, int code, void *user)
{
	struct grpc_wire *w = user;

	(void)session;
	if (is_ours(w, frame->hd.stream_id))
		FAIL(w, RMG_E_NET, "the server's answer is malformed (%s)", nghttp2_strerror(code));
	return 0;
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t code, void *user)
{
	struct grpc_wire *w = user;

	(void)session;
	if (!is_ours(w, stream))
		return 0;
	w->over = true;
	if (code == NGHTTP2_REFUSED_STREAM)
		FAIL(w, RMG_E_NET, "the server takes no calls now");
	else if (code != NGHTTP2_NO_ERROR)
		FAIL(w, RMG_E_NET, "the server broke the call off (%s)",
		     nghttp2_http2_strerror(code));
	else if (w->status == GRPC_NONE && w->http && w->http != HTTP_OK)
		w->status = status_of_http(w->http);
	else if (w->status == GRPC_NONE)
		FAIL(w, RMG_E_NET, "the server ended the call and did not say how it went");
	return 0;
}

static int on_unsent(nghttp2_session *session, const nghttp2_frame *frame, int code, void *user)
{
	struct grpc_wire *w = user;

	(void)session;
	if (frame->hd.type == NGHTTP2_HEADERS && is_ours(w, frame->hd.stream_id))
		FAIL(w, RMG_E_NET, "the server takes no calls now (%s)", nghttp2_strerror(code));
	return 0;
}

static ssize_t give_request(nghttp2_session *session, int32_t stream, uint8_t *buf, size_t n,
			    uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct grpc_wire *w = source->ptr;
	struct span body = w->call ? w->call->request : (struct span){0};
	uint32_t length = (uint32_t)body.n;
	const uint8_t prefix[PREFIX] = {0, (uint8_t)(length >> 24), (uint8_t)(length >> 16),
					(uint8_t)(length >> 8), (uint8_t)length};
	size_t at = 0;

	(void)session, (void)stream, (void)user;
	while (at < n && w->sent < PREFIX)
		buf[at++] = prefix[w->sent++];
	if (w->sent >= PREFIX) {
		struct span part = span_head(span_from(body, w->sent - PREFIX), n - at);

		if (part.n)
			memcpy(buf + at, part.p, part.n);
		at += part.n;
		w->sent += part.n;
	}
	if (w->sent == PREFIX + body.n)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)at;
}

/* The session. */

static int settle(nghttp2_session *session)
{
	const nghttp2_settings_entry settings[] = {
	    {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
	    {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
	};
	int rc = nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, COUNT_OF(settings));

	if (rc == 0)
		rc = nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
							   WIRE_WINDOW);
	return rc;
}

static int make_session(struct grpc_wire *w)
{
	nghttp2_session_callbacks *calls;
	int rc = nghttp2_session_callbacks_new(&calls);

	if (rc != 0)
		return rc;
	nghttp2_session_callbacks_set_on_header_callback(calls, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(calls, on_frame);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(calls, on_invalid);
	nghttp2_session_callbacks_set_on_stream_close_callback(calls, on_close);
	nghttp2_session_callbacks_set_on_frame_not_send_callback(calls, on_unsent);
	rc = nghttp2_session_client_new(&w->session, calls, w);
	nghttp2_session_callbacks_del(calls);
	return rc == 0 ? settle(w->session) : rc;
}

enum rmg_rc grpc_wire_new(struct grpc_wire **out, struct rmg_err *err)
{
	struct grpc_wire *w = calloc(1, sizeof *w);

	if (w == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a connection");
	w->text = strbuf_of(MESSAGE_TEXT);
	if (make_session(w) != 0) {
		grpc_wire_free(w);
		return err_set(err, RMG_E_NOMEM, "no memory for a connection");
	}
	*out = w;
	return RMG_OK;
}

void grpc_wire_free(struct grpc_wire *w)
{
	if (w == NULL)
		return;
	nghttp2_session_del(w->session);
	strbuf_done(&w->text);
	strbuf_done(&w->message);
	free(w);
}

static nghttp2_nv pair(const char *name, const char *value)
{
	return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
			    .value = (uint8_t *)(uintptr_t)value,
			    .namelen = strlen(name),
			    .valuelen = strlen(value)};
}

static int submit(struct grpc_wire *w)
{
	const struct grpc_call *c = w->call;
	nghttp2_data_provider body = {.source.ptr = w, .read_callback = give_request};
	nghttp2_nv nv[MOST_HEADERS + 8];
	char timeout[16];
	size_t n = 0;

	nv[n++] = pair(":method", "POST");
	nv[n++] = pair(":scheme", "http");
	nv[n++] = pair(":path", c->method);
	nv[n++] = pair(":authority", "localhost");
	nv[n++] = pair("te", "trailers");
	nv[n++] = pair("content-type", "application/grpc");
	nv[n++] = pair("user-agent", "rummage");
	snprintf(timeout, sizeof timeout, "%um", MIN_OF(c->timeout_ms, 99999999u));
	if (c->timeout_ms)
		nv[n++] = pair("grpc-timeout", timeout);
	for (size_t i = 0; i < c->n_headers; i++)
		nv[n++] = pair(c->headers[i].name, c->headers[i].value);
	return nghttp2_submit_request(w->session, NULL, nv, n, &body, NULL);
}

enum rmg_rc grpc_wire_begin(struct grpc_wire *w, const struct grpc_call *call, struct rmg_err *err)
{
	CHECK(call->n_headers <= MOST_HEADERS);
	if (call->request.n > LIMIT_GRPC_BYTES)
		return err_set(err, RMG_E_LIMIT, "a question of %zu bytes is too long",
			       call->request.n);
	w->call = call;
	w->sent = 0;
	w->over = w->heard = w->is_grpc = false;
	w->http = 0;
	w->status = GRPC_NONE;
	w->prefix_n = 0;
	w->n_messages = 0;
	w->rc = RMG_OK;
	w->why = (struct rmg_err){0};
	w->message.max = (size_t)max_bytes(w);
	strbuf_clear(&w->message);
	strbuf_clear(&w->text);
	w->stream = submit(w);
	if (w->stream < 0)
		return err_set(err, RMG_E_NOMEM, "no memory for a call");
	return RMG_OK;
}

/* A server that broke the rules has been told, and is not listened to any more. */
static void see_end(struct grpc_wire *w)
{
	if (nghttp2_session_want_read(w->session) || nghttp2_session_want_write(w->session))
		return;
	w->leaving = true;
	if (!w->over)
		FAIL(w, RMG_E_NET, "what came breaks the rules of HTTP/2");
}

enum rmg_rc grpc_wire_out(struct grpc_wire *w, struct span *out, struct rmg_err *err)
{
	const uint8_t *p = NULL;
	ssize_t n = w->broken ? 0 : nghttp2_session_mem_send(w->session, &p);

	if (n < 0)
		return err_set(err, RMG_E_NOMEM, "%s", nghttp2_strerror((int)n));
	see_end(w);
	*out = span_of(p, (size_t)n);
	return RMG_OK;
}

void grpc_wire_in(struct grpc_wire *w, struct span bytes)
{
	ssize_t n;

	if (bytes.n == 0 || w->broken)
		return;
	n = nghttp2_session_mem_recv(w->session, bytes.p, bytes.n);
	if (n >= 0)
		see_end(w);
	else if (w->over)
		w->broken = true; /* after the call, whose answer is good */
	else
		FAIL(w, n == NGHTTP2_ERR_NOMEM ? RMG_E_NOMEM : RMG_E_NET,
		     "what came is no HTTP/2: %s", nghttp2_strerror((int)n));
}

enum rmg_rc grpc_wire_ping(struct grpc_wire *w, struct rmg_err *err)
{
	w->ponged = false;
	if (nghttp2_submit_ping(w->session, NGHTTP2_FLAG_NONE, NULL) != 0)
		return err_set(err, RMG_E_NOMEM, "no memory for a call");
	return RMG_OK;
}

bool grpc_wire_ponged(const struct grpc_wire *w)
{
	return w->ponged;
}

bool grpc_wire_over(const struct grpc_wire *w)
{
	return w->over;
}

bool grpc_wire_heard(const struct grpc_wire *w)
{
	return w->heard;
}

bool grpc_wire_fresh(const struct grpc_wire *w)
{
	return !w->broken && !w->leaving && nghttp2_session_check_request_allowed(w->session);
}

/* The server's own word. */
static enum rmg_rc say_status(const struct grpc_wire *w, struct rmg_err *err)
{
	const char *text = strbuf_cstr(&w->text);

	return err_set(err, statuses[w->status].rc, "%s%s%s", statuses[w->status].name,
		       *text ? ": " : "", text);
}

enum rmg_rc grpc_wire_end(struct grpc_wire *w, enum grpc_status *status, struct rmg_err *err)
{
	bool single = !w->call->stream;

	CHECK(w->over);
	w->call = NULL;
	*status = w->rc == RMG_OK ? w->status : GRPC_NONE;
	if (w->rc != RMG_OK) {
		if (err)
			*err = w->why;
		return w->rc;
	}
	if (w->status != GRPC_OK)
		return say_status(w, err);
	if (w->prefix_n)
		return err_set(err, RMG_E_NET, "the server's last message is cut off");
	if (single && w->n_messages == 0)
		return err_set(err, RMG_E_NET, "the server gave no answer");
	return RMG_OK;
}
