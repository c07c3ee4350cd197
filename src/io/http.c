/* SPDX-License-Identifier: Apache-2.0 */
#include "io/http.h"

#include <curl/curl.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "io/curl_tls.h"
#include "io/http_inside.h"
#include "io/socket.h"

#define ERROR_TEXT 200

/* Silence is ours to tell; curl's own measure is for who sends less than a byte a second. */
enum { LATER_S = 5 };

struct http {
	CURL *curl;
	struct http_opts opts;
	const char *unix_socket;
	bool alone;            /* nothing else happens on this thread meanwhile */
	bool as_owner;         /* of the socket, until it is connected to */
	struct strbuf headers; /* of the last answer */
	struct strbuf error;   /* body of an answer that is not 2xx */
	char why[CURL_ERROR_SIZE];
	uint8_t pin[32]; /* of the one certificate that is trusted */
	struct curl_pin trust;

	/* The exchange under way. */
	const struct http_request *req;
	struct http_response *resp;
	uint64_t got, max;
	bool begun; /* the head of this answer has been read into resp */
	enum rmg_rc rc;
	const char *lie; /* what the server did that HTTP forbids */
	int64_t moved_s; /* when a byte passed last */
	curl_off_t seen; /* bytes of bodies by then */
	bool sent;       /* connected: from here on silence counts */
	bool stalled;
	struct curl_slist *lines; /* of the request */
};

/* Scheme, host and path: queries and user names of URLs may be secret, some paths too. */
static struct span shown(const struct http_request *req)
{
	struct span s = span_cstr(req->url);
	size_t end = span_chr(s, '?');
	size_t host = span_find(s, S("://"));

	if (end != SIZE_MAX)
		s.n = end;
	if (host != SIZE_MAX) {
		struct span rest = span_from(s, host + 3);
		struct span authority = span_head(rest, MIN_OF(span_chr(rest, '/'), rest.n));
		size_t at = span_rchr(authority, '@');

		if (req->secret_path)
			s.n = host + 3 + authority.n;
		if (at != SIZE_MAX)
			s = span_from(s, host + 3 + at + 1);
	}
	return span_head(s, ERROR_TEXT);
}

static uint32_t stall_s(const struct http *h)
{
	uint32_t s = h->opts.stall_s ? h->opts.stall_s : (uint32_t)LIMIT_NET_STALL_S;

	return MIN_OF(s, (uint32_t)LIMIT_NET_STALL_MAX_S);
}

static void moved(struct http *h)
{
	h->moved_s = clock_tick_s();
}

static bool is_stalled(struct http *h, curl_off_t bytes)
{
	curl_off_t connected_us = 0;

	if (!h->sent)
		curl_easy_getinfo(h->curl, CURLINFO_PRETRANSFER_TIME_T, &connected_us);
	if (bytes != h->seen || connected_us > 0) {
		h->sent = h->sent || connected_us > 0;
		h->seen = bytes;
		moved(h);
	}
	return h->sent && clock_tick_s() - h->moved_s > (int64_t)stall_s(h);
}

/* The value of a header line of this name. */
static bool header_value(struct span line, struct span name, struct span *out)
{
	struct span key, value;

	if (!span_cut(line, ':', &key, &value) || !span_is_icase(key, name))
		return false;
	*out = span_trim(value);
	return true;
}

bool http_header(const struct http_response *resp, const char *name, size_t i, struct span *out)
{
	struct span rest = resp->headers, line, value;

	while (span_next(&rest, '\n', &line)) {
		if (header_value(line, span_cstr(name), &value) && i-- == 0) {
			*out = value;
			return true;
		}
	}
	return false;
}

/* Content-Range: bytes FIRST-LAST/TOTAL (RFC 9110, 14.4). */
static bool content_range(struct http_response *resp, uint64_t *first)
{
	struct span value, range, total, from, to;
	uint64_t last;

	if (!http_header(resp, "Content-Range", 0, &value) || !span_starts(value, S("bytes ")) ||
	    !span_cut(span_from(value, 6), '/', &range, &total) ||
	    !span_cut(range, '-', &from, &to) ||
	    !span_u64(span_trim(from), 10, UINT64_MAX - 1, first) ||
	    !span_u64(span_trim(to), 10, UINT64_MAX - 1, &last) || last < *first)
		return false;
	if (!span_u64(span_trim(total), 10, UINT64_MAX - 1, &resp->total))
		resp->total = UINT64_MAX;
	return true;
}

static bool refuse(struct http *h, enum rmg_rc rc, const char *lie)
{
	h->rc = rc;
	h->lie = lie;
	return false;
}

