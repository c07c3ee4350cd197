/* SPDX-License-Identifier: Apache-2.0 */
/* What a platform says of an image. */
#include "../tests/hub_fixture.h"
#include "base/limits.h"
#include "hub/admit.h"
#include "hub/ask.h"

/* As its source's word of now. */
static struct hub_result say(struct fixture *f, const char *source, const char *digest,
			     struct event_label *labels, size_t n)
{
	struct event e = said(f, EVENT_IMAGE_SAID);

	e.source = span_cstr(source);
	e.image.digests[e.image.n_digests++] = span_cstr(digest);
	e.labels = labels;
	e.n_labels = n;
	return apply(f->h, &e);
}

static enum admit admit_of(struct hub *h, const char *digest)
{
	struct event would = {.place.ns = S("shop"), .workload_kind = S("Pod")};
	struct admit_ask question = {&would, span_cstr(digest), S("")};
	struct admit_answer a;

	assert_int_equal(hub_admit(h, &question, &a, NULL), RMG_OK);
	if (a.admit == ADMIT_DENY)
		assert_non_null(strstr(a.lines[0], "images.openshift.io/deny-execution"));
	return a.admit;
}

static bool shows(struct hub *h, const char *digest, const char *text)
{
	struct strbuf out = strbuf_of(MIB(1));
	bool found;

	assert_int_equal(ask_image(h, span_cstr(digest), &out, NULL), RMG_OK);
	found = span_has(strbuf_span(&out), span_cstr(text));
	strbuf_done(&out);
	return found;
}

static void denied_while_it_is_said(void **state)
{
	struct fixture *f = *state;
	struct event_label labels[] = {{S(EVENT_DENY), S("x")}, {S("built.by"), S("web")}};

	put_image(f->h, DIGEST("a"), "", "", 3, "app:1");
	assert_int_equal(admit_of(f->h, DIGEST("a")), ADMIT_ALLOW);
	assert_int_equal(say(f, "k/builds", DIGEST("a"), labels + 1, 1).applied, APPLIED);
	assert_int_equal(admit_of(f->h, DIGEST("a")), ADMIT_ALLOW);
	assert_int_equal(say(f, "k/images", DIGEST("a"), labels, 1).applied, APPLIED);
	assert_int_equal(say(f, "k/images", DIGEST("a"), labels, 1).applied, APPLIED_KNOWN);
	assert_int_equal(admit_of(f->h, DIGEST("a")), ADMIT_DENY);
	assert_true(shows(f->h, DIGEST("a"), "\"name\":\"built.by\",\"value\":\"web\""));
	hub_close(f->h);
	f->h = open_hub(f);
	assert_int_equal(admit_of(f->h, DIGEST("a")), ADMIT_DENY);
	assert_int_equal(say(f, "k/images", DIGEST("a"), NULL, 0).applied, APPLIED);
	assert_int_equal(admit_of(f->h, DIGEST("a")), ADMIT_ALLOW);
	assert_true(shows(f->h, DIGEST("a"), "\"built.by\""));
}

static void nothing_is_known_for_nothing(void **state)
{
	struct fixture *f = *state;
	struct event_label deny = {S(EVENT_DENY), S("x")};
	struct strbuf out = strbuf_of(MIB(1));
	struct event e;

	assert_int_equal(say(f, "k/images", DIGEST("a"), NULL, 0).applied, APPLIED_KNOWN);
	assert_int_equal(ask_image(f->h, S(DIGEST("a")), &out, NULL), RMG_E_NOTFOUND);
	strbuf_done(&out);
	/* Said before it is read, by its manifest and its configuration. */
	e = said(f, EVENT_IMAGE_SAID);
	e.source = S("k/images");
	e.image.digests[e.image.n_digests++] = S(DIGEST("b"));
	e.image.digests[e.image.n_digests++] = S(DIGEST("a"));
	e.labels = &deny;
	e.n_labels = 1;
	assert_int_equal(apply(f->h, &e).applied, APPLIED);
	assert_int_equal(admit_of(f->h, DIGEST("b")), ADMIT_DENY);
	put_image(f->h, DIGEST("a"), DIGEST("b"), "", 3, "app:1");
	assert_int_equal(admit_of(f->h, DIGEST("b")), ADMIT_DENY);
	assert_int_equal(admit_of(f->h, DIGEST("a")), ADMIT_DENY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(denied_while_it_is_said, begin, end),
	    cmocka_unit_test_setup_teardown(nothing_is_known_for_nothing, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
