/* SPDX-License-Identifier: Apache-2.0 */
/* pagerduty.c - PagerDuty's Events API v2, one event an alert. The alert's key is the dedup_key, so
 * that what is sent twice is one incident and "resolve" finds what "trigger" opened. */
#include "alert/sink_inside.h"
#include "base/limits.h"
#include "format/jsonw.h"
#include "format/sha256.h"

enum { KEY_BYTES = 255, SUMMARY_BYTES = 1024, USES_BYTES = 8000 };

static const struct sink_setting settings[] = {
    {"routing_key", true, true, "the integration key of a service (Events API v2)"},
    {"url", false, false, "default: https://events.pagerduty.com/v2/enqueue"},
    SINK_NET_SETTINGS,
    {0},
};

static const char *severity_of(struct span severity)
{
	static const char *const names[] = {"info", "info", "warning", "error", "critical"};

	return names[brief_rank(severity)];
}

static void put_key(struct jsonw *w, struct span key)
{
	uint8_t hash[SHA256_BYTES];
	struct strbuf text = strbuf_of(KIB(1));

	jsonw_key(w, "dedup_key");
	if (key.n <= KEY_BYTES) {
		jsonw_str(w, key);
	} else {
		sha256_of(key, hash);
		strbuf_hex(&text, hash, sizeof hash);
		jsonw_str(w, strbuf_span(&text));
	}
	strbuf_done(&text);
}

static void put(struct jsonw *w, const char *key, struct span value)
{
	if (value.n)
		jsonw_put(w, key, value);
}

static void put_details(struct jsonw *w, const struct message *m, const struct message_item *item)
{
	struct strbuf uses = strbuf_of(KIB(16)), marks = strbuf_of(KIB(4));

	brief_uses(item, USES_BYTES, &uses);
	brief_marks(item, &marks);
	jsonw_key(w, "custom_details");
	jsonw_object(w);
	jsonw_put_cstr(w, "change", message_kind_name(m->kind));
	put(w, "marks", strbuf_span(&marks));
	put(w, "advisory", item->advisory);
	put(w, "summary", item->summary);
	put(w, "text", item->text);
	put(w, "image", item->image);
	put(w, "digest", item->digest);
	put(w, "component", item->component);
	put(w, "fixed", item->fixed);
	put(w, "before", item->before);
	put(w, "after", item->after);
	put(w, "rule", item->rule);
	put(w, "uses", strbuf_span(&uses));
	jsonw_object_end(w);
	strbuf_done(&uses);
	strbuf_done(&marks);
}

static void put_payload(struct jsonw *w, const struct message *m, const struct message_item *item)
{
	struct strbuf title = strbuf_of(KIB(8));
	struct span source = item->image.n ? item->image : item->digest;

	brief_title(m, item, &title);
	jsonw_key(w, "payload");
	jsonw_object(w);
	jsonw_put(w, "summary", brief_cut(strbuf_span(&title), SUMMARY_BYTES));
	jsonw_key(w, "source");
	jsonw_str(w, source.n ? source : S("rummage"));
	jsonw_put_cstr(w, "severity", severity_of(item->severity));
	put(w, "timestamp", m->at);
	put(w, "component", item->component);
	put(w, "group", item->rule);
	put(w, "class", item->advisory);
	put_details(w, m, item);
	jsonw_object_end(w);
	strbuf_done(&title);
}

static void put_links(struct jsonw *w, const struct message *m, const struct message_item *item)
{
	struct span link = brief_link(m, item);

	if (link.n == 0)
		return;
	jsonw_key(w, "links");
	jsonw_array(w);
	jsonw_object(w);
	jsonw_put(w, "href", link);
	jsonw_put_cstr(w, "text", "Open in Rummage");
	jsonw_object_end(w);
	jsonw_array_end(w);
}

void pagerduty_body(const struct message *m, const struct message_item *item, const char *key,
		    struct strbuf *out)
{
	struct jsonw w = jsonw_of(out);
	bool resolved = m->kind == MESSAGE_RESOLVED;

	jsonw_object(&w);
	jsonw_put_cstr(&w, "routing_key", key);
	jsonw_put_cstr(&w, "event_action", resolved ? "resolve" : "trigger");
	put_key(&w, item->key.n ? item->key : m->id);
	if (!resolved) {
		jsonw_put_cstr(&w, "client", "Rummage");
		put_payload(&w, m, item);
		put_links(&w, m, item);
	}
	jsonw_object_end(&w);
}

static enum rmg_rc send_item(struct sink *s, const struct message *m,
			     const struct message_item *item, struct sink_retry *retry,
			     struct rmg_err *err)
{
	const char *headers[] = {"Content-Type: application/json", NULL};

	pagerduty_body(m, item, sink_get(s, "routing_key"), &s->body);
	return sink_post(s, sink_get_or(s, "url", "https://events.pagerduty.com/v2/enqueue"),
			 headers, retry, err);
}

static enum rmg_rc open_pagerduty(const struct sink_values *v, struct sink **out,
				  struct rmg_err *err)
{
	return sink_open_http(&sink_pagerduty, v, out, err);
}

static enum rmg_rc send_pagerduty(struct sink *s, const struct message *m, struct sink_retry *retry,
				  struct rmg_err *err)
{
	sink_begin(s);
	return sink_each(s, m, send_item, retry, err);
}

const struct sink_kind sink_pagerduty = {
    .name = "pagerduty",
    .what = "a service of PagerDuty, Events API v2",
    .settings = settings,
    .each = true,
    .open = open_pagerduty,
    .send = send_pagerduty,
    .close = sink_close,
};
