/* SPDX-License-Identifier: Apache-2.0 */
/* Which references are given out to be asked for, in which order, and how many at a time. */
#include "../tests/hub_fixture.h"

struct given {
	size_t n, of_small, cached;
};

static bool take(void *user, const struct hub_tag_wanted *w)
{
	struct given *g = user;

	g->n++;
	g->of_small += span_starts(w->ref, S("small.example/"));
	g->cached += span_has(w->ref, S("/lies"));
	return true;
}

static struct given poll(struct fixture *f)
{
	static const struct hub_tag_host hosts[] = {{"small.example", 60}};
	struct hub_tag_opts opts = HUB_TAG_OPTS;
	struct given g = {0};
	const struct hub_asker by = {.node = S("hub"), .all = true, .fn = take, .user = &g};

	opts.hosts = hosts;
	opts.n_hosts = 1;
	hub_tags_set(f->h, &opts); /* looks anew, whatever the machine's clock says */
	hub_tags_poll(f->h, &by);
	return g;
}

static void used(struct fixture *f, const char *host, const char *name, unsigned i, bool cached)
{
	struct event e = said(f, cached ? EVENT_IMAGE_SEEN : EVENT_USE_BEGAN);
	char ref[64], id[32], digest[80];

	(void)snprintf(ref, sizeof ref, "%s/%s:%u", host, name, i);
	(void)snprintf(id, sizeof id, "%.1s%s%u", host, name, i);
	(void)snprintf(digest, sizeof digest, "sha256:%056u%02u%06u", cached,
		       (unsigned)host[0] % 100u, i);
	e.runtime = S("containerd");
	e.container = cached ? (struct span){0} : span_cstr(id);
	e.image.ref = span_cstr(ref);
	e.image.digests[e.image.n_digests++] = span_cstr(digest);
	assert_int_equal(apply(f->h, &e).applied, APPLIED);
}

struct found {
	struct hub_registry small, large;
};

static void find(void *user, const struct hub_registry *r)
{
	struct found *x = user;

	if (strcmp(r->host, "small.example") == 0)
		x->small = *r;
	if (strcmp(r->host, "large.example") == 0)
		x->large = *r;
}

static struct found registries(struct fixture *f)
{
	struct found x = {0};
	struct hub_tag_opts opts;

	hub_registries_each(f->h, &opts, find, &x);
	return x;
}

static void a_registry_is_asked_what_it_may_be(void **state)
{
	struct fixture *f = *state;
	struct given g;
	struct found x;

	for (unsigned i = 0; i < 12; i++)
		used(f, "small.example", "lies", i, true);
	for (unsigned i = 0; i < 6; i++)
		used(f, "small.example", "runs", i, false);
	used(f, "large.example", "runs", 0, false);
	g = poll(f);
	/* Half of what 60 a minute allow in a row, and another registry beside it. */
	assert_int_equal(g.of_small, 5);
	assert_int_equal(g.n, 6);
	g = poll(f);
	assert_int_equal(g.n, 0);
	f->now_ms += 20000;
	g = poll(f);
	assert_int_equal(g.of_small, 5);
	f->now_ms += 20000;
	g = poll(f);
	assert_int_equal(g.of_small, 5);
	f->now_ms += 20000;
	assert_int_equal(poll(f).of_small, 3);
	x = registries(f);
	assert_int_equal(x.small.per_minute, 60);
	assert_int_equal(x.small.asked, 18);
	assert_int_equal(x.small.tags[TAG_RUNNING], 6);
	assert_int_equal(x.small.tags[TAG_CACHED], 12);
	assert_int_equal(x.small.late, 0);
	/* Nobody answered: what runs is late after its period, what lies there is not. */
	f->now_ms += 900000;
	g = poll(f);
	assert_int_equal(g.cached, 0);
	assert_true(g.of_small == 5 && g.n == 6);
	x = registries(f);
	assert_int_equal(x.small.late, 6);
	assert_int_equal(x.small.behind_ms, 60000);
	assert_int_equal(x.large.late, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_registry_is_asked_what_it_may_be, begin, end),
	};

	return cmocka_run_group_tests_name("hub_tag_plan", tests, NULL, NULL);
}
