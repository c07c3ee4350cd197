/* SPDX-License-Identifier: Apache-2.0 */
/* What fires, for those who are to hear of it again and again. */
#include "../tests/made.h"
#include "hub/alerts_firing.h"

static const struct made_says says[] = {{"CVE-1", "a", SEV_HIGH, .fixable = true},
					{"CVE-2", "b", SEV_CRITICAL},
					{"CVE-3", "c", SEV_LOW, .kev = true}};

/* The advisories of what fires for a sink, in the order of the alerts. */
static void fires(struct made *m, const char *sink, const char *want)
{
	struct strbuf got = strbuf_of(KIB(4)), text = strbuf_of(LIMIT_MESSAGE_BYTES);
	struct ids ids = {0};
	struct firing *f;
	struct message *msg;

	assert_int_equal(alerts_firing(m->a, &m->env, sink, &ids), RMG_OK);
	assert_int_equal(firing_new(ids.v, ids.n, &f), RMG_OK);
	firing_look(f, m->a);
	GOOD(m, firing_read(f, m->st, &m->err));
	GOOD(m, firing_write(f, m->a, &m->env, S("x/1"), &text, &m->err));
	if (text.n) {
		GOOD(m, message_parse(strbuf_span(&text), &msg, &m->err));
		assert_int_equal(msg->kind, MESSAGE_FIRING);
		assert_true(span_is(msg->id, S("x/1")));
		for (size_t i = 0; i < msg->n_items; i++) {
			const struct message_item *item = &msg->items[i];

			strbuf_printf(&got, "%s" SPAN_FMT, i ? " " : "",
				      SPAN_ARG(item->advisory.n ? item->advisory : item->key));
		}
		message_free(msg);
	}
	assert_string_equal(strbuf_cstr(&got), want);
	firing_free(f);
	VEC_DONE(&ids);
	strbuf_done(&got);
	strbuf_done(&text);
}

static uint32_t id_of(const struct made *m, const char *advisory)
{
	const struct alert *x;

	for (size_t i = 0; (x = alerts_at(m->a, i)) != NULL; i++)
		if (span_is(m->w->advisories.v[x->advisory].id, made_span(advisory)))
			return x->id;
	return 0;
}

static void act(struct made *m, const char *advisory, enum alert_state to)
{
	made_begin(m);
	GOOD(m, alerts_act(m->a, &m->env, id_of(m, advisory), to, m->env.now_ms + 60000, S("me"),
			   S("why"), &m->err));
	made_commit(m);
}

static void what_fires_follows_from_the_alerts(void **state)
{
	struct happening x = {.kind = RULE_FACTS_DISAGREE,
			      .subject = S("sha256:12"),
			      .title = S("two readers disagree"),
			      .text = S("a says this")};
	struct made m;
	uint32_t slot;

	(void)state;
	made_open(&m, NULL);
	made_database(&m, says, 3);
	fires(&m, "one", "");
	slot = made_use(&m, made_image(&m, "abc:1", "a b c"), 0);
	fires(&m, "one", "CVE-1 CVE-2 CVE-3");
	act(&m, "CVE-1", ALERT_ACKNOWLEDGED);
	act(&m, "CVE-2", ALERT_SUPPRESSED);
	fires(&m, "one", "CVE-1 CVE-3");
	made_begin(&m);
	GOOD(&m, alerts_happened(m.a, &m.env, &x, &m.err));
	made_commit(&m);
	fires(&m, "two", "CVE-1 CVE-3 facts-disagree:sha256:12");
	made_load(&m); /* by another hub */
	fires(&m, "two", "CVE-1 CVE-3 facts-disagree:sha256:12");
	made_pass(&m, 60001);
	fires(&m, "one", "CVE-1 CVE-2 CVE-3 facts-disagree:sha256:12");
	made_end(&m, slot);
	made_pass(&m, 10000);
	fires(&m, "one", "facts-disagree:sha256:12");
	made_close(&m);
}

/* What ends between the steps is left out, and what it names is the first message's. */
static void what_ended_meanwhile_is_not_told(void **state)
{
	struct strbuf text = strbuf_of(LIMIT_MESSAGE_BYTES);
	const struct message_item *told;
	struct ids ids = {0};
	struct message *msg;
	struct firing *f;
	struct made m;
	uint32_t slots[2];

	(void)state;
	made_open(&m, NULL);
	made_database(&m, says, 1);
	slots[0] = made_use(&m, made_image(&m, "a:1", "a"), 0);
	made_sent(&m);
	slots[1] = made_use(&m, made_image(&m, "a:2", "a"), 0);
	assert_int_equal(alerts_firing(m.a, &m.env, "one", &ids), RMG_OK);
	assert_int_equal(ids.n, 2);
	assert_int_equal(firing_new(ids.v, ids.n, &f), RMG_OK);
	firing_look(f, m.a);
	GOOD(&m, firing_read(f, m.st, &m.err));
	made_end(&m, slots[0]);
	told = made_told(&m, MESSAGE_FIRED, 1);
	m.env.now_ms += 10000;
	made_begin(&m);
	GOOD(&m, alerts_tick(m.a, &m.env, &m.err));
	GOOD(&m, firing_write(f, m.a, &m.env, S("x"), &text, &m.err));
	made_commit(&m);
	GOOD(&m, message_parse(strbuf_span(&text), &msg, &m.err));
	assert_int_equal(msg->n_items, 1);
	assert_true(span_is(msg->items[0].key, told->key));
	assert_true(span_is(msg->items[0].rule, told->rule));
	assert_true(span_is(msg->items[0].severity, told->severity));
	assert_true(span_is(msg->items[0].digest, told->digest));
	assert_true(span_is(msg->items[0].opened, told->opened));
	assert_true(span_is(msg->items[0].fixed, told->fixed));
	message_free(msg);
	firing_free(f);
	VEC_DONE(&ids);
	strbuf_done(&text);
	made_end(&m, slots[1]);
	made_close(&m);
}

static void sinks_and_quiet_hours_are_as_for_messages(void **state)
{
	struct made m;

	(void)state;
	made_open(&m, "group: 0s\nquiet: '22:00-06:00'\nrules: [{name: bad, severity: critical}, "
		      "{name: rest, sinks: [two]}]");
	made_database(&m, says, 3); /* it is midnight */
	made_use(&m, made_image(&m, "abc:1", "a b c"), 0);
	fires(&m, "one", "CVE-2");
	fires(&m, "two", "CVE-2 CVE-3"); /* CVE-1 can wait for the morning */
	made_pass(&m, 6 * 3600000);
	fires(&m, "two", "CVE-1 CVE-2 CVE-3");
	made_pass(&m, 17 * 3600000); /* an old one is no news in the night */
	fires(&m, "two", "CVE-1 CVE-2 CVE-3");
	made_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_fires_follows_from_the_alerts),
	    cmocka_unit_test(what_ended_meanwhile_is_not_told),
	    cmocka_unit_test(sinks_and_quiet_hours_are_as_for_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
