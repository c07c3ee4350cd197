/* SPDX-License-Identifier: Apache-2.0 */
/* smtp.c - e-mail: plain text in UTF-8 (RFC 5322, 2045-2047), one mail a message, submitted with
 * STARTTLS or TLS.
 *
 * The Message-ID is made of the message's id, so that a mail that is sent twice is one. Mails about
 * the same alert refer to the same root and are shown together. */
#include "alert/sink_inside.h"
#include "base/base64.h"
#include "base/limits.h"
#include "format/sha256.h"
#include "io/mail.h"

/* Lines of quoted-printable have 76 columns (RFC 2045, 6.7), encoded words 75 (RFC 2047, 2). */
enum {
	TEXT_BYTES = 512 << 10,
	MAIL_BYTES = 4 << 20,
	LINE_COLUMNS = 76,
	WORD_BYTES = 42, /* of text in one encoded word: 56 columns of base64 */
	SUBJECT_BYTES = 400,
	ID_BYTES = 16,
	ADDRESS_BYTES = 254,
};

static const struct sink_setting settings[] = {
    {"url", true, false, "smtp://HOST:PORT (STARTTLS) or smtps://HOST:PORT (TLS)"},
    {"from", true, false, "address of the sender"},
    {"to", true, false, "addresses of the receivers, commas between"},
    {"user", false, false, "for authentication"},
    {"password", false, true, "for authentication"},
    {"tls", false, false,
     "\"required\" (default), or \"never\": plain text, and no password beyond this machine"},
    SINK_NET_SETTINGS,
    {0},
};

/* An address that needs no quoting: local@domain in plain ASCII. */
static bool is_address(struct span s)
{
	struct span local, domain;

	if (s.n > ADDRESS_BYTES || !span_rcut(s, '@', &local, &domain) || local.n == 0 ||
	    domain.n == 0)
		return false;
	for (size_t i = 0; i < local.n; i++)
		if (!is_alnum(local.p[i]) && strchr("!#$%&'*+-/=?^_`{|}~.", local.p[i]) == NULL)
			return false;
	for (size_t i = 0; i < domain.n; i++)
		if (!is_alnum(domain.p[i]) && domain.p[i] != '-' && domain.p[i] != '.')
			return false;
	return true;
}

/* The next address of a list; blanks around it are dropped. */
static bool next_address(struct span *list, struct span *out)
{
	while (span_next(list, ',', out)) {
		*out = span_trim(*out);
		if (out->n)
			return true;
	}
	return false;
}

static void put_id(struct strbuf *out, struct span text, struct span domain)
{
	uint8_t hash[SHA256_BYTES];

	sha256_of(text, hash);
	strbuf_putc(out, '<');
	strbuf_hex(out, hash, ID_BYTES);
	strbuf_printf(out, "@" SPAN_FMT ">", SPAN_ARG(domain));
}

static bool is_printable(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] > '~')
			return false;
	return true;
}

/* As it is where it fits on one line and looks like no encoded word, else as encoded words, one a
 * line. */
static void put_subject(struct strbuf *out, struct span text)
{
	text = brief_cut(text, SUBJECT_BYTES);
	strbuf_puts(out, "Subject: ");
	if (is_printable(text) && text.n <= LINE_COLUMNS - 9 && !span_has(text, S("=?"))) {
		strbuf_put(out, text);
		strbuf_puts(out, "\r\n");
		return;
	}
	while (text.n) {
		struct span word = brief_cut(text, WORD_BYTES);

		if (word.n == 0)
			word = span_head(text, WORD_BYTES);
		strbuf_puts(out, "=?utf-8?B?");
		base64_put(out, word);
		strbuf_puts(out, "?=\r\n");
		text = span_from(text, word.n);
		if (text.n)
			strbuf_putc(out, ' ');
	}
}

static void put_list(struct strbuf *out, const char *name, struct span list)
{
	const char *before = "";
	struct span address;

	strbuf_printf(out, "%s: ", name);
	while (next_address(&list, &address)) {
		strbuf_printf(out, "%s" SPAN_FMT, before, SPAN_ARG(address));
		before = ",\r\n ";
	}
	strbuf_puts(out, "\r\n");
}

/* Text with '\n' as quoted-printable: blanks at a line's end are encoded, so is a dot that begins
 * one. */
static void put_quoted(struct strbuf *out, struct span text)
{
	size_t column = 0;

	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];
		bool last = i + 1 == text.n || text.p[i + 1] == '\n';
		bool plain = c >= ' ' && c <= '~' && c != '=' && !(c == ' ' && last) &&
			     !(c == '.' && column == 0);

		if (c == '\n') {
			strbuf_puts(out, "\r\n");
			column = 0;
			continue;
		}
		if (column + (plain ? 1 : 3) > LINE_COLUMNS - 1) {
			strbuf_puts(out, "=\r\n");
			column = 0;
			plain = plain && c != '.';
		}
		if (plain)
			strbuf_putc(out, (char)c);
		else
			strbuf_printf(out, "=%02X", c);
		column += plain ? 1 : 3;
	}
	strbuf_puts(out, "\r\n");
}

