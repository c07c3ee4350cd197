/* SPDX-License-Identifier: Apache-2.0 */
/* teams.c - a workflow of Microsoft Teams ("when a Teams webhook request is received"): an
 * Adaptive Card 1.4 as the one attachment of a message.
 *
 * Teams takes 28 KB. Texts stand in RichTextBlocks, which know no Markdown: no text of ours is a
 * link or a mention. */
#include "alert/sink_inside.h"
#include "base/limits.h"
#include "format/jsonw.h"

enum { CARD_BYTES = 24000, LINE_BYTES = 400, USES_BYTES = 800 };

static const struct sink_setting settings[] = {
    {"url", true, true, "the workflow's address; never shown beyond its host"},
    SINK_NET_SETTINGS,
    {0},
};

static void put_run(struct jsonw *w, struct span text, bool bold)
{
	jsonw_object(w);
	jsonw_put_cstr(w, "type", "TextRun");
	jsonw_put(w, "text", text);
	if (bold)
		jsonw_put_cstr(w, "weight", "Bolder");
	jsonw_object_end(w);
}

static void put_block(struct jsonw *w, const char *label, struct span text, bool bold)
{
	struct strbuf line = strbuf_of(KIB(8));
	struct span cut = brief_cut(text, 2 * LINE_BYTES);

	if (text.n == 0)
		return;
	strbuf_printf(&line, "%s" SPAN_FMT "%s", label, SPAN_ARG(cut), cut.n < text.n ? "..." : "");
	jsonw_object(w);
	jsonw_put_cstr(w, "type", "RichTextBlock");
	if (bold)
		jsonw_put_cstr(w, "spacing", "Large");
	jsonw_key(w, "inlines");
	jsonw_array(w);
	put_run(w, strbuf_span(&line), bold);
	jsonw_array_end(w);
	jsonw_object_end(w);
	strbuf_done(&line);
}

static void put_item(struct jsonw *w, const struct message *m, const struct message_item *item)
{
	struct strbuf text = strbuf_of(KIB(16));

	brief_title(m, item, &text);
	put_block(w, "", strbuf_span(&text), true);
	strbuf_clear(&text);
	brief_marks(item, &text);
	put_block(w, "", strbuf_span(&text), false);
	put_block(w, "", brief_cut(item->summary.n ? item->summary : item->text, LINE_BYTES),
		  false);
	if (item->before.n || item->after.n) {
		strbuf_clear(&text);
		strbuf_printf(&text, "was " SPAN_FMT ", is " SPAN_FMT, SPAN_ARG(item->before),
			      SPAN_ARG(item->after));
		put_block(w, "", strbuf_span(&text), false);
	}
	put_block(w, "Image: ", brief_cut(item->image.n ? item->image : item->digest, LINE_BYTES),
		  false);
	put_block(w, "Component: ", brief_cut(item->component, LINE_BYTES), false);
	strbuf_clear(&text);
	brief_uses(item, USES_BYTES, &text);
	put_block(w, "In use: ", strbuf_span(&text), false);
	put_block(w, "", brief_cut(item->url, LINE_BYTES), false);
	strbuf_done(&text);
}

/* Items until the card is full; how many were taken. */
static size_t put_items(struct jsonw *w, const struct message *m)
{
	struct strbuf one = strbuf_of(KIB(64));
	size_t i = 0;

	for (; i < m->n_items; i++) {
		struct jsonw ow = jsonw_of(&one);

		strbuf_clear(&one);
		put_item(&ow, m, &m->items[i]);
		if (w->out->n + one.n > CARD_BYTES)
			break;
		strbuf_printf(w->out, ",%s", strbuf_cstr(&one));
	}
	strbuf_done(&one);
	return i;
}

static void put_rest(struct jsonw *w, uint64_t left_out)
{
	struct strbuf text = strbuf_of(KIB(1));

	if (left_out)
		strbuf_printf(&text, "and %llu more alerts", (unsigned long long)left_out);
	put_block(w, "", strbuf_span(&text), true);
	strbuf_done(&text);
}

static void put_card(struct jsonw *w, const struct message *m)
{
	struct span link = brief_link(m, NULL);
	size_t told;

	jsonw_object(w);
	jsonw_put_cstr(w, "$schema", "http://adaptivecards.io/schemas/adaptive-card.json");
	jsonw_put_cstr(w, "type", "AdaptiveCard");
	jsonw_put_cstr(w, "version", "1.4");
	jsonw_key(w, "body");
	jsonw_array(w);
	put_block(w, "", m->title.n ? m->title : S("Rummage"), true);
	told = put_items(w, m);
	put_rest(w, m->items_left_out + (m->n_items - told));
	jsonw_array_end(w);
	if (link.n) {
		jsonw_key(w, "actions");
		jsonw_array(w);
		jsonw_object(w);
		jsonw_put_cstr(w, "type", "Action.OpenUrl");
		jsonw_put_cstr(w, "title", "Open in Rummage");
		jsonw_put(w, "url", link);
		jsonw_object_end(w);
		jsonw_array_end(w);
	}
	jsonw_object_end(w);
}

void teams_body(const struct message *m, struct strbuf *out)
{
	struct jsonw w = jsonw_of(out);

	jsonw_object(&w);
	jsonw_put_cstr(&w, "type", "message");
	jsonw_key(&w, "attachments");
	jsonw_array(&w);
	jsonw_object(&w);
	jsonw_put_cstr(&w, "contentType", "application/vnd.microsoft.card.adaptive");
	jsonw_put_null(&w, "contentUrl");
	jsonw_key(&w, "content");
	put_card(&w, m);
	jsonw_object_end(&w);
	jsonw_array_end(&w);
	jsonw_object_end(&w);
}

static enum rmg_rc open_teams(const struct sink_values *v, struct sink **out, struct rmg_err *err)
{
	return sink_open_http(&sink_teams, v, out, err);
}

static enum rmg_rc send_teams(struct sink *s, const struct message *m, struct sink_retry *retry,
			      struct rmg_err *err)
{
	const char *headers[] = {"Content-Type: application/json; charset=utf-8", NULL};

	sink_begin(s);
	teams_body(m, &s->body);
	return sink_post(s, sink_get(s, "url"), headers, retry, err);
}

const struct sink_kind sink_teams = {
    .name = "teams",
    .what = "a channel of Microsoft Teams, by a workflow",
    .settings = settings,
    .open = open_teams,
    .send = send_teams,
    .close = sink_close,
};
