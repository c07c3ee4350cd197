/* SPDX-License-Identifier: Apache-2.0 */
/* What nodes tell of one image, merged. */
#include "hub/profiled.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "../tests/store_fixture.h"

enum { HOUR = 3600000, DAY = 24 * HOUR };

static void add(struct profiled *p, const struct profile *told, const uint32_t *watched,
		const uint32_t *used)
{
	const struct profiled_names names = {watched, used};

	assert_true(profiled_add(p, told, &names, DAY));
}

static void never_is_said_after_the_window_only(void **state)
{
	const struct profile_part parts[] = {{1, 100}, {2, 200}, {3, 300}};
	const uint64_t executed[] = {7, 5}, late[] = {9};
	struct profile told = {.from_ms = DAY,
			       .to_ms = DAY + HOUR,
			       .watched = parts,
			       .n_watched = 3,
			       .n_used = 1,
			       .executed = executed,
			       .n_executed = 2,
			       .containers = 1};
	struct profiled p = {.image = 1};
	uint64_t bytes;

	(void)state;
	add(&p, &told, (const uint32_t[]){30, 10, 0}, (const uint32_t[]){10});
	assert_int_equal(profiled_used(&p, 10, DAY), USED_YES);
	assert_int_equal(profiled_used(&p, 30, DAY), USED_UNKNOWN);
	assert_int_equal(profiled_used(&p, 30, HOUR), USED_NEVER);
	assert_int_equal(profiled_used(&p, 40, HOUR), USED_UNKNOWN); /* its files are not known */
	assert_true(profiled_bytes(&p, 30, &bytes));
	assert_int_equal(bytes, 100);
	assert_false(profiled_bytes(&p, 40, &bytes));
	assert_int_equal(p.executed.n, 2);
	assert_int_equal(p.executed.v[0], 5);

	told = (struct profile){.from_ms = DAY, .to_ms = 3 * (int64_t)DAY};
	add(&p, &told, NULL, NULL);
	assert_int_equal(p.observed_ms, 2 * (uint64_t)DAY); /* what overlaps counts once */
	assert_int_equal(p.first_ms, DAY);
	assert_int_equal(profiled_used(&p, 30, DAY), USED_NEVER);
	told = (struct profile){.executed = late, .n_executed = 1, .n_used = 1};
	add(&p, &told, NULL, (const uint32_t[]){30});
	assert_int_equal(profiled_used(&p, 30, DAY), USED_YES);
	assert_int_equal(p.executed.n, 2); /* after the window: it stays unprofiled */
	profiled_done(&p);
}

static void a_profile_is_kept(void **state)
{
	struct store *st = *state;
	struct profiled p = {.image = 3,
			     .first_ms = 1,
			     .last_ms = 9,
			     .observed_ms = 8,
			     .containers = 2},
			back = {0};
	const uint32_t ids[] = {1, 200, UINT32_MAX};

	for (size_t i = 0; i < COUNT_OF(ids); i++) {
		assert_true(VEC_PUSH(&p.watched, ids[i]));
		assert_true(VEC_PUSH(&p.bytes, i == 1 ? UINT64_MAX : i));
		assert_true(VEC_PUSH(&p.executed, i == 2 ? UINT64_MAX : i));
	}
	assert_true(VEC_PUSH(&p.used, 200));
	OK(profiled_load(&back, st, 3, &err));
	assert_int_equal(back.image, 0);
	OK(store_begin(st, &err));
	OK(store_profile_hold(st, &err));
	OK(profiled_save(&p, st, &err));
	OK(store_commit(st, &err));
	*state = st = reopen(st);
	OK(profiled_load(&back, st, 3, &err));
	assert_int_equal(back.image, 3);
	assert_int_equal(back.observed_ms, 8);
	assert_int_equal(back.containers, 2);
	assert_int_equal(back.watched.n, 3);
	assert_true(back.watched.v[2] == UINT32_MAX);
	assert_true(back.bytes.v[1] == UINT64_MAX);
	assert_true(back.executed.v[2] == UINT64_MAX);
	assert_int_equal(back.used.v[0], 200);
	profiled_done(&p);
	profiled_done(&back);
}

static void what_is_damaged_is_no_profile(void **state)
{
	struct store *st = *state;
	const struct profile_row rows[] = {
	    {.image = 1, .used = S("\x00")},
	    {.image = 1, .watched = S("\x01")},
	    {.image = 1, .watched = S("\x00\x01")},
	    {.image = 1, .executed = S("1234567")},
	    {.image = 1, .executed = S("1234567812345678")},
	};
	struct profiled back = {0};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		OK(store_begin(st, &err));
		OK(store_profile_put(st, &rows[i], &err));
		OK(store_commit(st, &err));
		assert_int_not_equal(profiled_load(&back, st, 1, &err), RMG_OK);
		assert_int_equal(back.image, 0);
	}
}

#define EVERY(X)                                                                                   \
	X(never_is_said_after_the_window_only)                                                     \
	X(a_profile_is_kept)                                                                       \
	X(what_is_damaged_is_no_profile)

int main(void)
{
	const struct CMUnitTest sqlite[] = {EVERY(SQLITE)};
	const struct CMUnitTest pg[] = {EVERY(PG)};

	return cmocka_run_group_tests_name("R19: profiles, sqlite", sqlite, NULL, NULL) +
	       RUN_PG(pg);
}
