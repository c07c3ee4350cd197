/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs of the real worker ($RUMMAGE_WORKER), and of programs that are none. */
#include "box/box.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *worker;

static void the_worker_reaches_a_sandbox(void **state)
{
	struct box_opts opts = {.worker = worker};
	struct box_job *job;
	struct span none;
	char level[32];

	(void)state;
	assert_int_equal(box_start(JOB_LEVEL, &opts, &job, NULL), RMG_OK);
	assert_int_equal(box_finish(job, &none, level, NULL), RMG_OK);
	assert_true(span_starts(span_cstr(level), S("seccomp")) ||
		    span_is(span_cstr(level), S("landlock only")));
	free((void *)(uintptr_t)none.p);
	box_free(job);
	opts.no_sandbox = true;
	assert_int_equal(box_start(JOB_LEVEL, &opts, &job, NULL), RMG_OK);
	assert_int_equal(box_finish(job, &none, level, NULL), RMG_OK);
	assert_string_equal(level, "none");
	free((void *)(uintptr_t)none.p);
	box_free(job);
}

static enum rmg_rc count(void *user, struct span bytes, struct rmg_err *err)
{
	(void)err;
	*(size_t *)user += bytes.n;
	return RMG_OK;
}

/* More than the ring and the pipe hold, in both directions at once. */
static void much_goes_in_and_out_at_once(void **state)
{
	size_t out = 0, piece = 1 << 20, pieces = 40;
	struct box_opts opts = {.worker = worker, .sink = count, .user = &out};
	uint8_t *bytes = calloc(1, piece);
	struct box_job *job;
	struct span none;

	(void)state;
	assert_int_equal(box_start(JOB_INFLATE, &opts, &job, NULL), RMG_OK);
	for (size_t i = 0; i < pieces; i++)
		assert_int_equal(box_put(job, span_of(bytes, piece), NULL), RMG_OK);
	assert_int_equal(box_finish(job, &none, NULL, NULL), RMG_OK);
	assert_int_equal(out, piece * pieces);
	box_free(job);
	free(bytes);
}

static void fails(const char *program, enum rmg_rc want, const char *says)
{
	struct box_opts opts = {.worker = program};
	struct box_job *job = NULL;
	struct rmg_err err = {0};
	struct span none;
	enum rmg_rc rc = box_start(JOB_LAYER, &opts, &job, &err);

	if (rc == RMG_OK)
		rc = box_finish(job, &none, NULL, &err);
	assert_int_equal(rc, want);
	assert_non_null(strstr(err.msg, says));
	box_free(job);
}

static void a_worker_that_is_none_is_an_error(void **state)
{
	(void)state;
	fails("/nonexistent/worker", RMG_E_SANDBOX, "start the worker");
	fails("/bin/true", RMG_E_SANDBOX, "without an answer");
	fails("/bin/false", RMG_E_SANDBOX, "without an answer (status 1)");
}

/* A gzip that was cut: it cannot be unpacked to its end, and that is said. */
static void what_is_cut_is_an_error(void **state)
{
	static const uint8_t cut[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b};
	size_t out = 0;
	struct box_opts opts = {.worker = worker, .sink = count, .user = &out};
	struct box_job *job;
	struct span none;

	(void)state;
	assert_int_equal(box_start(JOB_INFLATE, &opts, &job, NULL), RMG_OK);
	assert_int_equal(box_put(job, span_of(cut, sizeof cut), NULL), RMG_OK);
	assert_int_equal(box_finish(job, &none, NULL, NULL), RMG_E_FORMAT);
	box_free(job);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_worker_reaches_a_sandbox),
	    cmocka_unit_test(much_goes_in_and_out_at_once),
	    cmocka_unit_test(a_worker_that_is_none_is_an_error),
	    cmocka_unit_test(what_is_cut_is_an_error),
	};

	worker = getenv("RUMMAGE_WORKER");
	if (worker == NULL)
		return 77;
	return cmocka_run_group_tests_name("jobs for the worker", tests, NULL, NULL);
}
