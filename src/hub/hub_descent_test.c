/* SPDX-License-Identifier: Apache-2.0 */
/* Where images came from, what they are based on, and what is told of it. */
#include "../tests/hub_fixture.h"
#include "base/limits.h"
#include "hub/ask.h"
#include "hub/difference.h"

#define BASE DIGEST("1")
#define CHILD DIGEST("2")

static struct hub_result image_seen(struct fixture *f, const char *digest, enum event_way way,
				    const char *made_of, const char *parent)
{
	struct event e = said(f, EVENT_IMAGE_SEEN);

	e.image.ref = S("shop/image:1");
	e.image.digests[e.image.n_digests++] = span_cstr(digest);
	e.image.way = way;
	e.image.container = span_cstr(made_of);
	e.image.parent = span_cstr(parent);
	return apply(f->h, &e);
}

/* An image of layers, each called by a digit. */
static void put_layered(struct hub *h, const char *config, const char *digits, uint32_t packages)
{
	static const char *const diffs[] = {DIGEST("a"), DIGEST("b"), DIGEST("c")};
	struct component components[8];
	struct layer layers[4];
	char versions[8][8], purls[8][64];
	struct inventory inv = {.complete = true, .config_digest = span_cstr(config)};
	struct hub_reading r = {.inventory = &inv, .read_by = S("test"), .taken_ms = 5};
	struct rmg_err err;

	for (; *digits; digits++)
		layers[inv.n_layers++] = (struct layer){.diff_id = span_cstr(diffs[*digits - 'a'])};
	for (uint32_t i = 0; i < 8; i++) {
		struct component *c = &components[inv.n_components];

		if (!(packages >> i & 1))
			continue;
		/* Two and two are versions of one. */
		*c = (struct component){.pkg.type = S("npm")};
		c->pkg.name = span_of("abcd" + i / 2, 1);
		c->pkg.version =
		    span_of(versions[i], (size_t)snprintf(versions[i], 8, "%u.0", i % 2 + 1));
		c->purl = span_of(purls[i], (size_t)snprintf(purls[i], 64, "pkg:npm/%c@%s",
							     "abcd"[i / 2], versions[i]));
		inv.n_components++;
	}
	inv.components = components;
	inv.layers = layers;
	if (hub_image_put(h, &r, NULL, &err) != RMG_OK)
		fail_msg("%s", err.msg);
}

static struct descent_row descent_of(struct hub *h, const char *digest)
{
	const struct world *w = world_of(h);
	struct descent_row d = *world_descent_of(w, world_image_of(w, span_cstr(digest), 0));

	hub_read_unlock(h);
	return d;
}

static uint32_t id_of(struct hub *h, const char *digest)
{
	uint32_t id = world_image_of(world_of(h), span_cstr(digest), 0);

	hub_read_unlock(h);
	return id;
}

static void assert_text(const struct descent_row *d, const char *want)
{
	struct strbuf text = strbuf_of(200);

	difference_text(d->counts, &text);
	assert_string_equal(strbuf_cstr(&text), want);
	strbuf_done(&text);
}

static void test_a_commit_has_the_containers_image_as_parent(void **state)
{
	struct fixture *f = *state;
	struct descent_row d;
	struct hub *again;

	put_layered(f->h, BASE, "a", 0x05 /* a 1.0, b 1.0 */);
	use_began(f, "web", BASE);
	image_seen(f, CHILD, WAY_LOCAL, "", "");
	image_seen(f, CHILD, WAY_COMMIT, "web", "");
	d = descent_of(f->h, CHILD);
	assert_int_equal(d.way, WAY_COMMIT);
	assert_int_equal(d.parent, id_of(f->h, BASE));
	assert_true(span_is(d.how, S("container")) && span_is(d.container, S("web")));
	assert_false(d.counted);
	put_layered(f->h, CHILD, "ac", 0x06 /* a 2.0, b 1.0 */);
	d = descent_of(f->h, CHILD);
	assert_true(d.counted);
	assert_text(&d, "packages +0 -0 ~1, executables +0 -0 ~0");
	/* A later snapshot knows less, which changes nothing. */
	image_seen(f, CHILD, WAY_LOCAL, "", "");
	assert_int_equal(descent_of(f->h, CHILD).way, WAY_COMMIT);
	hub_close(f->h);
	f->h = again = open_hub(f);
	(void)plain(f, EVENT_HEARTBEAT);
	d = descent_of(again, CHILD);
	assert_int_equal(d.way, WAY_COMMIT);
	assert_true(d.counted && span_is(d.container, S("web")));
	assert_text(&d, "packages +0 -0 ~1, executables +0 -0 ~0");
}

