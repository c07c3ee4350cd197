/* SPDX-License-Identifier: Apache-2.0 */
/* The hub's own file as rummage-hub(1) shows it. */
#include "serve/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/strbuf.h"

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

static void the_secret_of_hooks_is_of_a_file(void **state)
{
	char path[] = "/tmp/config_test_XXXXXX", text[200];
	int fd = mkstemp(path);
	struct config *c;

	(void)state;
	snprintf(text, sizeof text, "hooks:\n  secret_file: %s\n", path);
	bad(text, "no secret");
	assert_int_equal(write(fd, "s3cret\n", 7), 7);
	close(fd);
	c = good(text);
	assert_string_equal(c->hook_secret, "s3cret");
	config_free(c);
	unlink(path);
	c = good("");
	assert_null(c->hook_secret);
	config_free(c);
	bad("hooks:\n  secret: s3cret\n", "hub.yaml:2");
}

static void registries_are_asked_as_it_says(void **state)
{
	struct config *c = good(
	    "registries:\n  per_minute: 60\n  running_seconds: 300\n  crawl_seconds: 60\n  hosts:\n"
	    "    docker.io: {per_minute: 10}\n    \"r:5000\": {per_minute: 600}\n");

	(void)state;
	assert_int_equal(c->tags.per_minute, 60);
	assert_int_equal(c->tags.period_ms[TAG_RUNNING], 300000);
	assert_int_equal(c->tags.period_ms[TAG_CACHED], HUB_TAG_OPTS.period_ms[TAG_CACHED]);
	assert_int_equal(c->tags.crawl_ms, 60000);
	assert_int_equal(c->tags.n_hosts, 2);
	assert_string_equal(c->tags.hosts[1].name, "r:5000");
	assert_int_equal(c->tags.hosts[1].per_minute, 600);
	config_free(c);
	c = good("");
	assert_int_equal(c->tags.per_minute, HUB_TAG_OPTS.per_minute);
	config_free(c);
	bad("registries:\n  per_minute: 0\n", "hub.yaml:2");
	bad("registries:\n  per_hour: 7\n", "hub.yaml:2");
	bad("registries:\n  crawl_seconds: 0\n", "hub.yaml:2");
	bad("registries:\n  hosts:\n    docker.io: {per_hour: 7}\n", "hub.yaml:3");
	bad("registries:\n  hosts:\n    docker.io: 7\n", "hub.yaml:3");
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
	bad("sinks:\n  a:\n    kind: stdout\n    kind: webhook\n", "hub.yaml:4");
	bad("sinks:\n  a:\n    kind: webhook\n    url: x\n    url: y\n", "hub.yaml:5: a second");
	bad("- a\n", "settings are a map");
	bad("a: [b]\n", "hub.yaml:1");
	bad("a: &x b\n", "hub.yaml");
}

/* What config_read() says of a file with this text. */
static enum rmg_rc read_file(const char *text, struct config **out, struct rmg_err *err)
{
	char path[] = "/tmp/config_test_XXXXXX";
	int fd = mkstemp(path);
	enum rmg_rc rc;

	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	*out = NULL;
	rc = config_read(path, out, err);
	unlink(path);
	return rc;
}

static void a_sink_that_cannot_be_opened_is_said(void **state)
{
	static const struct {
		const char *setting, *says;
	} rows[] = {
	    {"url: ftp://example.com/x", "\"url\" does not begin with https://"},
	    {"url: https://", "\"url\" is no URL"},
	    {"url: https://example.com/x\n    secret: whsec_*", "\"secret\" is no base64"},
	    {"url: https://example.com/x\n    ca: /nowhere/ca.pem", "\"ca\": "},
	};
	struct rmg_err err = {0};
	struct config *c;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char text[300];

		snprintf(text, sizeof text,
			 "sinks:\n  good:\n    kind: stdout\n  ops:\n    kind: webhook\n    %s\n",
			 rows[i].setting);
		assert_int_not_equal(read_file(text, &c, &err), RMG_OK);
		assert_null(c);
		if (!strstr(err.msg, "sink \"ops\"") || !strstr(err.msg, rows[i].says))
			fail_msg("\"%s\" does not say \"%s\"", err.msg, rows[i].says);
	}
	assert_int_equal(read_file("", &c, &err), RMG_OK);
	config_free(c);
	assert_int_equal(config_read(NULL, &c, &err), RMG_OK);
	config_free(c);
}

static void there_are_so_many_sinks(void **state)
{
	struct strbuf text = strbuf_of(65536);
	struct config *c = NULL;
	struct rmg_err err = {0};

	(void)state;
	strbuf_puts(&text, "sinks:\n");
	for (int i = 0; i < CONFIG_SINKS; i++)
		strbuf_printf(&text, "  s%d:\n    kind: stdout\n", i);
	assert_int_equal(config_parse(strbuf_span(&text), "x", &c, &err), RMG_OK);
	config_free(c);
	strbuf_puts(&text, "  more:\n    kind: stdout\n");
	assert_int_equal(config_parse(strbuf_span(&text), "x", &c, &err), RMG_E_LIMIT);
	strbuf_done(&text);
}

static void what_is_the_same_is_known(void **state)
{
	static const char one[] = "sinks:\n  a:\n    kind: webhook\n    url: https://x.example\n"
				  "    token: t\noidc:\n  issuer: https://i.example\n"
				  "  audience: r\n  roles:\n    ops: admin\n";
	static const char other[] = "sinks:\n  a:\n    token: t\n    kind: webhook\n"
				    "    url: https://x.example\noidc:\n  audience: r\n"
				    "  issuer: https://i.example\n  roles:\n    ops: admin\n";
	static const char *const different[] = {
	    "sinks:\n  a:\n    kind: webhook\n    url: https://x.example\n    token: u\n"
	    "oidc:\n  issuer: https://i.example\n  audience: r\n  roles:\n    ops: reader\n",
	    "sinks:\n  a:\n    kind: slack\n    url: https://x.example\noidc:\n"
	    "  issuer: https://j.example\n  audience: r\n  roles:\n    ops: admin\n",
	    "sinks:\n  a:\n    kind: webhook\n    url: https://x.example\n    source: t\n"};
	struct config *a = good(one), *b = good(other), *c;

	(void)state;
	assert_true(config_sink_same(&a->sinks[0], &b->sinks[0]));
	assert_true(config_provider_same(a, b));
	for (size_t i = 0; i < COUNT_OF(different); i++) {
		c = good(different[i]);
		assert_false(config_sink_same(&a->sinks[0], &c->sinks[0]));
		assert_false(config_sink_same(&c->sinks[0], &a->sinks[0]));
		assert_false(config_provider_same(a, c));
		assert_false(config_provider_same(c, a));
		config_free(c);
	}
	assert_ptr_equal(config_sink_of(a, "a"), &a->sinks[0]);
	assert_null(config_sink_of(a, "b"));
	config_free(config_hold(b));
	assert_string_equal(b->sinks[0].name, "a"); /* one holds it still */
	config_free(a);
	config_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_empty_file_is_the_defaults),
	    cmocka_unit_test(what_the_manual_shows_is_read),
	    cmocka_unit_test(a_secret_may_stand_in_a_file),
	    cmocka_unit_test(the_secret_of_hooks_is_of_a_file),
	    cmocka_unit_test(registries_are_asked_as_it_says),
	    cmocka_unit_test(what_is_not_known_is_said_with_its_line),
	    cmocka_unit_test(a_sink_that_cannot_be_opened_is_said),
	    cmocka_unit_test(there_are_so_many_sinks),
	    cmocka_unit_test(what_is_the_same_is_known),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
