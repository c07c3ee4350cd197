/* SPDX-License-Identifier: Apache-2.0 */
/* syslog.c - syslog (RFC 5424), one message an alert, with structured data; over UDP (RFC 5426), or
 * counted in octets over TCP (RFC 6587, 3.4.1) or TLS (RFC 5425).
 *
 * Syslog has no answers. Over TCP and TLS each message has a connection of its own, and we wait
 * until the other side has taken all bytes; over UDP nobody knows.
 * Receivers take 8,192 bytes as a rule, 2,048 over UDP: lists are shortened to that. */
#include <unistd.h>

#include "alert/sink_inside.h"
#include "base/limits.h"
#include "base/rfc3339.h"
#include "base/utf8.h"
#include "io/stream.h"

enum {
	STREAM_LINE_BYTES = 8192,
	UDP_LINE_BYTES = 2048,
	FACILITY_LOCAL0 = 16,
	VALUE_PART = 16, /* of a line's bytes, one value takes so much at most */
	HOST_BYTES = 255,
	PARTS = MESSAGE_ITEMS + 1,
};

/* 32473 is the number that RFC 5612 gives to examples. */
#define ENTERPRISE "32473"

static const struct sink_setting settings[] = {
    SYSLOG_SETTINGS,
    {"enterprise", false, false,
     "private enterprise number of the structured data; default: " ENTERPRISE " (RFC 5612)"},
    {0},
};

/* PRINTUSASCII, at most max; "-" for nothing. */
static void put_word(struct strbuf *out, struct span s, size_t max)
{
	size_t begin = out->n;

	for (size_t i = 0; i < s.n && i < max; i++)
		strbuf_putc(out, s.p[i] > ' ' && s.p[i] < 0x7f ? (char)s.p[i] : '_');
	if (out->n == begin)
		strbuf_putc(out, '-');
}

static unsigned severity_of(const struct message *m, const struct message_item *item)
{
	enum { CRITICAL = 2, ERROR = 3, WARNING = 4, NOTICE = 5, INFO = 6 };
	static const unsigned of_rank[] = {INFO, NOTICE, WARNING, ERROR, CRITICAL};

	return m->kind == MESSAGE_RESOLVED ? NOTICE : of_rank[brief_rank(item->severity)];
}

void syslog_put_head(const struct syslog_head *h, const struct message *m,
		     const struct message_item *item, struct strbuf *out)
{
	char at[RFC3339_BYTES];
	int64_t ms;

	strbuf_printf(out, "<%u>1 ", h->facility * 8 + severity_of(m, item));
	strbuf_printf(out, "%s ", rfc3339_parse(m->at, &ms) ? rfc3339_text(ms, at) : "-");
	put_word(out, span_cstr(h->host), 255);
	strbuf_putc(out, ' ');
	put_word(out, span_cstr(h->app), 48);
	strbuf_printf(out, " - %s ", message_kind_name(m->kind));
}

/* PARAM-VALUE: '"', '\' and ']' are escaped (RFC 5424, 6.3.3). */
static void put_param(struct strbuf *out, const char *name, struct span value, size_t max)
{
	if (value.n == 0)
		return;
	strbuf_printf(out, " %s=\"", name);
	brief_escape(value, "\"\\]", max, out);
	strbuf_putc(out, '"');
}

static void put_data(struct strbuf *out, const struct syslog_head *h, const struct message *m,
		     const struct message_item *item, size_t max)
{
	size_t value = max / VALUE_PART;
	char uses[24];

	snprintf(uses, sizeof uses, "%llu", (unsigned long long)item->n_uses);
	strbuf_puts(out, "[rummage@");
	put_word(out, span_cstr(h->enterprise), 20);
	put_param(out, "id", m->id, value);
	put_param(out, "key", item->key, value);
	put_param(out, "severity", item->severity, value);
	put_param(out, "rule", item->rule, value);
	put_param(out, "cve", item->advisory, value);
	put_param(out, "component", item->component, value);
	put_param(out, "image", item->image, value);
	put_param(out, "digest", item->digest, value);
	put_param(out, "fixed", item->fixed, value);
	put_param(out, "uses", span_cstr(uses), value);
	strbuf_puts(out, "] ");
}

