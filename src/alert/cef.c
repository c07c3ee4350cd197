/* SPDX-License-Identifier: Apache-2.0 */
/* cef.c - ArcSight's Common Event Format (version 0, rev. 25), as the text of a syslog message.
 *
 * In the header '\' and '|' are escaped, in the extension '\' and '='. Severities are 0 to 10: low
 * 0-3, medium 4-6, high 7-8, very high 9-10. */
#include "alert/sink_inside.h"
#include "base/limits.h"
#include "base/rfc3339.h"

/* Of a line's bytes, one value takes a 16th and the name an eighth at most. */
enum { VALUE_PART = 16, NAME_PART = 8 };

static const struct sink_setting settings[] = {SYSLOG_SETTINGS, {0}};

static void put_value(struct strbuf *out, const char *key, struct span s, size_t max)
{
	if (s.n == 0)
		return;
	strbuf_printf(out, "%s=", key);
	brief_escape(s, "\\=", max, out);
	strbuf_putc(out, ' ');
}

/* A custom string has a label beside it. */
static void put_custom(struct strbuf *out, unsigned i, const char *label, struct span s, size_t max)
{
	char key[16];

	if (s.n == 0)
		return;
	snprintf(key, sizeof key, "cs%uLabel", i);
	put_value(out, key, span_cstr(label), max);
	snprintf(key, sizeof key, "cs%u", i);
	put_value(out, key, s, max);
}

static unsigned severity_of(struct span severity)
{
	static const unsigned of_rank[] = {1, 3, 5, 8, 10};

	return of_rank[brief_rank(severity)];
}

static void put_extension(const struct message *m, const struct message_item *item, size_t max,
			  struct strbuf *out)
{
	struct strbuf uses = strbuf_of(KIB(16));
	size_t value = max / VALUE_PART;
	int64_t ms;

	if (rfc3339_parse(m->at, &ms))
		strbuf_printf(out, "rt=%lld ", (long long)ms);
	put_value(out, "act", span_cstr(message_kind_name(m->kind)), value);
	put_value(out, "externalId", item->key, value);
	put_custom(out, 1, "advisory", item->advisory, value);
	put_custom(out, 2, "component", item->component, value);
	put_custom(out, 3, "image", item->image, value);
	put_custom(out, 4, "digest", item->digest, value);
	put_custom(out, 5, "rule", item->rule, value);
	put_custom(out, 6, "fixed", item->fixed, value);
	strbuf_printf(out, "cn1Label=uses cn1=%llu ", (unsigned long long)item->n_uses);
	put_value(out, "request", brief_link(m, item), value);
	if (out->n + 128 < max)
		brief_uses(item, (max - out->n - 128) / 2, &uses); /* escapes may double it */
	put_value(out, "msg", strbuf_span(&uses), max);
	strbuf_done(&uses);
}

void cef_line(const struct syslog_head *h, const struct message *m, const struct message_item *item,
	      size_t max, struct strbuf *out)
{
	struct strbuf title = strbuf_of(KIB(8));
	struct span id = item->advisory.n ? item->advisory : item->rule;

	syslog_put_head(h, m, item, out);
	strbuf_puts(out, "- CEF:0|Rummage|Rummage|" RUMMAGE_VERSION "|");
	brief_escape(id.n ? id : S("alert"), "\\|", max / VALUE_PART, out);
	strbuf_putc(out, '|');
	brief_title(m, item, &title);
	brief_escape(strbuf_span(&title), "\\|", max / NAME_PART, out);
	strbuf_printf(out, "|%u|", severity_of(item->severity));
	put_extension(m, item, max, out);
	while (out->n && out->p[out->n - 1] == ' ')
		out->p[--out->n] = '\0';
	strbuf_done(&title);
}

static enum rmg_rc open_cef(const struct sink_values *v, struct sink **out, struct rmg_err *err)
{
	return syslog_open(&sink_cef, v, out, err);
}

static enum rmg_rc send_cef(struct sink *s, const struct message *m, struct sink_retry *retry,
			    struct rmg_err *err)
{
	return syslog_send(s, m, cef_line, retry, err);
}

const struct sink_kind sink_cef = {
    .name = "cef",
    .what = "ArcSight's Common Event Format, in syslog",
    .settings = settings,
    .each = true,
    .open = open_cef,
    .send = send_cef,
    .close = sink_close,
};
