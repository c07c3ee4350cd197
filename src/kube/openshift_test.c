/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/openshift.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "kube/object.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER64 "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define REGISTRY "image-registry.openshift-image-registry.svc:5000"

#define IS(what, text)                                                                             \
	do {                                                                                       \
		struct span got_ = (what);                                                         \
		if (!span_is(got_, S(text)))                                                       \
			fail_msg("\"" SPAN_FMT "\" is not \"%s\"", SPAN_ARG(got_), text);          \
	} while (0)

static json *parse(struct json_doc *doc, const char *text)
{
	assert_int_equal(json_parse(doc, span_cstr(text), KIB(64), NULL), RMG_OK);
	return doc->root;
}

static void streams(void **state)
{
	struct json_doc doc = {0};
	struct openshift_stream s;
	struct openshift_tag tag;

	(void)state;
	openshift_stream_read(
	    parse(&doc, "{\"kind\":\"ImageStream\",\"status\":{"
			"\"dockerImageRepository\":\"" REGISTRY "/shop/web\","
			"\"publicDockerImageRepository\":\"registry.apps.example.com/shop/web\","
			"\"tags\":[{\"tag\":\"latest\",\"items\":["
			"{\"created\":\"2026-03-01T00:00:00Z\",\"image\":\"sha256:" OTHER64 "\","
			"\"dockerImageReference\":\"" REGISTRY "/shop/web@sha256:" OTHER64 "\","
			"\"generation\":3},"
			"{\"created\":\"2026-02-01T00:00:00Z\",\"image\":\"sha256:" HEX64 "\"},"
			"{\"created\":\"2026-01-01T00:00:00Z\",\"image\":\"sha256:" HEX64 "\"},"
			"{\"created\":\"2025-01-01T00:00:00Z\",\"image\":\"of schema 1\"}]},"
			"{\"tag\":\"none\",\"items\":null}]}}"),
	    &s);
	IS(s.repository, REGISTRY "/shop/web");
	IS(s.outside, "registry.apps.example.com/shop/web");
	assert_true(openshift_tag_read(json_at(s.tags, 0), &tag));
	IS(tag.name, "latest");
	assert_int_equal(tag.n, 2);
	IS(tag.v[0].digest, "sha256:" OTHER64);
	assert_int_equal(tag.v[0].since_ms, 1772323200000);
	IS(tag.v[1].digest, "sha256:" HEX64);
	assert_int_equal(tag.v[1].since_ms, 1767225600000); /* the first time */
	assert_false(openshift_tag_read(json_at(s.tags, 1), &tag));
	json_done(&doc);
}

static void images(void **state)
{
	struct json_doc doc = {0};
	struct openshift_image i;

	(void)state;
	assert_true(openshift_image_read(
	    parse(&doc, "{\"kind\":\"Image\",\"metadata\":{\"name\":\"sha256:" HEX64 "\","
			"\"annotations\":{\"images.openshift.io/deny-execution\":\"true\"}},"
			"\"dockerImageReference\":\"" REGISTRY "/shop/web@sha256:" HEX64 "\","
			"\"dockerImageMetadata\":{\"kind\":\"DockerImage\",\"apiVersion\":\"1.0\","
			"\"Id\":\"sha256:" OTHER64 "\",\"Architecture\":\"amd64\"}}"),
	    &i));
	IS(i.digest, "sha256:" HEX64);
	IS(i.config, "sha256:" OTHER64);
	IS(i.ref, REGISTRY "/shop/web@sha256:" HEX64);
	assert_true(i.denied);
	json_done(&doc);
	assert_false(openshift_image_read(
	    parse(&doc, "{\"metadata\":{\"name\":\"sha256:" HEX64 "0\"}}"), &i));
	json_done(&doc);
}

