/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/object.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/limits.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

#define IS(what, text)                                                                             \
	do {                                                                                       \
		struct span got_ = (what);                                                         \
		if (!span_is(got_, S(text)))                                                       \
			fail_msg("\"" SPAN_FMT "\" is not \"%s\"", SPAN_ARG(got_), text);          \
	} while (0)

static void image_ids(void **state)
{
	(void)state;
	IS(kube_image_digest(S("docker-pullable://r.io/a/b@sha256:" HEX64)), "sha256:" HEX64);
	IS(kube_image_digest(S("docker://sha256:" HEX64)), "sha256:" HEX64);
	IS(kube_image_digest(S("r.io:5000/a/b@sha256:" HEX64)), "sha256:" HEX64);
	IS(kube_image_digest(S("sha256:" HEX64)), "sha256:" HEX64);
	IS(kube_image_digest(S(HEX64)), HEX64);
	IS(kube_image_digest(S("r.io/a/b:1")), "");
	IS(kube_image_digest(S("")), "");
}

static const char pod[] =
    "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"web-1\",\"namespace\":\"shop\",\"uid\":\"u1\","
    "\"resourceVersion\":\"7\",\"creationTimestamp\":\"2026-01-01T00:00:00Z\","
    "\"ownerReferences\":[{\"kind\":\"X\",\"name\":\"no\"},{\"apiVersion\":\"apps/v1\","
    "\"kind\":\"ReplicaSet\",\"name\":\"web\",\"uid\":\"rs\",\"controller\":true}]},"
    "\"spec\":{\"nodeName\":\"n1\",\"initContainers\":[{\"name\":\"i\",\"image\":\"init:1\"},"
    "{\"name\":\"s\",\"image\":\"side:1\",\"restartPolicy\":\"Always\"}],"
    "\"containers\":[{\"name\":\"c\",\"image\":\"app:1\"}],"
    "\"ephemeralContainers\":[{\"name\":\"e\",\"image\":\"debug:1\"}],"
    "\"volumes\":[{\"name\":\"v\",\"image\":{\"reference\":\"data:1\"}},{\"name\":\"w\"}]},"
    "\"status\":{\"phase\":\"Running\",\"startTime\":\"2026-01-01T00:00:01Z\","
    "\"initContainerStatuses\":[{\"name\":\"i\",\"imageID\":\"x@sha256:" HEX64 "\","
    "\"containerID\":\"containerd://i1\",\"state\":{\"terminated\":{"
    "\"startedAt\":\"2026-01-01T00:00:02Z\",\"finishedAt\":\"2026-01-01T00:00:03Z\","
    "\"containerID\":\"containerd://i1\"}}},{\"name\":\"s\",\"imageID\":\"\","
    "\"containerID\":\"cri-o://s1\",\"state\":{\"running\":{}}}],"
    "\"containerStatuses\":[{\"name\":\"c\",\"imageID\":\"sha256:" HEX64 "\","
    "\"containerID\":\"containerd://c2\",\"state\":{\"running\":{"
    "\"startedAt\":\"2026-01-01T00:00:05Z\"}},\"lastState\":{\"terminated\":{"
    "\"containerID\":\"containerd://c1\",\"finishedAt\":\"2026-01-01T00:00:04Z\"}},"
    "\"volumeMounts\":[{\"name\":\"v\",\"volumeStatus\":{\"image\":{\"imageRef\":"
    "\"data@sha256:" HEX64 "\"}}}]}],"
    "\"ephemeralContainerStatuses\":[{\"name\":\"e\",\"state\":{\"waiting\":{}}}]}}";

static void pods(void **state)
{
	struct json_doc doc = {0};
	struct kube_image images[8];
	struct kube_run runs[8];
	struct kube_meta m;

	(void)state;
	assert_int_equal(json_parse(&doc, span_cstr(pod), MIB(1), NULL), RMG_OK);
	kube_meta_read(doc.root, &m);
	IS(m.name, "web-1");
	IS(m.owner.name, "web");
	IS(m.owner.group, "apps");
	IS(m.version, "7");
	assert_int_equal(kube_images(kube_pod_spec(doc.root, m.kind), images, 8), 5);
	assert_int_equal(images[0].role, KUBE_INIT);
	assert_int_equal(images[1].role, KUBE_SIDECAR);
	assert_int_equal(images[3].role, KUBE_EPHEMERAL);
	IS(images[4].ref, "data:1");
	/* i, s, c now, c before, v; e has not begun. */
	assert_int_equal(kube_runs(doc.root, runs, 8), 5);
	assert_int_equal(runs[0].state, KUBE_ENDED);
	assert_int_equal(runs[0].ended_ms - runs[0].began_ms, 1000);
	IS(runs[1].scheme, "cri-o");
	IS(runs[1].digest, "");
	IS(runs[2].id, "c2");
	IS(runs[2].digest, "sha256:" HEX64);
	IS(runs[3].id, "c1");
	assert_int_equal(runs[3].state, KUBE_ENDED);
	IS(runs[4].digest, "sha256:" HEX64);
	assert_int_equal(kube_runs(doc.root, runs, 2), 2);
	assert_false(kube_pod_is_over(doc.root));
	json_done(&doc);
}

static void wishes(void **state)
{
	static const struct {
		const char *json, *kind;
		uint64_t replicas;
		const char *schedule, *image;
		bool suspended;
	} rows[] = {
#define TEMPLATE "\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"a\"}]}}"
	    {"{\"spec\":{\"replicas\":0," TEMPLATE "}}", "Deployment", 0, "", "a", false},
	    {"{\"spec\":{\"paused\":true," TEMPLATE "}}", "Deployment", 1, "", "a", false},
	    {"{\"spec\":{\"schedule\":\"* * * * *\",\"suspend\":true,\"jobTemplate\":{\"spec\":"
	     "{" TEMPLATE "}}}}",
	     "CronJob", 0, "* * * * *", "a", true},
	    {"{\"spec\":{\"parallelism\":3," TEMPLATE "}}", "Job", 3, "", "a", false},
	    {"{\"spec\":{" TEMPLATE "},\"status\":{\"conditions\":[{\"type\":\"Complete\","
	     "\"status\":\"True\"}]}}",
	     "Job", 0, "", "a", false},
	    {"{\"spec\":{" TEMPLATE "},\"status\":{\"desiredNumberScheduled\":4}}", "DaemonSet", 4,
	     "", "a", false},
	    {"{\"spec\":{\"deep\":[{\"in\":{\"podSpec\":{\"containers\":[{\"image\":\"a\"}]}}}]}}",
	     "Workflow", 1, "", "a", false},
	    {"{\"spec\":{\"containers\":\"none\"}}", "Other", 1, "", "", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct json_doc doc = {0};
		struct kube_image image = {0};
		struct kube_want want;
		struct kube_meta m;

		assert_int_equal(json_parse(&doc, span_cstr(rows[i].json), MIB(1), NULL), RMG_OK);
		kube_meta_read(doc.root, &m);
		m.kind = span_cstr(rows[i].kind);
		kube_want_read(doc.root, &m, &want);
		assert_int_equal(want.replicas, rows[i].replicas);
		assert_int_equal(want.suspended, rows[i].suspended);
		assert_true(span_is(want.schedule, span_cstr(rows[i].schedule)));
		(void)kube_images(kube_pod_spec(doc.root, m.kind), &image, 1);
		assert_true(span_is(image.ref, span_cstr(rows[i].image)));
		json_done(&doc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(image_ids),
	    cmocka_unit_test(pods),
	    cmocka_unit_test(wishes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
