/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody asks an orchestrator for, and what becomes of it. */
#include "../tests/made.h"

#define MINUTE INT64_C(60000)

static const struct made_says xz[] = {{"CVE-2024-3094", "xz", SEV_CRITICAL, .fixable = true}};

struct shop {
	struct made m;
	uint32_t v1, v2, web;
	uint32_t slot;
};

/* web went from shop:1, which has xz, to shop:2, which has not. */
static void shop_open(struct shop *s)
{
	made_open(&s->m, NULL);
	made_database(&s->m, xz, 1);
	s->v1 = made_image(&s->m, "shop/web:1", "xz openssl");
	s->v2 = made_image(&s->m, "shop/web:2", "openssl");
	s->web = made_workload(&s->m, "shop", "web", s->v2);
	s->slot = made_use(&s->m, s->v1, s->web);
	s->m.env.now_ms += MINUTE;
	made_end(&s->m, s->slot);
	s->m.env.now_ms += 1000;
	s->slot = made_use(&s->m, s->v2, s->web);
	made_pass(&s->m, 6000);
	made_sent(&s->m);
}

static struct event_image meant(struct shop *s, uint32_t image)
{
	struct span digest = s->m.w->images.v[image].digest;
	bool made;

	assert_int_equal(world_alias(s->m.w, digest, image, &made), RMG_OK);
	return (struct event_image){.ref = s->m.w->images.v[image].ref,
				    .digests = {digest},
				    .n_digests = 1,
				    .container = S("app")};
}

static void asked(struct shop *s, uint32_t to, uint32_t from)
{
	struct event_image now = meant(s, to), before = meant(s, from);
	struct event e = {.at_ms = s->m.env.now_ms,
			  .images = &now,
			  .n_images = 1,
			  .before = &before,
			  .n_before = 1,
			  .change.who = S("jane")};

	made_begin(&s->m);
	GOOD(&s->m, lineage_asked(s->m.a, &s->m.env, s->web, &e, &s->m.err));
	made_commit(&s->m);
}

/* The messages that were sent since: "fired resolved". */
static void sent(struct made *m, const char *want)
{
	struct strbuf got = strbuf_of(KIB(4));
	size_t n = made_sent(m);

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < m->sent.v[i]->n_items; j++)
			if (span_is(m->sent.v[i]->items[j].rule, S("rollback")))
				strbuf_printf(&got, "%s%s", got.n ? " " : "",
					      m->sent.v[i]->kind == MESSAGE_RESOLVED ? "resolved"
										     : "fired");
	assert_string_equal(strbuf_cstr(&got), want);
	strbuf_done(&got);
}

static enum rmg_rc keep_what(void *user, const struct lineage_row *row)
{
	struct strbuf *out = user;

	strbuf_printf(out, "%s" SPAN_FMT, out->n ? " " : "", SPAN_ARG(row->what));
	return RMG_OK;
}

static void whats(struct shop *s, const char *want)
{
	struct strbuf got = strbuf_of(KIB(4));

	GOOD(&s->m, store_lineage_each(s->m.st, s->web, keep_what, &got, &s->m.err));
	assert_string_equal(strbuf_cstr(&got), want);
	strbuf_done(&got);
}

static void r33_a_way_back_is_told_when_it_is_asked_for(void **state)
{
	struct shop s;

	(void)state;
	shop_open(&s);
	asked(&s, s.v1, s.v2);
	sent(&s.m, "fired");
	whats(&s, "started updated rolled-back");
	asked(&s, s.v1, s.v2);
	sent(&s.m, "");
	/* What it was begins once more before it is replaced, which is no step. */
	made_use(&s.m, s.v2, s.web);
	s.m.env.now_ms += 1000;
	made_use(&s.m, s.v1, s.web);
	sent(&s.m, "");
	made_pass(&s.m, 2 * LINEAGE_ASKED_MS);
	whats(&s, "started updated rolled-back");
	made_close(&s.m);
}

static void r33_what_goes_forward_is_no_way_back(void **state)
{
	struct shop s;

	(void)state;
	shop_open(&s);
	asked(&s, made_image(&s.m, "shop/web:3", "openssl"), s.v2);
	sent(&s.m, "");
	whats(&s, "started updated");
	made_close(&s.m);
}

static void r33_what_does_not_come_about_is_taken_back(void **state)
{
	struct shop s;

	(void)state;
	shop_open(&s);
	asked(&s, s.v1, s.v2);
	sent(&s.m, "fired");
	made_pass(&s.m, LINEAGE_ASKED_MS / 2);
	whats(&s, "started updated rolled-back");
	made_pass(&s.m, LINEAGE_ASKED_MS);
	sent(&s.m, "resolved");
	whats(&s, "started updated rolled-back withdrawn");
	made_use(&s.m, s.v2, s.web);
	whats(&s, "started updated rolled-back withdrawn");
	made_close(&s.m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(r33_a_way_back_is_told_when_it_is_asked_for),
	    cmocka_unit_test(r33_what_goes_forward_is_no_way_back),
	    cmocka_unit_test(r33_what_does_not_come_about_is_taken_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
