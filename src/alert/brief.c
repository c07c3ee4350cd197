/* SPDX-License-Identifier: Apache-2.0 */
#include "alert/brief.h"

#include "base/limits.h"
#include "base/utf8.h"

enum { NAME_BYTES = 100, TAIL_BYTES = 100 };

struct span brief_cut(struct span s, size_t max)
{
	if (s.n <= max)
		return s;
	while (max && (s.p[max] & 0xc0) == 0x80)
		max--;
	return span_head(s, max);
}

void brief_escape(struct span s, const char *those, size_t max, struct strbuf *out)
{
	size_t n;

	for (; s.n; s = span_from(s, n)) {
		bool escaped = s.p[0] && strchr(those, s.p[0]) != NULL;

		n = MAX_OF(utf8_len(s.p, s.n), (size_t)1);
		if (n + (escaped ? 1 : 0) > max)
			return;
		max -= n + (escaped ? 1 : 0);
		if (escaped)
			strbuf_putc(out, '\\');
		strbuf_put(out, s.p[0] == '\n' ? S(" ") : span_head(s, n));
	}
}

void brief_marks(const struct message_item *item, struct strbuf *out)
{
	struct message_item cut = *item;

	cut.severity = brief_cut(item->severity, NAME_BYTES);
	cut.fixed = brief_cut(item->fixed, 2 * NAME_BYTES);
	if (cut.severity.n == 0)
		cut.severity = S("no severity");
	message_marks(&cut, out);
}

static void put_use(const struct message_use *use, struct strbuf *out)
{
	const struct span parts[] = {use->cluster, use->ns, use->workload,
				     use->workload.n ? (struct span){0}
				     : use->name.n   ? use->name
						     : use->container};
	struct span node = brief_cut(use->node, NAME_BYTES);
	const char *between = "";

	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		struct span part = brief_cut(parts[i], NAME_BYTES);

		if (part.n == 0)
			continue;
		strbuf_printf(out, "%s" SPAN_FMT, between, SPAN_ARG(part));
		between = "/";
	}
	if (node.n)
		strbuf_printf(out, "%s" SPAN_FMT, *between ? " on " : "", SPAN_ARG(node));
	if (use->dormant)
		strbuf_puts(out, " (dormant)");
}

void brief_uses(const struct message_item *item, size_t max, struct strbuf *out)
{
	struct strbuf one = strbuf_of(KIB(4));
	size_t begin = out->n, told = 0;

	for (; told < item->uses_listed; told++) {
		strbuf_clear(&one);
		put_use(&item->uses[told], &one);
		if (out->n - begin + one.n + 2 > max)
			break;
		strbuf_printf(out, "%s%s", told ? "; " : "", strbuf_cstr(&one));
	}
	if (item->n_uses > told)
		strbuf_printf(out, "%s%llu%s", told ? "; and " : "",
			      (unsigned long long)(item->n_uses - told), told ? " more" : " uses");
	strbuf_done(&one);
}

void brief_title(const struct message *m, const struct message_item *item, struct strbuf *out)
{
	static const char *const words[] = {
	    [MESSAGE_FIRED] = "",
	    [MESSAGE_REOPENED] = "Again: ",
	    [MESSAGE_WORSENED] = "Worse: ",
	    [MESSAGE_ESCALATED] = "Still in use: ",
	    [MESSAGE_RESOLVED] = "Resolved: ",
	    [MESSAGE_TEST] = "Test: ",
	    [MESSAGE_FIRING] = "",
	};
	struct span title = item->title.n ? item->title : m->title;

	if ((size_t)m->kind < COUNT_OF(words))
		strbuf_puts(out, words[m->kind]);
	strbuf_put(out, brief_cut(title, MESSAGE_TEXT_BYTES));
}

static struct span last_line(struct span text)
{
	size_t end = span_rchr(text, '\n');

	return end == SIZE_MAX ? text : span_head(text, end + 1);
}

void brief_text(const struct message *m, const struct message_item *only, size_t max,
		struct strbuf *out)
{
	struct strbuf whole = strbuf_of(LIMIT_MESSAGE_BYTES), title = strbuf_of(KIB(8));
	uint64_t alerts = m->items_left_out + m->n_items;
	struct message one = *m;
	struct message_item item;
	struct span text;

	if (only) {
		item = *only;
		brief_title(m, only, &title);
		one.title = item.title = strbuf_span(&title);
		one.items = &item;
		one.n_items = m->n_items || m->items_left_out ? 1 : 0;
		one.items_left_out = 0;
		alerts = 1;
	}
	message_text(&one, &whole);
	text = strbuf_span(&whole);
	if (only && one.n_items) /* its title is there already */
		text = span_from(text, title.n + 2);
	if (text.n > max) {
		struct span link = brief_link(m, NULL);

		text = brief_cut(text, max - MIN_OF(max, TAIL_BYTES + link.n));
		text = last_line(text);
		strbuf_put(out, text);
		strbuf_printf(out, "[shortened: %llu alerts in all] " SPAN_FMT "\n",
			      (unsigned long long)alerts, SPAN_ARG(link));
	} else {
		strbuf_put(out, text);
	}
	strbuf_done(&whole);
	strbuf_done(&title);
}

static bool is_url(struct span s)
{
	if (!span_starts(s, S("https://")) && !span_starts(s, S("http://")))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f || strchr("\"<>\\^`{|}", s.p[i]))
			return false;
	return true;
}

struct span brief_link(const struct message *m, const struct message_item *item)
{
	if (is_url(m->link))
		return m->link;
	return item && is_url(item->url) ? item->url : (struct span){0};
}

unsigned brief_rank(struct span severity)
{
	static const char *const names[] = {"low", "medium", "high", "critical"};

	for (unsigned i = 0; i < COUNT_OF(names); i++)
		if (span_is_icase(severity, span_cstr(names[i])))
			return i + 1;
	return 0;
}
