/* SPDX-License-Identifier: Apache-2.0 */
/* Any message, told by every kind: JSON is JSON, lines are lines, and what has a bound keeps it. */
#include "alert/sink_inside.h"

#include "base/utf8.h"
#include "format/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_BYTES = 1 << 16, UDP_BYTES = 2048 };

static void check_json(struct strbuf *body)
{
	struct json_doc doc = {0};
	struct rmg_err err = {0};

	CHECK(strbuf_rc(body) == RMG_OK && utf8_valid(strbuf_span(body)));
	CHECK(json_parse(&doc, strbuf_span(body), SINK_BODY_BYTES, &err) == RMG_OK);
	json_done(&doc);
	strbuf_clear(body);
}

static void check_line(struct strbuf *line, const char *begin)
{
	struct span s = strbuf_span(line);

	CHECK(strbuf_rc(line) == RMG_OK && s.n <= UDP_BYTES && utf8_valid(s));
	CHECK(span_chr(s, '\n') == SIZE_MAX && span_starts(s, span_cstr(begin)));
	strbuf_clear(line);
}

static void check_item(const struct message *m, const struct message_item *item,
		       struct strbuf *body)
{
	struct syslog_head head = {16, "host", "rummage", "32473"};

	pagerduty_body(m, item, "key", body);
	check_json(body);
	jira_issue_body(m, item, "SEC", "Bug", body);
	check_json(body);
	syslog_line(&head, m, item, UDP_BYTES, body);
	check_line(body, "<13");
	cef_line(&head, m, item, UDP_BYTES, body);
	check_line(body, "<13");
}

static void check_mail(const struct message *m, struct strbuf *body)
{
	struct span rest, line;

	smtp_text(m, "a@example.com", "b@example.com", 0, body);
	rest = strbuf_span(body);
	CHECK(strbuf_rc(body) == RMG_OK);
	while (span_next(&rest, '\n', &line)) {
		CHECK(line.n && line.n <= 79 && line.p[line.n - 1] == '\r' && line.p[0] != '.');
		CHECK(span_chr(span_head(line, line.n - 1), '\r') == SIZE_MAX);
	}
	strbuf_clear(body);
}

static void check_all(const struct message *m, struct strbuf *body)
{
	webhook_body(m, NULL, body);
	check_json(body);
	alertmanager_body(m, NULL, 0, 1000, body);
	check_json(body);
	slack_body(m, body);
	check_json(body);
	teams_body(m, body);
	check_json(body);
	check_mail(m, body);
	for (size_t i = 0; i < m->n_items && i < 3; i++)
		check_item(m, &m->items[i], body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf body = strbuf_of(SINK_BODY_BYTES);
	struct rmg_err err = {0};
	struct message *m;

	if (size > MAX_BYTES || message_parse(span_of(data, size), &m, &err) != RMG_OK)
		return 0;
	check_all(m, &body);
	message_free(m);
	strbuf_done(&body);
	return 0;
}
