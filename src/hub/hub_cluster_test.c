/* SPDX-License-Identifier: Apache-2.0 */
/* Who runs a cluster and who runs a node's containers tell of the same ones. */
#include "../tests/hub_fixture.h"
#include "base/limits.h"
#include "format/json.h"
#include "hub/ask.h"

#define WHOLE_ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct hub_result of_pod(struct fixture *f, const char *source, enum event_type type,
				uint64_t seq)
{
	struct event e = said(f, type);
	bool cluster = strcmp(source, "hub/kubernetes/pods") == 0;

	f->seq--;
	e.source = span_cstr(source);
	e.seq = seq;
	e.container = S(WHOLE_ID);
	e.runtime = cluster ? S(EVENT_CLUSTER) : S("containerd");
	e.place.node = S("n");
	e.workload_kind = cluster ? S("Deployment") : S("Pod");
	e.workload_name = S("web");
	e.image.digests[0] = S(DIGEST("a"));
	e.image.n_digests = 1;
	return apply(f->h, &e);
}

static void pod_is_of(struct fixture *f, const char *kind)
{
	const struct world *w;
	uint32_t slot;

	assert_int_equal(uses(f->h), kind ? 1 : 0);
	assert_int_equal(hub_read_lock(f->h, &w, NULL, NULL), RMG_OK);
	slot = world_use_elsewhere(w, 0, S(WHOLE_ID), false);
	assert_true(kind == NULL ||
		    span_is(w->workloads.v[w->uses.v[slot].workload].kind, span_cstr(kind)));
	hub_read_unlock(f->h);
}

/* A container of a pod is one use, whoever tells of it first, and the cluster says whose it is. */
static void test_cluster_and_node(void **state)
{
	static const char node[] = "n/containerd", cluster[] = "hub/kubernetes/pods";
	struct fixture *f = *state;

	assert_int_equal(of_pod(f, node, EVENT_USE_BEGAN, 1).applied, APPLIED);
	pod_is_of(f, "Pod");
	assert_int_equal(of_pod(f, cluster, EVENT_USE_BEGAN, 1).applied, APPLIED);
	pod_is_of(f, "Deployment");
	/* In its next snapshot the node tells it again. */
	assert_int_equal(of_pod(f, node, EVENT_USE_BEGAN, 2).applied, APPLIED_KNOWN);
	pod_is_of(f, "Deployment");
	hub_close(f->h);
	f->h = open_hub(f);
	pod_is_of(f, "Deployment");
	assert_int_equal(of_pod(f, node, EVENT_USE_ENDED, 3).applied, APPLIED);
	pod_is_of(f, NULL);
	assert_int_equal(of_pod(f, cluster, EVENT_USE_ENDED, 2).applied, APPLIED_KNOWN);
	/* The node is gone: the cluster ends what it told. */
	assert_int_equal(of_pod(f, node, EVENT_USE_BEGAN, 4).applied, APPLIED);
	assert_int_equal(of_pod(f, cluster, EVENT_USE_ENDED, 3).applied, APPLIED);
	pod_is_of(f, NULL);
}

/* One pod in which a container runs, and what holds it together. */

#define PAUSE_ID "ffff456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
static const char node_[] = "n/containerd", cluster_[] = "hub/kubernetes/pods";

/* seconds: before now. */
static struct hub_result in_pod(struct fixture *f, const char *source, enum event_type type,
				const char *container, int seconds)
{
	struct event e = said(f, type);
	bool cluster = source == cluster_;

	e.seq = ++f->seqs[cluster];
	e.source = span_cstr(source);
	e.at_ms = f->now_ms - seconds * 1000;
	e.container = span_cstr(container);
	e.container_name = strcmp(container, PAUSE_ID) == 0 ? S("") : S("main");
	e.runtime = cluster ? S(EVENT_CLUSTER) : S("containerd");
	e.place.node = S("n");
	e.place.ns = S("shop");
	e.workload_kind = cluster ? S("Deployment") : S("Pod");
	e.workload_name = cluster ? S("web") : S("web-1");
	e.pod = cluster ? S("web-1") : S("");
	e.image.digests[0] = strcmp(container, PAUSE_ID) == 0 ? S(DIGEST("b")) : S(DIGEST("a"));
	e.image.n_digests = 1;
	if (type == EVENT_CONTAINER_CHANGED) {
		e.change.kind = S("exec");
		e.change.path = S("tmp/x");
	}
	return apply(f->h, &e);
}

/* "started changed" and so on; all of it of one pod. */
static void timeline_is(struct fixture *f, const char *workload, const char *want)
{
	struct ask q = {.workload = span_cstr(workload)};
	struct strbuf out = strbuf_of(MIB(1)), have = strbuf_of(KIB(4));
	struct json_doc doc;

	assert_int_equal(ask_timeline(f->h, &q, &out, NULL), RMG_OK);
	assert_int_equal(json_parse(&doc, strbuf_span(&out), MIB(1), NULL), RMG_OK);
	for (struct json_iter it = json_iter(json_get(doc.root, "items")); json_next(&it);) {
		strbuf_puts(&have, have.n ? " " : "");
		strbuf_put(&have, json_get_str(it.value, "what"));
		assert_true(span_is(json_get_str(it.value, "pod"), S("web-1")));
		assert_true(span_is(json_get_str(it.value, "container"), S("main")));
		assert_true(span_is(json_get_str(it.value, "node"), S("n")));
	}
	assert_string_equal(strbuf_cstr(&have), want);
	json_done(&doc);
	strbuf_done(&out);
	strbuf_done(&have);
}

