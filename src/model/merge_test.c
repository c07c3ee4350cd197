/* SPDX-License-Identifier: Apache-2.0 */
/* Expectations are those of OCI image-spec layer.md and of what containerd does with links. */
#include "model/merge.h"

#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MOST = 4 };

struct image {
	struct facts_builder *b[MOST];
	const struct facts *facts[MOST];
	struct inventory *inv;
	size_t n;
};

static struct facts_builder *layer(struct image *m)
{
	assert_int_equal(facts_builder_new(&m->b[m->n]), RMG_OK);
	return m->b[m->n++];
}

static void file(struct facts_builder *b, const char *path, uint64_t size)
{
	facts_file(b, span_cstr(path), size);
}

static void pkg(struct facts_builder *b, const char *type, const char *name, const char *version,
		const char *path)
{
	facts_pkg(b, &(struct fact_pkg){.pkg = {.type = span_cstr(type),
						.name = span_cstr(name),
						.version = span_cstr(version)},
					.cataloger = S("test"),
					.path = span_cstr(path)});
}

static void exec(struct facts_builder *b, const char *path)
{
	file(b, path, 10);
	facts_exec(b, &(struct fact_exec){.path = span_cstr(path), .size = 10, .mode = 0755});
}

static void owned(struct facts_builder *b, const char *name, const char *list, const char *path)
{
	facts_own(b, &(struct fact_owned){
			 .type = S("deb"), .name = span_cstr(name), .path = span_cstr(list)});
	facts_own_path(b, span_cstr(path));
}

static const struct inventory *merged(struct image *m)
{
	for (size_t i = 0; i < m->n; i++) {
		struct facts *f;

		assert_int_equal(facts_done(m->b[i], &f), RMG_OK);
		m->facts[i] = f;
	}
	assert_int_equal(inventory_new(&m->inv), RMG_OK);
	m->inv->layers = calloc(m->n, sizeof *m->inv->layers);
	m->inv->n_layers = m->n;
	assert_int_equal(merge_layers(m->inv, m->facts, m->n, NULL), RMG_OK);
	return m->inv;
}

static void image_done(struct image *m)
{
	inventory_free(m->inv);
	for (size_t i = 0; i < m->n; i++)
		facts_builder_free(m->b[i]);
}

static const struct component *find(const struct inventory *inv, const char *name)
{
	for (size_t i = 0; i < inv->n_components; i++)
		if (span_is(inv->components[i].pkg.name, span_cstr(name)))
			return &inv->components[i];
	return NULL;
}

static void a_package_goes_with_its_file(void **state)
{
	struct image m = {0};
	struct facts_builder *b = layer(&m);
	const struct inventory *inv;

	(void)state;
	file(b, "app/a.jar", 1);
	pkg(b, "maven", "a", "1", "app/a.jar");
	file(b, "app/b.jar", 1);
	pkg(b, "maven", "b", "1", "app/b.jar");
	file(b, "opt/c.jar", 1);
	pkg(b, "maven", "c", "1", "opt/c.jar");
	file(b, "srv/d.jar", 1);
	pkg(b, "maven", "d", "1", "srv/d.jar");
	b = layer(&m);
	facts_whiteout(b, S("app/a.jar"));
	file(b, "app/b.jar", 2); /* another file, and no package any more */
	facts_opaque(b, S("opt"));
	file(b, "srv", 3); /* a file takes the place of a folder */
	inv = merged(&m);
	assert_int_equal(inv->n_components, 0);
	image_done(&m);
}

static void marks_hide_lower_layers_only(void **state)
{
	struct image m = {0};
	struct facts_builder *b = layer(&m);

	(void)state;
	file(b, "opt/old.jar", 1);
	pkg(b, "maven", "old", "1", "opt/old.jar");
	b = layer(&m);
	facts_opaque(b, S("opt"));
	facts_whiteout(b, S("opt/new.jar"));
	file(b, "opt/new.jar", 1);
	pkg(b, "maven", "new", "1", "opt/new.jar");
	assert_non_null(find(merged(&m), "new"));
	assert_null(find(m.inv, "old"));
	image_done(&m);
}

static void a_package_is_from_where_it_first_appeared(void **state)
{
	struct image m = {0};
	const char *db = "var/lib/dpkg/status";

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct facts_builder *b = layer(&m);

		if (i == 2)
			continue; /* a layer that does not touch the database */
		file(b, db, 1);
		pkg(b, "deb", "libc6", "2.36-9", db);
		if (i >= 1)
			pkg(b, "deb", "curl", i == 1 ? "7.88.1-10" : "7.88.1-11", db);
	}
	assert_int_equal(merged(&m)->n_components, 2);
	assert_int_equal(find(m.inv, "libc6")->layer, 0);
	assert_int_equal(find(m.inv, "curl")->layer, 3);
	image_done(&m);
}