/* Fills resp from the status and the headers, once an answer, before its body. */
static bool begin(struct http *h)
{
	struct http_response *resp = h->resp;
	curl_off_t length = -1;
	long status = 0;

	if (h->begun)
		return true;
	h->begun = true;
	curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(h->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	resp->status = (unsigned)status;
	resp->length = length < 0 ? UINT64_MAX : (uint64_t)length;
	resp->range_first = 0;
	resp->total = resp->length;
	resp->headers = strbuf_span(&h->headers);
	if (status != 206)
		return true;
	if (h->req->range_first == 0 && h->req->range_last == 0)
		return refuse(h, RMG_E_NET, "sent a part that was not asked for");
	if (!content_range(resp, &resp->range_first) || resp->range_first != h->req->range_first)
		return refuse(h, RMG_E_NET, "sent another part than was asked for");
	return true;
}

static void as_ourselves(struct http *h)
{
	if (h->as_owner)
		socket_as_ourselves();
	h->as_owner = false;
}

static size_t on_header(char *p, size_t size, size_t n, void *user)
{
	struct http *h = user;
	struct span line = span_of(p, size * n);
	as_ourselves(h);
	moved(h);
	if (span_starts(line, S("HTTP/"))) { /* the next answer: of a redirect, or after 1xx */
		strbuf_clear(&h->headers);
		strbuf_clear(&h->error);
		h->begun = false;
	}
	strbuf_put(&h->headers, line);
	if (strbuf_rc(&h->headers) != RMG_OK) {
		refuse(h, RMG_E_LIMIT, "sent too many headers");
		return 0;
	}
	return line.n;
}

static size_t on_body(char *p, size_t size, size_t n, void *user)
{
	struct http *h = user;
	struct span bytes = span_of(p, size * n);
	as_ourselves(h);
	if (!begin(h))
		return 0;
	if (h->resp->status < 200 || h->resp->status > 299) {
		strbuf_put(&h->error, span_head(bytes, HTTP_ERROR_BYTES - h->error.n));
		return bytes.n;
	}
	h->resp->passed = h->got;
	h->got += bytes.n;
	if (h->got > h->max || (h->resp->length != UINT64_MAX && h->resp->length > h->max)) {
		refuse(h, RMG_E_LIMIT, "sends more than the limit allows");
		return 0;
	}
	if (h->req->sink && !h->req->sink(h->req->user, h->resp, bytes)) {
		refuse(h, RMG_E_IO, NULL);
		return 0;
	}
	moved(h); /* after the sink, which may take its time */
	return bytes.n;
}

static int on_progress(void *user, curl_off_t down_all, curl_off_t down, curl_off_t up_all,
		       curl_off_t up)
{
	struct http *h = user;

	(void)down_all, (void)up_all;
	as_ourselves(h);
	h->stalled = is_stalled(h, down + up);
	if (h->stalled)
		return 1;
	if (h->opts.stop == NULL || !h->opts.stop(h->opts.user))
		return 0;
	h->rc = RMG_E_STOPPED;
	return 1;
}

/* The certificate that was shown is not the one that is trusted. */
static void other_certificate(void *user)
{
	refuse(user, RMG_E_NET, "shows another certificate than the one that is trusted");
}

enum rmg_rc http_new(const struct http_opts *opts, struct http **out, struct rmg_err *err)
{
	struct http *h = calloc(1, sizeof *h);

	if (h == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
	    (h->curl = curl_easy_init()) == NULL) {
		free(h);
		return err_set(err, RMG_E_NOMEM, "no memory for an HTTP client");
	}
	if (opts)
		h->opts = *opts;
	h->headers = strbuf_of(HTTP_HEADER_BYTES);
	h->error = strbuf_of(HTTP_ERROR_BYTES + 1);
	if (h->opts.fingerprint) {
		enum rmg_rc rc = curl_pin_parse(h->opts.fingerprint, h->pin, err);

		if (rc != RMG_OK) {
			http_free(h);
			return rc;
		}
	}
	*out = h;
	return RMG_OK;
}

void http_free(struct http *h)
{
	if (h == NULL)
		return;
	curl_easy_cleanup(h->curl);
	curl_slist_free_all(h->lines);
	strbuf_done(&h->headers);
	strbuf_done(&h->error);
	free(h);
}

static void set_connection(struct http *h)
{
	const struct http_opts *o = &h->opts;
	CURL *c = h->curl;
	uint32_t stall = stall_s(h), connect = o->connect_s ? o->connect_s : MIN_OF(30u, stall);

	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->why);
	curl_easy_setopt(c, CURLOPT_USERAGENT, o->user_agent ? o->user_agent : "rummage");
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)connect);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)stall + LATER_S);
	curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(c, CURLOPT_BUFFERSIZE, 256L * 1024);
	curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	if (o->proxy)
		curl_easy_setopt(c, CURLOPT_PROXY, o->proxy);
	curl_easy_setopt(c, CURLOPT_PRIVATE, h);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, h);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, h);
	curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(c, CURLOPT_XFERINFODATA, h);
	curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	curl_tls(c, o->ca_file, o->client_cert, o->client_key);
	if (o->fingerprint) {
		h->trust = (struct curl_pin){h->pin, other_certificate, h};
		curl_pin_set(c, &h->trust);
	} else if (o->unverified_tls) {
		curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
	}
}

