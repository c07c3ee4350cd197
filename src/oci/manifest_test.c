/* SPDX-License-Identifier: Apache-2.0 */
/* Documents of the shapes that image-spec 1.1, Docker's schema 2 and BuildKit's attestations have.
 */
#include "oci/manifest.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/strbuf.h"

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B64 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define OCI "application/vnd.oci.image."
#define CONFIG                                                                                     \
	"\"config\":{\"mediaType\":\"" OCI "config.v1+json\",\"digest\":\"sha256:" A64             \
	"\",\"size\":7}"
#define LAYER                                                                                      \
	"{\"mediaType\":\"" OCI "layer.v1.tar+gzip\",\"digest\":\"sha256:" B64 "\",\"size\":9}"
#define IMAGE                                                                                      \
	"{\"schemaVersion\":2,\"mediaType\":\"" OCI "manifest.v1+json\"," CONFIG                   \
	",\"layers\":[" LAYER "]}"

#define CHILD(arch, more)                                                                          \
	"{\"mediaType\":\"" OCI "manifest.v1+json\",\"digest\":\"sha256:" A64                      \
	"\",\"size\":7,\"platform\":{\"os\":\"linux\",\"architecture\":\"" arch "\"" more "}}"
#define ATTESTATION                                                                                \
	"{\"mediaType\":\"" OCI "manifest.v1+json\",\"digest\":\"sha256:" B64                      \
	"\",\"size\":7,\"platform\":{\"os\":\"unknown\",\"architecture\":\"unknown\"},"            \
	"\"annotations\":{\"vnd.docker.reference.type\":\"attestation-manifest\"}}"
#define INDEX(list) "{\"schemaVersion\":2,\"manifests\":[" list "]}"

static struct arena arena;
static struct rmg_err err;

static int begin(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 24);
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

static enum rmg_rc parse(const char *text, const char *type, struct manifest *m)
{
	err = (struct rmg_err){0};
	return manifest_parse(span_cstr(text), span_cstr(type), &arena, m, &err);
}

static void image(void **state)
{
	struct manifest m;

	(void)state;
	assert_int_equal(parse(IMAGE, OCI "manifest.v1+json; charset=utf-8", &m), RMG_OK);
	assert_int_equal(m.kind, MANIFEST_IMAGE);
	assert_true(span_is(m.config.digest, S("sha256:" A64)));
	assert_int_equal(m.n_children, 1);
	assert_int_equal(m.children[0].size_bytes, 9);
	assert_true(layer_type_is_tar(m.children[0].media_type));
	assert_true(layer_type_is_tar(S(OCI "layer.v1.tar+zstd")));
	assert_true(layer_type_is_tar(S("application/vnd.docker.image.rootfs.diff.tar.gzip")));
	assert_true(
	    layer_type_is_foreign(S("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")));
	assert_false(layer_type_is_tar(S("application/vnd.in-toto+json")));
}

static void artifact(void **state)
{
	struct manifest m;

	(void)state;
	assert_int_equal(parse("{\"schemaVersion\":2,\"artifactType\":\"application/x\"," CONFIG
			       ",\"layers\":[]}",
			       "", &m),
			 RMG_OK);
	assert_int_equal(m.kind, MANIFEST_ARTIFACT);
	assert_int_equal(parse("{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/"
			       "vnd.cncf.helm.config.v1+json\","
			       "\"digest\":\"sha256:" A64 "\",\"size\":7},\"layers\":[]}",
			       "", &m),
			 RMG_OK);
	assert_int_equal(m.kind, MANIFEST_ARTIFACT);
}

static void refused(void **state)
{
	static const struct {
		const char *text, *type, *says;
	} rows[] = {
	    {"", "", ""},
	    {"[]", "", "neither"},
	    {"{}", "", "neither"},
	    {"{\"schemaVersion\":1,\"fsLayers\":[]}", "", "schema 1"},
	    {"{\"schemaVersion\":1}", "application/vnd.docker.distribution.manifest.v1+prettyjws",
	     "schema 1"},
	    {"{\"manifests\":[],\"layers\":[]," CONFIG "}", "", "at once"},
	    {"{\"manifests\":[]}", OCI "manifest.v1+json", "not what its media type"},
	    {IMAGE, OCI "index.v1+json", "served as"},
	    {IMAGE, "application/vnd.docker.distribution.manifest.v2+json", "served as"},
	    {"{\"layers\":[]}", "", "configuration"},
	    {"{\"manifests\":[{\"digest\":\"sha256:" A64 "\"}]}", "", "size"},
	    {"{\"manifests\":[{\"digest\":\"sha256:" A64 "\",\"size\":-1}]}", "", "size"},
	    {"{\"manifests\":[{\"digest\":\"sha256:" A64 "\",\"size\":1e99}]}", "", "size"},
	    {"{\"manifests\":[{\"digest\":\"x\",\"size\":1}]}", "", "digest"},
	    {"{\"manifests\":[7]}", "", "digest"},
	};
	struct manifest m;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_not_equal(parse(rows[i].text, rows[i].type, &m), RMG_OK);
		if (strstr(err.msg, rows[i].says) == NULL)
			fail_msg("%s: %s", rows[i].text, err.msg);
	}
}