/* RFC 5322, 3.3; names of days and months are English whatever the locale. */
static void put_date(struct strbuf *out, int64_t now_ms)
{
	static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t now = (time_t)(now_ms / 1000);
	struct tm t;

	if (gmtime_r(&now, &t) == NULL)
		return;
	strbuf_printf(out, "Date: %s, %d %s %d %02d:%02d:%02d +0000\r\n", days[t.tm_wday],
		      t.tm_mday, months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

static void put_head(const struct message *m, const char *from, const char *to, int64_t now_ms,
		     struct strbuf *out)
{
	struct span local, domain = S("localhost");

	(void)span_rcut(span_cstr(from), '@', &local, &domain);
	put_date(out, now_ms);
	strbuf_printf(out, "From: %s\r\n", from);
	put_list(out, "To", span_cstr(to));
	put_subject(out, m->title.n ? m->title : S("Rummage"));
	strbuf_puts(out, "Message-ID: ");
	put_id(out, m->id, domain);
	strbuf_puts(out, "\r\n");
	if (m->n_items == 1 && m->items[0].key.n) {
		strbuf_puts(out, "References: ");
		put_id(out, m->items[0].key, domain);
		strbuf_puts(out, "\r\n");
	}
	strbuf_puts(out, "Auto-Submitted: auto-generated\r\n"
			 "MIME-Version: 1.0\r\n"
			 "Content-Type: text/plain; charset=utf-8\r\n"
			 "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
}

void smtp_text(const struct message *m, const char *from, const char *to, int64_t now_ms,
	       struct strbuf *out)
{
	struct strbuf text = strbuf_of(MAIL_BYTES);

	put_head(m, from, to, now_ms, out);
	brief_text(m, NULL, TEXT_BYTES, &text);
	put_quoted(out, span_rtrim_chr(strbuf_span(&text), '\n'));
	strbuf_done(&text);
}

static bool is_here(struct span url)
{
	struct span host = span_from(url, 7);

	return span_starts(host, S("127.")) || span_starts(host, S("[::1]")) ||
	       span_starts(host, S("localhost:")) || span_is(host, S("localhost"));
}

static enum rmg_rc check(const struct sink *s, struct rmg_err *err)
{
	struct span url = span_cstr(sink_get(s, "url")), list = span_cstr(sink_get(s, "to")), to;
	struct span tls = span_cstr(sink_get_or(s, "tls", "required"));
	bool plain = span_is(tls, S("never"));
	size_t n = 0;

	if (!span_starts(url, S("smtp://")) && !span_starts(url, S("smtps://")))
		return err_set(err, RMG_E_ARG,
			       "\"url\" is not smtp://HOST:PORT or smtps://HOST:PORT");
	if (sink_check_url(s, err) != RMG_OK)
		return RMG_E_ARG;
	if (!plain && !span_is(tls, S("required")))
		return err_set(err, RMG_E_ARG, "\"tls\" is neither \"required\" nor \"never\"");
	if (sink_check_both(s, "user", "password", err) != RMG_OK)
		return RMG_E_ARG;
	if (plain && sink_get(s, "password") && !is_here(url))
		return err_set(err, RMG_E_ARG, "a password is not sent without TLS");
	if (!is_address(span_cstr(sink_get(s, "from"))))
		return err_set(err, RMG_E_ARG, "\"from\" is not an address");
	for (; next_address(&list, &to); n++)
		if (!is_address(to))
			return err_set(err, RMG_E_ARG, "\"to\": \"" SPAN_FMT "\" is not an address",
				       SPAN_ARG(to));
	if (n == 0 || n > MAIL_RECEIVERS)
		return err_set(err, RMG_E_ARG, "\"to\" has 1 to %d addresses", MAIL_RECEIVERS);
	return RMG_OK;
}

static enum rmg_rc open_smtp(const struct sink_values *v, struct sink **out, struct rmg_err *err)
{
	struct sink *s = NULL;
	enum rmg_rc rc = sink_open(&sink_smtp, v, &s, err);

	if (rc == RMG_OK)
		rc = check(s, err);
	if (rc != RMG_OK)
		sink_close(s);
	else
		*out = s;
	return rc;
}

static enum rmg_rc send_smtp(struct sink *s, const struct message *m, struct sink_retry *retry,
			     struct rmg_err *err)
{
	struct mail mail = {
	    .url = sink_get(s, "url"),
	    .user = sink_get(s, "user"),
	    .password = sink_get(s, "password"),
	    .from = sink_get(s, "from"),
	    .ca_file = sink_ca_file(s),
	    .plain = strcmp(sink_get_or(s, "tls", "required"), "never") == 0,
	    .seconds = SINK_SEND_S,
	    .stop = sink_stops,
	    .user_data = s,
	};
	struct span list = span_cstr(sink_get(s, "to"));
	enum rmg_rc rc;

	sink_begin(s);
	while (mail.n_to < MAIL_RECEIVERS && next_address(&list, &mail.to[mail.n_to]))
		mail.n_to++;
	smtp_text(m, mail.from, sink_get(s, "to"), (int64_t)time(NULL) * 1000, &s->body);
	mail.text = strbuf_span(&s->body);
	rc = sink_body_rc(s, err);
	if (rc == RMG_OK)
		rc = mail_send(&mail, &retry->again, err);
	return rc == RMG_E_STOPPED ? sink_stopped(s, retry, err) : rc;
}

const struct sink_kind sink_smtp = {
    .name = "smtp",
    .what = "e-mail",
    .settings = settings,
    .open = open_smtp,
    .send = send_smtp,
    .close = sink_close,
};
