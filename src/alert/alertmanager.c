/* SPDX-License-Identifier: Apache-2.0 */
/* alertmanager.c - Prometheus Alertmanager's API v2, POST /api/v2/alerts.
 *
 * An alert there is its set of labels, so labels hold what does not change while an alert lives;
 * uses come and go and are annotations. The severity does change, and people route by it: when it
 * may have, the same alert with every other severity is ended, which is nothing where there was
 * none.
 *
 * As Prometheus does, what fires is told again and again, with an end some repeats ahead: alerts of
 * a hub that died end by themselves, an Alertmanager that forgot them (it keeps them in memory
 * only) has them back within a repeat, and one repeat that did not come through ends nothing. What
 * is not repeated lasts a year, or until its end is told. */
#include <time.h>

#include "alert/sink_inside.h"
#include "base/limits.h"
#include "base/rfc3339.h"
#include "format/jsonw.h"

enum { USES_BYTES = 2000, REPEAT_S = 60, REPEATS_AHEAD = 4 };
#define YEAR_MS (INT64_C(365) * 86400 * 1000)
#define TEST_MS (INT64_C(5) * 60 * 1000)

static const struct sink_setting settings[] = {
    {"url", true, false, "address of Alertmanager, such as http://alertmanager.example:9093"},
    {"cluster", false, false, "label \"cluster\" of all alerts"},
    {"user", false, false, "for basic authentication"},
    {"password", false, true, "for basic authentication"},
    {"token", false, true, "sent as \"Authorization: Bearer TOKEN\""},
    SINK_REPEAT_SETTING("0: never; default: 60"),
    SINK_NET_SETTINGS,
    {0},
};

static const char *const severities[] = {"critical",   "high",    "medium", "low",
					 "negligible", "unknown", ""};

struct body {
	const struct message *m;
	const char *cluster;
	int64_t now_ms, lasts_ms;
	struct jsonw w;
};

static void put(struct jsonw *w, const char *key, struct span value)
{
	if (value.n)
		jsonw_put(w, key, value);
}

static void put_labels(struct body *b, const struct message_item *item, struct span severity)
{
	struct jsonw *w = &b->w;

	jsonw_key(w, "labels");
	jsonw_object(w);
	jsonw_put_cstr(w, "alertname",
		       b->m->kind == MESSAGE_TEST ? "RummageTest"
		       : item->advisory.n         ? "VulnerableImageInUse"
						  : "ImageRule");
	put(w, "severity", severity);
	put(w, "image_digest", item->digest);
	put(w, "cve", item->advisory);
	put(w, "rule", item->rule);
	put(w, "alert_key", item->key);
	put(w, "cluster", span_cstr(b->cluster));
	jsonw_object_end(w);
}

static void put_annotations(struct body *b, const struct message_item *item)
{
	struct strbuf text = strbuf_of(KIB(64));
	struct jsonw *w = &b->w;

	jsonw_key(w, "annotations");
	jsonw_object(w);
	put(w, "summary", item->title);
	put(w, "description", item->text.n ? item->text : item->summary);
	brief_marks(item, &text);
	put(w, "marks", strbuf_span(&text));
	strbuf_clear(&text);
	brief_uses(item, USES_BYTES, &text);
	put(w, "uses", strbuf_span(&text));
	put(w, "image", item->image);
	put(w, "component", item->component);
	put(w, "fixed", item->fixed);
	put(w, "advisory_url", item->url);
	jsonw_object_end(w);
	strbuf_done(&text);
}

static void put_alert(struct body *b, const struct message_item *item, struct span severity,
		      bool ended)
{
	int64_t begin, end = b->now_ms;
	struct span link = brief_link(b->m, item);
	char text[RFC3339_BYTES];

	if (!rfc3339_parse(item->opened, &begin) && !rfc3339_parse(b->m->at, &begin))
		begin = b->now_ms;
	if (!ended)
		end += b->m->kind == MESSAGE_TEST ? TEST_MS : b->lasts_ms;
	begin = MIN_OF(begin, end);
	jsonw_object(&b->w);
	put_labels(b, item, severity);
	if (span_is(severity, item->severity))
		put_annotations(b, item);
	jsonw_put_cstr(&b->w, "startsAt", rfc3339_text(begin, text));
	jsonw_put_cstr(&b->w, "endsAt", rfc3339_text(end, text));
	put(&b->w, "generatorURL", link);
	jsonw_object_end(&b->w);
}

