/* SPDX-License-Identifier: Apache-2.0 */
/* Layers are told by one letter for the blob and one for the diff_id: what a worker that was taken
 * over can choose is the second. */
#include "lib/base_image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { MOST_LAYERS = 4 };

static char folder[] = "/tmp/base-image-XXXXXX";

/* Where the cache of one test is. */
static void open_cache(struct cache *cache, const char *name)
{
	char path[128];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	cache_open(cache, path, false);
	assert_non_null(cache->base_dir);
}

/* What is known of an image of these blobs and diff_ids; how becomes "none" or how it is known. */
static void look(struct cache *cache, const char *name, const char *blobs, const char *diffs,
		 struct inventory **out)
{
	struct facts facts[MOST_LAYERS] = {0};
	struct layer_result layers[MOST_LAYERS] = {0};
	struct source s = {.name = span_cstr(name), .n_layers = strlen(blobs)};

	assert_int_equal(inventory_new(out), RMG_OK);
	for (size_t i = 0; i < s.n_layers; i++) {
		memset(facts[i].blob_sha256, blobs[i], sizeof facts[i].blob_sha256);
		memset(facts[i].diff_sha256, diffs[i], sizeof facts[i].diff_sha256);
		facts[i].has_diff = diffs[i] != '-';
		layers[i].facts = &facts[i];
		layers[i].diff_wrong = diffs[i] == '!';
	}
	base_image_find(*out, &s, layers, cache);
}

static void expect(struct cache *cache, const char *blobs, const char *diffs, const char *how,
		   const char *name)
{
	struct inventory *inv;

	look(cache, "h/app:1", blobs, diffs, &inv);
	assert_string_equal(inv->base.how, how);
	assert_true(span_is(inv->base.name, span_cstr(name)));
	inventory_free(inv);
}

static void see(struct cache *cache, const char *name, const char *blobs, const char *diffs)
{
	struct inventory *inv;

	look(cache, name, blobs, diffs, &inv);
	inventory_free(inv);
}

static void the_longest_chain_names_the_base(void **state)
{
	struct cache cache;

	(void)state;
	open_cache(&cache, "longest");
	see(&cache, "h/debian:12", "A", "a");
	see(&cache, "h/python:3", "AB", "ab");
	expect(&cache, "ABC", "abc", "chain", "h/python:3");
	expect(&cache, "AC", "ac", "chain", "h/debian:12");
	expect(&cache, "BC", "bc", "none", "");
	expect(&cache, "ABC", "---", "chain", "h/python:3");
	cache_close(&cache);
}

static void diff_ids_name_a_base_in_another_compression(void **state)
{
	struct cache cache;

	(void)state;
	open_cache(&cache, "compression");
	see(&cache, "h/debian:12", "A", "a");
	expect(&cache, "XC", "ac", "diff-id", "h/debian:12");
	expect(&cache, "XC", "--", "none", "");
	expect(&cache, "XC", "!c", "none", "");
	cache_close(&cache);
}

/* R5, R13: what a worker says is never taken for what was verified, nor does it outbid that. */
static void a_worker_that_lies_gets_no_chain(void **state)
{
	struct cache cache;

	(void)state;
	open_cache(&cache, "lies");
	see(&cache, "h/debian:12", "A", "a");
	see(&cache, "h/python:3", "AB", "ab");
	expect(&cache, "EE", "ae", "diff-id", "h/debian:12"); /* E: the hostile layer */
	expect(&cache, "AEC", "abc", "chain", "h/debian:12");
	/* Bytes can be chosen whose digest is a diff_id: those of the uncompressed layer. */
	expect(&cache, "aC", "xc", "none", "");
	cache_close(&cache);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof command, "rm -r %s", folder);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_longest_chain_names_the_base),
	    cmocka_unit_test(diff_ids_name_a_base_in_another_compression),
	    cmocka_unit_test(a_worker_that_lies_gets_no_chain),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
