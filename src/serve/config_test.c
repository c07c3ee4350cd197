/* SPDX-License-Identifier: Apache-2.0 */
/* The hub's own file as rummage-hub(1) shows it. */
#include "serve/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static struct config *good(const char *text)
{
	struct config *c = NULL;
	struct rmg_err err = {0};

	if (config_parse(span_cstr(text), "hub.yaml", &c, &err) != RMG_OK)
		fail_msg("%s", err.msg);
	return c;
}

static void bad(const char *text, const char *why)
{
	struct config *c = NULL;
	struct rmg_err err = {0};

	assert_int_equal(config_parse(span_cstr(text), "hub.yaml", &c, &err), RMG_E_FORMAT);
	if (strstr(err.msg, why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err.msg, why);
}

static void an_empty_file_is_the_defaults(void **state)
{
	struct config *c = good("");

	(void)state;
	assert_int_equal(c->n_sinks, 0);
	assert_null(c->sink_names[0]);
	assert_null(c->oidc.issuer);
	assert_int_equal(c->ended_uses_days, 0);
	assert_int_equal(c->changes_days, 30);
	config_free(c);
}

static void what_the_manual_shows_is_read(void **state)
{
	struct config *c = good("address: https://hub.example.com\n"
				"open_metrics: true\n"
				"retention:\n"
				"  ended_uses_days: 400\n"
				"sinks:\n"
				"  out:\n"
				"    kind: stdout\n"
				"  hook:\n"
				"    kind: webhook\n"
				"    url: https://example.com/x\n"
				"oidc:\n"
				"  issuer: https://login.example.com\n"
				"  audience: rummage\n"
				"  roles:\n"
				"    platform-team: operator\n");

	(void)state;
	assert_string_equal(c->address, "https://hub.example.com");
	assert_true(c->open_metrics);
	assert_int_equal(c->ended_uses_days, 400);
	assert_int_equal(c->n_sinks, 2);
	assert_string_equal(c->sink_names[1], "hook");
	assert_string_equal(config_sink_value(&c->sinks[1], "url"), "https://example.com/x");
	assert_null(config_sink_value(&c->sinks[1], "secret"));
	assert_int_equal(c->oidc.n_roles, 1);
	assert_string_equal(c->oidc.roles[0].value, "platform-team");
	assert_string_equal(c->oidc.roles[0].role, "operator");
	config_free(c);
}

static void a_secret_may_stand_in_a_file(void **state)
{
	char path[] = "/tmp/config_test_XXXXXX", text[200];
	int fd = mkstemp(path);
	struct config *c;

	(void)state;
	assert_int_equal(write(fd, "https://example.com/s3cret \nmore\n", 33), 33);
	close(fd);
	snprintf(text, sizeof text, "sinks:\n  a:\n    kind: webhook\n    url_file: %s\n", path);
	c = good(text);
	assert_string_equal(config_sink_value(&c->sinks[0], "url"), "https://example.com/s3cret");
	config_free(c);
	unlink(path);
}

static void what_is_not_known_is_said_with_its_line(void **state)
{
	(void)state;
	bad("sink:\n  a:\n    kind: stdout\n", "hub.yaml:3");
	bad("open_metrics: perhaps\n", "hub.yaml:1");
	bad("retention:\n  days: 3\n", "hub.yaml:2");
	bad("retention:\n  changes_days: many\n", "hub.yaml:2");
	bad("sinks:\n  a:\n    kind: pigeon\n", "hub.yaml:3");
	bad("sinks:\n  a:\n    url: x\n", "\"a\" has no kind");
	bad("sinks:\n  a:\n    kind: webhook\n", "lacks \"url\"");
	bad("sinks:\n  a:\n    kind: stdout\n    colour: red\n", "knows no \"colour\"");
	bad("- a\n", "settings are a map");
	bad("a: [b]\n", "hub.yaml:1");
	bad("a: &x b\n", "hub.yaml");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_empty_file_is_the_defaults),
	    cmocka_unit_test(what_the_manual_shows_is_read),
	    cmocka_unit_test(a_secret_may_stand_in_a_file),
	    cmocka_unit_test(what_is_not_known_is_said_with_its_line),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
