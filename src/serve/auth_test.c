/* SPDX-License-Identifier: Apache-2.0 */
/* Who is who, on a hub with an empty store: tokens, certificates, a provider's token, and what is
 * done to those who keep failing. Time is what a login says. */
#include "serve/auth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "../tests/sample.h"
#include "base/strbuf.h"

enum { NOW_S = 1900000000, FREE = 10 };
#define NOW_MS (NOW_S * INT64_C(1000))

struct fixture {
	char folder[64];
	struct hub *hub;
	struct auth *auth;
	struct caller caller;
	unsigned retry_s;
	struct rmg_err why;
	int64_t tick_ms;
};

static int begin(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct rmg_err err = {0};
	char url[96];
	struct hub_opts opts = {.store = url};

	assert_non_null(f);
	snprintf(f->folder, sizeof f->folder, "/tmp/auth_test.XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	snprintf(url, sizeof url, "sqlite:%s/hub.db", f->folder);
	if (hub_open(&opts, &f->hub, &err) != RMG_OK ||
	    auth_open(f->hub, NULL, &f->auth, &err) != RMG_OK)
		fail_msg("%s", err.msg);
	f->tick_ms = 1000000;
	*state = f;
	return 0;
}

static int end(void **state)
{
	static const char *const names[] = {"hub.db",      "hub.db-wal",  "hub.db-shm",
					    "hub.db.lead", "hub.db-lead", "hub.db.lock"};
	struct fixture *f = *state;
	char path[128];

	auth_close(f->auth);
	hub_close(f->hub);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		snprintf(path, sizeof path, "%s/%s", f->folder, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(f->folder);
	free(f);
	return 0;
}

static void make(struct fixture *f, const char *name, const char *role, int64_t until_ms,
		 char text[TOKEN_TEXT])
{
	struct token_row row = {.name = span_cstr(name),
				.role = span_cstr(role),
				.place = {.cluster = S("c1"), .node = S("n1")},
				.until_ms = until_ms};
	struct store *st = hub_store_lock(f->hub, NULL);

	assert_non_null(st);
	assert_int_equal(auth_make_token(&row, text, NULL), RMG_OK);
	assert_int_equal(store_begin(st, NULL), RMG_OK);
	assert_int_equal(store_end(st, store_token_put(st, &row, NULL), NULL), RMG_OK);
	hub_store_unlock(f->hub);
	assert_int_equal(auth_reload(f->auth, NULL), RMG_OK);
}

/* What is said of a token ("" none) and a certificate at a time. */
static enum auth_said ask(struct fixture *f, const char *token, const char *certificate,
			  const char *address, int64_t now_ms)
{
	struct strbuf header = strbuf_of(65536);
	struct login l = {.address = address,
			  .certificate = certificate,
			  .now_ms = now_ms,
			  .tick_ms = f->tick_ms};
	enum auth_said said;

	if (*token)
		strbuf_printf(&header, "bearer  %s ", token);
	l.authorization = strbuf_span(&header);
	f->caller = (struct caller){0};
	f->retry_s = 0;
	f->why = (struct rmg_err){0};
	said = auth_who(f->auth, &l, &f->caller, &f->retry_s, &f->why);
	strbuf_done(&header);
	return said;
}

static enum auth_said ask_token(struct fixture *f, const char *token)
{
	return ask(f, token, "", "192.0.2.1", NOW_MS);
}

static void a_token_is_who_made_it(void **state)
{
	struct fixture *f = *state;
	char text[TOKEN_TEXT], other[TOKEN_TEXT];

	make(f, "node-1", "agent", 0, text);
	make(f, "ops", "operator", 0, other);
	assert_int_equal(ask_token(f, text), AUTH_GOOD);
	assert_int_equal(f->caller.role, ROLE_AGENT);
	assert_string_equal(f->caller.name, "node-1");
	assert_string_equal(f->caller.cluster, "c1");
	assert_string_equal(f->caller.node, "n1");
	assert_int_equal(ask_token(f, other), AUTH_GOOD);
	assert_int_equal(f->caller.role, ROLE_OPERATOR);
	assert_int_equal(ask_token(f, ""), AUTH_NOBODY);
	text[10] ^= 1;
	assert_int_equal(ask_token(f, text), AUTH_UNKNOWN);
	assert_true(f->why.msg[0] != '\0');
}

static void other_schemes_are_nobody(void **state)
{
	struct fixture *f = *state;
	struct login l = {.address = "192.0.2.1", .certificate = "", .now_ms = NOW_MS};
	static const char *const fields[] = {"", "Bearer", "Basic Zm9vOmJhcg==", "Bearer\tx", "x"};

	for (size_t i = 0; i < COUNT_OF(fields); i++) {
		l.authorization = span_cstr(fields[i]);
		assert_int_equal(auth_who(f->auth, &l, &f->caller, &f->retry_s, &f->why),
				 AUTH_NOBODY);
	}
	l.authorization = S("Bearer ");
	assert_int_equal(auth_who(f->auth, &l, &f->caller, &f->retry_s, &f->why), AUTH_UNKNOWN);
}

static void a_token_ends_at_its_time(void **state)
{
	struct fixture *f = *state;
	char text[TOKEN_TEXT];

	make(f, "short", "reader", NOW_MS + 1000, text);
	assert_int_equal(ask(f, text, "", "192.0.2.1", NOW_MS + 999), AUTH_GOOD);
	assert_int_equal(ask(f, text, "", "192.0.2.1", NOW_MS + 1000), AUTH_UNKNOWN);
}

static void a_certificate_is_what_its_row_says(void **state)
{
	struct fixture *f = *state;
	char text[TOKEN_TEXT], token[TOKEN_TEXT];

	make(f, "cert:node-1.example", "agent", NOW_MS + 1000, text);
	make(f, "reads", "reader", 0, token);
	assert_int_equal(ask(f, "", "node-1.example", "192.0.2.1", NOW_MS), AUTH_GOOD);
	assert_int_equal(f->caller.role, ROLE_AGENT);
	assert_string_equal(f->caller.name, "cert:node-1.example");
	assert_int_equal(ask(f, "", "node-2.example", "192.0.2.1", NOW_MS), AUTH_NOBODY);
	assert_int_equal(ask(f, "", "NODE-1.example", "192.0.2.1", NOW_MS), AUTH_NOBODY);
	assert_int_equal(ask(f, "", "node-1.example", "192.0.2.1", NOW_MS + 1000), AUTH_NOBODY);
	/* Its row has a hash, which is nobody's token. */
	assert_int_equal(ask_token(f, text), AUTH_UNKNOWN);
	/* Who shows a token is whom it names, or nobody. */
	assert_int_equal(ask(f, token, "node-1.example", "192.0.2.1", NOW_MS), AUTH_GOOD);
	assert_int_equal(f->caller.role, ROLE_READER);
	assert_int_equal(ask(f, "x", "node-1.example", "192.0.2.1", NOW_MS), AUTH_UNKNOWN);
}

static void who_keeps_failing_waits(void **state)
{
	struct fixture *f = *state;
	char good[TOKEN_TEXT];
	unsigned waits[] = {2, 4, 8, 16, 32, 60, 60};

	make(f, "good", "reader", 0, good);
	for (int i = 0; i <= FREE; i++)
		assert_int_equal(ask_token(f, "guess"), AUTH_UNKNOWN);
	for (size_t i = 0; i < COUNT_OF(waits) - 1; i++) {
		assert_int_equal(ask_token(f, "guess"), AUTH_TOO_OFTEN);
		assert_int_equal(f->retry_s, waits[i]);
		/* Others of this address, and those of others, are not hurt. */
		assert_int_equal(ask_token(f, good), AUTH_GOOD);
		assert_int_equal(ask_token(f, ""), AUTH_NOBODY);
		assert_int_equal(ask(f, "guess", "", "192.0.2.2", NOW_MS),
				 i < FREE ? AUTH_UNKNOWN : AUTH_TOO_OFTEN);
		f->tick_ms += waits[i] * 1000 - 1000;
		assert_int_equal(ask_token(f, "guess"), AUTH_TOO_OFTEN);
		assert_int_equal(f->retry_s, 1);
		f->tick_ms += 1000;
		assert_int_equal(ask_token(f, "guess"), AUTH_UNKNOWN);
	}
	/* After a minute of silence all is forgotten. */
	f->tick_ms += 60000;
	for (int i = 0; i <= FREE; i++)
		assert_int_equal(ask_token(f, "guess"), AUTH_UNKNOWN);
}

static void nobody_takes_all(void **state)
{
	struct fixture *f = *state;
	char greedy[TOKEN_TEXT], other[TOKEN_TEXT];
	unsigned taken = 0;

	make(f, "greedy", "reader", 0, greedy);
	make(f, "other", "reader", 0, other);
	while (taken < 100000 && ask_token(f, greedy) == AUTH_GOOD)
		taken++;
	assert_int_equal(taken, 1000);
	assert_int_equal(ask_token(f, greedy), AUTH_TOO_OFTEN);
	assert_int_equal(f->retry_s, 1);
	assert_int_equal(ask_token(f, other), AUTH_GOOD);
	f->tick_ms += 1000;
	for (taken = 0; taken < 100000 && ask_token(f, greedy) == AUTH_GOOD;)
		taken++;
	assert_int_equal(taken, 200);
}

/* keys NULL: a provider that cannot be asked. */
static struct oidc *provider(const char *keys, const char *value)
{
	const struct oidc_role roles[] = {{value, "operator"}};
	struct oidc_opts opts = {.issuer = keys ? "https://id.example.org" : "http://127.0.0.1:1/x",
				 .audience = "rummage",
				 .jwks = keys,
				 .roles = roles,
				 .n_roles = 1};
	struct rmg_err err = {0};
	struct oidc *o = NULL;

	if (oidc_open(&opts, &o, &err) != RMG_OK)
		fail_msg("%s", err.msg);
	return o;
}

static void a_provider_says_who(void **state)
{
	struct fixture *f = *state;
	struct span keys, token, bytes = sample_read("format/jwt", "ok-es256");
	char path[] = "/tmp/auth_test_keys.XXXXXX", text[4096];
	int fd = mkstemp(path);

	assert_true(fd >= 0 && span_cut(bytes, '\n', &token, &keys));
	assert_int_equal(write(fd, keys.p, keys.n), keys.n);
	close(fd);
	snprintf(text, sizeof text, SPAN_FMT, SPAN_ARG(token));
	assert_int_equal(ask_token(f, text), AUTH_UNKNOWN);
	assert_int_equal(auth_provider(f->auth, provider(path, "ops"), NULL), RMG_OK);
	assert_int_equal(ask_token(f, text), AUTH_GOOD);
	assert_int_equal(f->caller.role, ROLE_OPERATOR);
	assert_string_equal(f->caller.name, "oidc:alice");
	/* Known, and given nothing. */
	assert_int_equal(auth_provider(f->auth, provider(path, "none of hers"), NULL), RMG_OK);
	assert_int_equal(ask_token(f, text), AUTH_GOOD);
	assert_int_equal(f->caller.role, ROLE_NONE);
	assert_string_equal(f->caller.name, "oidc:alice");
	text[token.n - 8] ^= 1;
	assert_int_equal(ask_token(f, text), AUTH_UNKNOWN);
	/* That its keys are not to be had is not the token's fault. */
	assert_int_equal(auth_provider(f->auth, provider(NULL, "ops"), NULL), RMG_OK);
	for (int i = 0; i < 2 * FREE; i++)
		assert_int_equal(ask_token(f, text), AUTH_NOT_NOW);
	assert_int_equal(auth_provider(f->auth, NULL, NULL), RMG_OK);
	assert_int_equal(ask_token(f, text), AUTH_UNKNOWN);
	unlink(path);
	sample_free(bytes);
}

static void roles_have_names(void **state)
{
	enum role role = ROLE_NONE;

	(void)state;
	for (int r = ROLE_READER; r <= ROLE_ADMIN; r++) {
		assert_true(role_of(span_cstr(role_name((enum role)r)), &role));
		assert_int_equal(role, r);
	}
	assert_false(role_of(S("none"), &role));
	assert_false(role_of(S("Admin"), &role));
	assert_false(role_of(S(""), &role));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_token_is_who_made_it, begin, end),
	    cmocka_unit_test_setup_teardown(other_schemes_are_nobody, begin, end),
	    cmocka_unit_test_setup_teardown(a_token_ends_at_its_time, begin, end),
	    cmocka_unit_test_setup_teardown(a_certificate_is_what_its_row_says, begin, end),
	    cmocka_unit_test_setup_teardown(who_keeps_failing_waits, begin, end),
	    cmocka_unit_test_setup_teardown(nobody_takes_all, begin, end),
	    cmocka_unit_test_setup_teardown(a_provider_says_who, begin, end),
	    cmocka_unit_test(roles_have_names),
	};

	return cmocka_run_group_tests_name("auth", tests, NULL, NULL);
}
