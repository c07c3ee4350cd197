/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/ctrd_held.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define MADE "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void assert_text(struct span s, const char *want)
{
	assert_int_equal(s.n, strlen(want));
	assert_memory_equal(s.n ? s.p : (const uint8_t *)"", want, s.n);
}

static void test_names(void **state)
{
	struct event_label pod[] = {{S("io.kubernetes.pod.name"), S("web-1")}};
	struct event_label nerdctl[] = {{S("nerdctl/name"), S("shop")}};
	struct ctrd_container c = {.id = S("web"), .image = S("app:1")};
	struct held_table t = {0};
	struct held *h;

	(void)state;
	assert_int_equal(held_put(&t, S("default"), &c, &h, NULL), RMG_OK);
	assert_text(h->id, "default/web");
	assert_text(h->name, "web");
	assert_text(h->ref, "app:1");
	/* An id that the CRI made is no name, and its own everywhere. */
	c = (struct ctrd_container){.id = S(MADE),
				    .image = S("sha256:12"),
				    .labels = pod,
				    .n_labels = 1,
				    .spec = S("{\"annotations\":{\"io.kubernetes.cri.image-name\":"
					      "\"app:2\"}}")};
	assert_int_equal(held_put(&t, S("k8s.io"), &c, &h, NULL), RMG_OK);
	assert_text(h->id, MADE);
	assert_text(h->name, "");
	assert_text(h->ref, "app:2");
	c.spec = S("{\"annotations\":");
	assert_int_equal(held_put(&t, S("k8s.io"), &c, &h, NULL), RMG_OK);
	assert_text(h->ref, "sha256:12");
	c.labels = nerdctl;
	assert_int_equal(held_put(&t, S("k8s.io"), &c, &h, NULL), RMG_OK);
	assert_text(h->name, "shop");
	assert_int_equal(t.all.n, 2);
	held_done(&t);
}

static void test_many_come_and_go(void **state)
{
	struct held_table t = {0};
	struct held *h;
	char id[32];

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		struct ctrd_container c;

		snprintf(id, sizeof id, "c%u", i);
		c = (struct ctrd_container){.id = span_cstr(id)};
		assert_int_equal(held_put(&t, S("default"), &c, &h, NULL), RMG_OK);
		h->running = i % 2;
		if (i % 3 == 0)
			held_drop(&t, h);
	}
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(id, sizeof id, "c%u", i);
		h = held_find(&t, S("default"), span_cstr(id));
		assert_int_equal(h == NULL, i % 3 == 0);
		assert_true(h == NULL || h->running == i % 2);
		assert_null(held_find(&t, S("other"), span_cstr(id)));
	}
	/* What is described anew is as running as it was. */
	h = held_find(&t, S("default"), S("c1"));
	assert_int_equal(
	    held_put(&t, S("default"), &(struct ctrd_container){.id = S("c1")}, &h, NULL), RMG_OK);
	assert_true(h->running);
	held_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_many_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
