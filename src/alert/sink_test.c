/* SPDX-License-Identifier: Apache-2.0 */
/* What each kind says. Expectations: CloudEvents 1.0, Standard Webhooks 1.0 (its published
 * example), the formats that Alertmanager, Slack, Teams, PagerDuty and Jira publish, RFC 5322,
 * 2045, 2047, 5424 and the escapes of CEF rev. 25. */
#include "alert/sink_inside.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "../tests/sample.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "format/json.h"

/* One item in two uses, 2,900 more alerts. */
static struct message *fired(void)
{
	struct span text = sample_read("alert/message", "ok-fired.json");
	struct message *m = NULL;
	struct rmg_err err = {0};

	if (message_parse(text, &m, &err) != RMG_OK)
		fail_msg("%s", err.msg);
	sample_free(text);
	return m;
}

/* Every text as long as it may be, with characters that each format must escape. */
static struct message *huge(void)
{
	static const char part[] = "a|b=c\\d]\"<@here>&{noformat}=?*_\xc3\xa9 ";
	struct message m = {.kind = MESSAGE_FIRED, .id = S("huge"), .items_left_out = 7};
	struct message_item *items = calloc(MESSAGE_ITEMS, sizeof *items);
	struct message_use *uses = calloc(MESSAGE_USES, sizeof *uses);
	struct strbuf text = strbuf_of(KIB(4)), line = strbuf_of(LIMIT_MESSAGE_BYTES);
	struct message *out = NULL;
	struct rmg_err err = {0};
	struct span long_text;

	while (text.n < MESSAGE_TEXT_BYTES - sizeof part)
		strbuf_puts(&text, part);
	long_text = strbuf_span(&text);
	for (size_t i = 0; i < MESSAGE_USES; i++)
		uses[i] = (struct message_use){long_text,
					       long_text,
					       long_text,
					       long_text,
					       long_text,
					       long_text,
					       S("2026-11-24T20:00:00Z"),
					       false};
	for (size_t i = 0; i < MESSAGE_ITEMS; i++)
		items[i] = (struct message_item){.key = long_text,
						 .rule = long_text,
						 .title = long_text,
						 .text = long_text,
						 .severity = S("critical"),
						 .advisory = long_text,
						 .summary = long_text,
						 .url = long_text,
						 .fixed = long_text,
						 .component = long_text,
						 .image = long_text,
						 .digest = long_text,
						 .n_uses = 100000,
						 .uses = uses,
						 .uses_listed = MESSAGE_USES};
	m.title = long_text;
	m.items = items;
	m.n_items = MESSAGE_ITEMS;
	message_write(&m, &line);
	if (message_parse(strbuf_span(&line), &out, &err) != RMG_OK)
		fail_msg("%s", err.msg);
	strbuf_done(&text);
	strbuf_done(&line);
	free(items);
	free(uses);
	return out;
}

static struct json_doc doc;
static struct strbuf body;

static json *parsed(void)
{
	struct rmg_err err = {0};

	assert_int_equal(strbuf_rc(&body), RMG_OK);
	if (json_parse(&doc, strbuf_span(&body), LIMIT_MESSAGE_BYTES, &err) != RMG_OK)
		fail_msg("%s: %s", err.msg, strbuf_cstr(&body));
	return doc.root;
}

static int setup(void **state)
{
	(void)state;
	body = strbuf_of(SINK_BODY_BYTES);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	json_done(&doc);
	strbuf_done(&body);
	return 0;
}

/* The text at a path such as "blocks.1.text.text". */
static struct span at(json *v, const char *path)
{
	struct span rest = span_cstr(path), key;
	uint64_t i;

	while (span_next(&rest, '.', &key))
		v = span_u64(key, 10, 1000, &i) ? json_at(v, i) : json_get_span(v, key);
	return json_str(v);
}

static void assert_at(json *v, const char *path, const char *want)
{
	struct span got = at(v, path);

	if (!span_is(got, span_cstr(want)))
		fail_msg("%s is \"" SPAN_FMT "\", not \"%s\"", path, SPAN_ARG(got), want);
}

