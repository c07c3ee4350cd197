/* SPDX-License-Identifier: Apache-2.0 */
/* What was put is what each reader sees, in that order, however fast they are. */
#include "cmd/blockpipe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { BLOCKS = 10 * BLOCKPIPE_BLOCKS + 3 };

static const char *const names[] = {"one", "two"};

struct seen {
	uint32_t next;
	bool wrong;
	uint32_t fail_at; /* 0: never */
	useconds_t pause_us;
};

/* Block i holds the number i at its begin and its end. */
static enum rmg_rc see(void *user, struct span block)
{
	struct seen *s = user;
	uint32_t first, last;

	memcpy(&first, block.p, sizeof(first));
	memcpy(&last, block.p + block.n - sizeof(last), sizeof(last));
	s->wrong = s->wrong || first != s->next || last != s->next;
	s->next++;
	if (s->pause_us && first % 16 == 0)
		usleep(s->pause_us);
	return s->fail_at && s->next == s->fail_at ? RMG_E_LIMIT : RMG_OK;
}

static void fill(struct blockpipe *p, uint32_t i)
{
	size_t n = i % 2 ? BLOCKPIPE_BYTES : 100;
	uint8_t *block = blockpipe_block(p);

	assert_ptr_equal(block, blockpipe_block(p)); /* until it is handed over */
	memcpy(block, &i, sizeof(i));
	memcpy(block + n - sizeof(i), &i, sizeof(i));
	/* A failure may be told of at once or later. */
	if (blockpipe_put(p, n) != RMG_OK)
		assert_true(i >= 5);
}

static void pass(struct seen *a, struct seen *b, enum rmg_rc want)
{
	struct blockpipe *p;

	assert_int_equal(blockpipe_new(names, b ? 2 : 1, &p, NULL), RMG_OK);
	blockpipe_attach(p, 0, see, a);
	if (b)
		blockpipe_attach(p, 1, see, b);
	for (uint32_t i = 0; i < BLOCKS; i++)
		fill(p, i);
	assert_int_equal(blockpipe_end(p), want);
	blockpipe_free(p);
}

static void every_reader_sees_every_block(void **state)
{
	struct seen alone = {0}, slow = {.pause_us = 500}, fast = {0};

	(void)state;
	pass(&alone, NULL, RMG_OK);
	assert_int_equal(alone.next, BLOCKS);
	assert_false(alone.wrong);
	pass(&slow, &fast, RMG_OK);
	assert_int_equal(slow.next, BLOCKS);
	assert_int_equal(fast.next, BLOCKS);
	assert_false(slow.wrong || fast.wrong);
}

static void a_reader_that_fails_does_not_stop_the_other(void **state)
{
	struct seen fails = {.fail_at = 5}, other = {.pause_us = 500};

	(void)state;
	pass(&fails, &other, RMG_E_LIMIT);
	assert_int_equal(fails.next, 5);
	assert_int_equal(other.next, BLOCKS);
	assert_false(fails.wrong || other.wrong);
}

static void nothing_ends_at_once(void **state)
{
	struct blockpipe *p;

	(void)state;
	assert_int_equal(blockpipe_new(names, 2, &p, NULL), RMG_OK);
	assert_int_equal(blockpipe_end(p), RMG_OK);
	blockpipe_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_reader_sees_every_block),
	    cmocka_unit_test(a_reader_that_fails_does_not_stop_the_other),
	    cmocka_unit_test(nothing_ends_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
