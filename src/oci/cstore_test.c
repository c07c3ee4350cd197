/* SPDX-License-Identifier: Apache-2.0 */
/* Lists as Podman 4.3.1 left them on disk, shortened. */
#include "oci/cstore.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ID "acd17aef0bc75dde997f89c5022e8fc6188be1d44957bcb4a4781e94ce14a948"
#define MANIFEST "sha256:50f82599b077eab609658877e59696fd9b56f482f526d93ce80473416dc3106f"
#define INDEX "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define OTHER "bcd17aef0bc75dde997f89c5022e8fc6188be1d44957bcb4a4781e94ce14a948"

static const char images_json[] =
    "[{\"id\":\"" ID "\",\"digest\":\"" MANIFEST "\",\"names\":[\"example.test/shop/app:1\","
    "\"localhost/mine:latest\"],\"layer\":\"244a\",\"metadata\":\"{}\","
    "\"big-data-names\":[\"sha256:" ID "\",\"manifest-" INDEX "\",\"manifest\"],"
    "\"big-data-sizes\":{\"manifest\":739},\"created\":\"2021-12-09T00:00:00Z\"},"
    "{\"id\":\"../../etc\",\"layer\":\"a\"},"
    "{\"id\":\"" OTHER "\",\"names\":[\"docker.io/library/busybox:latest\","
    "\"quay.io/team/shop/app:1\"],\"layer\":\"../x\"},"
    "{\"id\":\"" OTHER "\",\"names\":[\"docker.io/library/busybox:latest\","
    "\"quay.io/team/tool:2\"]}]";

static struct arena arena;

static int begin(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 20);
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

static const struct cstore_image *find(const char *want, enum rmg_rc expected)
{
	struct cstore_image *v = NULL;
	const struct cstore_image *found = NULL;
	struct rmg_err err;
	size_t n = 0;

	assert_int_equal(cstore_images(span_cstr(images_json), &arena, &v, &n, &err), RMG_OK);
	assert_int_equal(n, 2);
	assert_int_equal(cstore_find(v, n, span_cstr(want), &arena, &found, &err), expected);
	return found;
}

static void test_images(void **state)
{
	const struct cstore_image *i = find(ID, RMG_OK);

	(void)state;
	assert_true(span_is(i->digest, S(MANIFEST)));
	assert_true(span_is(i->layer, S("244a")));
	assert_int_equal(i->n_names, 2);
	assert_int_equal(i->n_data, 3);
}

static void test_names(void **state)
{
	static const char *const first[] = {
	    "sha256:" ID,     MANIFEST, INDEX,
	    "acd17aef0bc7",   "mine",   "example.test/shop/app:1",
	    "localhost/mine", "app:1",  "shop/app:1",
	};
	static const char *const second[] = {"busybox", "docker.io/library/busybox", "tool:2",
					     "bcd17aef0bc75", "team/tool:2"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(first); i++)
		assert_true(span_is(find(first[i], RMG_OK)->id, S(ID)));
	for (size_t i = 0; i < COUNT_OF(second); i++)
		assert_true(span_is(find(second[i], RMG_OK)->id, S(OTHER)));
	(void)find("tool", RMG_E_NOTFOUND);
	(void)find("acd17", RMG_E_NOTFOUND);
	(void)find("example.test/shop/app:2", RMG_E_NOTFOUND);
	(void)find("ls/app:1", RMG_E_NOTFOUND);
}

static void test_layers_and_containers(void **state)
{
	struct cstore_layer *l = NULL;
	struct cstore_container *c = NULL;
	struct rmg_err err;
	size_t n = 0;

	(void)state;
	assert_int_equal(cstore_layers(S("[{\"id\":\"a\",\"diff-digest\":\"sha256:1\"},"
					 "{\"id\":\"b\",\"parent\":\"a\"},{\"id\":\"/\"}]"),
				       &arena, &l, &n, &err),
			 RMG_OK);
	assert_int_equal(n, 2);
	assert_true(span_is(l[1].parent, S("a")) && span_is(l[0].diff_digest, S("sha256:1")));
	assert_int_equal(
	    cstore_containers(S("[{\"id\":\"c1\",\"names\":[\"web\"],\"image\":\"" ID
				"\",\"layer\":\"l\",\"metadata\":\"{\\\"image-name\\\":\\\"x:1\\\","
				"\\\"name\\\":\\\"y\\\"}\",\"created\":\"2026\"}]"),
			      &arena, &c, &n, &err),
	    RMG_OK);
	assert_int_equal(n, 1);
	assert_true(span_is(c->name, S("web")) && span_is(c->image_name, S("x:1")));
	assert_int_equal(cstore_layers(S("null"), &arena, &l, &n, &err), RMG_OK);
	assert_int_equal(n, 0);
	assert_int_equal(cstore_layers(S("{}"), &arena, &l, &n, &err), RMG_E_FORMAT);
}

static void test_files(void **state)
{
	struct strbuf s = strbuf_of(256);

	(void)state;
	cstore_data_file(S("manifest"), &s);
	assert_string_equal(strbuf_cstr(&s), "manifest");
	strbuf_clear(&s);
	cstore_data_file(S("sha256:acd1"), &s);
	assert_string_equal(strbuf_cstr(&s), "=c2hhMjU2OmFjZDE=");
	strbuf_done(&s);
}

static void test_settings(void **state)
{
	struct cstore_conf c = {0};

	(void)state;
	cstore_conf(S("# graphroot = \"/no\"\n[storage]\ndriver = \"overlay\" # so\n"
		      "graphroot='/srv/st'\nrunroot = \"\"\n[storage.options]\n"
		      "graphroot = \"/no\"\nadditionalimagestores = [ # read only\n"
		      " \"/a\",\n '/b' ]\nsize = \"x\n[storage.options.overlay]\n"
		      "additionalimagestores = [ \"/no\" ]"),
		    &arena, &c);
	assert_true(span_is(c.driver, S("overlay")));
	assert_true(span_is(c.graph_root, S("/srv/st")));
	assert_int_equal(c.run_root.n, 0);
	assert_int_equal(c.n_stores, 2);
	assert_true(span_is(c.stores[0], S("/a")) && span_is(c.stores[1], S("/b")));
	cstore_conf(S("[storage]\ngraphroot = \"/other\"\n"), &arena, &c);
	assert_true(span_is(c.graph_root, S("/other")) && span_is(c.driver, S("overlay")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_images, begin, end),
	    cmocka_unit_test_setup_teardown(test_names, begin, end),
	    cmocka_unit_test_setup_teardown(test_layers_and_containers, begin, end),
	    cmocka_unit_test_setup_teardown(test_files, begin, end),
	    cmocka_unit_test_setup_teardown(test_settings, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
