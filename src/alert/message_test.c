/* SPDX-License-Identifier: Apache-2.0 */
/* Expectations are those of docs/API.md, schema rummage/message/1. */
#include "alert/message.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "../tests/sample.h"
#include "base/limits.h"
#include "base/utf8.h"

static struct message *parsed(struct span json)
{
	struct message *m = NULL;
	struct rmg_err err = {0};

	if (message_parse(json, &m, &err) != RMG_OK)
		fail_msg("%s", err.msg);
	return m;
}

static struct message *again(const struct message *m)
{
	struct strbuf text = strbuf_of(LIMIT_MESSAGE_BYTES);
	struct message *back;

	message_write(m, &text);
	assert_int_equal(strbuf_rc(&text), RMG_OK);
	back = parsed(strbuf_span(&text));
	strbuf_done(&text);
	return back;
}

static void a_message_is_read(void **state)
{
	struct span text = sample_read("alert/message", "ok-fired.json");
	struct message *m = parsed(text);
	const struct message_item *item = m->items;

	(void)state;
	sample_free(text); /* nothing of it is borrowed */
	assert_int_equal(m->kind, MESSAGE_FIRED);
	assert_true(span_is(m->id, S("vuln:sha256:ab:CVE-2024-3094/1/fired")));
	assert_true(span_is(m->severity, S("critical")));
	assert_int_equal(m->n_items, 1);
	assert_int_equal(m->items_left_out, 2900);
	assert_int_equal(item->alert, 17);
	assert_true(span_is(item->advisory, S("CVE-2024-3094")));
	assert_true(item->kev && item->fixable && item->is_new);
	assert_true(item->epss > 0.84 && item->epss < 0.86);
	assert_int_equal(item->n_uses, 3);
	assert_int_equal(item->uses_listed, 2);
	assert_true(span_is(item->uses[0].ns, S("shop")));
	assert_true(item->uses[1].dormant && !item->uses[0].dormant);
	message_free(m);
}

static void what_is_written_comes_back(void **state)
{
	struct message_use use = {.cluster = S("prod"), .node = S("n1"), .workload = S("Job/x")};
	struct message_item items[2] = {
	    {.alert = 1,
	     .key = S("k"),
	     .title = S("t"),
	     .text = S("one\ntwo"),
	     .days = 30,
	     .n_uses = 9,
	     .uses = &use,
	     .uses_listed = 1},
	    {.alert = 2, .key = S("l"), .before = S("0 critical"), .after = S("3 critical")},
	};
	struct message m = {
	    .kind = MESSAGE_ESCALATED, .id = S("k/1/escalated/30"), .items = items, .n_items = 2};
	struct message *back = again(&m);

	(void)state;
	assert_int_equal(back->kind, MESSAGE_ESCALATED);
	assert_int_equal(back->n_items, 2);
	assert_true(span_is(back->items[0].text, S("one\ntwo")));
	assert_int_equal(back->items[0].days, 30);
	assert_true(span_is(back->items[0].uses[0].workload, S("Job/x")));
	assert_true(span_is(back->items[1].after, S("3 critical")));
	message_free(back);
}

static void control_bytes_do_not_reach_a_sink(void **state)
{
	struct message_item item = {.title = S("a\r\nBcc: x\0y"), .text = S("1\n2\x1b[0m")};
	struct message m = {.id = S("k"), .title = S("t\n"), .items = &item, .n_items = 1};
	struct message *back = again(&m);

	(void)state;
	assert_true(span_is(back->title, S("t?")));
	assert_true(span_is(back->items[0].title, S("a??Bcc: x?y")));
	assert_true(span_is(back->items[0].text, S("1\n2?[0m")));
	message_free(back);
}

/* The worst image has the largest report: it is cut and counted, never dropped. */
static void nothing_is_too_large_to_be_told(void **state)
{
	enum { ITEMS = 3000, USES = 60, LONG = 100000 };
	struct message_item *items = calloc(ITEMS, sizeof *items);
	struct message_use *uses = calloc(USES, sizeof *uses);
	char *text = malloc(LONG);
	struct message m = {.id = S("k"), .items = items, .n_items = ITEMS, .items_left_out = 5};
	struct message *back;

	(void)state;
	assert_true(items && uses && text);
	memset(text, 'x', LONG);
	memcpy(text + MESSAGE_TEXT_BYTES - 1, "\xc3\xa9", 2);
	for (size_t i = 0; i < USES; i++)
		uses[i].name = span_of(text, LONG);
	for (size_t i = 0; i < ITEMS; i++)
		items[i] = (struct message_item){.text = span_of(text, LONG),
						 .uses = uses,
						 .uses_listed = USES,
						 .n_uses = 100000};
	back = again(&m);
	assert_int_equal(back->n_items, MESSAGE_ITEMS);
	assert_int_equal(back->items_left_out, 5 + ITEMS - MESSAGE_ITEMS);
	for (size_t i = 0; i < MESSAGE_ITEMS; i++)
		assert_int_equal(back->items[i].uses_listed, MESSAGE_USES_ALL / MESSAGE_ITEMS);
	assert_int_equal(back->items[99].n_uses, 100000);
	assert_int_equal(back->items[0].text.n, MESSAGE_TEXT_BYTES - 1);
	message_free(back);
	free(items);
	free(uses);
	free(text);
}

static void what_is_no_message_is_refused(void **state)
{
	static const char *const names[] = {"bad-schema.json", "bad-kind.json", "bad-id.json",
					    "bad-items.json",  "bad-uses.json", "bad-cut.json"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct span text = sample_read("alert/message", names[i]);
		struct rmg_err err = {0};
		struct message *m;

		if (message_parse(text, &m, &err) != RMG_E_FORMAT || err.msg[0] == '\0')
			fail_msg("%s: %s", names[i], err.msg);
		sample_free(text);
	}
}

static void as_text_it_says_what_where_and_since_when(void **state)
{
	static const char *const says[] = {
	    "CVE-2024-3094 in shop/web:1.9",
	    "critical, new, known to be exploited, EPSS 0.850, fixed in 5.6.1+really5.4.5-1",
	    "component pkg:deb/debian/xz-utils@5.6.0-1",
	    "3 uses:",
	    "prod / node-a / shop / Deployment/web / web, since 2026-11-24T20:00:00Z",
	    "prod / shop / CronJob/report, dormant",
	    "and 1 more",
	    "and 2900 more alerts",
	    "https://hub.example.com/alerts",
	};
	struct span json = sample_read("alert/message", "ok-fired.json");
	struct message *m = parsed(json);
	struct strbuf text = strbuf_of(1 << 20);

	(void)state;
	message_text(m, &text);
	for (size_t i = 0; i < COUNT_OF(says); i++) {
		if (strstr(strbuf_cstr(&text), says[i]) == NULL)
			fail_msg("\"%s\" is not in\n%s", says[i], strbuf_cstr(&text));
	}
	strbuf_done(&text);
	message_free(m);
	sample_free(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_message_is_read),
	    cmocka_unit_test(what_is_written_comes_back),
	    cmocka_unit_test(control_bytes_do_not_reach_a_sink),
	    cmocka_unit_test(nothing_is_too_large_to_be_told),
	    cmocka_unit_test(what_is_no_message_is_refused),
	    cmocka_unit_test(as_text_it_says_what_where_and_since_when),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
