/* SPDX-License-Identifier: Apache-2.0 */
/* What stands on what, and when that is behind: by layers, by an image's own word, in whichever
 * order it becomes known, and for who follows. */
#include "../tests/hub_fixture.h"
#include "base/limits.h"
#include "hub/ask.h"
#include "oci/digest.h"

enum { LAYERS = 3 };

/* An image of n layers of a stack: "a" is that of the old base. */
static void put(struct fixture *f, const char *digest, char stack, size_t n,
		const struct base_image *base)
{
	struct inventory *inv;
	struct layer layers[LAYERS] = {0};
	char diff_ids[LAYERS][80];
	struct hub_reading r;
	struct rmg_err err;

	assert_int_equal(inventory_new(&inv), RMG_OK);
	for (size_t i = 0; i < n; i++) {
		(void)snprintf(diff_ids[i], sizeof diff_ids[i], "sha256:%064x",
			       (unsigned)(i + 1 == LAYERS ? digest[7] : stack + 256 * (int)i));
		layers[i].diff_id = span_cstr(diff_ids[i]);
	}
	inv->config_digest = span_cstr(digest);
	inv->platform = S("linux/amd64");
	inv->complete = true;
	inv->layers = layers;
	inv->n_layers = n;
	if (base)
		inv->base = *base;
	r = (struct hub_reading){.inventory = inv, .read_by = S("test"), .taken_ms = f->now_ms};
	if (hub_image_put(f->h, &r, NULL, &err) != RMG_OK)
		fail_msg("%s", err.msg);
	inv->layers = NULL;
	inv->n_layers = 0;
	inventory_free(inv);
}

/* A registry's word. */
static void tag(struct fixture *f, const char *ref, const char *digest)
{
	struct event e = said(f, EVENT_TAG_RESOLVED);

	f->now_ms += 1000;
	e.source = S("a/tags");
	e.seq = ++f->seqs[0];
	e.at_ms = f->now_ms;
	e.image.ref = span_cstr(ref);
	e.image.platform = S("linux/amd64");
	e.image.digests[e.image.n_digests++] = span_cstr(digest);
	assert_int_equal(apply(f->h, &e).applied, APPLIED);
}

static size_t count(const struct fixture *f, const char *ask, const char *what)
{
	struct strbuf out = strbuf_of(MIB(1));
	struct ask q = {.behind_only = true, .rule = S("base-behind")};
	struct span rest;
	size_t n = 0, at;

	assert_int_equal(strcmp(ask, "images") == 0 ? ask_images(f->h, &q, &out, NULL)
						    : ask_alerts(f->h, &q, &out, NULL),
			 RMG_OK);
	rest = strbuf_span(&out);
	while ((at = span_find(rest, span_cstr(what))) != SIZE_MAX) {
		n++;
		rest = span_from(rest, at + 1);
	}
	strbuf_done(&out);
	return n;
}

static size_t behind(const struct fixture *f, const char *ref)
{
	char what[100];

	(void)snprintf(what, sizeof what, "\"behind\":[{\"ref\":\"%s\"", ref);
	return count(f, "images", what);
}

#define REF "r.example/base/os:1"

static void begin_all(struct fixture *f)
{
	struct event e = said(f, EVENT_SNAPSHOT_BEGAN);

	e.source = S("a/tags");
	e.seq = ++f->seqs[0];
	apply(f->h, &e);
	e.type = EVENT_SNAPSHOT_ENDED;
	e.seq = ++f->seqs[0];
	apply(f->h, &e);
}

static void test_moved(void **state)
{
	struct fixture *f = *state;

	begin_all(f);
	put(f, DIGEST("a"), 'o', 2, NULL); /* bases, and what stands on them */
	put(f, DIGEST("b"), 'n', 2, NULL);
	put(f, DIGEST("c"), 'o', 3, NULL);
	put(f, DIGEST("d"), 'n', 3, NULL);
	tag(f, REF, DIGEST("a"));
	assert_int_equal(behind(f, REF), 0);
	tag(f, REF, DIGEST("b"));
	assert_int_equal(behind(f, REF), 1);
	hub_close(f->h);
	f->h = open_hub(f);
	assert_int_equal(behind(f, REF), 1);
	tag(f, REF, DIGEST("a")); /* which was first, so that the other is behind */
	assert_int_equal(behind(f, REF), 1);
	assert_int_equal(count(f, "images", "\"how\":\"layers\""), 1);
}

/* What becomes known last makes no difference: the tag, the base, or what stands on it. */
static void test_in_any_order(void **state)
{
	struct fixture *f = *state;

	begin_all(f);
	tag(f, REF, DIGEST("a"));
	tag(f, REF, DIGEST("b"));
	put(f, DIGEST("c"), 'o', 3, NULL);
	assert_int_equal(behind(f, REF), 0);
	put(f, DIGEST("a"), 'o', 2, NULL);
	assert_int_equal(behind(f, REF), 1);
	put(f, DIGEST("d"), 'o', 3, NULL);
	assert_int_equal(behind(f, REF), 2);
	put(f, DIGEST("e"), 'n', 3, NULL);
	put(f, DIGEST("b"), 'n', 2, NULL);
	assert_int_equal(behind(f, REF), 2);
	tag(f, "r.example/base/os:old", DIGEST("a"));
	assert_int_equal(behind(f, REF), 2);
	tag(f, "r.example/base/os:old", DIGEST("b"));
	assert_int_equal(count(f, "images", "os:old"), 2);
}