static enum rmg_rc select_arch(const char *index, const char *want, bool any, struct span *variant)
{
	struct platform p;
	struct manifest m;
	const struct descriptor *d = NULL;
	enum rmg_rc rc;

	assert_int_equal(platform_parse(span_cstr(want), &p, NULL), RMG_OK);
	assert_int_equal(parse(index, "", &m), RMG_OK);
	rc = manifest_select(&m, p, any, &d, &err);
	if (rc == RMG_OK)
		*variant = ARENA_JOIN(&arena, d->platform.arch, S("/"), d->platform.variant);
	return rc;
}

static void selection(void **state)
{
	static const char many[] = INDEX(
	    ATTESTATION "," CHILD("amd64", "") "," CHILD("arm", ",\"variant\":\"v5\"") "," CHILD(
		"arm", ",\"variant\":\"v7\"") "," CHILD("arm64", ",\"variant\":\"v8\""));
	struct span got;

	(void)state;
	assert_int_equal(select_arch(many, "linux/arm64", false, &got), RMG_OK);
	assert_true(span_is(got, S("arm64/v8")));
	assert_int_equal(select_arch(many, "linux/arm/v6", false, &got), RMG_OK);
	assert_true(span_is(got, S("arm/v5")));
	assert_int_equal(select_arch(many, "linux/arm/v8", false, &got), RMG_OK);
	assert_true(span_is(got, S("arm/v7")));
	assert_int_equal(select_arch(many, "linux/s390x", true, &got), RMG_E_NOTFOUND);
	assert_non_null(strstr(err.msg, "linux/amd64, linux/arm/v5, linux/arm/v7, linux/arm64/v8"));
	assert_int_equal(select_arch(INDEX(ATTESTATION), "linux/amd64", true, &got),
			 RMG_E_NOTFOUND);
	assert_int_equal(select_arch(INDEX(""), "linux/amd64", true, &got), RMG_E_NOTFOUND);
	/* The only image will do where nobody asked for a platform. */
	assert_int_equal(
	    select_arch(INDEX(CHILD("s390x", "") "," ATTESTATION), "linux/amd64", true, &got),
	    RMG_OK);
	assert_int_equal(select_arch(INDEX(CHILD("s390x", "")), "linux/amd64", false, &got),
			 RMG_E_NOTFOUND);
}

static void config(void **state)
{
	static const char text[] =
	    "{\"os\":\"linux\",\"architecture\":\"arm64\",\"variant\":\"v8\",\"author\":\"A\","
	    "\"config\":{\"User\":\"0\",\"Env\":[\"A=b\"],\"Cmd\":null,\"Labels\":{\"k\":\"v\"},"
	    "\"ExposedPorts\":{\"80/"
	    "tcp\":{}}},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" A64
	    "\",\"sha256:" B64 "\"]},\"history\":[{\"created_by\":\"one\"},{\"created_by\":\"env\","
	    "\"empty_layer\":true},{\"created_by\":\"two\"}]}";
	struct oci_config c;
	const struct oci_step *steps[3];

	(void)state;
	assert_int_equal(oci_config_parse(span_cstr(text), &arena, &c, &err), RMG_OK);
	assert_int_equal(c.platform.variant.n, 0);
	assert_true(span_is(oci_pair_find(c.labels, c.n_labels, "k"), S("v")));
	assert_true(span_is(c.ports[0], S("80/tcp")));
	assert_int_equal(c.n_cmd, 0);
	assert_int_equal(c.n_diff_ids, 2);
	oci_config_steps(&c, 2, steps);
	assert_true(span_is(steps[0]->created_by, S("one")) &&
		    span_is(steps[1]->created_by, S("two")));
	oci_config_steps(&c, 3, steps);
	assert_null(steps[0]);
	assert_int_not_equal(
	    oci_config_parse(S("{\"rootfs\":{\"diff_ids\":[\"x\"]}}"), &arena, &c, &err), RMG_OK);
	assert_int_not_equal(oci_config_parse(S("{\"config\":{\"Env\":7}}"), &arena, &c, &err),
			     RMG_OK);
	assert_int_not_equal(oci_config_parse(S("[]"), &arena, &c, &err), RMG_OK);
}

static void too_many_layers(void **state)
{
	struct strbuf b = strbuf_of(1 << 20);
	struct manifest m;

	(void)state;
	strbuf_puts(&b, "{" CONFIG ",\"layers\":[");
	for (size_t i = 0; i <= LIMIT_LAYERS; i++)
		strbuf_puts(&b, i ? "," LAYER : LAYER);
	strbuf_puts(&b, "]}");
	assert_int_equal(manifest_parse(strbuf_span(&b), S(""), &arena, &m, &err), RMG_E_LIMIT);
	strbuf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(image, begin, end),
	    cmocka_unit_test_setup_teardown(artifact, begin, end),
	    cmocka_unit_test_setup_teardown(refused, begin, end),
	    cmocka_unit_test_setup_teardown(selection, begin, end),
	    cmocka_unit_test_setup_teardown(config, begin, end),
	    cmocka_unit_test_setup_teardown(too_many_layers, begin, end),
	};

	return cmocka_run_group_tests_name("manifest", tests, NULL, NULL);
}
