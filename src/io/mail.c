/* SPDX-License-Identifier: Apache-2.0 */
#include "io/mail.h"

#include <curl/curl.h>

#include "base/attr.h"
#include "io/curl_tls.h"

enum { ADDRESS_BYTES = 512 };

struct sending {
	const struct mail *mail;
	size_t sent;
	bool stopped;
};

static size_t on_read(char *to, size_t size, size_t n, void *user)
{
	struct sending *s = user;
	struct span rest = span_head(span_from(s->mail->text, s->sent), size * n);

	memcpy(to, rest.n ? rest.p : (const uint8_t *)"", rest.n);
	s->sent += rest.n;
	return rest.n;
}

static size_t on_write(char *from, size_t size, size_t n, void *user)
{
	(void)from, (void)user;
	return size * n;
}

static int on_progress(void *user, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	struct sending *s = user;

	(void)a, (void)b, (void)c, (void)d;
	s->stopped = s->mail->stop && s->mail->stop(s->mail->user_data);
	return s->stopped ? 1 : 0;
}

static void set_connection(CURL *c, const struct mail *m, char *why)
{
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, why);
	curl_easy_setopt(c, CURLOPT_URL, m->url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)m->seconds);
	curl_easy_setopt(c, CURLOPT_USE_SSL, (long)(m->plain ? CURLUSESSL_NONE : CURLUSESSL_ALL));
	curl_tls(c, m->ca_file, NULL, NULL);
	if (m->user) {
		curl_easy_setopt(c, CURLOPT_USERNAME, m->user);
		curl_easy_setopt(c, CURLOPT_PASSWORD, m->password ? m->password : "");
	}
}

static void set_mail(CURL *c, struct sending *s)
{
	curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)s->mail->text.n);
	curl_easy_setopt(c, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(c, CURLOPT_READDATA, s);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_write);
	curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(c, CURLOPT_XFERINFODATA, s);
	curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
}

static bool set_receivers(CURL *c, const struct mail *m, struct curl_slist **out)
{
	char address[ADDRESS_BYTES];

	snprintf(address, sizeof address, "<%s>", m->from);
	curl_easy_setopt(c, CURLOPT_MAIL_FROM, address);
	for (size_t i = 0; i < m->n_to; i++) {
		struct curl_slist *longer;

		snprintf(address, sizeof address, "<" SPAN_FMT ">", SPAN_ARG(m->to[i]));
		longer = curl_slist_append(*out, address);
		if (longer == NULL)
			return false;
		*out = longer;
	}
	curl_easy_setopt(c, CURLOPT_MAIL_RCPT, *out);
	return true;
}

static enum rmg_rc failure(CURL *c, CURLcode code, const struct sending *s, const char *why,
			   bool *again, struct rmg_err *err)
{
	struct span url = span_cstr(s->mail->url);
	long status = 0;

	if (s->stopped)
		return err_set(err, RMG_E_STOPPED, "stopped");
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	*again = status < 500 || code == CURLE_OPERATION_TIMEDOUT;
	if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
		*again = false;
	if (code == CURLE_LOGIN_DENIED)
		return err_set(err, RMG_E_AUTH, SPAN_FMT ": the password was refused (%ld)",
			       SPAN_ARG(url), status);
	return err_set(err, RMG_E_NET, SPAN_FMT ": %s (%ld)", SPAN_ARG(url),
		       why[0] ? why : curl_easy_strerror(code), status);
}

enum rmg_rc mail_send(const struct mail *m, bool *again, struct rmg_err *err)
{
	struct sending s = {.mail = m};
	struct curl_slist *to = NULL;
	char why[CURL_ERROR_SIZE] = "";
	enum rmg_rc rc = RMG_OK;
	CURL *c = NULL;
	CURLcode code;

	*again = false;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
		c = curl_easy_init();
	if (c == NULL || !set_receivers(c, m, &to)) {
		*again = true;
		rc = err_set(err, RMG_E_NOMEM, "no memory for a mail");
	} else {
		set_connection(c, m, why);
		set_mail(c, &s);
		code = curl_easy_perform(c);
		if (code != CURLE_OK)
			rc = failure(c, code, &s, why, again, err);
	}
	curl_slist_free_all(to);
	curl_easy_cleanup(c);
	return rc;
}