static void put_item(struct body *b, const struct message_item *item)
{
	bool resolved = b->m->kind == MESSAGE_RESOLVED;

	put_alert(b, item, item->severity, resolved);
	if (!resolved && b->m->kind != MESSAGE_WORSENED)
		return;
	for (size_t i = 0; i < COUNT_OF(severities); i++)
		if (!span_is(item->severity, span_cstr(severities[i])))
			put_alert(b, item, span_cstr(severities[i]), true);
}

void alertmanager_body(const struct message *m, const char *cluster, int64_t now_ms,
		       int64_t lasts_ms, struct strbuf *out)
{
	struct body b = {
	    .m = m, .cluster = cluster, .now_ms = now_ms, .lasts_ms = lasts_ms, .w = jsonw_of(out)};
	struct message_item rest = {.key = m->id, .title = m->title, .severity = m->severity};

	jsonw_array(&b.w);
	for (size_t i = 0; i < m->n_items; i++)
		put_item(&b, &m->items[i]);
	if (m->n_items == 0 || m->items_left_out)
		put_item(&b, &rest);
	jsonw_array_end(&b.w);
}

static enum rmg_rc open_alertmanager(const struct sink_values *v, struct sink **out,
				     struct rmg_err *err)
{
	struct sink *s = NULL;
	enum rmg_rc rc = sink_open_http(&sink_alertmanager, v, &s, err);

	if (rc == RMG_OK)
		rc = sink_check_both(s, "user", "password", err);
	if (rc != RMG_OK)
		sink_close(s);
	else
		*out = s;
	return rc;
}

static int64_t lasts_ms(const struct sink *s)
{
	uint32_t repeat_s = 0;

	if (!sink_repeat_s(s->kind, sink_get(s, "repeat"), &repeat_s) || repeat_s == 0)
		return YEAR_MS;
	return REPEATS_AHEAD * INT64_C(1000) * repeat_s;
}

static enum rmg_rc send_alertmanager(struct sink *s, const struct message *m,
				     struct sink_retry *retry, struct rmg_err *err)
{
	struct strbuf url = strbuf_of(KIB(16)), bearer = strbuf_of(KIB(16));
	const char *headers[3] = {"Content-Type: application/json"};
	const char *token = sink_get(s, "token");
	struct http_request req = {.method = "POST", .headers = headers};
	enum rmg_rc rc;

	sink_begin(s);
	alertmanager_body(m, sink_get(s, "cluster"), (int64_t)time(NULL) * 1000, lasts_ms(s),
			  &s->body);
	rc = sink_body_rc(s, err);
	strbuf_printf(&url, SPAN_FMT "/api/v2/alerts",
		      SPAN_ARG(span_rtrim_chr(span_cstr(sink_get(s, "url")), '/')));
	if (token) {
		strbuf_printf(&bearer, "Authorization: Bearer %s", token);
		headers[1] = strbuf_cstr(&bearer);
	}
	req.url = strbuf_cstr(&url);
	req.username = sink_get(s, "user");
	req.password = sink_get(s, "password");
	req.body = strbuf_span(&s->body);
	if (rc == RMG_OK)
		rc = sink_request(s, &req, NULL, retry, err);
	strbuf_done(&url);
	strbuf_done(&bearer);
	return rc;
}

const struct sink_kind sink_alertmanager = {
    .name = "alertmanager",
    .what = "Prometheus Alertmanager, API v2",
    .settings = settings,
    .each = true,
    .repeat_s = REPEAT_S,
    .open = open_alertmanager,
    .send = send_alertmanager,
    .close = sink_close,
};
