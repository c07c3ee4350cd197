/* SPDX-License-Identifier: Apache-2.0 */
#include "box/facts_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct facts *sample(struct facts_builder *b)
{
	struct facts *f;

	facts_folder(b, S("usr/bin"));
	facts_file(b, S("usr/bin/x"), 10);
	facts_exec(b, &(struct fact_exec){.path = S("usr/bin/x"), .size = 10, .mode = 04755});
	facts_link(b, S("bin"), S("usr/bin"), false);
	facts_whiteout(b, S("etc/gone"));
	facts_file(b, S("var/db"), 5);
	facts_pkg(b, &(struct fact_pkg){.pkg = {.type = S("deb"),
						.name = S("x"),
						.version = S("1:2~3"),
						.license = S("MIT")},
					.cataloger = S("dpkg"),
					.path = S("var/db")});
	facts_own(b, &(struct fact_owned){.type = S("deb"), .name = S("x"), .path = S("var/db")});
	facts_own_path(b, S("/usr/bin/x"));
	facts_own_path(b, S("/usr/bin/y"));
	facts_os(b, &(struct fact_os){.path = S("etc/os-release"), .id = S("debian")});
	facts_note(b, &(struct note){.level = NOTE_WARN, .code = S("c"), .text = S("t")});
	assert_int_equal(facts_done(b, &f), RMG_OK);
	f->compression = S("gzip");
	f->has_diff = true;
	memset(f->diff_sha256, 7, sizeof f->diff_sha256);
	return f;
}

static void what_is_packed_comes_back(void **state)
{
	struct facts_builder *b;
	struct facts *f, *g;
	struct span packed;
	struct arena a;

	(void)state;
	assert_int_equal(facts_builder_new(&b), RMG_OK);
	f = sample(b);
	assert_int_equal(facts_pack(f, &packed, NULL), RMG_OK);
	arena_init(&a, 1 << 20);
	assert_int_equal(facts_unpack(packed, &a, &g, NULL), RMG_OK);
	assert_int_equal(g->n_dirs, f->n_dirs);
	assert_true(span_is(g->pkgs[0].pkg.version, S("1:2~3")));
	assert_true(span_is(g->compression, S("gzip")));
	assert_int_equal(g->execs[0].mode, 04755);
	assert_int_equal(g->owned[0].n_names, 2);
	assert_int_equal(g->owned[0].names[1], f->owned[0].names[1]);
	assert_true(g->has_diff && g->diff_sha256[31] == 7);
	assert_true(span_is(g->links[0].target, S("usr/bin")) && !g->links[0].hard);
	arena_done(&a);
	free((void *)(uintptr_t)packed.p);
	facts_builder_free(b);
}

/* Whatever one byte is changed to, and wherever it ends: refused, or whole facts. */
static void damage_is_refused_or_harmless(void **state)
{
	struct facts_builder *b;
	struct facts *g;
	struct span packed;

	(void)state;
	assert_int_equal(facts_builder_new(&b), RMG_OK);
	assert_int_equal(facts_pack(sample(b), &packed, NULL), RMG_OK);
	for (size_t i = 0; i < packed.n; i++) {
		uint8_t *bytes = (uint8_t *)(uintptr_t)packed.p, old = bytes[i];
		struct arena a;

		arena_init(&a, 1 << 20);
		bytes[i] ^= 0x41;
		if (facts_unpack(packed, &a, &g, NULL) == RMG_OK)
			assert_true(g->n_pkgs == 0 || g->pkgs[0].dir < g->n_dirs);
		bytes[i] = old;
		(void)!facts_unpack(span_head(packed, i), &a, &g, NULL);
		arena_done(&a);
	}
	free((void *)(uintptr_t)packed.p);
	facts_builder_free(b);
}

/* A worker that was taken over may say anything; these would lead the parent astray. */
static void lies_are_refused(void **state)
{
	struct facts_builder *b;
	struct facts *f, *g;
	struct span packed;
	struct arena a;

	(void)state;
	assert_int_equal(facts_builder_new(&b), RMG_OK);
	f = sample(b);
	arena_init(&a, 1 << 20);
	f->pkgs[0].dir = 99;
	assert_int_equal(facts_pack(f, &packed, NULL), RMG_OK);
	assert_int_equal(facts_unpack(packed, &a, &g, NULL), RMG_E_FORMAT);
	free((void *)(uintptr_t)packed.p);
	f->pkgs[0].dir = 0;
	f->pkgs[0].pkg.name = S("x\x1b[2J");
	assert_int_equal(facts_pack(f, &packed, NULL), RMG_OK);
	assert_int_equal(facts_unpack(packed, &a, &g, NULL), RMG_E_FORMAT);
	free((void *)(uintptr_t)packed.p);
	f->pkgs[0].pkg.name = S("x");
	f->execs[0].path = S("../etc/passwd");
	assert_int_equal(facts_pack(f, &packed, NULL), RMG_OK);
	assert_int_equal(facts_unpack(packed, &a, &g, NULL), RMG_E_FORMAT);
	free((void *)(uintptr_t)packed.p);
	arena_done(&a);
	facts_builder_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_packed_comes_back),
	    cmocka_unit_test(damage_is_refused_or_harmless),
	    cmocka_unit_test(lies_are_refused),
	};

	return cmocka_run_group_tests_name("facts as a message", tests, NULL, NULL);
}
