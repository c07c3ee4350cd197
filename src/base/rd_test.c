/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rd.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define BYTES(...) span_of((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void is(struct span got, const char *want)
{
	assert_int_equal(got.n, strlen(want));
	assert_true(span_is(got, span_cstr(want)));
}

/* After a failure nothing moves, nothing is there, and the loop ends. */
static void check_failed_reader(struct rd *r)
{
	assert_false(rd_more(r));
	assert_false(rd_ok(r));
	assert_int_equal(rd_end(r), RMG_E_FORMAT);
	assert_int_equal(rd_take(r, 0).n, 0);
	assert_int_equal(rd_take(r, 1).n, 0);
	assert_int_equal(rd_line(r).n, 0);
	assert_int_equal(rd_until(r, 'x').n, 0);
	assert_int_equal(rd_u8(r), 0);
	assert_int_equal(rd_u64be(r), 0);
	assert_int_equal(rd_varint(r), 0);
	assert_int_equal(rd_count(r, 0, 1), 0);
	assert_int_equal(rd_sub(r, 0).rc, RMG_E_FORMAT);
	assert_int_equal(rd_end(r), RMG_E_FORMAT);
}

static void test_take(void **state)
{
	struct rd r = rd_of(S("abcdef")), sub;

	(void)state;
	is(rd_take(&r, 2), "ab");
	rd_skip(&r, 1);
	sub = rd_sub(&r, 2);
	is(rd_take(&sub, 2), "de");
	assert_false(rd_more(&sub));
	assert_int_equal(rd_end(&sub), RMG_OK);
	is(rd_take(&r, 1), "f");
	is(rd_take(&r, 0), "");
	assert_int_equal(rd_end(&r), RMG_OK);
	assert_int_equal(rd_u8(&r), 0);
	check_failed_reader(&r);
}

static void test_take_too_much(void **state)
{
	struct rd r = rd_of(S("abc")), sub;

	(void)state;
	assert_int_equal(rd_take(&r, UINT64_MAX).n, 0);
	check_failed_reader(&r);
	r = rd_of(S("abc"));
	sub = rd_sub(&r, 4);
	check_failed_reader(&sub);
	check_failed_reader(&r);
	r = rd_of(S("abc"));
	sub = rd_sub(&r, 2);
	rd_skip(&sub, 3);
	check_failed_reader(&sub);
	is(rd_take(&r, 1), "c"); /* the child's failure is its own */
	r = rd_of((struct span){0});
	assert_false(rd_more(&r));
	assert_true(rd_ok(&r));
	is(rd_take(&r, 0), "");
}

static void test_numbers(void **state)
{
	struct span s = BYTES(1, 2, 3, 4, 5, 6, 7, 0xf8);
	struct rd r = rd_of(s);

	(void)state;
	assert_int_equal(rd_u8(&r), 1);
	r = rd_of(s);
	assert_int_equal(rd_u16le(&r), 0x0201);
	assert_int_equal(rd_u16be(&r), 0x0304);
	assert_int_equal(rd_u32le(&r), 0xf8070605);
	r = rd_of(s);
	assert_int_equal(rd_u32be(&r), 0x01020304);
	r = rd_of(s);
	assert_true(rd_u64le(&r) == 0xf807060504030201u);
	r = rd_of(s);
	assert_true(rd_u64be(&r) == 0x01020304050607f8u);
	r = rd_of(span_head(s, 7));
	assert_true(rd_u64be(&r) == 0);
	check_failed_reader(&r);
}

static void test_lines(void **state)
{
	struct rd r = rd_of(S("one\ntwo\r\n\n\r\nr\rr\nlast\r"));

	(void)state;
	is(rd_line(&r), "one");
	is(rd_line(&r), "two");
	is(rd_line(&r), "");
	is(rd_line(&r), "");
	is(rd_line(&r), "r\rr");
	is(rd_line(&r), "last");
	assert_false(rd_more(&r));
	is(rd_line(&r), "");
	assert_int_equal(rd_end(&r), RMG_OK);
}

static void test_until(void **state)
{
	struct rd r = rd_of(S("name:value:"));

	(void)state;
	is(rd_until(&r, ':'), "name");
	is(rd_until(&r, ':'), "value");
	is(rd_until(&r, ':'), "");
	check_failed_reader(&r);
}

/* protobuf, "Base 128 Varints"; Go's encoding/binary. */
static void test_varint(void **state)
{
	struct rd r = rd_of(BYTES(0x00, 0x01, 0x96, 0x01, 0x80, 0x00));

	(void)state;
	assert_int_equal(rd_varint(&r), 0);
	assert_int_equal(rd_varint(&r), 1);
	assert_int_equal(rd_varint(&r), 150);
	assert_int_equal(rd_varint(&r), 0);
	assert_int_equal(rd_end(&r), RMG_OK);
	r = rd_of(BYTES(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01));
	assert_true(rd_varint(&r) == UINT64_MAX);
	r = rd_of(BYTES(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02));
	assert_true(rd_varint(&r) == 0);
	check_failed_reader(&r);
	r = rd_of(BYTES(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00));
	assert_true(rd_varint(&r) == 0);
	check_failed_reader(&r);
	r = rd_of(BYTES(0xff));
	assert_true(rd_varint(&r) == 0);
	check_failed_reader(&r);
}

static void test_count(void **state)
{
	struct rd r = rd_of(S("0123456789"));

	(void)state;
	assert_int_equal(rd_count(&r, 5, 2), 5);
	assert_int_equal(rd_count(&r, 10, 1), 10);
	assert_int_equal(rd_count(&r, 0, 999), 0);
	assert_int_equal(rd_end(&r), RMG_OK);
	assert_int_equal(rd_count(&r, 3, 4), 0);
	check_failed_reader(&r);
	r = rd_of(S("0123456789"));
	assert_int_equal(rd_count(&r, UINT64_MAX, 2), 0);
	check_failed_reader(&r);
}

static void test_fail(void **state)
{
	struct rd r = rd_of(S("abc"));

	(void)state;
	rd_fail(&r);
	check_failed_reader(&r);
}

/* A size of nothing is a bug of ours, not of the input: it ends the program. */
static void test_count_of_nothings_aborts(void **state)
{
	pid_t child = fork();
	int status = 0;

	(void)state;
	assert_true(child >= 0);
	if (child == 0) {
		struct rd r = rd_of(S("abc"));

		fclose(stderr);
		signal(SIGABRT, SIG_DFL);
		_exit((int)rd_count(&r, 1, 0));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_take),
	    cmocka_unit_test(test_take_too_much),
	    cmocka_unit_test(test_numbers),
	    cmocka_unit_test(test_lines),
	    cmocka_unit_test(test_until),
	    cmocka_unit_test(test_varint),
	    cmocka_unit_test(test_count),
	    cmocka_unit_test(test_fail),
	    cmocka_unit_test(test_count_of_nothings_aborts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
