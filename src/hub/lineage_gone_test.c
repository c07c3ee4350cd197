/* SPDX-License-Identifier: Apache-2.0 */
/* Tags that their registries have no more. */
#include "../tests/made.h"

#define MINUTE INT64_C(60000)

static uint32_t put_tag(struct made *m, uint32_t image, struct span digest)
{
	uint32_t id;
	struct tag_row row = {.ref = S("shop/web:latest"),
			      .digest = digest,
			      .source = S("node-c/tags"),
			      .first_ms = m->env.now_ms,
			      .last_ms = m->env.now_ms};
	bool moved, made;

	if (digest.n)
		assert_int_equal(world_alias(m->w, digest, image, &made), RMG_OK);
	made_begin(m);
	GOOD(m, store_tag_put(m->st, &row, &m->err));
	assert_int_equal(world_tag(m->w, &row, &id, &moved), RMG_OK);
	if (digest.n)
		GOOD(m, lineage_tag(m->a, &m->env, id, digest, &m->err));
	else
		GOOD(m, lineage_vanished(m->a, &m->env, id, &m->err));
	made_commit(m);
	return id;
}

static void r24_a_tag_in_use_that_vanishes_alerts(void **state)
{
	struct span digest, none = {0};
	struct made m;
	uint32_t image, web, tag, slot;

	(void)state;
	made_open(&m, NULL);
	image = made_image(&m, "shop/web:1", "openssl");
	digest = m.w->images.v[image].digest;
	web = made_workload(&m, "shop", "web", 0);
	tag = put_tag(&m, image, digest);
	put_tag(&m, image, none);
	assert_int_equal(made_sent(&m), 0); /* nothing uses it */
	/* What it meant last it still means to who would start it. */
	assert_true(span_is(m.w->tags.v[tag].digest, digest));
	slot = made_use_as(&m, image, web, "shop/web:latest", "node-a");
	made_told(&m, MESSAGE_FIRED, 1);
	assert_true(span_is(m.sent.v[0]->items[0].rule, S("tag-vanished")));
	assert_true(
	    span_is(m.sent.v[0]->items[0].title, S("shop/web:latest is in its registry no more")));
	assert_true(span_starts(m.sent.v[0]->items[0].text, S("node-a runs sha256:")));
	/* The same again is no news, and its return is the end of it. */
	m.env.now_ms += MINUTE;
	put_tag(&m, image, none);
	assert_int_equal(made_sent(&m), 0);
	put_tag(&m, image, digest);
	made_told(&m, MESSAGE_RESOLVED, 1);
	m.env.now_ms += MINUTE;
	put_tag(&m, image, none);
	assert_int_equal(made_sent(&m), 1);
	made_end(&m, slot);
	made_told(&m, MESSAGE_RESOLVED, 1);
	made_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    {.name = "R24: a tag in use that vanishes alerts",
	     .test_func = r24_a_tag_in_use_that_vanishes_alerts},
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
