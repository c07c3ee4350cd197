/* SPDX-License-Identifier: Apache-2.0 */
#include "io/stream.h"

#include <curl/curl.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/strbuf.h"
#include "io/curl_tls.h"

enum { TICK_MS = 100, CLOSE_MS = 2000 };

struct stream {
	const struct stream_opts *o;
	CURL *curl;
	curl_socket_t fd;
	int64_t ends_ms;
	bool stopped;
	char why[CURL_ERROR_SIZE];
};

static enum rmg_rc fails(const struct stream *s, const char *what, struct rmg_err *err)
{
	if (s->stopped)
		return err_set(err, RMG_E_STOPPED, "stopped");
	return err_set(err, RMG_E_NET, "%s:%u: %s", s->o->host, s->o->port, what);
}

static bool goes_on(struct stream *s)
{
	s->stopped = s->stopped || (s->o->stop && s->o->stop(s->o->user));
	return !s->stopped && clock_tick_ms() < s->ends_ms;
}

/* Waits for events, a moment at most. */
static void wait_for(const struct stream *s, short events)
{
	struct pollfd p = {.fd = s->fd, .events = events};

	poll(&p, 1, TICK_MS);
}

/* UDP. */

static enum rmg_rc send_datagrams(struct stream *s, int fd, const struct span *parts, size_t n,
				  struct rmg_err *err)
{
	for (size_t i = 0; i < n; i++) {
		ssize_t sent = send(fd, parts[i].p, parts[i].n, MSG_NOSIGNAL);

		/* What an earlier datagram met is told at the next. */
		if (sent < 0 && errno == ECONNREFUSED)
			sent = send(fd, parts[i].p, parts[i].n, MSG_NOSIGNAL);
		if (sent < 0)
			return err_os(err, RMG_E_NET, "%s:%u", s->o->host, s->o->port);
	}
	return RMG_OK;
}

static enum rmg_rc send_udp(struct stream *s, const struct span *parts, size_t n,
			    struct rmg_err *err)
{
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *found = NULL;
	enum rmg_rc rc;
	char port[8];
	int fd = -1, why;

	snprintf(port, sizeof port, "%u", s->o->port);
	why = getaddrinfo(s->o->host, port, &hints, &found);
	if (why != 0)
		return fails(s, gai_strerror(why), err);
	for (struct addrinfo *a = found; a && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
		if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(found);
	if (fd < 0)
		return err_os(err, RMG_E_NET, "%s:%u", s->o->host, s->o->port);
	rc = send_datagrams(s, fd, parts, n, err);
	close(fd);
	return rc;
}

/* TCP and TLS. */

static int on_progress(void *user, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	(void)a, (void)b, (void)c, (void)d;
	return goes_on(user) ? 0 : 1;
}

static void set_options(struct stream *s, const char *url)
{
	const struct stream_opts *o = s->o;
	CURL *c = s->curl;

	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, s->why);
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(c, CURLOPT_SSL_ENABLE_ALPN, 0L);
	curl_easy_setopt(c, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)o->seconds);
	curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(c, CURLOPT_XFERINFODATA, s);
	curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	curl_tls(c, o->ca_file, o->client_cert, o->client_key);
}

static enum rmg_rc open_connection(struct stream *s, struct rmg_err *err)
{
	bool v6 = strchr(s->o->host, ':') != NULL;
	struct strbuf url = strbuf_of(1024);
	CURLcode code;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
		s->curl = curl_easy_init();
	if (s->curl == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a connection");
	strbuf_printf(&url, "%s://%s%s%s:%u/", s->o->kind == STREAM_TLS ? "https" : "http",
		      v6 ? "[" : "", s->o->host, v6 ? "]" : "", s->o->port);
	set_options(s, strbuf_cstr(&url));
	code = curl_easy_perform(s->curl);
	strbuf_done(&url);
	if (code == CURLE_OK &&
	    curl_easy_getinfo(s->curl, CURLINFO_ACTIVESOCKET, &s->fd) == CURLE_OK &&
	    s->fd != CURL_SOCKET_BAD)
		return RMG_OK;
	return fails(s, s->why[0] ? s->why : curl_easy_strerror(code), err);
}

static enum rmg_rc write_all(struct stream *s, struct span bytes, struct rmg_err *err)
{
	while (bytes.n) {
		size_t n = 0;
		CURLcode code = curl_easy_send(s->curl, bytes.p, bytes.n, &n);

		bytes = span_from(bytes, n);
		if (code != CURLE_OK && code != CURLE_AGAIN)
			return fails(s, "the connection broke off", err);
		if (!goes_on(s))
			return fails(s, "no whole message was taken in time", err);
		if (code == CURLE_AGAIN)
			wait_for(s, POLLOUT);
	}
	return RMG_OK;
}

/* What the other side may say is dropped; true: it has closed. */
static bool has_closed(struct stream *s, bool *broken)
{
	char dropped[1024];
	size_t n = 0;
	CURLcode code = curl_easy_recv(s->curl, dropped, sizeof dropped, &n);

	*broken = code != CURLE_OK && code != CURLE_AGAIN;
	return *broken || (code == CURLE_OK && n == 0);
}

/* Until the other side has read to the end and closed, or has at least acknowledged every byte. */
static enum rmg_rc finish(struct stream *s, struct rmg_err *err)
{
	int64_t closes_ms = clock_tick_ms() + CLOSE_MS;
	bool broken = false;
	int queued = 1;

	/* TLS has an end of its own, which would be overtaken by that of TCP. */
	if (s->o->kind == STREAM_TCP)
		shutdown(s->fd, SHUT_WR);
	while (goes_on(s)) {
		if (ioctl(s->fd, SIOCOUTQ, &queued) != 0)
			queued = 0;
		if (has_closed(s, &broken))
			return broken || queued ? fails(s, "the connection broke off", err)
						: RMG_OK;
		if (queued == 0 && (s->o->kind == STREAM_TLS || clock_tick_ms() >= closes_ms))
			return RMG_OK;
		wait_for(s, POLLIN);
	}
	return fails(s, "not all bytes were taken in time", err);
}

enum rmg_rc stream_send(const struct stream_opts *o, const struct span *parts, size_t n,
			struct rmg_err *err)
{
	struct stream s = {.o = o, .ends_ms = clock_tick_ms() + o->seconds * INT64_C(1000)};
	enum rmg_rc rc;

	if (o->kind == STREAM_UDP)
		return send_udp(&s, parts, n, err);
	rc = open_connection(&s, err);
	for (size_t i = 0; rc == RMG_OK && i < n; i++)
		rc = write_all(&s, parts[i], err);
	if (rc == RMG_OK)
		rc = finish(&s, err);
	curl_easy_cleanup(s.curl);
	return rc;
}
