/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/kube_lives.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static enum kube_told see(struct kube_lives *l, uint64_t pod, const char *id, const char *image,
			  bool running)
{
	enum kube_told was;

	assert_int_equal(kube_lives_see(l, pod, span_cstr(id), span_cstr(image), running, &was),
			 RMG_OK);
	return was;
}

static void changes(void **state)
{
	struct kube_lives l = {0};

	(void)state;
	assert_int_equal(see(&l, 1, HEX64, "a", true), KUBE_TOLD_NOT);
	assert_int_equal(see(&l, 1, HEX64, "a", true), KUBE_TOLD_RUNNING);
	/* Another image of it is another life. */
	assert_int_equal(see(&l, 1, HEX64, "b", true), KUBE_TOLD_NOT);
	assert_int_equal(see(&l, 1, HEX64, "a", false), KUBE_TOLD_RUNNING);
	assert_int_equal(see(&l, 1, HEX64, "a", true), KUBE_TOLD_ENDED);
	assert_int_equal(see(&l, 1, HEX64, "a", false), KUBE_TOLD_ENDED);
	kube_lives_done(&l);
}

static void pods_end(void **state)
{
	struct kube_lives l = {0};
	char buf[KUBE_LIFE_ID];
	struct span id;
	size_t n = 0;

	(void)state;
	(void)see(&l, 1, HEX64, "a", true);
	(void)see(&l, 1, "uid/volume/v", "b", true);
	(void)see(&l, 1, "c3", "c", false);
	(void)see(&l, 2, "other", "c", true);
	while (kube_lives_take(&l, 1, buf, &id)) {
		assert_true(span_is(id, S(HEX64)) || span_is(id, S("uid/volume/v")));
		n++;
	}
	assert_int_equal(n, 2);
	kube_lives_forget(&l, 1);
	assert_int_equal(see(&l, 1, HEX64, "a", true), KUBE_TOLD_NOT);
	assert_int_equal(see(&l, 2, "other", "c", true), KUBE_TOLD_RUNNING);
	kube_lives_done(&l);
}

/* A container that is started again and again leaves two lives behind, as its pod's status does. */
static void restarts(void **state)
{
	struct kube_lives l = {0};
	char id[20], before[20];

	(void)state;
	(void)see(&l, 1, "side", "s", true);
	(void)see(&l, 1, "prepare", "p", false);
	for (unsigned i = 1; i < 1000; i++) {
		snprintf(id, sizeof id, "c%u", i);
		snprintf(before, sizeof before, "c%u", i - 1);
		assert_int_equal(see(&l, 1, before, "a", false),
				 i == 1 ? KUBE_TOLD_NOT : KUBE_TOLD_RUNNING);
		assert_int_equal(see(&l, 1, id, "a", true), KUBE_TOLD_NOT);
		(void)see(&l, 1, "prepare", "p", false);
		kube_lives_seen(&l, 1);
		assert_in_range(l.by_pod.n, 4, 5);
	}
	/* What runs is not forgotten, mentioned or not. */
	assert_int_equal(see(&l, 1, "side", "s", true), KUBE_TOLD_RUNNING);
	assert_int_equal(see(&l, 1, "prepare", "p", false), KUBE_TOLD_ENDED);
	assert_in_range(l.v.n, 4, 6);
	kube_lives_forget(&l, 1);
	assert_int_equal(l.by_pod.n, 0);
	kube_lives_done(&l);
}

/* What a list does not have is forgotten, and its place is taken again. */
static void rounds(void **state)
{
	struct kube_lives l = {0};
	char id[20];

	(void)state;
	for (unsigned round = 0; round < 5; round++) {
		kube_lives_begin(&l);
		for (unsigned i = 0; i < 1000; i++) {
			snprintf(id, sizeof id, "c%u", round * 500 + i);
			assert_int_equal(see(&l, (round * 500 + i) % 7, id, "a", true),
					 round && i < 500 ? KUBE_TOLD_RUNNING : KUBE_TOLD_NOT);
		}
		kube_lives_end(&l);
	}
	assert_int_equal(l.by_pod.n, 1000);
	assert_in_range(l.v.n, 1000, 1500);
	kube_lives_done(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(changes),
	    cmocka_unit_test(pods_end),
	    cmocka_unit_test(restarts),
	    cmocka_unit_test(rounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
