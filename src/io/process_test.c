/* SPDX-License-Identifier: Apache-2.0 */
#include "io/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"

#define SH(script) ((const char *const[]){"sh", "-c", (script), NULL})

static enum rmg_rc run(const char *const *argv, unsigned ms, struct strbuf *out, int *status)
{
	return process_run(argv, S("question"), ms, out, status, NULL);
}

static void answers(void **state)
{
	struct strbuf out = strbuf_of(100);
	int status = -1;

	(void)state;
	assert_int_equal(run(SH("cat; exit 3"), 10000, &out, &status), RMG_OK);
	assert_int_equal(status, 3);
	assert_string_equal(strbuf_cstr(&out), "question");
	strbuf_clear(&out);
	/* One that does not read, and one that dies. */
	assert_int_equal(run(SH("exec <&-; echo a"), 10000, &out, &status), RMG_OK);
	assert_string_equal(strbuf_cstr(&out), "a\n");
	assert_int_equal(run(SH("kill -9 $$"), 10000, &out, &status), RMG_OK);
	assert_int_equal(status, 128 + 9);
	strbuf_done(&out);
}

static void has_variables(void **state)
{
	static const char *const extra[] = {"RUMMAGE_ONE=1", "HOME=there", NULL};
	struct strbuf out = strbuf_of(100);
	int status;

	(void)state;
	setenv("RUMMAGE_TWO", "2", 1);
	setenv("HOME", "here", 1);
	assert_int_equal(process_run_env(SH("echo $RUMMAGE_ONE $RUMMAGE_TWO $HOME"), extra, 10000,
					 &out, &status, NULL),
			 RMG_OK);
	assert_string_equal(strbuf_cstr(&out), "1 2 there\n");
	strbuf_done(&out);
}

static void ends(void **state)
{
	struct strbuf out = strbuf_of(100);
	int status;

	(void)state;
	assert_int_equal(
	    run((const char *const[]){"no-such-program-here", NULL}, 1000, &out, &status),
	    RMG_E_NOTFOUND);
	assert_int_equal(run(SH("sleep 20"), 100, &out, &status), RMG_E_LIMIT);
	assert_int_equal(run(SH("exec >&-; sleep 20"), 100, &out, &status), RMG_E_LIMIT);
	assert_int_equal(run(SH("yes"), 10000, &out, &status), RMG_E_LIMIT);
	strbuf_done(&out);
}

static void began(void **state)
{
	int64_t now = clock_ms(), mine = process_began_ms((unsigned)getpid());

	(void)state;
	assert_in_range(mine, now - 120000, now + 1000);
	assert_int_equal(process_began_ms(0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(answers),
					   cmocka_unit_test(has_variables), cmocka_unit_test(ends),
					   cmocka_unit_test(began)};

	return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
