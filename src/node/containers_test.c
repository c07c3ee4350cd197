/* SPDX-License-Identifier: Apache-2.0 */
#include "node/containers.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <unistd.h>

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static struct containers *c;

static struct event of(enum event_type type, const char *source, const char *id)
{
	return (struct event){
	    .type = type, .source = span_cstr(source), .container = span_cstr(id)};
}

static void tell(enum event_type type, const char *source, const char *id)
{
	struct event e = of(type, source, id);

	assert_true(containers_tell(c, &e, 1));
}

static size_t count(void)
{
	struct container_list l;
	size_t n;

	assert_true(containers_list(c, &l));
	n = l.n;
	container_list_done(&l);
	return n;
}

static void they_come_and_go(void **state)
{
	struct container_list l;

	(void)state;
	tell(EVENT_USE_BEGAN, "n/docker", A);
	tell(EVENT_USE_BEGAN, "n/docker", B);
	tell(EVENT_USE_BEGAN, "n/docker", A);
	assert_true(containers_list(c, &l));
	assert_int_equal(l.n, 2);
	tell(EVENT_USE_ENDED, "n/docker", A);
	tell(EVENT_USE_ENDED, "n/docker", A);
	tell(EVENT_USE_ENDED, "n/podman", B);
	assert_int_equal(count(), 1);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(l.v[i]->ended, span_is(l.v[i]->began.container, S(A)));
	container_list_done(&l);
}

/* R36: what a snapshot does not mention is over, and nobody else's is. */
static void r36_snapshots_are_whole(void **state)
{
	(void)state;
	tell(EVENT_USE_BEGAN, "n/docker", A);
	tell(EVENT_USE_BEGAN, "n/docker", B);
	tell(EVENT_USE_BEGAN, "n/containerd", A);
	tell(EVENT_SNAPSHOT_ENDED, "n/docker", "");
	assert_int_equal(count(), 3);
	tell(EVENT_SNAPSHOT_BEGAN, "n/docker", "");
	tell(EVENT_USE_BEGAN, "n/docker", B);
	assert_int_equal(count(), 3);
	tell(EVENT_SNAPSHOT_ENDED, "n/docker", "");
	assert_int_equal(count(), 2);
}

static void another_process_is_another_run(void **state)
{
	struct event e = of(EVENT_USE_BEGAN, "n/docker", A);
	struct container_list before, after;

	(void)state;
	e.pid = 100;
	containers_tell(c, &e, 1);
	assert_true(containers_list(c, &before));
	e.pid = 0;
	containers_tell(c, &e, 1);
	assert_false(before.v[0]->ended);
	e.pid = 101;
	containers_tell(c, &e, 1);
	assert_true(containers_list(c, &after));
	assert_int_equal(after.n, 1);
	assert_true(before.v[0]->ended);
	assert_false(after.v[0]->ended);
	container_list_done(&before);
	container_list_done(&after);
}

/* Texts are kept: a watcher's are gone when it has told them. */
static void texts_are_copied(void **state)
{
	char id[] = A, key[] = "team", value[] = "a";
	struct event_label label = {span_cstr(key), span_cstr(value)};
	struct event e = of(EVENT_USE_BEGAN, "n/docker", id);
	struct container_list l;

	(void)state;
	e.labels = &label;
	e.n_labels = 1;
	containers_tell(c, &e, 1);
	memset(id, 'x', sizeof id - 1);
	key[0] = value[0] = 'x';
	assert_true(containers_list(c, &l));
	assert_true(span_is(l.v[0]->began.container, S(A)));
	assert_true(span_is(l.v[0]->began.labels[0].key, S("team")));
	assert_true(span_is(l.v[0]->began.labels[0].value, S("a")));
	container_list_done(&l);
}

/* One name in two namespaces is two containers. */
static void names_are_of_their_namespaces(void **state)
{
	(void)state;
	tell(EVENT_USE_BEGAN, "n/containerd", "default/web");
	tell(EVENT_USE_BEGAN, "n/containerd", "shop/web");
	assert_int_equal(count(), 2);
	tell(EVENT_USE_ENDED, "n/containerd", "default/web");
	assert_int_equal(count(), 1);
	tell(EVENT_USE_ENDED, "n/containerd", "web");
	assert_int_equal(count(), 1);
}

static void who_is_in_none_is_told_so(void **state)
{
	struct container_list l;
	struct rmg_err err = {0};

	(void)state;
	tell(EVENT_USE_BEGAN, "n/docker", A);
	assert_null(containers_of_pid(c, (unsigned)getpid()));
	assert_true(containers_list(c, &l));
	assert_int_equal(container_look(l.v[0], &err), RMG_E_NOTFOUND);
	assert_int_equal(container_look(l.v[0], &err), RMG_E_NOTFOUND);
	container_list_done(&l);
}

static int begin(void **state)
{
	(void)state;
	return containers_new(&c) != RMG_OK;
}

static int end(void **state)
{
	(void)state;
	containers_free(c);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(they_come_and_go, begin, end),
	    cmocka_unit_test_setup_teardown(r36_snapshots_are_whole, begin, end),
	    cmocka_unit_test_setup_teardown(another_process_is_another_run, begin, end),
	    cmocka_unit_test_setup_teardown(texts_are_copied, begin, end),
	    cmocka_unit_test_setup_teardown(names_are_of_their_namespaces, begin, end),
	    cmocka_unit_test_setup_teardown(who_is_in_none_is_told_so, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
