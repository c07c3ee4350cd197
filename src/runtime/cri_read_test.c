/* SPDX-License-Identifier: Apache-2.0 */
/* The samples are what containerd 1.6 says by the CRI, its events what containerd 2.2 says; a byte
 * for the fuzzer comes before each. */
#include "runtime/cri_read.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "../tests/sample.h"
#include "base/limits.h"

static struct arena a;
static struct span sample;

static struct span message(const char *name)
{
	sample_free(sample);
	arena_reset(&a);
	sample = sample_read("runtime/cri_read", name);
	return span_from(sample, 1);
}

static void assert_text(struct span s, const char *want)
{
	assert_int_equal(s.n, strlen(want));
	assert_memory_equal(s.n ? s.p : (const uint8_t *)"", want, s.n);
}

static void test_pods(void **state)
{
	struct cri_pod *pods;
	struct span info, name;
	size_t n;

	(void)state;
	assert_int_equal(cri_read_pods(message("ok-pods"), &a, &pods, &n, NULL), RMG_OK);
	assert_int_equal(n, 1);
	assert_int_equal(pods->id.n, 64);
	assert_text(pods->name, "web-1");
	assert_text(pods->ns, "shop");
	assert_true(pods->ready && pods->created_ms > 1000000000000);
	assert_int_equal(pods->n_labels, 3);
	assert_int_equal(cri_read_pod_info(message("ok-pod-info"), &a, &info, NULL), RMG_OK);
	assert_true(span_has(info, S("\"image\":\"localhost/pause:1\"")));
	assert_int_equal(cri_read_version(message("ok-version"), &a, &name, NULL), RMG_OK);
	assert_text(name, "containerd");
}

static void test_containers(void **state)
{
	struct cri_container *list, one;
	size_t n;

	(void)state;
	assert_int_equal(cri_read_containers(message("ok-containers"), &a, &list, &n, NULL),
			 RMG_OK);
	assert_int_equal(n, 1);
	assert_text(list->name, "app");
	assert_int_equal(list->pod.n, 64);
	assert_true(list->running);
	assert_true(span_starts(list->image_ref, S("sha256:")));
	assert_int_equal(cri_read_status(message("ok-status"), &a, &one, NULL), RMG_OK);
	assert_text(one.name, "app");
	assert_text(one.asked, "example.test/shop/app:1");
	assert_true(one.running && one.began_ms > 1000000000000);
	assert_int_equal(cri_read_status(message("ok-empty"), &a, &one, NULL), RMG_E_FORMAT);
}

static void test_images(void **state)
{
	struct cri_image *list;
	struct span bare = S("\x0a\x46\x0a\x40"
			     "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
			     "\x12\x02"
			     "a:");
	size_t n;

	(void)state;
	assert_int_equal(cri_read_images(message("ok-images"), &a, &list, &n, NULL), RMG_OK);
	assert_int_equal(n, 2);
	assert_int_equal(list->id.n, 71);
	assert_int_equal(list->n_tags, 1);
	/* CRI-O leaves the algorithm out. */
	assert_int_equal(cri_read_images(bare, &a, &list, &n, NULL), RMG_OK);
	assert_int_equal(n, 1);
	assert_true(span_starts(list->id, S("sha256:0123")));
}

static void test_events(void **state)
{
	static const struct {
		const char *file;
		enum cri_what what;
		bool container;
	} rows[] = {
	    {"ok-event-sandbox-started", CRI_STARTED, false},
	    {"ok-event-started", CRI_STARTED, true},
	    {"ok-event-stopped", CRI_STOPPED, true},
	    {"ok-event-deleted", CRI_DELETED, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct cri_event e;

		assert_int_equal(cri_read_event(message(rows[i].file), &a, &e, NULL), RMG_OK);
		assert_int_equal(e.what, rows[i].what);
		assert_text(e.pod.name, "web-1");
		assert_int_equal(e.container != NULL, rows[i].container);
		assert_true(e.at_ms > 1000000000000);
		assert_int_equal(span_is(e.id, e.pod.id), i == 0);
		if (e.container) {
			assert_text(e.container->name, "app");
			assert_true(span_is(e.container->pod, e.pod.id));
		}
	}
}

static void test_what_is_wrong(void **state)
{
	struct cri_container *list;
	struct cri_event e;
	size_t n;

	(void)state;
	assert_int_equal(cri_read_containers(message("bad-cut"), &a, &list, &n, NULL),
			 RMG_E_FORMAT);
	assert_int_equal(cri_read_event(message("bad-control"), &a, &e, NULL), RMG_OK);
	assert_int_equal(e.what, CRI_OTHER); /* of nobody that can be named */
}

static int setup(void **state)
{
	(void)state;
	arena_init(&a, MIB(4));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_done(&a);
	sample_free(sample);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_pods),          cmocka_unit_test(test_containers),
	    cmocka_unit_test(test_images),        cmocka_unit_test(test_events),
	    cmocka_unit_test(test_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