static bool is_ascii(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] >= 0x80)
			return false;
	return true;
}

static void put_text(const struct message *m, const struct message_item *item, size_t max,
		     struct strbuf *out)
{
	struct strbuf title = strbuf_of(KIB(8));
	struct span link = brief_link(m, item);

	if (link.n > max / 4)
		link.n = 0;
	brief_title(m, item, &title);
	strbuf_put(out, brief_cut(strbuf_span(&title), max / 4));
	strbuf_puts(out, "; ");
	brief_marks(item, out);
	strbuf_puts(out, "; ");
	if (out->n + link.n + 64 < max)
		brief_uses(item, max - out->n - link.n - 64, out);
	if (link.n)
		strbuf_printf(out, "; " SPAN_FMT, SPAN_ARG(link));
	strbuf_done(&title);
}

void syslog_line(const struct syslog_head *h, const struct message *m,
		 const struct message_item *item, size_t max, struct strbuf *out)
{
	struct strbuf text = strbuf_of(4 * STREAM_LINE_BYTES);
	size_t left;

	syslog_put_head(h, m, item, out);
	put_data(out, h, m, item, max);
	left = max > out->n + 8 ? max - out->n - 8 : 0;
	put_text(m, item, left, &text);
	if (!is_ascii(strbuf_span(&text)))
		strbuf_puts(out, "\xef\xbb\xbf"); /* MSG-UTF8 begins with a BOM */
	strbuf_put(out, brief_cut(strbuf_span(&text), left));
	strbuf_done(&text);
}

static const struct {
	const char *scheme;
	enum stream_kind kind;
	uint16_t port;
} transports[] = {
    {"udp://", STREAM_UDP, 514},
    {"tcp://", STREAM_TCP, 601},
    {"tls://", STREAM_TLS, 6514},
};

/* Fills kind, port and the host's name. */
static enum rmg_rc read_url(const char *url, struct stream_opts *o, char host[HOST_BYTES + 1],
			    struct rmg_err *err)
{
	struct span s = span_cstr(url), name = {0}, digits;
	uint64_t port;

	for (size_t i = 0; i < COUNT_OF(transports); i++) {
		if (!span_starts_icase(s, span_cstr(transports[i].scheme)))
			continue;
		o->kind = transports[i].kind;
		o->port = transports[i].port;
		name = span_rtrim_chr(span_from(s, 6), '/');
	}
	if (!span_ends(name, S("]")) && span_rcut(name, ':', &name, &digits)) {
		if (!span_u64(digits, 10, UINT16_MAX, &port))
			name.n = 0;
		else
			o->port = (uint16_t)port;
	}
	if (span_starts(name, S("[")) && span_ends(name, S("]")))
		name = span_head(span_from(name, 1), name.n - 2);
	if (name.n == 0 || name.n > HOST_BYTES || span_chr(name, '/') != SIZE_MAX ||
	    span_chr(name, ' ') != SIZE_MAX || span_chr(name, '@') != SIZE_MAX)
		return err_set(
		    err, RMG_E_ARG,
		    "\"url\" is not udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT");
	snprintf(host, HOST_BYTES + 1, SPAN_FMT, SPAN_ARG(name));
	o->host = host;
	return RMG_OK;
}

enum rmg_rc syslog_open(const struct sink_kind *kind, const struct sink_values *v,
			struct sink **out, struct rmg_err *err)
{
	struct stream_opts o = {0};
	char host[HOST_BYTES + 1];
	struct sink *s = NULL;
	enum rmg_rc rc = sink_open(kind, v, &s, err);
	uint64_t facility;

