/* SPDX-License-Identifier: Apache-2.0 */
/* Reviews as kube-apiserver 1.36 sends them, shortened. */
#include "kube/review.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/limits.h"

#define IS(what, text)                                                                             \
	do {                                                                                       \
		struct span got_ = (what);                                                         \
		if (!span_is(got_, S(text)))                                                       \
			fail_msg("\"" SPAN_FMT "\" is not \"%s\"", SPAN_ARG(got_), text);          \
	} while (0)

static const char pod[] =
    "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{"
    "\"uid\":\"f0\",\"kind\":{\"group\":\"\",\"version\":\"v1\",\"kind\":\"Pod\"},"
    "\"resource\":{\"group\":\"\",\"version\":\"v1\",\"resource\":\"pods\"},"
    "\"namespace\":\"shop\",\"operation\":\"CREATE\",\"userInfo\":{\"username\":\"jane\"},"
    "\"object\":{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"generateName\":\"web-\","
    "\"labels\":{\"pod-template-hash\":\"5d\"},\"ownerReferences\":[{\"apiVersion\":\"apps/v1\","
    "\"kind\":\"ReplicaSet\",\"name\":\"web-5d\",\"controller\":true}]},"
    "\"spec\":{\"initContainers\":[{\"name\":\"i\",\"image\":\"a:1\"}],"
    "\"containers\":[{\"name\":\"c\",\"image\":\"b:1\"},{\"name\":\"d\",\"image\":\"c:1\"}]}},"
    "\"oldObject\":null,\"dryRun\":true}}";

static void reads(void **state)
{
	struct json_doc doc = {0};
	struct kube_image images[4];
	struct kube_review r;
	struct kube_meta m;
	struct span kind, name;

	(void)state;
	assert_int_equal(json_parse(&doc, span_cstr(pod), MIB(1), NULL), RMG_OK);
	assert_int_equal(kube_review_read(doc.root, &r, NULL), RMG_OK);
	IS(r.uid, "f0");
	IS(r.kind, "Pod");
	IS(r.resource, "pods");
	IS(r.operation, "CREATE");
	IS(r.user, "jane");
	assert_true(r.dry_run && r.object && r.old == NULL);
	kube_meta_read(r.object, &m);
	kube_pod_owner(&m, &kind, &name);
	IS(kind, "Deployment");
	IS(name, "web");
	assert_int_equal(kube_images(kube_pod_spec(r.object, r.kind), images, 4), 3);
	assert_string_equal(kube_role_list(images[2].role), "containers");
	assert_int_equal(images[2].nth, 1);
	assert_true(
	    kube_same_images(kube_pod_spec(r.object, r.kind), kube_pod_spec(r.object, r.kind)));
	assert_false(kube_same_images(kube_pod_spec(r.object, r.kind), NULL));
	json_done(&doc);
}

static void refuses_others(void **state)
{
	static const char *const texts[] = {
	    "{}", "[]", "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\"}",
	    "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1beta1\","
	    "\"request\":{\"uid\":\"1\",\"kind\":{\"kind\":\"Pod\"},\"operation\":\"CREATE\"}}"};
	struct json_doc doc = {0};
	struct kube_review r;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		assert_int_equal(json_parse(&doc, span_cstr(texts[i]), MIB(1), NULL), RMG_OK);
		assert_int_equal(kube_review_read(doc.root, &r, NULL), RMG_E_FORMAT);
	}
	json_done(&doc);
}

static void writes(void **state)
{
	struct span warnings[] = {S("app:1 \"x\"")};
	struct strbuf out = strbuf_of(KIB(4));

	(void)state;
	kube_ruling_write(&(struct kube_ruling){.uid = S("f0"), .message = S("no")}, &out);
	IS(strbuf_span(&out),
	   "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"response\":{"
	   "\"uid\":\"f0\",\"allowed\":false,\"status\":{\"code\":403,\"reason\":\"Forbidden\","
	   "\"message\":\"no\"}}}");
	strbuf_clear(&out);
	kube_ruling_write(&(struct kube_ruling){.uid = S("f0"),
						.allowed = true,
						.warnings = warnings,
						.n_warnings = 1,
						.patch = S("[]")},
			  &out);
	IS(strbuf_span(&out),
	   "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"response\":{"
	   "\"uid\":\"f0\",\"allowed\":true,\"warnings\":[\"app:1 \\\"x\\\"\"],"
	   "\"patchType\":\"JSONPatch\",\"patch\":\"W10=\"}}");
	strbuf_done(&out);
}

static void owners(void **state)
{
	struct kube_meta m = {.name = S("p"), .owner = {.kind = S("Job"), .name = S("j-1")}};
	struct span kind, name;

	(void)state;
	kube_pod_owner(&m, &kind, &name);
	IS(kind, "Job");
	IS(name, "j-1");
	m.owner = (struct kube_owner){.kind = S("ReplicaSet"), .name = S("web")};
	kube_pod_owner(&m, &kind, &name);
	IS(kind, "ReplicaSet");
	m.owner = (struct kube_owner){0};
	kube_pod_owner(&m, &kind, &name);
	IS(kind, "Pod");
	IS(name, "p");
	IS(kube_scaled_kind(S("statefulsets")), "StatefulSet");
	IS(kube_scaled_kind(S("pods")), "");
	assert_string_equal(kube_pod_spec_path(S("CronJob")),
			    "/spec/jobTemplate/spec/template/spec");
	assert_string_equal(kube_pod_spec_path(S("Rollout")), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(reads),
					   cmocka_unit_test(refuses_others),
					   cmocka_unit_test(writes), cmocka_unit_test(owners)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