static void a_folder_behind_a_link_is_where_the_link_leads(void **state)
{
	struct image m = {0};
	struct facts_builder *b = layer(&m);

	(void)state;
	facts_link(b, S("bin"), S("usr/bin"), false);
	facts_folder(b, S("usr/bin"));
	exec(b, "usr/bin/tool");
	file(b, "var/lib/dpkg/status", 1);
	pkg(b, "deb", "tool", "1", "var/lib/dpkg/status");
	file(b, "var/lib/dpkg/info/tool.list", 1);
	owned(b, "tool", "var/lib/dpkg/info/tool.list", "/bin/tool");
	b = layer(&m);
	exec(b, "bin/tool"); /* no entry for bin: lands in usr/bin */
	assert_int_equal(merged(&m)->n_executables, 1);
	assert_int_equal(m.inv->executables[0].layer, 1);
	assert_true(m.inv->executables[0].owner != NO_COMPONENT);
	image_done(&m);
}

static void links_that_go_round_end(void **state)
{
	struct image m = {0};
	struct facts_builder *b = layer(&m);

	(void)state;
	facts_link(b, S("a"), S("b"), false);
	facts_link(b, S("b"), S("a"), false);
	facts_link(b, S("c"), S("../../../c/c"), false);
	b = layer(&m);
	exec(b, "a/x");
	exec(b, "c/x");
	assert_int_equal(merged(&m)->n_executables, 2);
	image_done(&m);
}

static void what_the_distribution_owns_is_its_own(void **state)
{
	struct image m = {0};
	struct facts_builder *b = layer(&m);
	const char *metadata = "usr/lib/python3/dist-packages/six-1.16.0.dist-info/METADATA";
	const struct component *deb;

	(void)state;
	file(b, "var/lib/dpkg/status", 1);
	pkg(b, "deb", "python3-six", "1.16.0-4", "var/lib/dpkg/status");
	file(b, "var/lib/dpkg/info/python3-six.list", 1);
	owned(b, "python3-six", "var/lib/dpkg/info/python3-six.list", metadata);
	file(b, metadata, 1);
	pkg(b, "pypi", "six", "1.16.0", metadata);
	assert_int_equal(merged(&m)->n_components, 1);
	deb = find(m.inv, "python3-six");
	assert_int_equal(deb->n_provides, 1);
	assert_true(span_is(deb->provides[0], S("pkg:pypi/six@1.16.0")));
	image_done(&m);
}

static void what_nobody_owns_is_counted(void **state)
{
	struct image m = {0};
	struct facts_builder *b = layer(&m);

	(void)state;
	file(b, "srv/data", 1000);
	file(b, "srv/app/node_modules/x/index.js", 50);
	file(b, "srv/app/node_modules/x/package.json", 7);
	facts_pkg(b, &(struct fact_pkg){.pkg = {.type = S("npm"),
						.name = S("x"),
						.version = S("1"),
						.claims = S("srv/app/node_modules/x")},
					.path = S("srv/app/node_modules/x/package.json")});
	assert_int_equal(merged(&m)->unattributed_files, 1);
	assert_int_equal(m.inv->unattributed_bytes, 1000);
	image_done(&m);
}

static void of_two_entries_the_later_counts(void **state)
{
	struct image m = {0};
	struct facts_builder *b = layer(&m);

	(void)state;
	file(b, "a.jar", 1);
	pkg(b, "maven", "a", "1", "a.jar");
	file(b, "a.jar", 1);
	pkg(b, "maven", "a", "2", "a.jar");
	assert_int_equal(merged(&m)->n_components, 1);
	assert_true(span_is(m.inv->components[0].pkg.version, S("2")));
	image_done(&m);
}

static bool has_file(const struct inventory *inv, const char *path, const char *name, bool counts)
{
	for (size_t i = 0; i < inv->n_files; i++)
		if (inv->files[i].path == path_hash(span_cstr(path)) &&
		    span_is(inv->components[inv->files[i].component].pkg.name, span_cstr(name)))
			return inv->files[i].counts == counts;
	return false;
}