static void set_method(CURL *c, const struct http_request *req)
{
	const char *method = req->method ? req->method : "GET";

	if (strcmp(method, "HEAD") == 0) {
		curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
		return;
	}
	if (req->body.n || strcmp(method, "POST") == 0) {
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body.n);
		curl_easy_setopt(c, CURLOPT_POSTFIELDS,
				 req->body.n ? (const char *)req->body.p : "");
	}
	curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
}

/* A Unix socket is connected to as its owner (socket.h): from here to the connection, after which
 * the first of our functions is ourselves again. */
static curl_socket_t open_unix(void *user, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct http *h = user;

	(void)purpose;
	h->as_owner = h->alone && socket_as_owner(h->unix_socket);
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static void set_unix(struct http *h, const char *path)
{
	h->unix_socket = path;
	curl_easy_setopt(h->curl, CURLOPT_UNIX_SOCKET_PATH, path);
	curl_easy_setopt(h->curl, CURLOPT_OPENSOCKETFUNCTION, open_unix);
	curl_easy_setopt(h->curl, CURLOPT_OPENSOCKETDATA, h);
}

static void set_request(struct http *h, const struct http_request *req)
{
	CURL *c = h->curl;
	bool secure = strncasecmp(req->url, "https:", 6) == 0;
	char range[48];

	curl_easy_setopt(c, CURLOPT_URL, req->url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, req->no_redirect ? 0L : 1L);
	curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, req->packed ? "gzip" : NULL);
	curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)HTTP_REDIRECTS);
	curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, req->fresh ? 1L : 0L);
	set_method(c, req);
	if (req->range_last != 0)
		snprintf(range, sizeof range, "%llu-%llu", (unsigned long long)req->range_first,
			 (unsigned long long)req->range_last);
	else
		snprintf(range, sizeof range, "%llu-", (unsigned long long)req->range_first);
	if (req->range_first != 0 || req->range_last != 0)
		curl_easy_setopt(c, CURLOPT_RANGE, range);
	if (req->username) {
		curl_easy_setopt(c, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		curl_easy_setopt(c, CURLOPT_USERNAME, req->username);
		curl_easy_setopt(c, CURLOPT_PASSWORD, req->password ? req->password : "");
	}
	if (req->unix_socket)
		set_unix(h, req->unix_socket);
}

/* "Expect:" goes away: it costs a round trip and some servers never answer it. */
static bool set_headers(CURL *c, const char *const *headers, struct curl_slist **out)
{
	struct curl_slist *list = curl_slist_append(NULL, "Expect:"), *longer = list;

	for (; longer && headers && *headers; headers++) {
		longer = curl_slist_append(list, *headers);
		list = longer ? longer : list;
	}
	*out = list;
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, list);
	return longer != NULL;
}

/* What a server sent, or sent us to, is no fault of who asked. */
static bool was_asked(const struct http *h)
{
	long bytes = 0;

	curl_easy_getinfo(h->curl, CURLINFO_REQUEST_SIZE, &bytes);
	return bytes != 0;
}

static enum rmg_rc failure(struct http *h, CURLcode code, struct rmg_err *err)
{
	struct span url = shown(h->req);
	enum rmg_rc rc = RMG_E_NET;

	if (h->rc == RMG_E_STOPPED)
		return err_set(err, RMG_E_STOPPED, "stopped");
	if (h->stalled)
		return err_set(err, RMG_E_NET, SPAN_FMT ": no byte came for %u seconds",
			       SPAN_ARG(url), stall_s(h));
	if (h->lie)
		return err_set(err, h->rc, SPAN_FMT ": the server %s", SPAN_ARG(url), h->lie);
	if (h->rc != RMG_OK)
		return err_set(err, h->rc, SPAN_FMT ": could not be written", SPAN_ARG(url));
	if (code == CURLE_OUT_OF_MEMORY)
		rc = RMG_E_NOMEM;
	else if ((code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL) &&
		 !was_asked(h))
		rc = RMG_E_ARG;
	return err_set(err, rc, SPAN_FMT ": %s", SPAN_ARG(url),
		       h->why[0] ? h->why : curl_easy_strerror(code));
}

