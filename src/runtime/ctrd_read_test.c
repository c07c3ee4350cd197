/* SPDX-License-Identifier: Apache-2.0 */
/* The samples are what containerd 1.6 says; a byte for the fuzzer comes before each. */
#include "runtime/ctrd_read.h"

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
	sample = sample_read("runtime/ctrd_read", name);
	return span_from(sample, 1);
}

static void assert_text(struct span s, const char *want)
{
	assert_int_equal(s.n, strlen(want));
	assert_memory_equal(s.p, want, s.n);
}

static void test_containers(void **state)
{
	struct ctrd_container *list;
	size_t n, labels = 0;

	(void)state;
	assert_int_equal(ctrd_read_containers(message("ok-containers"), &a, &list, &n, NULL),
			 RMG_OK);
	assert_int_equal(n, 1);
	assert_text(list->id, "web");
	assert_text(list->image, "example.test/app:1");
	assert_text(list->snapshotter, "overlayfs");
	assert_text(list->snapshot_key, "web");
	assert_true(span_starts(list->spec, S("{\"ociVersion\":")));
	assert_true(list->created_ms > 1000000000000);
	for (size_t i = 0; i < list->n_labels; i++)
		labels += span_is(list->labels[i].key, S("io.kubernetes.pod.name")) &&
			  span_is(list->labels[i].value, S("web-1"));
	assert_int_equal(labels, 1);
}

static void test_tasks_images_namespaces(void **state)
{
	struct ctrd_task *tasks;
	struct ctrd_image *images;
	struct span *names;
	size_t n;

	(void)state;
	assert_int_equal(ctrd_read_tasks(message("ok-tasks"), &a, &tasks, &n, NULL), RMG_OK);
	assert_int_equal(n, 1);
	assert_text(tasks->container, "web");
	assert_true(tasks->running && tasks->pid > 1);
	assert_int_equal(ctrd_read_images(message("ok-images"), &a, &images, &n, NULL), RMG_OK);
	assert_int_equal(n, 3); /* the CRI calls it by its configuration's digest as well */
	assert_true(span_starts(images[2].name, S("sha256:")));
	assert_text(images[1].name, "example.test/app:2");
	assert_int_equal(images[1].digest.n, 71);
	assert_text(images[1].media_type, "application/vnd.oci.image.manifest.v1+json");
	assert_true(images[1].size_bytes > 100);
	assert_int_equal(ctrd_read_namespaces(message("ok-namespaces"), &a, &names, &n, NULL),
			 RMG_OK);
	assert_int_equal(n, 1);
	assert_text(names[0], "k8s.io");
}

static void test_store(void **state)
{
	struct span *folders, text;
	struct ctrd_blob blob;
	uint64_t offset;
	size_t n;

	(void)state;
	assert_int_equal(ctrd_read_folders(message("ok-view"), &a, &folders, &n, NULL), RMG_OK);
	assert_int_equal(n, 3);
	assert_true(span_ends(folders[0], S("/snapshots/3/fs")));
	assert_true(span_ends(folders[2], S("/snapshots/1/fs")));
	assert_int_equal(ctrd_read_folders(message("ok-view-one"), &a, &folders, &n, NULL), RMG_OK);
	assert_int_equal(n, 1);
	assert_true(span_ends(folders[0], S("/snapshots/1/fs")));
	assert_int_equal(ctrd_read_parent(message("ok-stat"), &a, &text, NULL), RMG_OK);
	assert_true(span_starts(text, S("sha256:")) && text.n == 71);
	assert_int_equal(ctrd_read_blob(message("ok-info"), &a, &blob, NULL), RMG_OK);
	assert_int_equal(blob.size_bytes, 739);
	assert_int_equal(blob.n_snapshots, 0);
	assert_int_equal(ctrd_read_blob(message("ok-info-of-config"), &a, &blob, NULL), RMG_OK);
	assert_int_equal(blob.n_snapshots, 1);
	assert_text(blob.snapshots[0].key, "overlayfs");
	assert_int_equal(blob.snapshots[0].value.n, 71);
	assert_int_equal(ctrd_read_piece(message("ok-piece"), &a, &offset, &text, NULL), RMG_OK);
	assert_int_equal(offset, 0);
	assert_int_equal(text.n, 739);
	assert_int_equal(ctrd_read_root(message("ok-plugins"), S("io.containerd.content.v1"),
					S("content"), &a, &text, NULL),
			 RMG_OK);
	assert_true(span_ends(text, S("/io.containerd.content.v1.content")));
}

static void test_events(void **state)
{
	static const struct {
		const char *file, *name, *image;
		enum ctrd_what what;
	} rows[] = {
	    {"ok-event-containers-create", "web", "example.test/app:1", CTRD_CREATED},
	    {"ok-event-containers-delete", "web", "", CTRD_DELETED},
	    {"ok-event-tasks-start", "web", "", CTRD_STARTED},
	    {"ok-event-tasks-exit", "web", "", CTRD_EXITED},
	    {"ok-event-tasks-exit-of-exec", NULL, "", CTRD_OTHER},
	    {"ok-event-tasks-delete", "web", "", CTRD_TASK_DELETED},
	    {"ok-event-tasks-create", NULL, "", CTRD_OTHER},
	    {"ok-event-tasks-exec-started", "web", "", CTRD_ENTERED},
	    {"ok-event-snapshot-prepare", NULL, "", CTRD_OTHER},
	    {"ok-event-images-create", "example.test/app:2", "", CTRD_IMAGE_CAME},
	    {"ok-event-images-delete", "example.test/app:2", "", CTRD_IMAGE_WENT},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct ctrd_event e;

		assert_int_equal(ctrd_read_event(message(rows[i].file), &a, &e, NULL), RMG_OK);
		assert_int_equal(e.what, rows[i].what);
		if (rows[i].name == NULL)
			continue;
		assert_text(e.ns, "k8s.io");
		assert_text(e.name, rows[i].name);
		assert_text(e.image, rows[i].image);
		assert_true(e.at_ms > 1000000000000);
		assert_true((e.what == CTRD_ENTERED) == (e.exec.n != 0));
		assert_true((e.what == CTRD_ENTERED || e.what == CTRD_STARTED) == (e.pid != 0));
	}
}

static void test_what_is_wrong(void **state)
{
	struct ctrd_container *containers;
	struct ctrd_image *images;
	struct ctrd_task *tasks;
	struct span *folders;
	struct rmg_err err = {0};
	size_t n;

	(void)state;
	assert_int_equal(ctrd_read_containers(message("bad-cut"), &a, &containers, &n, &err),
			 RMG_E_FORMAT);
	assert_non_null(strstr(err.msg, "list of containers"));
	assert_int_equal(ctrd_read_images(message("bad-length"), &a, &images, &n, NULL),
			 RMG_E_FORMAT);
	assert_int_equal(ctrd_read_folders(message("bad-folder"), &a, &folders, &n, NULL),
			 RMG_E_FORMAT);
	/* No name that can be shown is no name. */
	assert_int_equal(ctrd_read_tasks(message("bad-control"), &a, &tasks, &n, NULL), RMG_OK);
	assert_int_equal(n, 0);
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
	    cmocka_unit_test(test_containers),    cmocka_unit_test(test_tasks_images_namespaces),
	    cmocka_unit_test(test_store),         cmocka_unit_test(test_events),
	    cmocka_unit_test(test_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
