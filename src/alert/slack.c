/* SPDX-License-Identifier: Apache-2.0 */
/* slack.c - an incoming webhook of Slack: {"text", "blocks"} (Block Kit).
 *
 * Slack takes 50 blocks, 150 characters in a header and 3,000 in a section, and about one message a
 * second. Text of a section is mrkdwn, in which & < > are escaped, so that no text of ours is a
 * link or a mention. */

#include "alert/sink_inside.h"
#include "base/clock.h"
#include "base/limits.h"
#include "format/jsonw.h"

enum {
	HEADER_BYTES = 150,
	SECTION_BYTES = 2800,
	ITEMS = 20,
	TITLE_BYTES = 300,
	LINE_BYTES = 400,
	USES_BYTES = 800,
	PACE_MS = 1000,
};

static const struct sink_setting settings[] = {
    {"url", true, true, "the incoming webhook; never shown beyond its host"},
    SINK_NET_SETTINGS,
    {0},
};

static void put_escaped(struct strbuf *out, struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '&')
			strbuf_puts(out, "&amp;");
		else if (s.p[i] == '<')
			strbuf_puts(out, "&lt;");
		else if (s.p[i] == '>')
			strbuf_puts(out, "&gt;");
		else
			strbuf_putc(out, (char)s.p[i]);
	}
}

/* A line, escaped; left out where the section would become too long. */
static void put_line(struct strbuf *out, const char *before, struct span s, const char *after,
		     size_t max)
{
	struct strbuf line = strbuf_of(KIB(32));
	struct span cut = brief_cut(s, max);

	strbuf_printf(&line, "%s%s", out->n ? "\n" : "", before);
	put_escaped(&line, cut);
	strbuf_printf(&line, "%s%s", cut.n < s.n ? "..." : "", after);
	if (s.n && out->n + line.n <= SECTION_BYTES)
		strbuf_put(out, strbuf_span(&line));
	strbuf_done(&line);
}

static void put_text(struct jsonw *w, const char *type, struct span text)
{
	jsonw_key(w, "text");
	jsonw_object(w);
	jsonw_put_cstr(w, "type", type);
	jsonw_put(w, "text", text);
	jsonw_object_end(w);
}

static void put_section(struct jsonw *w, struct span text)
{
	jsonw_object(w);
	jsonw_put_cstr(w, "type", "section");
	put_text(w, "mrkdwn", text);
	jsonw_object_end(w);
}

static void put_item(struct jsonw *w, const struct message *m, const struct message_item *item)
{
	struct strbuf text = strbuf_of(KIB(16)), part = strbuf_of(KIB(16));

	brief_title(m, item, &part);
	put_line(&text, "*", strbuf_span(&part), "*", TITLE_BYTES);
	strbuf_clear(&part);
	brief_marks(item, &part);
	put_line(&text, "", strbuf_span(&part), "", LINE_BYTES);
	put_line(&text, "", item->summary.n ? item->summary : item->text, "", LINE_BYTES);
	if (item->before.n || item->after.n) {
		strbuf_clear(&part);
		strbuf_printf(&part, "was " SPAN_FMT ", is " SPAN_FMT, SPAN_ARG(item->before),
			      SPAN_ARG(item->after));
		put_line(&text, "", strbuf_span(&part), "", LINE_BYTES);
	}
	put_line(&text, "Image: ", item->image.n ? item->image : item->digest, "", LINE_BYTES);
	put_line(&text, "Component: ", item->component, "", LINE_BYTES);
	strbuf_clear(&part);
	brief_uses(item, USES_BYTES, &part);
	put_line(&text, "In use: ", strbuf_span(&part), "", 2 * USES_BYTES);
	put_line(&text, "", item->url, "", LINE_BYTES);
	put_section(w, strbuf_span(&text));
	strbuf_done(&text);
	strbuf_done(&part);
}

static void put_rest(struct jsonw *w, uint64_t left_out, struct span link)
{
	struct strbuf text = strbuf_of(KIB(16));

	if (left_out)
		strbuf_printf(&text, "and %llu more alerts", (unsigned long long)left_out);
	put_line(&text, "", link, "", MESSAGE_TEXT_BYTES);
	if (text.n)
		put_section(w, strbuf_span(&text));
	strbuf_done(&text);
}

void slack_body(const struct message *m, struct strbuf *out)
{
	struct jsonw w = jsonw_of(out);
	size_t n = MIN_OF(m->n_items, (size_t)ITEMS);
	struct strbuf text = strbuf_of(KIB(16));
	struct span title = m->title.n ? m->title : S("Rummage");

	put_line(&text, "", title, "", TITLE_BYTES);
	jsonw_object(&w);
	jsonw_put(&w, "text", strbuf_span(&text));
	jsonw_key(&w, "blocks");
	jsonw_array(&w);
	jsonw_object(&w);
	jsonw_put_cstr(&w, "type", "header");
	put_text(&w, "plain_text", brief_cut(title, HEADER_BYTES));
	jsonw_object_end(&w);
	for (size_t i = 0; i < n; i++)
		put_item(&w, m, &m->items[i]);
	put_rest(&w, m->items_left_out + (m->n_items - n), brief_link(m, NULL));
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	strbuf_done(&text);
}

/* A second lies between two messages. */
static void keep_pace(const struct sink *s)
{
	int64_t wait_ms = s->last_ms ? s->last_ms + PACE_MS - clock_tick_ms() : 0;

	if (wait_ms > 0)
		clock_sleep_ms((unsigned)MIN_OF(wait_ms, (int64_t)PACE_MS));
}

static enum rmg_rc open_slack(const struct sink_values *v, struct sink **out, struct rmg_err *err)
{
	return sink_open_http(&sink_slack, v, out, err);
}

static enum rmg_rc send_slack(struct sink *s, const struct message *m, struct sink_retry *retry,
			      struct rmg_err *err)
{
	const char *headers[] = {"Content-Type: application/json; charset=utf-8", NULL};
	enum rmg_rc rc;

	sink_begin(s);
	keep_pace(s);
	slack_body(m, &s->body);
	rc = sink_post(s, sink_get(s, "url"), headers, retry, err);
	s->last_ms = clock_tick_ms();
	return rc;
}

const struct sink_kind sink_slack = {
    .name = "slack",
    .what = "a channel of Slack, by an incoming webhook",
    .settings = settings,
    .open = open_slack,
    .send = send_slack,
    .close = sink_close,
};
