/* SPDX-License-Identifier: Apache-2.0 */
/* http.h - HTTP/1.1 requests (RFC 9110, 9112) by libcurl, bodies streamed, one at a time.
 *
 * struct http keeps connections, certificates and proxies (http_proxy, https_proxy, no_proxy of the
 * environment); it belongs to one thread at a time: side-by-side transfers take one each.
 * A status is not a failure: RMG_OK says that a whole answer came, resp->status which one.
 * RMG_E_NET: none came, or it broke off, stalled (stall_s) or lied about ranges; RMG_E_LIMIT: the
 * body is above max_bytes; RMG_E_STOPPED: stop() said so (polled at least once a second); RMG_E_IO:
 * the sink refused. Only bodies of 2xx answers reach the sink, as sent (no Content-Encoding is
 * asked for, unless by `packed`); of others the first HTTP_ERROR_BYTES are in resp->error.
 * Redirects are followed (HTTP_REDIRECTS at most, never from https to http, credentials stay with
 * the first host). Failure texts name scheme, host and path only. */
#ifndef IO_HTTP_H
#define IO_HTTP_H

#include <rummage.h>

#include "base/err.h"
#include "base/span.h"

enum { HTTP_REDIRECTS = 8, HTTP_ERROR_BYTES = 16384, HTTP_HEADER_BYTES = 65536 };

struct http_opts {                            /* zero is the default */
	const char *user_agent;               /* NULL: "rummage/VERSION" */
	const char *ca_file;                  /* PEM; NULL: the system's */
	const char *client_cert, *client_key; /* PEM */
	const char *proxy;                    /* a URL; NULL: as the environment says */
	/* "SHA256:AB:CD:...": this certificate alone is trusted, whoever signed it, whatever names
	 * it has and has not; NULL: authorities decide */
	const char *fingerprint;
	bool unverified_tls;
	uint32_t connect_s; /* 0: 30, or stall_s if that is less */
	/* No byte for so long ends in RMG_E_NET; 0: LIMIT_NET_STALL_S; LIMIT_NET_STALL_MAX_S at
	 * most. */
	uint32_t stall_s;
	bool (*stop)(void *user);
	void *user;
};

struct http;
MUST enum rmg_rc http_new(const struct http_opts *opts, struct http **out, struct rmg_err *err);
void http_free(struct http *h);

struct http_response { /* of the last answer after redirects; texts live until the next request */
	unsigned status;
	uint64_t length;      /* of this body, as announced; UINT64_MAX: not */
	uint64_t range_first; /* 206: where this body begins in the whole; else 0 */
	uint64_t total;       /* of the whole, where known; else UINT64_MAX */
	uint64_t passed;      /* of this body, before the bytes that the sink is given */
	struct span error;    /* body of an answer that is not 2xx */
	struct span headers;  /* all lines; ask http_header() */
};

/* false ends the transfer with RMG_E_IO. resp is filled up to its headers. */
typedef bool http_sink_fn(void *user, const struct http_response *resp, struct span bytes);

struct http_request {
	const char *method;               /* NULL: GET */
	const char *url;                  /* http: or https: */
	const char *const *headers;       /* "Name: value", NULL-terminated; NULL: none */
	const char *username, *password;  /* basic authentication; NULL: none */
	const char *unix_socket;          /* path to connect to instead of the URL's host */
	struct span body;                 /* of POST, PUT, PATCH */
	uint64_t range_first, range_last; /* last 0: to the end; both 0: the whole */
	uint64_t max_bytes;               /* of the body; 0: LIMIT_MANIFEST_BYTES */
	bool no_redirect;
	bool packed; /* asks for gzip, and unpacks it: max_bytes is of what comes out */
	/* On a connection of its own: what one that was kept does not answer libcurl sends again,
	 * unasked, though half of it may have arrived. */
	bool fresh;
	bool secret_path;   /* failure texts name scheme and host only */
	http_sink_fn *sink; /* NULL: the body is dropped */
	void *user;
};
MUST enum rmg_rc http_do(struct http *h, const struct http_request *req, struct http_response *resp,
			 struct rmg_err *err);

/* The i-th value of a header (name in any case); false where there is none. */
MUST bool http_header(const struct http_response *resp, const char *name, size_t i,
		      struct span *out);

/* Whether a text is a URL with a host, of whatever scheme. The failure does not repeat it: it may
 * be secret. */
MUST enum rmg_rc http_url_check(const char *url, struct rmg_err *err);

/* "404 for https://host/path": the failure of an answer that the caller did not want. 401 and 403
 * give RMG_E_AUTH, 404 and 410 RMG_E_NOTFOUND, others RMG_E_NET. */
enum rmg_rc http_status_err(const struct http_request *req, const struct http_response *resp,
			    struct rmg_err *err) COLD;

/* Its Date in seconds since 1970; 0 where it says none. */
int64_t http_date(const struct http_response *resp);

/* What Retry-After asks for, in either form (RFC 9110, 10.2.3), a day at most; false where it is
 * absent or no such thing. A date is measured by the server's own clock where it tells it. */
bool http_retry_after(const struct http_response *resp, unsigned *seconds);

/* Worth another try after a pause: 429, 502, 503, 504, or RMG_E_NET. seconds: what Retry-After asks
 * for, else 0. */
bool http_may_retry(enum rmg_rc rc, const struct http_response *resp, unsigned *seconds);

#endif