/* All that runs is the Deployment's, and nothing else is called a workload. */
static void all_is_the_deployments(struct fixture *f, size_t n)
{
	struct ask q = {0};
	struct strbuf out = strbuf_of(MIB(1));
	const struct world *w = world_of(f->h);

	assert_int_equal(w->n_uses, n);
	for (uint32_t i = 1; i < w->uses.n; i++)
		assert_true(w->uses.v[i].id == 0 ||
			    span_is(w->workloads.v[w->uses.v[i].workload].kind, S("Deployment")));
	hub_read_unlock(f->h);
	assert_int_equal(ask_workloads(f->h, &q, &out, NULL), RMG_OK);
	assert_int_equal(span_find(strbuf_span(&out), S("Pod/web-1")), SIZE_MAX);
	strbuf_done(&out);
}

static void again(struct fixture *f)
{
	hub_close(f->h);
	f->h = open_hub(f);
}

/* What the node told before the cluster did is the workload's: what was found, and the sandbox. */
static void test_node_first(void **state)
{
	struct fixture *f = *state;

	in_pod(f, node_, EVENT_USE_BEGAN, PAUSE_ID, 9);
	in_pod(f, node_, EVENT_USE_BEGAN, WHOLE_ID, 8);
	in_pod(f, node_, EVENT_CONTAINER_CHANGED, WHOLE_ID, 7);
	in_pod(f, node_, EVENT_USE_BEGAN, WHOLE_ID EVENT_CHANGES, 7);
	assert_int_equal(uses(f->h), 3);
	assert_int_equal(in_pod(f, cluster_, EVENT_USE_BEGAN, WHOLE_ID, 6).applied, APPLIED);
	all_is_the_deployments(f, 3);
	timeline_is(f, "Deployment/web", "started changed");
	timeline_is(f, "Pod/web-1", "started changed");
	again(f);
	all_is_the_deployments(f, 3);
	/* What the pod runs later is so from the first. */
	in_pod(f, node_, EVENT_USE_ENDED, WHOLE_ID, 5);
	in_pod(f, node_, EVENT_USE_ENDED, WHOLE_ID EVENT_CHANGES, 5);
	in_pod(f, node_, EVENT_USE_BEGAN, DIGEST("c") + 7, 4);
	all_is_the_deployments(f, 2);
	timeline_is(f, "Deployment/web", "started changed");
}

/* The cluster's times are coarse: what the node saw was not before the begin. */
static void test_cluster_first(void **state)
{
	struct fixture *f = *state;

	in_pod(f, cluster_, EVENT_USE_BEGAN, WHOLE_ID, 6);
	assert_int_equal(in_pod(f, node_, EVENT_USE_BEGAN, WHOLE_ID, 8).applied, APPLIED_KNOWN);
	in_pod(f, node_, EVENT_CONTAINER_CHANGED, WHOLE_ID, 7);
	in_pod(f, node_, EVENT_USE_BEGAN, PAUSE_ID, 9);
	all_is_the_deployments(f, 2);
	timeline_is(f, "Deployment/web", "started changed");
	again(f);
	timeline_is(f, "Deployment/web", "started changed");
	/* Another pod's name may come again, as nobody's but its own. */
	in_pod(f, node_, EVENT_USE_ENDED, WHOLE_ID, 5);
	in_pod(f, node_, EVENT_USE_ENDED, PAUSE_ID, 5);
	assert_int_equal(uses(f->h), 0);
}

/* What was over before the cluster told of it, or is told by a node that was away, is told once. */
static void test_short(void **state)
{
	struct fixture *f = *state;

	in_pod(f, node_, EVENT_USE_BEGAN, WHOLE_ID, 9);
	in_pod(f, node_, EVENT_CONTAINER_CHANGED, WHOLE_ID, 8);
	in_pod(f, node_, EVENT_USE_ENDED, WHOLE_ID, 7);
	in_pod(f, cluster_, EVENT_USE_BEGAN, WHOLE_ID, 6);
	assert_int_equal(in_pod(f, cluster_, EVENT_USE_ENDED, WHOLE_ID, 5).applied, APPLIED_KNOWN);
	all_is_the_deployments(f, 0);
	timeline_is(f, "Deployment/web", "started changed");
	again(f);
	in_pod(f, cluster_, EVENT_USE_BEGAN, PAUSE_ID, 5);
	in_pod(f, cluster_, EVENT_USE_ENDED, PAUSE_ID, 3);
	assert_int_equal(in_pod(f, node_, EVENT_USE_BEGAN, PAUSE_ID, 5).applied, APPLIED_KNOWN);
	assert_int_equal(in_pod(f, node_, EVENT_USE_ENDED, PAUSE_ID, 4).applied, APPLIED_KNOWN);
	all_is_the_deployments(f, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_cluster_and_node, begin, end),
	    cmocka_unit_test_setup_teardown(test_node_first, begin, end),
	    cmocka_unit_test_setup_teardown(test_cluster_first, begin, end),
	    cmocka_unit_test_setup_teardown(test_short, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
