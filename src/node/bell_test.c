/* SPDX-License-Identifier: Apache-2.0 */
/* No ring is lost, whoever is faster. */
#include "node/bell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/clock.h"

enum { LONG_MS = 60000, WAITERS = 4, ROUNDS = 2000 };

static void what_rang_before_is_not_waited_for(void **state)
{
	uint64_t heard = 0;
	struct bell b;

	(void)state;
	bell_init(&b);
	bell_ring(&b);
	bell_ring(&b);
	bell_wait(&b, &heard, LONG_MS);
	assert_int_equal(heard, 2);
	bell_wait(&b, &heard, 1); /* both were heard at once: this one waits */
	assert_int_equal(heard, 2);
	bell_done(&b);
}

static void silence_ends_in_time(void **state)
{
	int64_t began = clock_tick_ms();
	uint64_t heard = 0;
	struct bell b;

	(void)state;
	bell_init(&b);
	bell_wait(&b, &heard, 0);
	bell_wait(&b, &heard, 999);
	assert_true(clock_tick_ms() - began >= 990);
	assert_int_equal(heard, 0);
	bell_done(&b);
}

struct meeting {
	struct bell work, done;
	atomic_uint worked[WAITERS];
	atomic_bool over;
};

struct waiter {
	struct meeting *m;
	unsigned i;
};

static void *waits(void *user)
{
	const struct waiter *w = user;
	uint64_t heard = 0;

	while (!atomic_load(&w->m->over)) {
		bell_wait(&w->m->work, &heard, LONG_MS);
		atomic_store(&w->m->worked[w->i], (unsigned)heard);
		bell_ring(&w->m->done);
	}
	return NULL;
}

static bool all_have(struct meeting *m, unsigned rings)
{
	for (size_t i = 0; i < WAITERS; i++)
		if (atomic_load(&m->worked[i]) < rings)
			return false;
	return true;
}

static void everybody_hears_each_ring(void **state)
{
	struct waiter waiters[WAITERS];
	pthread_t threads[WAITERS];
	struct meeting m = {0};
	uint64_t heard = 0;

	(void)state;
	bell_init(&m.work);
	bell_init(&m.done);
	for (unsigned i = 0; i < WAITERS; i++) {
		waiters[i] = (struct waiter){&m, i};
		assert_int_equal(pthread_create(&threads[i], NULL, waits, &waiters[i]), 0);
	}
	for (unsigned round = 1; round <= ROUNDS; round++) {
		bell_ring(&m.work);
		while (!all_have(&m, round)) {
			int64_t began = clock_tick_ms();

			bell_wait(&m.done, &heard, LONG_MS);
			assert_true(clock_tick_ms() - began < LONG_MS);
		}
	}
	atomic_store(&m.over, true);
	bell_ring(&m.work);
	for (size_t i = 0; i < WAITERS; i++)
		pthread_join(threads[i], NULL);
	bell_done(&m.work);
	bell_done(&m.done);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_rang_before_is_not_waited_for),
	    cmocka_unit_test(silence_ends_in_time),
	    cmocka_unit_test(everybody_hears_each_ring),
	};

	return cmocka_run_group_tests_name("bell", tests, NULL, NULL);
}
