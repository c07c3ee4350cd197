/* SPDX-License-Identifier: Apache-2.0 */
/* What a declared workload would run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hub/world.h"

static uint32_t add_image(struct world *w, struct span digest)
{
	struct image_row row = {.digest = digest};
	uint32_t id;
	bool made;

	assert_int_equal(world_image_add(w, &row, &id), RMG_OK);
	assert_int_equal(world_alias(w, digest, id, &made), RMG_OK);
	return id;
}

static uint32_t add_workload(struct world *w, struct span name)
{
	uint32_t id;
	bool made;

	assert_int_equal(world_workload(w, 0, S("deployment"), name, &id, &made), RMG_OK);
	return id;
}

static void declare(struct world *w, uint32_t id, struct span images)
{
	struct workload_row row = {.declared = true, .images = images};

	assert_int_equal(world_workload_set(w, id, &row), RMG_OK);
	assert_int_equal(world_workload_resolve(w, id), RMG_OK);
}

static size_t count_would(const struct world *w, uint32_t image, uint32_t workload)
{
	size_t n = 0;

	for (uint32_t at = 0, id; (id = world_would_next(w, image, &at)) != 0;)
		n += id == workload;
	return n;
}

static void images_of_workloads(void **state)
{
	struct world *w;
	uint32_t a, b, one, two;

	(void)state;
	assert_int_equal(world_new(&w), RMG_OK);
	a = add_image(w, S("sha256:a"));
	b = add_image(w, S("sha256:b"));
	one = add_workload(w, S("one"));
	two = add_workload(w, S("two"));
	declare(w, one,
		S("[{\"digests\":[\"sha256:a\"]},{\"digests\":[\"sha256:b\"]},"
		  "{\"digests\":[\"sha256:a\"]}]"));
	declare(w, two, S("[{\"digests\":[\"sha256:a\"]}]"));
	assert_int_equal(count_would(w, a, one), 1);
	assert_int_equal(count_would(w, a, two), 1);
	assert_int_equal(count_would(w, b, one), 1);
	assert_int_equal(w->workloads.v[one].n_would_run, 2);

	/* Said again, after another workload was added in front of it in the image's list. */
	declare(w, one, S("[{\"digests\":[\"sha256:a\"]},{\"digests\":[\"sha256:a\"]}]"));
	assert_int_equal(count_would(w, a, one), 1);
	assert_int_equal(count_would(w, a, two), 1);
	assert_int_equal(count_would(w, b, one), 0);
	declare(w, one, S("[]"));
	assert_int_equal(count_would(w, a, one), 0);
	assert_int_equal(count_would(w, a, two), 1);
	world_free(w);
}

/* Text of n images that are all the same. */
static char *same_images(size_t n)
{
	static const char row[] = "{\"digests\":[\"sha256:a\"]},";
	char *text = malloc(n * (sizeof row - 1) + 2), *at = text;

	assert_non_null(text);
	*at++ = '[';
	for (size_t i = 0; i < n; i++, at += sizeof row - 1)
		memcpy(at, row, sizeof row - 1);
	at[-1] = ']';
	*at = '\0';
	return text;
}

static void many_images(void **state)
{
	struct world *w;
	char *text = same_images(20000);
	uint32_t a, one;

	(void)state;
	assert_int_equal(world_new(&w), RMG_OK);
	a = add_image(w, S("sha256:a"));
	one = add_workload(w, S("one"));
	declare(w, one, span_cstr(text));
	assert_int_equal(count_would(w, a, one), 1);
	assert_int_equal(w->workloads.v[one].n_would_run, 1);
	world_free(w);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(images_of_workloads),
	    cmocka_unit_test(many_images),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
