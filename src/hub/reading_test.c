/* SPDX-License-Identifier: Apache-2.0 */
/* An inventory as bytes and back. */
#include "hub/reading.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/limits.h"

static struct component components[] = {
    {.pkg = {.type = S("deb"),
	     .name = S("xz-utils"),
	     .version = S("5.6.1"),
	     .arch = S("amd64"),
	     .src_name = S("xz"),
	     .license = S("0BSD"),
	     .build = S("a=b")},
     .purl = S("pkg:deb/debian/xz-utils@5.6.1"),
     .cataloger = S("dpkg"),
     .is_os = true},
    {.pkg = {.type = S("npm"), .name = S("x"), .version = S("1")}, .purl = S("pkg:npm/x@1")},
};
static struct executable executables[] = {
    {.path = S("usr/bin/\xff\n"),
     .sha256 = {1, 2, 255},
     .size = UINT64_C(1) << 40,
     .mode = 04755,
     .format = EXEC_JAR,
     .arch = S("arm64"),
     .layer = 1,
     .origin = ORIGIN_APP,
     .owner = NO_COMPONENT},
};
static struct layer layers[] = {
    {.digest = S("sha256:1"), .diff_id = S("sha256:2"), .created_by = S("RUN x"), .size = 7},
    {.digest = S("sha256:3"), .origin = ORIGIN_COMMIT},
};
static struct label labels[] = {{S("a"), S("b")}, {S(""), S("")}};
static struct layer_note notes[] = {
    {.note = {NOTE_LOST, S("tar-short"), S("tar"), S("x"), S("It ends too early.")},
     .layer = NO_LAYER},
};
static struct inventory inventory = {
    .ref = S("app:1"),
    .index_digest = S("sha256:i"),
    .manifest_digest = S("sha256:m"),
    .config_digest = S("sha256:c"),
    .platform = S("linux/arm64"),
    .size = 300,
    .author = S("me"),
    .labels = labels,
    .n_labels = COUNT_OF(labels),
    .sandbox = "seccomp",
    .os = {.id = S("debian"), .version_id = S("12"), .eol = S("2028-06-30")},
    .base = {true, S("debian:12"), S("sha256:b"), "chain", 1},
    .layers = layers,
    .components = components,
    .executables = executables,
    .notes = notes,
    .n_layers = COUNT_OF(layers),
    .n_components = COUNT_OF(components),
    .n_executables = COUNT_OF(executables),
    .n_notes = COUNT_OF(notes),
    .unattributed_files = 3,
    .unattributed_bytes = UINT64_MAX,
};
static const struct hub_reading reading = {
    .inventory = &inventory,
    .read_by = S("agent"),
    .asked = S("sha256:x"),
    .taken_ms = INT64_C(1795478400000),
    .created_ms = 5,
    .revision = S("1.9"),
};

#define SAME(field) assert_true(span_is(a->field, b->field))

static void same_inventory(const struct inventory *a, const struct inventory *b)
{
	SAME(ref);
	SAME(index_digest);
	SAME(manifest_digest);
	SAME(config_digest);
	SAME(platform);
	SAME(author);
	SAME(os.id);
	SAME(os.eol);
	SAME(base.name);
	SAME(base.digest);
	assert_string_equal(a->sandbox, b->sandbox);
	assert_string_equal(a->base.how, b->base.how);
	assert_int_equal(a->base.known, b->base.known);
	assert_int_equal(a->base.layers, b->base.layers);
	assert_int_equal(a->complete, b->complete);
	assert_int_equal(a->size, b->size);
	assert_int_equal(a->unattributed_files, b->unattributed_files);
	assert_true(a->unattributed_bytes == b->unattributed_bytes);
	assert_int_equal(a->n_labels, b->n_labels);
	assert_int_equal(a->n_layers, b->n_layers);
	assert_int_equal(a->n_components, b->n_components);
	assert_int_equal(a->n_executables, b->n_executables);
	assert_int_equal(a->n_notes, b->n_notes);
}

static void same_rows(const struct inventory *a, const struct inventory *b)
{
	SAME(labels[0].key);
	SAME(labels[0].value);
	for (size_t i = 0; i < a->n_layers; i++) {
		SAME(layers[i].digest);
		SAME(layers[i].diff_id);
		SAME(layers[i].created_by);
		assert_int_equal(a->layers[i].size, b->layers[i].size);
		assert_int_equal(a->layers[i].origin, b->layers[i].origin);
	}
	for (size_t i = 0; i < a->n_components; i++) {
		SAME(components[i].purl);
		SAME(components[i].cataloger);
		SAME(components[i].pkg.type);
		SAME(components[i].pkg.name);
		SAME(components[i].pkg.version);
		SAME(components[i].pkg.src_name);
		SAME(components[i].pkg.license);
		SAME(components[i].pkg.build);
		assert_int_equal(a->components[i].is_os, b->components[i].is_os);
	}
	SAME(executables[0].path);
	SAME(executables[0].arch);
	assert_memory_equal(a->executables[0].sha256, b->executables[0].sha256, 32);
	assert_int_equal(a->executables[0].size, b->executables[0].size);
	assert_int_equal(a->executables[0].mode, b->executables[0].mode);
	assert_int_equal(a->executables[0].format, b->executables[0].format);
	assert_int_equal(a->executables[0].layer, b->executables[0].layer);
	assert_int_equal(a->executables[0].origin, b->executables[0].origin);
	SAME(notes[0].note.text);
	assert_int_equal(a->notes[0].note.level, b->notes[0].note.level);
	assert_int_equal(a->notes[0].layer, b->notes[0].layer);
}

static void what_is_packed_comes_back(void **state)
{
	const struct hub_reading *a = &reading, *b;
	struct strbuf packed = strbuf_of(KIB(64));
	struct hub_reading out;
	struct inventory *back;

	(void)state;
	reading_pack(&reading, &packed);
	assert_int_equal(strbuf_rc(&packed), RMG_OK);
	assert_int_equal(reading_unpack(strbuf_span(&packed), &back, &out, NULL), RMG_OK);
	b = &out;
	SAME(read_by);
	SAME(asked);
	SAME(revision);
	SAME(ref);
	assert_int_equal(a->taken_ms, b->taken_ms);
	assert_int_equal(a->created_ms, b->created_ms);
	same_inventory(&inventory, back);
	same_rows(&inventory, back);
	inventory_free(back);
	strbuf_done(&packed);
}

static void what_is_cut_or_longer_is_refused(void **state)
{
	struct strbuf packed = strbuf_of(KIB(64));
	struct hub_reading out;
	struct inventory *back;
	struct rmg_err err;
	size_t n;

	(void)state;
	reading_pack(&reading, &packed);
	n = packed.n;
	for (size_t i = 0; i < n; i++)
		assert_int_equal(
		    reading_unpack(span_head(strbuf_span(&packed), i), &back, &out, &err),
		    RMG_E_FORMAT);
	strbuf_putc(&packed, '\0');
	assert_int_equal(reading_unpack(strbuf_span(&packed), &back, &out, &err), RMG_E_FORMAT);
	strbuf_done(&packed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_packed_comes_back),
	    cmocka_unit_test(what_is_cut_or_longer_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
