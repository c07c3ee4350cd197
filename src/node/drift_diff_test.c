/* SPDX-License-Identifier: Apache-2.0 */
#include "node/drift_diff.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/limits.h"

struct side {
	struct inventory inv;
	struct component components[8];
	struct executable executables[2048];
	struct layer layers[2];
	struct layer_note notes[2];
};

static struct side image, now;
static struct drift_found found;

static void package(struct side *s, const char *name, const char *version, const char *purl)
{
	s->components[s->inv.n_components++] = (struct component){
	    .pkg = {.type = S("deb"), .name = span_cstr(name), .version = span_cstr(version)},
	    .purl = span_cstr(purl),
	};
}

static void executable(struct side *s, const char *path, uint8_t sha, uint32_t owner)
{
	struct executable *e = &s->executables[s->inv.n_executables++];

	*e = (struct executable){.path = span_cstr(path), .owner = owner};
	memset(e->sha256, sha, sizeof e->sha256);
}

static int begin(void **state)
{
	struct side *const sides[] = {&image, &now};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		memset(sides[i], 0, sizeof *sides[i]);
		sides[i]->inv.components = sides[i]->components;
		sides[i]->inv.executables = sides[i]->executables;
		sides[i]->inv.notes = sides[i]->notes;
		sides[i]->inv.layers = sides[i]->layers;
		sides[i]->inv.n_layers = 1 + i;
		package(sides[i], "base", "1", "pkg:deb/debian/base@1");
		executable(sides[i], "bin/base", 1, 0);
	}
	return 0;
}

static int end(void **state)
{
	(void)state;
	drift_found_done(&found);
	return 0;
}

static void diff(const struct upper_change *changes, const struct asked_path *of_image,
		 const struct asked_path *of_now, size_t n)
{
	struct drift_sides sides = {.image = &image.inv,
				    .now = &now.inv,
				    .changes = changes,
				    .image_owners = of_image,
				    .now_owners = of_now,
				    .n_changes = n};

	assert_int_equal(drift_diff(&sides, &found, NULL), RMG_OK);
}

static const struct drift_finding *finding(const char *kind, const char *what)
{
	VEC_EACH (x, &found.v)
		if (strcmp(x->kind, kind) == 0 &&
		    (span_is(x->path, span_cstr(what)) || span_is(x->purl, span_cstr(what)) ||
		     span_is(x->was_purl, span_cstr(what))))
			return x;
	return NULL;
}

static void nothing_changed_is_nothing(void **state)
{
	(void)state;
	diff(NULL, NULL, NULL, 0);
	assert_int_equal(found.v.n, 0);
	assert_int_equal(found.components.n, 0);
}

/* A container may call its distribution what it likes: its packages stay what they are. */
static void another_name_of_the_distribution_is_no_change(void **state)
{
	(void)state;
	now.components[0].purl = S("pkg:deb/evil/base@1?distro=evil");
	diff(NULL, NULL, NULL, 0);
	assert_int_equal(found.v.n, 0);
}

static void r10_packages_come_and_go_and_get_new_versions(void **state)
{
	const struct drift_finding *x;

	(void)state;
	package(&image, "old", "1", "pkg:deb/debian/old@1");
	package(&image, "lib", "1", "pkg:deb/debian/lib@1");
	package(&now, "lib", "2", "pkg:deb/debian/lib@2");
	package(&now, "new", "3", "pkg:deb/debian/new@3");
	diff(NULL, NULL, NULL, 0);
	assert_int_equal(found.v.n, 3);
	assert_int_equal(found.components.n, 2);
	x = finding("package", "pkg:deb/debian/lib@2");
	assert_true(span_is(x->was_purl, S("pkg:deb/debian/lib@1")));
	x = finding("package", "pkg:deb/debian/new@3");
	assert_int_equal(x->was_purl.n, 0);
	x = finding("package", "pkg:deb/debian/old@1");
	assert_int_equal(x->purl.n, 0);
}