static void a_webhook_is_a_cloud_event(void **state)
{
	struct message *m = fired();
	json *v;

	(void)state;
	webhook_body(m, NULL, &body);
	v = parsed();
	assert_at(v, "specversion", "1.0");
	assert_at(v, "id", "vuln:sha256:ab:CVE-2024-3094/1/fired");
	assert_at(v, "source", "https://hub.example.com/alerts");
	assert_at(v, "type", "rummage.alert.fired");
	assert_at(v, "time", "2026-11-24T20:00:01Z");
	assert_at(v, "datacontenttype", "application/json");
	assert_at(v, "data.schema", "rummage/message/1");
	assert_at(v, "data.items.0.advisory", "CVE-2024-3094");
	message_free(m);
}

static void a_signature_is_that_of_standard_webhooks(void **state)
{
	struct span id = S("msg_p5jXN8AQM9LWM0D4loKWxJek"), text = S("{\"test\": 2432232314}");

	(void)state;
	assert_true(
	    webhook_sign(S("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), id, 1614265330, text, &body));
	assert_string_equal(strbuf_cstr(&body), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
	assert_false(webhook_sign(S("whsec_*"), id, 1614265330, text, &body));
	assert_false(webhook_sign(S("whsec_"), id, 1614265330, text, &body));
}

static void alertmanager_gets_labels_that_last(void **state)
{
	struct message *m = fired();
	json *v;

	(void)state;
	alertmanager_body(m, "prod", INT64_C(1795550401000), 240000, &body);
	v = parsed();
	assert_int_equal(json_len(v), 2); /* the other 2,900 are one */
	assert_at(v, "0.labels.alertname", "VulnerableImageInUse");
	assert_at(v, "0.labels.severity", "critical");
	assert_at(v, "0.labels.image_digest", "sha256:ab");
	assert_at(v, "0.labels.cve", "CVE-2024-3094");
	assert_at(v, "0.labels.rule", "critical");
	assert_at(v, "0.labels.cluster", "prod");
	assert_int_equal(json_len(json_get(json_at(v, 0), "labels")), 7);
	assert_at(
	    v, "0.annotations.uses",
	    "prod/shop/Deployment/web on node-a; prod/shop/CronJob/report (dormant); and 1 more");
	assert_at(v, "0.startsAt", "2026-11-24T20:00:01Z");
	assert_at(v, "0.endsAt", "2026-11-24T20:04:01Z");
	assert_at(v, "0.generatorURL", "https://hub.example.com/alerts");
	message_free(m);
}

static void alertmanager_is_told_of_the_end(void **state)
{
	struct message *m = fired();
	json *v;

	(void)state;
	m->kind = MESSAGE_RESOLVED;
	m->items_left_out = 0;
	alertmanager_body(m, NULL, INT64_C(1795550401000) + 1000, 240000, &body);
	v = parsed();
	assert_at(v, "0.labels.severity", "critical");
	assert_at(v, "0.endsAt", "2026-11-24T20:00:02Z");
	assert_at(v, "1.labels.severity", "high"); /* it may have been told with another */
	assert_at(v, "1.endsAt", "2026-11-24T20:00:02Z");
	message_free(m);
}

static void slack_gets_blocks(void **state)
{
	struct message *m = fired();
	json *v;

	(void)state;
	m->items[0].title = S("<!channel> & <b>");
	slack_body(m, &body);
	v = parsed();
	assert_at(v, "text", "CVE-2024-3094 in 2,901 images in use");
	assert_at(v, "blocks.0.type", "header");
	assert_at(v, "blocks.0.text.type", "plain_text");
	assert_at(v, "blocks.1.type", "section");
	assert_at(v, "blocks.1.text.type", "mrkdwn");
	assert_true(span_starts(at(v, "blocks.1.text.text"),
				S("*&lt;!channel&gt; &amp; &lt;b&gt;*\ncritical, new, known to be "
				  "exploited, EPSS 0.850, fixed in 5.6.1")));
	assert_true(span_has(at(v, "blocks.2.text.text"), S("and 2900 more alerts")));
	message_free(m);
}

static void slack_takes_what_is_huge(void **state)
{
	struct message *m = huge();
	json *blocks;

	(void)state;
	slack_body(m, &body);
	blocks = json_get(parsed(), "blocks");
	assert_in_range(json_len(blocks), 3, 50);
	for (struct json_iter it = json_iter(blocks); json_next(&it);) {
		struct span text = at(it.value, "text.text");

		assert_in_range(text.n, 1, 3000);
		assert_true(utf8_valid(text));
	}
	assert_in_range(at(doc.root, "blocks.0.text.text").n, 1, 150);
	assert_true(span_has(strbuf_span(&body), S("and 87 more alerts")));
	message_free(m);
}

static void teams_gets_a_card(void **state)
{
	struct message *m = fired();
	json *v;

	(void)state;
	teams_body(m, &body);
	v = parsed();
	assert_at(v, "type", "message");
	assert_at(v, "attachments.0.contentType", "application/vnd.microsoft.card.adaptive");
	assert_at(v, "attachments.0.content.type", "AdaptiveCard");
	assert_at(v, "attachments.0.content.version", "1.4");
	assert_at(v, "attachments.0.content.body.1.inlines.0.text",
		  "CVE-2024-3094 in shop/web:1.9");
	assert_at(v, "attachments.0.content.actions.0.url", "https://hub.example.com/alerts");
	message_free(m);
	m = huge();
	strbuf_clear(&body);
	teams_body(m, &body);
	parsed();
	assert_true(body.n < 28 * 1024);
	assert_true(span_has(strbuf_span(&body), S(" more alerts")));
	message_free(m);
}

static void pagerduty_gets_an_event_an_alert(void **state)
{
	struct message *m = fired();
	json *v;

	(void)state;
	pagerduty_body(m, &m->items[0], "R0", &body);
	v = parsed();
	assert_at(v, "routing_key", "R0");
	assert_at(v, "event_action", "trigger");
	assert_at(v, "dedup_key", "vuln:sha256:ab:CVE-2024-3094");
	assert_at(v, "payload.summary", "CVE-2024-3094 in shop/web:1.9");
	assert_at(v, "payload.source", "shop/web:1.9");
	assert_at(v, "payload.severity", "critical");
	assert_at(v, "payload.timestamp", "2026-11-24T20:00:01Z");
	assert_at(v, "links.0.href", "https://hub.example.com/alerts");
	strbuf_clear(&body);
	m->kind = MESSAGE_RESOLVED;
	pagerduty_body(m, &m->items[0], "R0", &body);
	v = parsed();
	assert_at(v, "event_action", "resolve");
	assert_at(v, "dedup_key", "vuln:sha256:ab:CVE-2024-3094");
	message_free(m);
	m = huge();
	strbuf_clear(&body);
	pagerduty_body(m, &m->items[0], "R0", &body);
	assert_in_range(at(parsed(), "dedup_key").n, 1, 255);
	assert_in_range(at(doc.root, "payload.summary").n, 1, 1024);
	assert_true(body.n < 512 * 1024);
	message_free(m);
}

static void jira_gets_an_issue(void **state)
{
	struct message *m = fired();
	struct span text;
	char label[32];
	json *v;

	(void)state;
	jira_label(&m->items[0], label);
	jira_issue_body(m, &m->items[0], "SEC", "Bug", &body);
	v = parsed();
	assert_at(v, "fields.project.key", "SEC");
	assert_at(v, "fields.issuetype.name", "Bug");
	assert_at(v, "fields.summary", "CVE-2024-3094 in shop/web:1.9");
	assert_at(v, "fields.labels.0", "rummage");
	assert_at(v, "fields.labels.1", label);
	assert_true(span_has(at(v, "fields.description"), S("Deployment/web")));
	message_free(m);
	m = huge();
	strbuf_clear(&body);
	jira_issue_body(m, &m->items[0], "SEC", "Bug", &body);
	text = at(parsed(), "fields.description");
	assert_in_range(text.n, 1, 32767);
	assert_in_range(at(doc.root, "fields.summary").n, 1, 255);
	/* The text cannot end its own block. */
	assert_true(span_has(text, S("(noformat}")));
	assert_int_equal(span_find(text, S("{")), 0);
	assert_int_equal(span_find_from(text, 1, S("{")),
			 span_find_from(text, 1, S("{noformat}\n")));
	assert_int_equal(text.n - span_rchr(text, '{'), strlen("{noformat}\n"));
	message_free(m);
}

static void a_mail_is_one(void **state)
{
	struct message *m = fired();
	struct span text;

	(void)state;
	m->title =
	    S("CVE-2024-3094 \xc3\xa9\xc3\xa9 in many places, and a title that is longer than "
	      "one line may be");
	smtp_text(m, "hub@example.com", "a@example.com, b@example.com", INT64_C(1795550401000),
		  &body);
	text = strbuf_span(&body);
	assert_true(span_starts(text, S("Date: Tue, 24 Nov 2026 20:00:01 +0000\r\n"
					"From: hub@example.com\r\n"
					"To: a@example.com,\r\n b@example.com\r\n"
					"Subject: =?utf-8?B?Q1ZFLTIwMjQtMzA5NCDDqcOp")));
	assert_true(span_has(text, S("\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n")));
	assert_true(span_has(text, S("@example.com>\r\nReferences: <")));
	for (struct span line; span_next(&text, '\n', &line);) {
		assert_true(line.n == 0 || span_ends(line, S("\r")));
		assert_true(line.n <= 79);
		assert_false(span_starts(line, S(".")));
	}
	message_free(m);
}

static void a_title_is_no_header(void **state)
{
	struct message_item item = {.title = S("=?utf-8?Q?x?=")};
	struct message m = {
	    .id = S("k"), .title = S("=?utf-8?Q?evil=0D=0ABcc:_x?="), .items = &item, .n_items = 1};

	(void)state;
	smtp_text(&m, "hub@example.com", "a@example.com", 0, &body);
	assert_true(span_has(strbuf_span(&body), S("\r\nSubject: =?utf-8?B?PT91dGYtOD9RP2V2aW")));
}

static void syslog_is_rfc_5424(void **state)
{
	struct syslog_head head = {16, "hub-1", "rummage", "32473"};
	struct message *m = fired();

	(void)state;
	m->items[0].rule = S("a\"b\\c]d");
	syslog_line(&head, m, &m->items[0], 8192, &body);
	assert_true(span_starts(
	    strbuf_span(&body),
	    S("<130>1 2026-11-24T20:00:01Z hub-1 rummage - fired [rummage@32473 "
	      "id=\"vuln:sha256:ab:CVE-2024-3094/1/fired\" key=\"vuln:sha256:ab:CVE-2024-3094\" "
	      "severity=\"critical\" rule=\"a\\\"b\\\\c\\]d\" cve=\"CVE-2024-3094\"")));
	assert_true(span_has(strbuf_span(&body), S("] CVE-2024-3094 in shop/web:1.9; critical, ")));
	assert_true(
	    span_has(strbuf_span(&body), S("; and 1 more; https://hub.example.com/alerts")));
	message_free(m);
}

static void syslog_is_shortened(void **state)
{
	struct syslog_head head = {16, "hub-1", "rummage", "32473"};
	static syslog_line_fn *const lines[] = {syslog_line, cef_line};
	static const size_t sizes[] = {2048, 8192};
	struct message *m = huge();

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		strbuf_clear(&body);
		lines[i / 2](&head, m, &m->items[0], sizes[i % 2], &body);
		assert_in_range(body.n, 500, sizes[i % 2]);
		assert_true(utf8_valid(strbuf_span(&body)));
		if (i % 2)
			assert_true(span_has(strbuf_span(&body), S(" more")));
	}
	message_free(m);
}

static void cef_is_escaped(void **state)
{
	struct syslog_head head = {16, "hub-1", "rummage", "32473"};
	struct message *m = fired();
	struct span text;

	(void)state;
	m->items[0].title = S("a|b\\c=d");
	m->items[0].image = S("x|y\\z=1");
	cef_line(&head, m, &m->items[0], 8192, &body);
	text = strbuf_span(&body);
	assert_true(span_starts(text, S("<130>1 2026-11-24T20:00:01Z hub-1 rummage - fired - "
					"CEF:0|Rummage|Rummage|")));
	assert_true(
	    span_has(text, S("|CVE-2024-3094|a\\|b\\\\c=d|10|rt=1795550401000 act=fired ")));
	assert_true(span_has(text, S(" cs3Label=image cs3=x|y\\\\z\\=1 ")));
	assert_true(span_has(text, S(" cn1Label=uses cn1=3 ")));
	message_free(m);
}

static const char *value_of(void *user, const char *name)
{
	const char *const *pairs = user;

	for (; pairs && *pairs; pairs += 2)
		if (strcmp(pairs[0], name) == 0)
			return pairs[1];
	return NULL;
}

static enum rmg_rc opened(const char *kind, const char *const *pairs)
{
	struct sink_values v = {.value = value_of, .user = (void *)(uintptr_t)pairs};
	struct sink *s = NULL;
	struct rmg_err err = {0};
	enum rmg_rc rc = sink_kind_of(kind)->open(&v, &s, &err);

	assert_true((rc == RMG_OK) == (s != NULL));
	assert_true(rc == RMG_OK || err.msg[0]);
	if (s)
		sink_kind_of(kind)->close(s);
	return rc;
}

static void settings_are_checked(void **state)
{
	static const struct {
		const char *kind;
		const char *pairs[12];
		enum rmg_rc rc;
	} rows[] = {
	    {"webhook", {"url", "https://x.example/a"}, RMG_OK},
	    {"webhook", {NULL}, RMG_E_ARG},
	    {"webhook", {"url", "ftp://x.example/a"}, RMG_E_ARG},
	    {"webhook", {"url", "https://x.example/a", "token", "a\r\nX: y"}, RMG_E_ARG},
	    {"webhook", {"url", "https://x.example/a", "secret", "whsec_*"}, RMG_E_ARG},
	    {"syslog", {"url", "tls://x.example:6514"}, RMG_OK},
	    {"syslog", {"url", "tcp://[::1]"}, RMG_OK},
	    {"syslog", {"url", "tcp://x.example:70000"}, RMG_E_ARG},
	    {"syslog", {"url", "x.example"}, RMG_E_ARG},
	    {"cef", {"url", "udp://x.example", "facility", "24"}, RMG_E_ARG},
	    {"smtp", {"url", "smtp://x.example", "from", "a@x", "to", "b@x, c@x"}, RMG_OK},
	    {"smtp", {"url", "smtp://x.example", "from", "a@x", "to", "b@x>\r\nRCPT"}, RMG_E_ARG},
	    {"smtp", {"url", "smtp://x.example", "from", "a b@x", "to", "b@x"}, RMG_E_ARG},
	    {"smtp",
	     {"url", "smtp://x.example", "from", "a@x", "to", "b@x", "tls", "never", "password",
	      "p"},
	     RMG_E_ARG},
	    {"smtp", {"url", "smtp://", "from", "a@x", "to", "b@x"}, RMG_E_ARG},
	    {"smtp",
	     {"url", "smtp://x.example", "from", "a@x", "to", "b@x", "user", "u"},
	     RMG_E_ARG},
	    {"alertmanager", {"url", "http://x.example:9093", "password", "p"}, RMG_E_ARG},
	    {"alertmanager",
	     {"url", "http://x.example:9093", "user", "u", "password", "p"},
	     RMG_OK},
	    {"slack", {"url", "https://"}, RMG_E_ARG},
	    {"slack", {"url", "https://x.example:99999/a"}, RMG_E_ARG},
	    {"teams", {"url", "https://x example/a"}, RMG_E_ARG},
	    {"pagerduty", {"routing_key", "k"}, RMG_OK},
	    {"pagerduty", {"routing_key", "k", "url", "http://"}, RMG_E_ARG},
	    {"jira",
	     {"url", "https://x.example", "project", "SEC", "token", "t", "ca", "/nowhere"},
	     RMG_E_NOTFOUND},
	    {"webhook", {"url", "https://x.example/a", "ca", "/dev/null"}, RMG_E_IO},
	    {"syslog", {"url", "tls://x.example", "client_cert", "/etc/passwd"}, RMG_E_ARG},
	    {"cef",
	     {"url", "tls://x.example", "client_cert", "/etc/passwd", "client_key", "/etc/passwd"},
	     RMG_E_FORMAT},
	    {"stdout", {NULL}, RMG_OK},
	    {"alertmanager", {"url", "http://x.example", "repeat", "300"}, RMG_OK},
	    {"alertmanager", {"url", "http://x.example", "repeat", "0"}, RMG_OK},
	    {"alertmanager", {"url", "http://x.example", "repeat", "1m"}, RMG_E_ARG},
	    {"alertmanager", {"url", "http://x.example", "repeat", "86401"}, RMG_E_ARG},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (opened(rows[i].kind, rows[i].pairs) != rows[i].rc)
			fail_msg("row %zu", i);
	assert_null(sink_kind_of("none"));
}

static bool stop(void *user)
{
	(void)user;
	return true;
}

/* Somebody who takes connections and never says a word. */
static int silent(unsigned *port)
{
	struct sockaddr_in here = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof here;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&here, sizeof here) == 0);
	assert_true(listen(fd, 8) == 0 && getsockname(fd, (struct sockaddr *)&here, &len) == 0);
	*port = ntohs(here.sin_port);
	return fd;
}

static void a_hub_that_ends_waits_for_nobody(void **state)
{
	static const char *const rows[][2] = {
	    {"webhook", "http"}, {"pagerduty", "http"}, {"smtp", "smtp"}, {"syslog", "tcp"}};
	struct message *m = fired();
	unsigned port;
	int fd = silent(&port);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char url[64];
		const char *pairs[] = {"url",         url,           "from", "a@x.example",
				       "to",          "b@x.example", "tls",  "never",
				       "routing_key", "key",         NULL};
		struct sink_values v = {.value = value_of, .user = pairs, .stop = stop};
		const struct sink_kind *kind = sink_kind_of(rows[i][0]);
		struct sink_retry retry = {0};
		struct rmg_err err = {0};
		struct sink *s = NULL;
		int64_t begin = clock_tick_ms();

		snprintf(url, sizeof url, "%s://127.0.0.1:%u", rows[i][1], port);
		assert_int_equal(kind->open(&v, &s, &err), RMG_OK);
		if (kind->send(s, m, &retry, &err) != RMG_E_STOPPED || !retry.again)
			fail_msg("%s: %s", kind->name, err.msg);
		assert_true(clock_tick_ms() - begin < 5000);
		kind->close(s);
	}
	close(fd);
	message_free(m);
}

static void every_kind_has_texts(void **state)
{
	(void)state;
	for (size_t i = 0; sink_kind_at(i); i++) {
		const struct sink_kind *k = sink_kind_at(i);

		assert_true(k->name && k->what && k->open && k->send && k->close);
		assert_ptr_equal(sink_kind_of(k->name), k);
		for (const struct sink_setting *s = k->settings; s->name; s++)
			assert_non_null(s->what);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(a_webhook_is_a_cloud_event),
	    TEST(a_signature_is_that_of_standard_webhooks),
	    TEST(alertmanager_gets_labels_that_last),
	    TEST(alertmanager_is_told_of_the_end),
	    TEST(slack_gets_blocks),
	    TEST(slack_takes_what_is_huge),
	    TEST(teams_gets_a_card),
	    TEST(pagerduty_gets_an_event_an_alert),
	    TEST(jira_gets_an_issue),
	    TEST(a_mail_is_one),
	    TEST(a_title_is_no_header),
	    TEST(syslog_is_rfc_5424),
	    TEST(syslog_is_shortened),
	    TEST(cef_is_escaped),
	    TEST(settings_are_checked),
	    TEST(a_hub_that_ends_waits_for_nobody),
	    TEST(every_kind_has_texts),
	};

	setenv("no_proxy", "*", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