	if (rc != RMG_OK)
		return rc;
	rc = read_url(sink_get(s, "url"), &o, host, err);
	if (rc == RMG_OK &&
	    !span_u64(span_cstr(sink_get_or(s, "facility", "16")), 10, 23, &facility))
		rc = err_set(err, RMG_E_ARG, "\"facility\" is not a number of 0 to 23");
	if (rc != RMG_OK)
		sink_close(s);
	else
		*out = s;
	return rc;
}

static struct syslog_head head_of(const struct sink *s, char host[HOST_BYTES + 1])
{
	struct syslog_head h = {.facility = FACILITY_LOCAL0};
	uint64_t facility;

	if (span_u64(span_cstr(sink_get_or(s, "facility", "16")), 10, 23, &facility))
		h.facility = (unsigned)facility;
	if (gethostname(host, HOST_BYTES) != 0)
		host[0] = '\0';
	host[HOST_BYTES] = '\0';
	h.host = sink_get_or(s, "hostname", host);
	h.app = sink_get_or(s, "app", "rummage");
	h.enterprise = sink_get_or(s, "enterprise", ENTERPRISE);
	return h;
}

/* All lines one after another in s->body, each a part of its own. */
static size_t put_lines(struct sink *s, const struct message *m, syslog_line_fn *fn, bool udp,
			struct span parts[PARTS])
{
	struct message_item rest = {.key = m->id, .title = m->title, .severity = m->severity};
	struct strbuf line = strbuf_of(KIB(64));
	size_t n = m->n_items + (m->n_items == 0 || m->items_left_out ? 1 : 0), ends[PARTS];
	char local[HOST_BYTES + 1];
	struct syslog_head head = head_of(s, local);

	n = MIN_OF(n, (size_t)PARTS);
	for (size_t i = 0; i < n; i++) {
		strbuf_clear(&line);
		fn(&head, m, i < m->n_items ? &m->items[i] : &rest,
		   udp ? UDP_LINE_BYTES : STREAM_LINE_BYTES, &line);
		if (!udp)
			strbuf_printf(&s->body, "%zu ", line.n);
		strbuf_put(&s->body, strbuf_span(&line));
		ends[i] = s->body.n;
	}
	for (size_t i = 0, from = 0; i < n; from = ends[i++])
		parts[i] = span_head(span_from(strbuf_span(&s->body), from), ends[i] - from);
	strbuf_done(&line);
	return n;
}

enum rmg_rc syslog_send(struct sink *s, const struct message *m, syslog_line_fn *fn,
			struct sink_retry *retry, struct rmg_err *err)
{
	struct span parts[PARTS];
	char host[HOST_BYTES + 1];
	struct stream_opts o = {.ca_file = sink_ca_file(s),
				.client_cert = sink_get(s, "client_cert"),
				.client_key = sink_get(s, "client_key"),
				.stop = sink_stops,
				.user = s};
	enum rmg_rc rc = read_url(sink_get(s, "url"), &o, host, err);
	size_t n;

	if (rc != RMG_OK)
		return rc;
	sink_begin(s);
	o.seconds = SINK_SEND_S;
	n = put_lines(s, m, fn, o.kind == STREAM_UDP, parts);
	rc = sink_body_rc(s, err);
	if (rc == RMG_OK)
		rc = stream_send(&o, parts, n, err);
	if (rc == RMG_E_STOPPED)
		return sink_stopped(s, retry, err);
	retry->again = rc == RMG_E_NET || rc == RMG_E_NOMEM;
	return rc;
}

static enum rmg_rc open_syslog(const struct sink_values *v, struct sink **out, struct rmg_err *err)
{
	return syslog_open(&sink_syslog, v, out, err);
}

static enum rmg_rc send_syslog(struct sink *s, const struct message *m, struct sink_retry *retry,
			       struct rmg_err *err)
{
	return syslog_send(s, m, syslog_line, retry, err);
}

const struct sink_kind sink_syslog = {
    .name = "syslog",
    .what = "syslog (RFC 5424) over UDP, TCP or TLS",
    .settings = settings,
    .each = true,
    .open = open_syslog,
    .send = send_syslog,
    .close = sink_close,
};
