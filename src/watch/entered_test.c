/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/entered.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct batch batch;
static struct entered told;

static size_t say(const char *container, const char *command, const char *exec, bool terminal)
{
	struct entry e = {.container = span_cstr(container),
			  .id = span_cstr(container),
			  .exec = span_cstr(exec),
			  .command = span_cstr(command),
			  .user = S("www"),
			  .terminal = terminal,
			  .at_ms = 5};
	size_t n = batch.n;

	entered_say(&told, &batch, &e);
	return batch.n - n;
}

static void test_what_is_told(void **state)
{
	const struct event *e = batch.events;

	(void)state;
	assert_int_equal(say("web", "sh -c id", "4f1c0123456789", true), 1);
	assert_int_equal(e->type, EVENT_CONTAINER_CHANGED);
	assert_true(span_is(e->container, S("web")));
	assert_true(span_is(e->change.kind, S("entered")));
	assert_true(span_is(e->change.path, S("sh -c id (terminal 4f1c01234567)")));
	assert_true(span_is(e->change.text, S("as www")));
	assert_int_equal(e->change.who.n, 0);
	assert_int_equal(e->at_ms, 5);
}

static void test_again_and_again(void **state)
{
	(void)state;
	assert_int_equal(say("web", "probe", "1", false), 1);
	assert_int_equal(say("web", "probe", "2", false), 0);
	assert_int_equal(say("other", "probe", "3", false), 1);
	assert_int_equal(say("web", "sh", "4", true), 1);
	assert_int_equal(say("web", "sh", "5", true), 1);
	assert_int_equal(say("web", "sh", "5", true), 0);
}

/* A process that is in no such container is another's, which got its number. */
static void test_another_process(void **state)
{
	struct entry e = {.container = S("web"), .id = S("web"), .pid = 1, .at_ms = 5};

	(void)state;
	batch_drop(&batch);
	entered_say(&told, &batch, &e);
	assert_int_equal(batch.n, 1);
	assert_int_equal(batch.events[0].change.path.n, 0);
	assert_int_equal(batch.events[0].change.text.n, 0);
}

static int setup(void **state)
{
	static const struct watch_opts opts = {.kind = "docker"};

	(void)state;
	batch_init(&batch, &opts);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	batch_done(&batch);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_is_told),
	    cmocka_unit_test(test_again_and_again),
	    cmocka_unit_test(test_another_process),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
