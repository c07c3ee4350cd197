/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/rules_json.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/limits.h"

static enum rmg_rc parse(const char *text, struct arena *a, struct exec_rule **out, size_t *n)
{
	return exec_rules_parse(span_cstr(text), a, out, n, NULL);
}

/* R18: what a policy says of programs is the same on the machine that they start on. */
static void r18_rules_are_told_whole(void **state)
{
	struct span names[] = {S("shop-*"), S("bank")}, workloads[] = {S("Deployment/\"web\"")};
	struct event_label label = {S("tier"), S("web*")};
	const struct exec_rule rules[] = {{.where = {names, 2, workloads, 1, &label, 1},
					   .how = HOW_NEW | HOW_MEMFD,
					   .enforce = true},
					  {.how = HOW_ALL}};
	struct strbuf text = strbuf_of(KIB(4));
	struct exec_rule *v;
	struct arena a;
	size_t n;

	(void)state;
	arena_init(&a, MIB(1));
	exec_rules_write(rules, 2, &text);
	assert_int_equal(parse(strbuf_cstr(&text), &a, &v, &n), RMG_OK);
	assert_int_equal(n, 2);
	assert_int_equal(v[0].how, HOW_NEW | HOW_MEMFD);
	assert_true(v[0].enforce && !v[1].enforce);
	assert_int_equal(v[0].where.n_namespaces, 2);
	assert_true(span_is(v[0].where.namespaces[1], S("bank")));
	assert_true(span_is(v[0].where.workloads[0], workloads[0]));
	assert_true(span_is(v[0].where.labels[0].value, S("web*")));
	assert_int_equal(v[1].how, HOW_ALL);
	assert_int_equal(v[1].where.n_labels + v[1].where.n_workloads, 0);
	arena_done(&a);
	strbuf_done(&text);
}

/* What cannot be read in full is no rule: a place that were left out would be everywhere. */
static void half_a_rule_is_none(void **state)
{
	static const char *const texts[] = {
	    "",
	    "[]",
	    "{}",
	    "{\"exec\":{}}",
	    "{\"exec\":[1]}",
	    "{\"exec\":[{}]}",
	    "{\"exec\":[{\"how\":[1]}]}",
	    "{\"exec\":[{\"how\":[\"new\"],\"namespaces\":\"shop\"}]}",
	    "{\"exec\":[{\"how\":[\"new\"],\"workloads\":[1]}]}",
	    "{\"exec\":[{\"how\":[\"new\"],\"labels\":[]}]}",
	    "{\"exec\":[{\"how\":[\"new\"],\"labels\":{\"a\":1}}]}",
	    "{\"exec\":[{\"how\":[\"new\"],\"workloads\":[\"\\u0001\"]}]}"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		struct exec_rule *v = NULL;
		struct arena a;
		size_t n = 7;

		arena_init(&a, MIB(1));
		assert_int_not_equal(parse(texts[i], &a, &v, &n), RMG_OK);
		assert_true(v == NULL && n == 7);
		arena_done(&a);
	}
}

static void what_is_newer_refuses_nothing(void **state)
{
	struct exec_rule *v;
	struct arena a;
	size_t n;

	(void)state;
	arena_init(&a, MIB(1));
	assert_int_equal(
	    parse("{\"new\":1,\"exec\":[{\"how\":[\"odd\",\"setuid\"],\"enforce\":true,\"x\":2}]}",
		  &a, &v, &n),
	    RMG_OK);
	assert_int_equal(n, 1);
	assert_int_equal(v[0].how, HOW_SETUID);
	assert_false(v[0].enforce);
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    {"R18: rules are told whole", r18_rules_are_told_whole, NULL, NULL, NULL},
	    cmocka_unit_test(half_a_rule_is_none),
	    cmocka_unit_test(what_is_newer_refuses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