static void r10_executables_are_new_other_or_gone(void **state)
{
	const struct drift_finding *x;

	(void)state;
	package(&now, "new", "3", "pkg:deb/debian/new@3");
	now.executables[0].sha256[0] = 9;
	executable(&now, "bin/dropped", 2, NO_COMPONENT);
	executable(&now, "bin/tool", 3, 1);
	executable(&image, "bin/gone", 4, NO_COMPONENT);
	diff(NULL, NULL, NULL, 0);
	assert_int_equal(found.v.n, 5);
	assert_string_equal(found.v.v[0].kind, "package");
	x = finding("exec", "bin/base");
	assert_true(x->hashed && x->sha256[0] == 9 && x->purl.n == 0);
	x = finding("exec", "bin/dropped");
	assert_true(x->hashed && span_has(x->text, S("no package owns it")));
	x = finding("exec", "bin/gone");
	assert_true(!x->hashed && span_has(x->text, S("deleted")));
	/* Its package says it all: it comes last. */
	x = finding("exec", "bin/tool");
	assert_true(span_is(x->purl, S("pkg:deb/debian/new@3")));
	assert_ptr_equal(x, &found.v.v[4]);
}

static void files_that_a_package_owns_are_told(void **state)
{
	static const struct upper_change changes[] = {{S("etc/base.conf"), UPPER_CHANGED},
						      {S("etc/base.d/x"), UPPER_GONE},
						      {S("etc/mine"), UPPER_CHANGED},
						      {S("bin/base"), UPPER_CHANGED},
						      {S("etc/upgraded"), UPPER_CHANGED}};
	static const struct asked_path of_image[] = {{S("etc/base.conf"), 0},
						     {S("etc/base.d/x"), 0},
						     {S("etc/mine"), NO_COMPONENT},
						     {S("bin/base"), 0},
						     {S("etc/upgraded"), 1}};
	static const struct asked_path of_now[] = {{S("etc/base.conf"), 0},
						   {S("etc/base.d/x"), 0},
						   {S("etc/mine"), NO_COMPONENT},
						   {S("bin/base"), 0},
						   {S("etc/upgraded"), 1}};

	(void)state;
	package(&image, "lib", "1", "pkg:deb/debian/lib@1");
	package(&now, "lib", "2", "pkg:deb/debian/lib@2");
	diff(changes, of_image, of_now, COUNT_OF(changes));
	assert_int_equal(found.v.n, 3);
	assert_true(span_has(finding("file", "etc/base.conf")->text, S("pkg:deb/debian/base@1")));
	assert_true(span_has(finding("file", "etc/base.d/x")->text, S("deleted")));
}

/* What could not be read of what the container wrote makes nothing be gone. */
static void doubt_removes_nothing(void **state)
{
	(void)state;
	package(&image, "lib", "1", "pkg:deb/debian/lib@1");
	executable(&image, "bin/lib", 5, 1);
	now.notes[0] = (struct layer_note){{.level = NOTE_LOST}, 1};
	now.inv.n_notes = 1;
	diff(NULL, NULL, NULL, 0);
	assert_int_equal(found.v.n, 0);
	drift_found_done(&found);
	now.notes[0].layer = 0; /* of the image: the same on both sides */
	diff(NULL, NULL, NULL, 0);
	assert_int_equal(found.v.n, 2);
}

static void so_many_are_told_and_the_rest_counted(void **state)
{
	static char paths[1500][16];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(paths); i++) {
		snprintf(paths[i], sizeof paths[i], "x/%04zu", i);
		executable(&now, paths[i], 1, NO_COMPONENT);
	}
	package(&now, "new", "3", "pkg:deb/debian/new@3");
	diff(NULL, NULL, NULL, 0);
	assert_int_equal(found.v.n, LIMIT_DRIFT_FINDINGS);
	assert_int_equal(found.left_out, 501);
	assert_string_equal(found.v.v[0].kind, "package");
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
	    T(nothing_changed_is_nothing),
	    T(another_name_of_the_distribution_is_no_change),
	    T(r10_packages_come_and_go_and_get_new_versions),
	    T(r10_executables_are_new_other_or_gone),
	    T(files_that_a_package_owns_are_told),
	    T(doubt_removes_nothing),
	    T(so_many_are_told_and_the_rest_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