static void qualities(void **state)
{
	struct strbuf out = strbuf_of(KIB(3));
	struct span provider;

	(void)state;
	assert_true(openshift_quality(
	    S("quality.images.openshift.io/vulnerability.example"),
	    S("{\n \"name\": \"Example\",\n \"timestamp\": \"2026-01-01T00:00:00Z\","
	      "\"reference\":\"https://scan.example.com/1\",\"compliant\":false,\"more\":[],"
	      "\"summary\":[{\"label\":\"critical\",\"data\":\"4\",\"severityIndex\":3,"
	      "\"reference\":null},{\"label\":\"low\",\"data\":7}]}"),
	    &provider, &out));
	IS(provider, "example");
	IS(strbuf_span(&out),
	   "{\"name\":\"Example\",\"timestamp\":\"2026-01-01T00:00:00Z\","
	   "\"reference\":\"https://scan.example.com/1\",\"compliant\":false,\"summary\":["
	   "{\"label\":\"critical\",\"data\":\"4\",\"severityIndex\":3},{\"label\":\"low\"}]}");
	assert_false(openshift_quality(S("quality.images.openshift.io/license.example"), S("{}"),
				       &provider, &out));
	assert_false(openshift_quality(S("quality.images.openshift.io/vulnerability.a"), S("["),
				       &provider, &out));
	assert_false(openshift_quality(S("quality.images.openshift.io/vulnerability.a"), S("[]"),
				       &provider, &out));
	strbuf_done(&out);
}

static void builds(void **state)
{
	struct json_doc doc = {0};
	struct openshift_build b;

	(void)state;
	openshift_build_read(
	    parse(&doc,
		  "{\"kind\":\"Build\",\"metadata\":{\"name\":\"web-7\",\"namespace\":\"shop\","
		  "\"labels\":{\"openshift.io/build-config.name\":\"web\"}},"
		  "\"spec\":{\"source\":{\"type\":\"Git\",\"git\":{\"uri\":"
		  "\"https://git.example.com/web.git\"}},\"revision\":{\"type\":\"Git\","
		  "\"git\":{\"commit\":\"c0ffee\"}},\"output\":{\"to\":{"
		  "\"kind\":\"ImageStreamTag\",\"name\":\"web:latest\"}}},"
		  "\"status\":{\"phase\":\"Complete\","
		  "\"completionTimestamp\":\"2026-01-01T00:00:00Z\","
		  "\"outputDockerImageReference\":\"" REGISTRY "/shop/web:latest\","
		  "\"output\":{\"to\":{\"imageDigest\":\"sha256:" HEX64 "\"}}}}"),
	    &b);
	IS(b.config, "web");
	IS(b.name, "web-7");
	IS(b.ns, "shop");
	IS(b.digest, "sha256:" HEX64);
	IS(b.ref, REGISTRY "/shop/web:latest");
	IS(b.git, "https://git.example.com/web.git");
	IS(b.commit, "c0ffee");
	assert_int_equal(b.made_ms, 1767225600000);
	json_done(&doc);
}

static void deployment_configs(void **state)
{
	struct json_doc doc = {0};
	struct kube_image image[2];
	struct kube_meta m;
	struct kube_want want;

	(void)state;
	parse(&doc, "{\"kind\":\"DeploymentConfig\",\"metadata\":{\"name\":\"web\"},\"spec\":{"
		    "\"replicas\":2,\"paused\":true,\"template\":{\"spec\":{\"containers\":["
		    "{\"name\":\"a\",\"image\":\" \"},{\"name\":\"b\",\"image\":\"b:1\"}]}}},"
		    "\"status\":{\"latestVersion\":3}}");
	kube_meta_read(doc.root, &m);
	kube_want_read(doc.root, &m, &want);
	assert_int_equal(want.replicas, 2);
	assert_false(want.suspended);
	assert_int_equal(kube_images(kube_pod_spec(doc.root, m.kind), image, 2), 1);
	IS(image[0].name, "b");
	json_done(&doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(streams),
	    cmocka_unit_test(images),
	    cmocka_unit_test(qualities),
	    cmocka_unit_test(builds),
	    cmocka_unit_test(deployment_configs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
