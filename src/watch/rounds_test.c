/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/rounds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/strbuf.h"

/* A runtime that does as its script says, a letter a round: 's' no subscription, 'l' no list, 'x'
 * stopped amid the list, '.' well. */
struct runtime {
	const char *script;
	size_t asked;
	struct strbuf did;
};

static enum rmg_rc subscribe(void *user, struct rmg_err *err)
{
	struct runtime *t = user;

	strbuf_puts(&t->did, "sub ");
	return *t->script == 's' ? err_set(err, RMG_E_NET, "no subscription") : RMG_OK;
}

static enum rmg_rc snapshot(void *user, struct rmg_err *err)
{
	struct runtime *t = user;

	strbuf_puts(&t->did, "list ");
	if (*t->script == 'x')
		return err_set(err, RMG_E_STOPPED, "stopped");
	return *t->script == 'l' ? err_set(err, RMG_E_NET, "no list") : RMG_OK;
}

static void follow(void *user, struct rmg_err *err)
{
	struct runtime *t = user;

	(void)err;
	strbuf_puts(&t->did, "follow ");
}

static void warn(void *user, const char *text)
{
	struct runtime *t = user;

	strbuf_printf(&t->did, "(%s) ", text);
}

/* Asked in turn before a round and in the pause after it, which nobody waits for here. */
static bool stop(void *user)
{
	struct runtime *t = user;

	if (t->asked++ % 2 == 0)
		return *t->script == '\0';
	t->script++;
	return true;
}

static const char *play(struct runtime *t, const char *script)
{
	struct watch_opts opts = {.stop = stop, .warn = warn, .user = t};
	struct rounds r = {.opts = &opts,
			   .who = "it",
			   .subscribe = subscribe,
			   .snapshot = snapshot,
			   .follow = follow,
			   .user = t};

	t->script = script;
	t->asked = 0;
	strbuf_clear(&t->did);
	rounds_run(&r, NULL);
	return strbuf_cstr(&t->did);
}

static void test_order(void **state)
{
	struct runtime t = {.did = strbuf_of(4096)};

	(void)state;
	assert_string_equal(play(&t, ".."), "sub list follow sub list follow ");
	assert_string_equal(play(&t, ""), "");
	strbuf_done(&t.did);
}

static void test_trouble_is_told_once(void **state)
{
	struct runtime t = {.did = strbuf_of(4096)};

	(void)state;
	assert_string_equal(play(&t, "ssl.."), "sub (no subscription) sub sub list "
					       "sub list (it answers again) follow "
					       "sub list follow ");
	assert_string_equal(play(&t, "l.s."), "sub list (no list) "
					      "sub list (it answers again) follow "
					      "sub (no subscription) "
					      "sub list (it answers again) follow ");
	assert_string_equal(play(&t, "x"), "sub list ");
	strbuf_done(&t.did);
}

static void test_pause_grows(void **state)
{
	(void)state;
	assert_int_equal(rounds_pause_ms(1), 500);
	assert_int_equal(rounds_pause_ms(2), 1000);
	assert_int_equal(rounds_pause_ms(20), 10000);
	assert_int_equal(rounds_pause_ms(21), 10000);
	assert_int_equal(rounds_pause_ms(4000000000u), 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_order),
	    cmocka_unit_test(test_trouble_is_told_once),
	    cmocka_unit_test(test_pause_grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
