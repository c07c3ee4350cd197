/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/kube_owners.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void put(struct kube_owners *o, const char *uid, const char *kind, const char *name,
		const char *owner)
{
	assert_int_equal(
	    kube_owners_put(o, span_cstr(uid), span_cstr(kind), span_cstr(name), span_cstr(owner)),
	    RMG_OK);
}

static void top_is(const struct kube_owners *o, const char *uid, const char *want_kind,
		   const char *want)
{
	struct span kind = S("Own"), name = S("own");

	kube_owners_top(o, span_cstr(uid), &kind, &name);
	if (!span_is(kind, span_cstr(want_kind)) || !span_is(name, span_cstr(want)))
		fail_msg("%s is of " SPAN_FMT "/" SPAN_FMT, uid, SPAN_ARG(kind), SPAN_ARG(name));
}

static void chains(void **state)
{
	struct kube_owners o = {0};

	(void)state;
	put(&o, "rs", "Deployment", "web", "dep");
	put(&o, "alone", "", "", "");
	top_is(&o, "rs", "Deployment", "web");
	top_is(&o, "alone", "Own", "own");
	top_is(&o, "nobody", "Own", "own");
	assert_true(kube_owners_know(&o, S("alone")));
	put(&o, "dep", "App", "shop", "app");
	top_is(&o, "rs", "App", "shop");
	put(&o, "rs", "Deployment", "other", "dep2");
	top_is(&o, "rs", "Deployment", "other");
	kube_owners_drop(&o, S("rs"));
	kube_owners_drop(&o, S("rs"));
	top_is(&o, "rs", "Own", "own");
	/* A ring ends too. */
	put(&o, "a", "A", "a", "b");
	put(&o, "b", "B", "b", "a");
	top_is(&o, "a", "B", "b");
	kube_owners_done(&o);
}

static void revisions(void **state)
{
	struct kube_owners o = {0};

	(void)state;
	assert_int_equal(kube_owners_revision(&o, S("x")), 0);
	assert_int_equal(kube_owners_revise(&o, S("x"), 3), RMG_OK);
	assert_int_equal(kube_owners_revise(&o, S("x"), 4), RMG_OK);
	assert_int_equal(kube_owners_revision(&o, S("x")), 4);
	assert_int_equal(kube_owners_revise(&o, S("x"), 0), RMG_OK);
	assert_int_equal(kube_owners_revise(&o, S("x"), 0), RMG_OK);
	assert_int_equal(kube_owners_revision(&o, S("x")), 0);
	/* An object's own goes with it. */
	put(&o, "rs", "Deployment", "web", "dep");
	assert_int_equal(kube_owners_revise(&o, S("rs"), 5), RMG_OK);
	kube_owners_drop(&o, S("rs"));
	assert_int_equal(o.revisions.n, 0);
	assert_int_equal(o.bytes, 0);
	kube_owners_done(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(chains),
	    cmocka_unit_test(revisions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
