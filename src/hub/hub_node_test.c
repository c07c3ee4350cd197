/* SPDX-License-Identifier: Apache-2.0 */
/* What a manager says of a cluster's nodes, and of containers there. */
#include "../tests/hub_fixture.h"
#include "base/limits.h"

static struct hub_result heard(struct fixture *f, const char *source, enum event_type type,
			       uint64_t seq)
{
	struct event e = said(f, type);

	f->seq--;
	e.source = span_cstr(source);
	e.seq = seq;
	e.container = S("far");
	e.runtime = S(EVENT_HEARSAY);
	e.place.node = S("c");
	e.image.digests[0] = S(DIGEST("a"));
	e.image.n_digests = 1;
	return apply(f->h, &e);
}

/* What a manager tells of another node counts once, and not beside what that node says. */
static void test_hearsay(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(heard(f, "m1/swarm", EVENT_USE_BEGAN, 1).applied, APPLIED);
	assert_int_equal(uses(f->h), 1);
	/* Another manager leads: its word is as good. */
	assert_int_equal(heard(f, "m2/swarm", EVENT_USE_BEGAN, 1).applied, APPLIED);
	assert_int_equal(uses(f->h), 1);
	assert_int_equal(heard(f, "m1/swarm", EVENT_USE_ENDED, 2).applied, APPLIED_KNOWN);
	assert_int_equal(uses(f->h), 1);
	/* The node has an agent. */
	assert_int_equal(use_began(f, "far", DIGEST("a")).applied, APPLIED);
	assert_int_equal(uses(f->h), 1);
	assert_int_equal(heard(f, "m2/swarm", EVENT_USE_ENDED, 2).applied, APPLIED_KNOWN);
	assert_int_equal(heard(f, "m2/swarm", EVENT_USE_BEGAN, 3).applied, APPLIED_KNOWN);
	assert_int_equal(uses(f->h), 1);
	hub_close(f->h);
	f->h = open_hub(f);
	assert_int_equal(heard(f, "m2/swarm", EVENT_USE_BEGAN, 4).applied, APPLIED_KNOWN);
	use_ended(f, "far");
	assert_int_equal(uses(f->h), 0);
	assert_int_equal(heard(f, "m2/swarm", EVENT_USE_BEGAN, 5).applied, APPLIED);
	hub_close(f->h);
	f->h = open_hub(f);
	assert_int_equal(use_began(f, "far", DIGEST("a")).applied, APPLIED);
	assert_int_equal(uses(f->h), 1);
}

static struct hub_result node_said(struct fixture *f, enum event_type type, uint64_t seq,
				   const char *id, const char *state)
{
	struct event e = said(f, type);

	f->seq--;
	e.source = S("m1/swarm");
	e.seq = seq;
	e.container = span_cstr(id);
	e.runtime = S(EVENT_HEARSAY);
	e.place.node = span_cstr(id);
	e.availability = S("active");
	e.state = span_cstr(state);
	return apply(f->h, &e);
}

static void nodes_are(struct fixture *f, const char *want)
{
	const struct world *w = world_of(f->h);
	struct strbuf got = strbuf_of(KIB(4));

	for (size_t i = 0; i < w->nodes.n; i++)
		if (w->nodes.v[i].source)
			strbuf_printf(&got, SPAN_FMT "=" SPAN_FMT " ", SPAN_ARG(w->nodes.v[i].id),
				      SPAN_ARG(w->nodes.v[i].state));
	hub_read_unlock(f->h);
	assert_string_equal(strbuf_cstr(&got), want);
	strbuf_done(&got);
}

/* Nodes are in no store: a hub that was started since asks for them. */
static void test_nodes_of_a_cluster(void **state)
{
	struct fixture *f = *state;

	node_said(f, EVENT_SNAPSHOT_BEGAN, 1, "a", "");
	node_said(f, EVENT_NODE_SEEN, 2, "a", "ready");
	node_said(f, EVENT_NODE_SEEN, 3, "b", "ready");
	assert_false(node_said(f, EVENT_SNAPSHOT_ENDED, 4, "a", "").resync);
	assert_int_equal(node_said(f, EVENT_NODE_SEEN, 5, "b", "down").applied, APPLIED);
	assert_int_equal(node_said(f, EVENT_NODE_SEEN, 6, "b", "down").applied, APPLIED_KNOWN);
	assert_int_equal(node_said(f, EVENT_NODE_SEEN, 7, "", "down").applied, APPLIED_REFUSED);
	nodes_are(f, "a=ready b=down ");
	node_said(f, EVENT_SNAPSHOT_BEGAN, 8, "a", "");
	node_said(f, EVENT_NODE_SEEN, 9, "a", "ready");
	node_said(f, EVENT_SNAPSHOT_ENDED, 10, "a", "");
	nodes_are(f, "a=ready ");
	node_said(f, EVENT_NODE_SEEN, 11, "c", "ready");
	assert_int_equal(node_said(f, EVENT_NODE_REMOVED, 12, "a", "").applied, APPLIED);
	assert_int_equal(node_said(f, EVENT_NODE_REMOVED, 13, "a", "").applied, APPLIED_KNOWN);
	nodes_are(f, "c=ready ");
	hub_close(f->h);
	f->h = open_hub(f);
	nodes_are(f, "");
	assert_true(node_said(f, EVENT_HEARTBEAT, 14, "", "").resync);
	assert_false(node_said(f, EVENT_SNAPSHOT_BEGAN, 15, "a", "").resync);
}

static uint32_t would_run(struct fixture *f)
{
	const struct world *w = world_of(f->h);
	uint32_t image = w->workloads.v[1].n_would_run == 1 ? w->workloads.v[1].would_run[0] : 0;
	uint32_t read = image && w->images.v[image].read_ms ? image : 0;

	hub_read_unlock(f->h);
	return read;
}

/* A service names its image by a digest that nobody has seen; a node that pulls it says that it is
 * one that was read long ago. */
static void test_what_a_digest_turns_out_to_be(void **state)
{
	struct fixture *f = *state;
	struct event_image image = {.ref = S("shop:1"), .digests = {S(DIGEST("d"))}, 1};
	struct event e;

	put_image(f->h, DIGEST("c"), "", "", 3, "");
	e = said(f, EVENT_WORKLOAD_DECLARED);
	e.workload_kind = S("Service");
	e.workload_name = S("web");
	e.images = &image;
	e.n_images = 1;
	apply(f->h, &e);
	assert_int_equal(would_run(f), 0);
	e = said(f, EVENT_USE_BEGAN);
	e.workload_kind = S("Service");
	e.workload_name = S("web");
	e.container = S("one");
	e.image.digests[e.image.n_digests++] = S(DIGEST("c"));
	e.image.digests[e.image.n_digests++] = S(DIGEST("d"));
	assert_false(apply(f->h, &e).unknown);
	assert_int_not_equal(would_run(f), 0);
	hub_close(f->h);
	f->h = open_hub(f);
	assert_int_not_equal(would_run(f), 0);
	assert_false(use_began(f, "two", DIGEST("d")).unknown);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_hearsay, begin, end),
	    cmocka_unit_test_setup_teardown(test_nodes_of_a_cluster, begin, end),
	    cmocka_unit_test_setup_teardown(test_what_a_digest_turns_out_to_be, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