/* What dpkg, pip and npm put where, and who runs it. */
static void files_tell_whose_they_are(void **state)
{
	const char *db = "var/lib/dpkg/status", *app = "srv/node_modules/x/package.json";
	struct image m = {0};
	struct facts_builder *b = layer(&m);
	const struct inventory *inv;

	(void)state;
	facts_link(b, S("bin"), S("usr/bin"), false);
	file(b, db, 1);
	pkg(b, "deb", "tool", "1", db);
	pkg(b, "deb", "names", "1", db);
	file(b, "var/lib/dpkg/info/tool.list", 1);
	owned(b, "tool", "var/lib/dpkg/info/tool.list", "/bin/tool-1");
	facts_own_path(b, S("/usr/share/doc/tool/copyright"));
	facts_own_path(b, S("/usr/lib/libtool.so.1"));
	file(b, "var/lib/dpkg/info/names.list", 1);
	owned(b, "names", "var/lib/dpkg/info/names.list", "/usr/bin/tool");
	facts_own_path(b, S("/usr/lib/libtool.so"));
	file(b, "usr/bin/tool-1", 10);
	file(b, "usr/share/doc/tool/copyright", 20);
	file(b, "usr/lib/libtool.so.1", 30);
	facts_link(b, S("usr/bin/tool"), S("tool-1"), false);
	facts_link(b, S("usr/lib/libtool.so"), S("libtool.so.1"), false);
	b = layer(&m);
	file(b, app, 1);
	facts_pkg(b, &(struct fact_pkg){.pkg = {.type = S("npm"),
						.name = S("x"),
						.version = S("1"),
						.claims = S("srv/node_modules/x")},
					.path = span_cstr(app)});
	file(b, "srv/node_modules/x/lib/index.js", 7);
	file(b, "opt/p-1.dist-info/METADATA", 1);
	facts_pkg(b, &(struct fact_pkg){.pkg = {.type = S("pypi"),
						.name = S("p"),
						.version = S("1"),
						.claims = S("opt/p-1.dist-info")},
					.path = S("opt/p-1.dist-info/METADATA")});
	file(b, "opt/p-1.dist-info/RECORD", 1);
	facts_own(b, &(struct fact_owned){
			 .type = S("pypi"), .name = S("P"), .path = S("opt/p-1.dist-info/RECORD")});
	facts_own_path(b, S("opt/pmod/__init__.py"));
	file(b, "opt/pmod/__init__.py", 9);
	exec(b, "opt/app.jar");
	pkg(b, "maven", "a", "1", "opt/app.jar");
	pkg(b, "maven", "b", "1", "opt/app.jar");
	for (size_t i = 0; i < m.n; i++) {
		struct facts *f;

		assert_int_equal(facts_done(m.b[i], &f), RMG_OK);
		m.facts[i] = f;
	}
	assert_int_equal(inventory_new(&m.inv), RMG_OK);
	m.inv->layers = calloc(m.n, sizeof *m.inv->layers);
	m.inv->n_layers = m.n;
	m.inv->wants_files = true;
	assert_int_equal(merge_layers(m.inv, m.facts, m.n, NULL), RMG_OK);
	inv = m.inv;
	assert_true(has_file(inv, "usr/bin/tool-1", "tool", true));
	assert_true(has_file(inv, "usr/bin/tool-1", "names", true)); /* who owns its name */
	assert_true(has_file(inv, "usr/share/doc/tool/copyright", "tool", false));
	assert_true(has_file(inv, "usr/lib/libtool.so.1", "tool", true));
	assert_false(has_file(inv, "usr/lib/libtool.so.1", "names", true));
	assert_true(has_file(inv, "srv/node_modules/x/lib/index.js", "x", true));
	assert_true(has_file(inv, app, "x", false));
	assert_true(has_file(inv, "opt/pmod/__init__.py", "p", true));
	assert_true(has_file(inv, "opt/p-1.dist-info/METADATA", "p", false));
	assert_true(has_file(inv, "opt/app.jar", "a", true));
	assert_true(has_file(inv, "opt/app.jar", "b", true));
	image_done(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_package_goes_with_its_file),
	    cmocka_unit_test(marks_hide_lower_layers_only),
	    cmocka_unit_test(a_package_is_from_where_it_first_appeared),
	    cmocka_unit_test(a_folder_behind_a_link_is_where_the_link_leads),
	    cmocka_unit_test(links_that_go_round_end),
	    cmocka_unit_test(what_the_distribution_owns_is_its_own),
	    cmocka_unit_test(what_nobody_owns_is_counted),
	    cmocka_unit_test(of_two_entries_the_later_counts),
	    cmocka_unit_test(files_tell_whose_they_are),
	};

	return cmocka_run_group_tests_name("R6 R9 R40: layers to one inventory", tests, NULL, NULL);
}