CURL *http_inside_begin(struct http *h, const struct http_request *req, struct http_response *resp)
{
	curl_easy_reset(h->curl); /* keeps connections and the name cache */
	strbuf_clear(&h->headers);
	strbuf_clear(&h->error);
	*resp = (struct http_response){.length = UINT64_MAX, .total = UINT64_MAX};
	h->req = req;
	h->resp = resp;
	h->got = 0;
	h->max = req->max_bytes ? req->max_bytes : LIMIT_MANIFEST_BYTES;
	h->begun = false;
	h->rc = RMG_OK;
	h->lie = NULL;
	h->sent = h->stalled = false;
	h->seen = 0;
	moved(h);
	h->why[0] = '\0';
	set_connection(h);
	set_request(h, req);
	if (set_headers(h->curl, req->headers, &h->lines))
		return h->curl;
	curl_slist_free_all(h->lines);
	h->lines = NULL;
	return NULL;
}

enum rmg_rc http_inside_end(struct http *h, CURLcode code, struct rmg_err *err)
{
	curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(h->lines);
	h->lines = NULL;
	if (code != CURLE_OK || !begin(h))
		return failure(h, code, err);
	h->resp->error = strbuf_span(&h->error);
	return RMG_OK;
}

CURL *http_inside_curl(struct http *h)
{
	return h->curl;
}

uint64_t http_inside_got(const struct http *h)
{
	return h->got;
}

enum rmg_rc http_do(struct http *h, const struct http_request *req, struct http_response *resp,
		    struct rmg_err *err)
{
	CURL *c = http_inside_begin(h, req, resp);
	CURLcode code;

	if (c == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a request");
	h->alone = true;
	code = curl_easy_perform(c);
	h->alone = false;
	as_ourselves(h);
	return http_inside_end(h, code, err);
}

enum rmg_rc http_url_check(const char *url, struct rmg_err *err)
{
	CURLU *u = curl_url();
	CURLUcode code = CURLUE_OUT_OF_MEMORY;
	char *host = NULL;

	if (u)
		code = curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME);
	if (code == CURLUE_OK)
		code = curl_url_get(u, CURLUPART_HOST, &host, 0);
	if (code == CURLUE_OK && *host == '\0')
		code = CURLUE_NO_HOST;
	curl_free(host);
	curl_url_cleanup(u);
	if (code == CURLUE_OUT_OF_MEMORY)
		return err_set(err, RMG_E_NOMEM, "no memory for a URL");
	return code == CURLUE_OK
		   ? RMG_OK
		   : err_set(err, RMG_E_ARG, "is no URL: %s", curl_url_strerror(code));
}

enum rmg_rc http_status_err(const struct http_request *req, const struct http_response *resp,
			    struct rmg_err *err)
{
	struct span url = shown(req);
	enum rmg_rc rc = RMG_E_NET;

	if (resp->status == 401 || resp->status == 403)
		rc = RMG_E_AUTH;
	else if (resp->status == 404 || resp->status == 410)
		rc = RMG_E_NOTFOUND;
	return err_set(err, rc, "HTTP %u for " SPAN_FMT, resp->status, SPAN_ARG(url));
}

/* A header that is a date (RFC 9110, 5.6.7) in seconds since 1970; -1 where it is none. */
static time_t header_date(const struct http_response *resp, const char *name)
{
	struct span value;
	char text[64];

	if (!http_header(resp, name, 0, &value) || value.n >= sizeof text)
		return -1;
	memcpy(text, value.p, value.n);
	text[value.n] = '\0';
	return curl_getdate(text, NULL);
}

int64_t http_date(const struct http_response *resp)
{
	time_t at = header_date(resp, "Date");

	return at == -1 ? 0 : at;
}

bool http_retry_after(const struct http_response *resp, unsigned *seconds)
{
	enum { DAY_S = 86400 };
	struct span value;
	uint64_t wait;
	time_t at, now;

	if (!http_header(resp, "Retry-After", 0, &value) || value.n == 0)
		return false;
	if (span_u64(value, 10, UINT64_MAX, &wait)) {
		*seconds = (unsigned)MIN_OF(wait, (uint64_t)DAY_S);
		return true;
	}
	at = header_date(resp, "Retry-After");
	if (at == -1)
		return false;
	now = header_date(resp, "Date");
	if (now == -1)
		now = time(NULL);
	*seconds = at > now ? (unsigned)MIN_OF(at - now, (time_t)DAY_S) : 0;
	return true;
}

bool http_may_retry(enum rmg_rc rc, const struct http_response *resp, unsigned *seconds)
{
	unsigned s = resp->status;

	*seconds = 0;
	if (rc != RMG_OK)
		return rc == RMG_E_NET;
	if (s != 429 && s != 502 && s != 503 && s != 504)
		return false;
	http_retry_after(resp, seconds);
	return true;
}
