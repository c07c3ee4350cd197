/* SPDX-License-Identifier: Apache-2.0 */
/* webhook.c - a POST of one CloudEvents 1.0 event, structured mode
 * (application/cloudevents+json), data being the message (schema rummage/message/1). Signed as in
 * Standard Webhooks 1.0: HMAC-SHA256 over "id.timestamp.body". */
#include <time.h>

#include "alert/sink_inside.h"
#include "base/base64.h"
#include "format/jsonw.h"
#include "format/sha256.h"

enum { KEY_BYTES = 1024 };

static const struct sink_setting settings[] = {
    {"url", true, true, "where to POST; never shown beyond its host"},
    {"secret", false, true,
     "key of the signature: \"whsec_\" and base64 (Standard Webhooks), or any text"},
    {"token", false, true, "sent as \"Authorization: Bearer TOKEN\""},
    {"source", false, false,
     "source of the event; default: the hub's own address, or \"/rummage\""},
    SINK_NET_SETTINGS,
    {0},
};

/* The key, in buf where it is encoded; empty where it is no base64. */
static struct span key_of(struct span secret, uint8_t buf[KEY_BYTES])
{
	size_t n = 0;

	if (!span_starts(secret, S("whsec_")))
		return secret;
	if (!base64_bytes(span_from(secret, 6), buf, KEY_BYTES, &n))
		n = 0;
	return span_of(buf, n);
}

bool webhook_sign(struct span secret, struct span id, uint64_t at_s, struct span body,
		  struct strbuf *out)
{
	struct strbuf text = strbuf_of(SINK_BODY_BYTES + MESSAGE_TEXT_BYTES);
	uint8_t buf[KEY_BYTES], mac[SHA256_BYTES];
	struct span key = key_of(secret, buf);
	bool ok;

	strbuf_put(&text, id);
	strbuf_printf(&text, ".%llu.", (unsigned long long)at_s);
	strbuf_put(&text, body);
	ok = key.n && strbuf_rc(&text) == RMG_OK;
	if (ok) {
		sha256_hmac(key, strbuf_span(&text), mac);
		strbuf_puts(out, "v1,");
		base64_put(out, span_of(mac, sizeof mac));
	}
	strbuf_done(&text);
	return ok;
}

void webhook_body(const struct message *m, const char *source, struct strbuf *out)
{
	struct jsonw w = jsonw_of(out);
	struct span link = brief_link(m, NULL);

	jsonw_object(&w);
	jsonw_put_cstr(&w, "specversion", "1.0");
	jsonw_put(&w, "id", m->id);
	jsonw_key(&w, "source");
	jsonw_str(&w, source ? span_cstr(source) : link.n ? link : S("/rummage"));
	jsonw_key(&w, "type");
	strbuf_printf(out, "\"rummage.alert.%s\"", message_kind_name(m->kind));
	w.comma = true;
	if (m->at.n)
		jsonw_put(&w, "time", m->at);
	if (m->n_items == 1 && m->items[0].key.n)
		jsonw_put(&w, "subject", m->items[0].key);
	jsonw_put_cstr(&w, "datacontenttype", "application/json");
	jsonw_key(&w, "data");
	message_write(m, out);
	w.comma = true;
	jsonw_object_end(&w);
}

static enum rmg_rc open_webhook(const struct sink_values *v, struct sink **out, struct rmg_err *err)
{
	enum rmg_rc rc = sink_open_http(&sink_webhook, v, out, err);
	uint8_t buf[KEY_BYTES];
	const char *secret;

	if (rc != RMG_OK)
		return rc;
	secret = sink_get(*out, "secret");
	if (secret && key_of(span_cstr(secret), buf).n == 0) {
		sink_close(*out);
		*out = NULL;
		return err_set(err, RMG_E_ARG, "\"secret\" is no base64 after \"whsec_\"");
	}
	return RMG_OK;
}

static enum rmg_rc send_webhook(struct sink *s, const struct message *m, struct sink_retry *retry,
				struct rmg_err *err)
{
	enum { LINE_BYTES = 32768 };
	const char *headers[6] = {"Content-Type: application/cloudevents+json; charset=utf-8"};
	const char *secret = sink_get(s, "secret"), *token = sink_get(s, "token");
	struct strbuf lines[4];
	size_t n = 1, i = 0;
	enum rmg_rc rc = RMG_OK;
	time_t now = time(NULL);

	sink_begin(s);
	webhook_body(m, sink_get(s, "source"), &s->body);
	for (size_t k = 0; k < COUNT_OF(lines); k++)
		lines[k] = strbuf_of(LINE_BYTES);
	strbuf_printf(&lines[i++], "webhook-id: " SPAN_FMT, SPAN_ARG(m->id));
	strbuf_printf(&lines[i++], "webhook-timestamp: %lld", (long long)now);
	if (secret) {
		strbuf_puts(&lines[i], "webhook-signature: ");
		if (!webhook_sign(span_cstr(secret), m->id, (uint64_t)now, strbuf_span(&s->body),
				  &lines[i++]))
			rc = err_set(err, RMG_E_NOMEM, "no memory for a signature");
	}
	if (token)
		strbuf_printf(&lines[i++], "Authorization: Bearer %s", token);
	for (size_t k = 0; k < i; k++)
		headers[n++] = strbuf_cstr(&lines[k]);
	if (rc == RMG_OK)
		rc = sink_post(s, sink_get(s, "url"), headers, retry, err);
	else
		retry->again = true;
	for (size_t k = 0; k < COUNT_OF(lines); k++)
		strbuf_done(&lines[k]);
	return rc;
}

const struct sink_kind sink_webhook = {
    .name = "webhook",
    .what = "an HTTP POST of a CloudEvents 1.0 event, signed where a secret is set",
    .settings = settings,
    .open = open_webhook,
    .send = send_webhook,
    .close = sink_close,
};