/* Whichever of the two is read first; of several parents the one that has most of its layers. */
static void test_layers_say_the_parent(void **state)
{
	struct fixture *f = *state;
	struct descent_row d;

	image_seen(f, CHILD, WAY_LOAD, "", "");
	put_layered(f->h, CHILD, "abc", 0x15 /* a b c 1.0 */);
	assert_int_equal(descent_of(f->h, CHILD).parent, 0);
	put_layered(f->h, DIGEST("4"), "a", 0x01);
	assert_int_equal(descent_of(f->h, CHILD).parent, id_of(f->h, DIGEST("4")));
	put_layered(f->h, BASE, "ab", 0x44 /* b d 1.0 */);
	d = descent_of(f->h, CHILD);
	assert_int_equal(d.parent, id_of(f->h, BASE));
	assert_true(span_is(d.how, S("layers")));
	assert_text(&d, "packages +2 -1 ~0, executables +0 -0 ~0");
	put_layered(f->h, DIGEST("3"), "a", 0);
	assert_int_equal(descent_of(f->h, CHILD).parent, id_of(f->h, BASE));
}

static void test_the_runtime_says_the_parent(void **state)
{
	struct fixture *f = *state;

	put_layered(f->h, BASE, "a", 1);
	put_layered(f->h, DIGEST("3"), "ab", 1);
	image_seen(f, CHILD, WAY_LOCAL, "", BASE);
	put_layered(f->h, CHILD, "abc", 1);
	assert_int_equal(descent_of(f->h, CHILD).parent, id_of(f->h, BASE));
	assert_true(span_is(descent_of(f->h, CHILD).how, S("runtime")));
}

static size_t alerts_open(struct fixture *f, const char *rule)
{
	struct ask q = {.rule = span_cstr(rule), .state = S("firing")};
	struct strbuf out = strbuf_of(MIB(1));
	const char *at;
	size_t n = 0;

	assert_int_equal(ask_alerts(f->h, &q, &out, NULL), RMG_OK);
	for (at = strbuf_cstr(&out); (at = strstr(at, "\"key\":")) != NULL; at++)
		n++;
	strbuf_done(&out);
	return n;
}

static void test_what_is_told(void **state)
{
	struct fixture *f = *state;

	put_layered(f->h, CHILD, "a", 1);
	image_seen(f, CHILD, WAY_IMPORT, "", "");
	assert_int_equal(alerts_open(f, "no-registry"), 0); /* nothing runs it */
	use_began(f, "one", CHILD);
	assert_int_equal(alerts_open(f, "no-registry"), 1);
	use_began(f, "two", CHILD);
	use_ended(f, "one");
	assert_int_equal(alerts_open(f, "no-registry"), 1);
	image_seen(f, CHILD, WAY_REGISTRY, "", "");
	assert_int_equal(alerts_open(f, "no-registry"), 0);
	/* Of one of which nobody said how it came nothing is told. */
	put_layered(f->h, BASE, "b", 1);
	image_seen(f, BASE, WAY_UNKNOWN, "", "");
	use_began(f, "three", BASE);
	assert_int_equal(alerts_open(f, "no-registry"), 0);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, end)
	const struct CMUnitTest tests[] = {
	    TEST(test_a_commit_has_the_containers_image_as_parent),
	    TEST(test_layers_say_the_parent),
	    TEST(test_the_runtime_says_the_parent),
	    TEST(test_what_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
