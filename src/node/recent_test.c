/* SPDX-License-Identifier: Apache-2.0 */
/* A use that was said to its end is not said again, nor is one that was not left out. */
#include "node/recent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static bool begins(struct recent *r, const char *container, int64_t at_ms)
{
	return recent_take(r, &(struct event){.type = EVENT_USE_BEGAN,
					      .container = span_cstr(container),
					      .at_ms = at_ms});
}

static bool ends(struct recent *r, const char *container, int64_t at_ms)
{
	return recent_take(r, &(struct event){.type = EVENT_USE_ENDED,
					      .container = span_cstr(container),
					      .at_ms = at_ms});
}

static struct recent *opened(const char *path)
{
	struct rmg_err err = {0};
	struct recent *r = NULL;

	if (recent_open(path, &r, &err) != RMG_OK)
		fail_msg("%s", err.msg);
	return r;
}

static void a_use_is_said_once(void **state)
{
	struct recent *r = opened(NULL);

	(void)state;
	assert_true(begins(r, "a", 100));
	assert_true(begins(r, "a", 100)); /* a snapshot says it again */
	assert_true(ends(r, "a", 200));
	assert_false(begins(r, "a", 100));
	assert_false(ends(r, "a", 200));
	assert_true(begins(r, "a", 200)); /* started again at once */
	assert_true(begins(r, "b", 100));
	assert_true(ends(r, "a", 300));
	assert_false(ends(r, "a", 200));
	assert_true(recent_take(r, &(struct event){.type = EVENT_HEARTBEAT}));
	recent_close(r);
}

static void it_outlives_the_process(void **state)
{
	char path[] = "/tmp/recent_test_XXXXXX";
	struct recent *r;
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(write(fd, "something else", 14), 14);
	r = opened(path);
	assert_int_equal(recent_alive_ms(r), 0);
	assert_true(ends(r, "a", 200));
	recent_alive(r, 250);
	recent_close(r);
	r = opened(path);
	assert_int_equal(recent_alive_ms(r), 250);
	assert_false(ends(r, "a", 200));
	assert_true(ends(r, "b", 200));
	recent_close(r);
	assert_int_equal(pwrite(fd, "x", 1, 0), 1);
	r = opened(path);
	assert_true(ends(r, "a", 200));
	recent_close(r);
	close(fd);
	unlink(path);
}

static void the_oldest_are_forgotten(void **state)
{
	struct recent *r = opened(NULL);
	char name[16];

	(void)state;
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof name, "c%d", i);
		assert_true(ends(r, name, 100));
	}
	assert_false(ends(r, "c4999", 100));
	assert_false(ends(r, "c3000", 100));
	assert_true(ends(r, "c1", 100));
	recent_close(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_use_is_said_once),
	    cmocka_unit_test(it_outlives_the_process),
	    cmocka_unit_test(the_oldest_are_forgotten),
	};

	return cmocka_run_group_tests_name("recent", tests, NULL, NULL);
}