/* A tag of the image's own is not its base's, and a base that grew is stood on by what has it. */
static void test_not_behind(void **state)
{
	struct fixture *f = *state;

	begin_all(f);
	put(f, DIGEST("a"), 'o', 1, NULL);
	tag(f, REF, DIGEST("a"));
	put(f, DIGEST("b"), 'o', 2, NULL);
	tag(f, REF, DIGEST("b")); /* made of the one before */
	put(f, DIGEST("c"), 'o', 3, NULL);
	assert_int_equal(behind(f, REF), 0);
	put(f, DIGEST("d"), 'n', 1, NULL);
	tag(f, REF, DIGEST("d"));
	assert_int_equal(behind(f, REF), 1);
}

static void test_said(void **state)
{
	struct fixture *f = *state;
	struct base_image base = {
	    .known = true, .name = S(REF), .digest = S(DIGEST("a")), .how = "label"};

	begin_all(f);
	put(f, DIGEST("c"), 'x', 3, &base);
	assert_int_equal(behind(f, REF), 0);
	tag(f, REF, DIGEST("b")); /* of what platform, nobody knows */
	assert_int_equal(behind(f, REF), 0);
	put(f, DIGEST("b"), 'n', 2, NULL);
	assert_int_equal(behind(f, REF), 1);
	tag(f, REF, DIGEST("a"));
	assert_int_equal(behind(f, REF), 0);
	base.name = S("r.example/base/os@sha256:1");
	put(f, DIGEST("d"), 'x', 3, &base);
	assert_int_equal(behind(f, base.name.n ? REF : ""), 0);
}

/* While it is used, until what it stands on is the same again. */
static void test_alert(void **state)
{
	struct fixture *f = *state;

	begin_all(f);
	set_db(f, f->h, &f->db, NULL);
	put(f, DIGEST("a"), 'o', 2, NULL);
	put(f, DIGEST("c"), 'o', 3, NULL);
	tag(f, REF, DIGEST("a"));
	tag(f, REF, DIGEST("b"));
	assert_int_equal(count(f, "alerts", "\"rule\":\"base-behind\""), 0);
	assert_int_equal(use_began(f, "one", DIGEST("c")).applied, APPLIED);
	assert_int_equal(count(f, "alerts", "\"rule\":\"base-behind\""), 1);
	assert_int_equal(count(f, "alerts", "\"severity\":\"low\""), 1);
	tag(f, REF, DIGEST("a"));
	assert_int_equal(count(f, "alerts", "\"rule\":\"base-behind\""), 0);
	tag(f, REF, DIGEST("b"));
	assert_int_equal(count(f, "alerts", "\"rule\":\"base-behind\""), 1);
	assert_int_equal(use_ended(f, "one").applied, APPLIED);
	f->now_ms += 60000;
	assert_int_equal(hub_turn(f->h, &(bool){false}, NULL), RMG_OK);
	assert_int_equal(count(f, "alerts", "\"rule\":\"base-behind\""), 0);
}

static bool count_wanted(void *user, struct span ref, struct span digest)
{
	size_t *n = user;

	assert_true(span_is(ref, S(REF)) && span_is(digest, S(DIGEST("b"))));
	++*n;
	return true;
}

static void test_wanted(void **state)
{
	struct fixture *f = *state;
	size_t n = 0;

	begin_all(f);
	put(f, DIGEST("a"), 'o', 2, NULL);
	put(f, DIGEST("c"), 'o', 3, NULL);
	tag(f, REF, DIGEST("a"));
	tag(f, REF, DIGEST("b"));
	assert_int_equal(hub_bases_wanted(f->h, count_wanted, &n, NULL), RMG_OK);
	assert_int_equal(n, 0); /* nothing runs that stands on it */
	use_began(f, "one", DIGEST("c"));
	assert_int_equal(hub_bases_wanted(f->h, count_wanted, &n, NULL), RMG_OK);
	assert_int_equal(n, 1);
	put(f, DIGEST("b"), 'n', 2, NULL);
	assert_int_equal(hub_bases_wanted(f->h, count_wanted, &n, NULL), RMG_OK);
	assert_int_equal(n, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_moved, begin, end),
	    cmocka_unit_test_setup_teardown(test_in_any_order, begin, end),
	    cmocka_unit_test_setup_teardown(test_not_behind, begin, end),
	    cmocka_unit_test_setup_teardown(test_said, begin, end),
	    cmocka_unit_test_setup_teardown(test_alert, begin, end),
	    cmocka_unit_test_setup_teardown(test_wanted, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
