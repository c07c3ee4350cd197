/* SPDX-License-Identifier: Apache-2.0 */
/* Events, inventories and facts into a hub, and what it then knows. */
#include <pthread.h>

#include "../tests/hub_fixture.h"
#include "base/limits.h"
#include "hub/ask.h"

static void test_events_in_order(void **state)
{
	struct fixture *f = *state;
	struct event e;

	assert_int_equal(use_began(f, "one", DIGEST("a")).applied, APPLIED);
	assert_true(use_began(f, "two", DIGEST("a")).unknown);
	f->seq--;
	assert_int_equal(use_began(f, "three", DIGEST("a")).applied, APPLIED_KNOWN);
	assert_int_equal(uses(f->h), 2);
	assert_int_equal(use_began(f, "two", DIGEST("a")).applied, APPLIED_KNOWN);
	f->seq += 5;
	assert_true(use_began(f, "four", DIGEST("a")).resync);
	assert_true(use_ended(f, "four").resync);
	assert_int_equal(uses(f->h), 2);
	assert_int_equal(use_ended(f, "four").applied, APPLIED_KNOWN);
	e = said(f, EVENT_SNAPSHOT_BEGAN);
	assert_false(apply(f->h, &e).resync);
	assert_int_equal(use_ended(f, "").applied, APPLIED_KNOWN);
	e = said(f, EVENT_USE_BEGAN);
	assert_int_equal(apply(f->h, &e).applied, APPLIED_REFUSED);
}

static void test_snapshot(void **state)
{
	struct fixture *f = *state;
	struct event other = said(f, EVENT_USE_BEGAN);

	other.source = S("b/docker");
	other.container = S("elsewhere");
	f->seq--;
	assert_int_equal(apply(f->h, &other).applied, APPLIED);
	use_began(f, "stays", DIGEST("a"));
	use_began(f, "gone", DIGEST("a"));
	plain(f, EVENT_SNAPSHOT_BEGAN);
	use_began(f, "stays", DIGEST("a"));
	use_began(f, "new", DIGEST("b"));
	plain(f, EVENT_SNAPSHOT_ENDED);
	assert_int_equal(uses(f->h), 3);
	hub_close(f->h);
	f->h = open_hub(f);
	assert_true(leads_soon(f->h));
	assert_int_equal(uses(f->h), 3);
	/* Begun before the restart, ended after it: what was mentioned is not known any more. */
	assert_true(plain(f, EVENT_SNAPSHOT_ENDED).resync);
	assert_int_equal(uses(f->h), 3);
}

static void tag_said(struct fixture *f, const char *source, const char *ref)
{
	struct event e = said(f, EVENT_TAG_RESOLVED);

	e.source = span_cstr(source);
	e.image.ref = span_cstr(ref);
	e.image.digests[e.image.n_digests++] = S(DIGEST("a"));
	assert_int_equal(apply(f->h, &e).applied, APPLIED);
}

static void tags_listed(struct fixture *f, enum event_type type, const char *scope)
{
	struct event e = said(f, type);

	e.source = S("a/streams/tags");
	e.scope = span_cstr(scope);
	assert_int_equal(apply(f->h, &e).applied, APPLIED);
}

static bool tag_is_there(const struct fixture *f, const char *ref)
{
	char digest[DIGEST_TEXT];

	assert_int_equal(hub_tag_meaning(f->h, span_cstr(ref), digest, NULL), RMG_OK);
	return *digest != '\0';
}

/* Who tells of all its tags has no more of them; others' are theirs to say. */
static void test_a_list_of_tags(void **state)
{
	struct fixture *f = *state;

	tags_listed(f, EVENT_SNAPSHOT_BEGAN, "");
	tag_said(f, "a/streams/tags", "shop/web:1");
	tag_said(f, "a/streams/tags", "shop/web:2");
	tag_said(f, "a/streams/tags", "shop/web:3");
	tags_listed(f, EVENT_SNAPSHOT_ENDED, "tags");
	tag_said(f, "b/tags", "shop/other:1");
	tag_said(f, "b/tags", "shop/web:3");
	for (int again = 0; again < 2; again++) {
		assert_true(tag_is_there(f, "shop/web:2"));
		tags_listed(f, EVENT_SNAPSHOT_BEGAN, "");
		tag_said(f, "a/streams/tags", "shop/web:1");
		if (again == 0)
			tags_listed(f, EVENT_SNAPSHOT_ENDED, "");
		hub_close(f->h);
		f->h = open_hub(f);
	}
	tags_listed(f, EVENT_SNAPSHOT_BEGAN, "");
	tag_said(f, "a/streams/tags", "shop/web:1");
	tags_listed(f, EVENT_SNAPSHOT_ENDED, "tags");
	assert_false(tag_is_there(f, "shop/web:2"));
	assert_true(tag_is_there(f, "shop/web:1"));
	assert_true(tag_is_there(f, "shop/web:3"));
	assert_true(tag_is_there(f, "shop/other:1"));
	tag_said(f, "a/streams/tags", "shop/web:2");
	assert_true(tag_is_there(f, "shop/web:2"));
}

/* A delete of one cluster's workload is not another's. */
static void test_places_are_told_apart(void **state)
{
	struct fixture *f = *state;
	struct event e = said(f, EVENT_WORKLOAD_DECLARED), gone;
	struct hub_figures figures;

	e.place = (struct place){S("c1"), S(""), S("shop")};
	e.workload_kind = S("Deployment");
	e.workload_name = S("web");
	apply(f->h, &e);
	e.seq = ++f->seq;
	e.place.cluster = S("c2");
	apply(f->h, &e);
	e.seq = ++f->seq;
	e.place = (struct place){S("c1"), S(""), S("other")};
	apply(f->h, &e);
	hub_figures(f->h, &figures);
	assert_int_equal(figures.dormant, 3);
	gone = e;
	gone.type = EVENT_WORKLOAD_REMOVED;
	gone.seq = ++f->seq;
	gone.place.cluster = S("c2");
	assert_int_equal(apply(f->h, &gone).applied, APPLIED_KNOWN);
	gone.seq = ++f->seq;
	gone.place.cluster = S("c1");
	assert_int_equal(apply(f->h, &gone).applied, APPLIED);
	hub_figures(f->h, &figures);
	assert_int_equal(figures.dormant, 2);
}

static uint32_t image_of(struct hub *h, const char *container)
{
	const struct world *w = world_of(h);
	uint32_t source = world_source_of(w, S("a/docker"));
	uint32_t slot = world_use_of(w, source, span_cstr(container), false);
	uint32_t image = slot ? w->uses.v[slot].image : 0;

	hub_read_unlock(h);
	return image;
}

static bool count_wanted(void *user, const struct hub_wanted *w)
{
	size_t *n = user;

	assert_true(w->ref.n || w->digest.n);
	++*n;
	return true;
}

static size_t wanted(struct hub *h)
{
	size_t n = 0;

	assert_int_equal(hub_wanted_each(h, (struct span){0}, count_wanted, &n, NULL), RMG_OK);
	return n;
}

/* R13: two runtimes call one image by its configuration and by its manifest. */
static void test_names_of_one_image(void **state)
{
	struct fixture *f = *state;

	use_began(f, "by config", DIGEST("c"));
	use_began(f, "by manifest", DIGEST("d"));
	use_began(f, "by index", DIGEST("e"));
	assert_int_equal(wanted(f->h), 3);
	assert_int_not_equal(image_of(f->h, "by config"), image_of(f->h, "by manifest"));
	put_image(f->h, DIGEST("c"), DIGEST("d"), DIGEST("e"), 3, "");
	assert_int_equal(image_of(f->h, "by config"), image_of(f->h, "by manifest"));
	assert_int_equal(image_of(f->h, "by config"), image_of(f->h, "by index"));
	assert_int_equal(wanted(f->h), 0);
	assert_false(use_began(f, "later", DIGEST("e")).unknown);
}

static bool wants_node(void *user, const struct hub_wanted *w)
{
	assert_true(span_is(w->node, span_cstr(user)));
	return true;
}

/* Whoever asks for its own node's work gets it, though others have the image too. */
static void test_wanted_where_it_is_asked(void **state)
{
	static char *const nodes[] = {"a", "b"};
	struct fixture *f = *state;
	struct event e;

	use_began(f, "there", DIGEST("c"));
	e = said(f, EVENT_USE_BEGAN);
	e.place.node = S("b");
	e.container = S("here");
	e.image.digests[e.image.n_digests++] = span_cstr(DIGEST("c"));
	assert_int_equal(apply(f->h, &e).applied, APPLIED);
	for (size_t i = 0; i < COUNT_OF(nodes); i++)
		assert_int_equal(
		    hub_wanted_each(f->h, span_cstr(nodes[i]), wants_node, nodes[i], NULL), RMG_OK);
	assert_int_equal(wanted(f->h), 1);
}

/* R35: a workload that nothing runs of, known by a tag alone. */
static void test_declared_by_tag(void **state)
{
	struct fixture *f = *state;
	struct event e = said(f, EVENT_WORKLOAD_DECLARED);
	struct event_image image = {.ref = S("shop:1.9")};
	const struct world *w;

	e.workload_kind = S("CronJob");
	e.workload_name = S("season");
	e.images = &image;
	e.n_images = 1;
	apply(f->h, &e);
	assert_int_equal(wanted(f->h), 1);
	use_began(f, "same tag", NULL);
	put_image(f->h, DIGEST("1"), "", "", 7, "shop:1.9");
	assert_int_equal(wanted(f->h), 1); /* app:1 */
	w = world_of(f->h);
	assert_int_equal(w->workloads.v[1].n_would_run, 1);
	assert_true(world_dormant(w, 1));
	hub_read_unlock(f->h);
	put_image(f->h, DIGEST("2"), "", "", 7, "app:1");
	assert_int_equal(wanted(f->h), 0);
	assert_int_not_equal(image_of(f->h, "same tag"), 0);
}

static void count_each(struct hub *h, size_t *uses_, size_t *images)
{
	const struct world *w = world_of(h);

	*uses_ = w->n_uses;
	*images = w->images.n;
	hub_read_unlock(h);
}

/* Two stores of one file: the second hub follows, and leads when the first is gone. */
static void test_follows_and_leads(void **state)
{
	struct fixture *f = *state;
	struct hub *second = open_hub(f);
	size_t u[2], i[2];
	bool leads;

	assert_int_equal(hub_turn(f->h, &leads, NULL), RMG_OK);
	assert_true(leads);
	assert_int_equal(hub_turn(second, &leads, NULL), RMG_OK);
	assert_false(leads);
	use_began(f, "one", DIGEST("a"));
	put_image(f->h, DIGEST("a"), "", "", 15, "");
	use_began(f, "two", DIGEST("b"));
	use_ended(f, "one");
	assert_int_equal(hub_turn(second, &leads, NULL), RMG_OK);
	count_each(f->h, &u[0], &i[0]);
	count_each(second, &u[1], &i[1]);
	assert_int_equal(u[0], u[1]);
	assert_int_equal(i[0], i[1]);
	hub_close(f->h);
	f->h = second;
	assert_int_equal(use_began(f, "three", DIGEST("c")).applied, APPLIED_QUEUED);
	assert_true(leads_soon(second));
	assert_int_equal(uses(f->h), 2);
	assert_int_equal(use_began(f, "four", DIGEST("c")).applied, APPLIED);
}

static size_t read_images(struct hub *h)
{
	const struct world *w = world_of(h);
	size_t n = 0;

	for (uint32_t i = 1; i < w->images.n; i++)
		n += w->images.v[i].read_ms && w->images.v[i].n_components == 4;
	hub_read_unlock(h);
	return n;
}

static enum rmg_rc put_row(struct store *st, const char *kind, const char *body)
{
	struct inbox_row row = {.kind = span_cstr(kind), .body = span_cstr(body)};

	return store_inbox_add(st, &row, NULL);
}

static size_t firing(struct hub *h)
{
	struct hub_figures figures;

	hub_figures(h, &figures);
	return figures.alerts_firing;
}

/* What the second hub is given reaches the first, and then the second; rows that cannot be applied
 * are in nobody's way. */
static void test_hands_on(void **state)
{
	struct fixture *f = *state;
	struct hub *leader = f->h, *second = open_hub(f);
	struct store *st;
	size_t tries = 0;
	bool leads;

	assert_int_equal(hub_turn(second, &leads, NULL), RMG_OK);
	assert_false(leads);
	use_began(f, "one", DIGEST("a"));
	assert_int_equal(store_open(f->url, &st, NULL), RMG_OK);
	assert_int_equal(store_begin(st, NULL), RMG_OK);
	assert_int_equal(put_row(st, "image", "an inventory of another version"), RMG_OK);
	assert_int_equal(put_row(st, "alert", "{\"act\":9}"), RMG_OK);
	assert_int_equal(put_row(st, "of another version", "?"), RMG_OK);
	assert_int_equal(store_commit(st, NULL), RMG_OK);
	store_close(st);
	put_image(second, DIGEST("a"), "", "", 15, "");
	assert_int_equal(hub_facts_put(second, S("sha256:1"), S("first"), S("a"), NULL), RMG_OK);
	assert_int_equal(hub_facts_put(second, S("sha256:1"), S("other"), S("b"), NULL), RMG_OK);
	assert_int_equal(read_images(second), 0);
	while (hub_turn(leader, &leads, NULL) != RMG_OK)
		assert_true(++tries < 5);
	assert_int_equal(tries, 2); /* each of the two that are bad is told once */
	assert_int_equal(read_images(leader), 1);
	assert_int_equal(firing(leader), 1);
	assert_int_equal(hub_turn(second, &leads, NULL), RMG_OK);
	assert_int_equal(read_images(second), 1);
	assert_int_equal(firing(second), 1);
	/* Whoever tells of what came later does not fail for it either. */
	assert_int_equal(store_open(f->url, &st, NULL), RMG_OK);
	assert_int_equal(store_begin(st, NULL), RMG_OK);
	assert_int_equal(put_row(st, "alert", "{\"act\":9}"), RMG_OK);
	assert_int_equal(store_commit(st, NULL), RMG_OK);
	store_close(st);
	assert_int_equal(use_began(f, "two", DIGEST("a")).applied, APPLIED);
	assert_int_not_equal(hub_turn(leader, &leads, NULL), RMG_OK);
	assert_int_equal(hub_turn(leader, &leads, NULL), RMG_OK);
	hub_close(second);
}

/* Many callers at once: nothing is lost, and what is known is on disk. */
struct caller {
	struct fixture *f;
	pthread_t thread;
	unsigned nth;
	size_t applied;
};

static void *call(void *user)
{
	struct caller *c = user;
	char source[32], container[32];

	(void)snprintf(source, sizeof source, "caller-%u", c->nth);
	for (unsigned i = 0; i < 100; i++) {
		struct event e = {.type = EVENT_USE_BEGAN, .epoch = 1, .seq = i + 1};
		struct hub_result r;

		(void)snprintf(container, sizeof container, "c%u", i);
		e.source = span_cstr(source);
		e.container = span_cstr(container);
		e.image.digests[e.image.n_digests++] = span_cstr(DIGEST("a"));
		c->applied += hub_apply(c->f->h, &e, 1, &r, NULL) == RMG_OK && r.applied == APPLIED;
	}
	return NULL;
}

static void test_many_callers(void **state)
{
	struct fixture *f = *state;
	struct caller callers[6];
	uint32_t random = 9;

	for (unsigned i = 0; i < COUNT_OF(callers); i++) {
		callers[i] = (struct caller){.f = f, .nth = i};
		assert_int_equal(pthread_create(&callers[i].thread, NULL, call, &callers[i]), 0);
	}
	/* And others ask meanwhile, and databases come. */
	for (unsigned i = 0; i < 5; i++) {
		struct hub_figures figures;

		random_database(f, NULL, &random);
		put_image(f->h, DIGEST("a"), "", "", 255u << i, "");
		hub_figures(f->h, &figures);
		assert_true(figures.ready && figures.store_bytes != 0);
		(void)wanted(f->h);
	}
	for (unsigned i = 0; i < COUNT_OF(callers); i++) {
		assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
		assert_int_equal(callers[i].applied, 100);
	}
	assert_int_equal(uses(f->h), 600);
	hub_close(f->h);
	f->h = open_hub(f);
	assert_int_equal(uses(f->h), 600);
}

/* One source tells two hubs, in turns: what it said first is applied first. */
static void test_a_source_of_two_hubs(void **state)
{
	struct fixture *f = *state;
	struct hub *leader = f->h, *second = open_hub(f);
	struct hub_result r;
	bool leads;

	assert_int_equal(hub_turn(leader, &leads, NULL), RMG_OK);
	assert_int_equal(hub_turn(second, &leads, NULL), RMG_OK);
	for (unsigned i = 0; i < 4; i++) {
		char container[8];

		(void)snprintf(container, sizeof container, "c%u", i);
		f->h = i % 2 ? leader : second;
		r = use_began(f, container, DIGEST("a"));
		assert_int_equal(r.applied, i % 2 ? APPLIED : APPLIED_QUEUED);
		assert_false(r.resync);
	}
	f->h = leader;
	assert_int_equal(uses(leader), 4);
	hub_close(second);
}

/* A hub that follows has nothing to take back where it could not keep what it was given. */
static void test_what_could_not_be_kept(void **state)
{
	struct fixture *f = *state;
	struct hub *second = open_hub(f);
	struct event e = said(f, EVENT_USE_BEGAN);
	const struct world *before = world_of(second);
	struct hub_result r;
	struct store *st;
	bool leads;

	hub_read_unlock(second);
	e.container = S("one");
	e.image.ref = S("app:1");
	assert_int_equal(hub_turn(second, &leads, NULL), RMG_OK);
	assert_int_equal(store_open(f->url, &st, NULL), RMG_OK);
	assert_int_equal(st->backend->exec(st, "ALTER TABLE inbox RENAME TO away", NULL), RMG_OK);
	assert_int_not_equal(hub_apply(second, &e, 1, &r, NULL), RMG_OK);
	assert_int_equal(st->backend->exec(st, "ALTER TABLE away RENAME TO inbox", NULL), RMG_OK);
	assert_int_equal(hub_apply(second, &e, 1, &r, NULL), RMG_OK);
	assert_int_equal(r.applied, APPLIED_QUEUED);
	assert_ptr_equal(world_of(second), before);
	hub_read_unlock(second);
	store_close(st);
	assert_int_equal(hub_turn(f->h, &leads, NULL), RMG_OK);
	assert_int_equal(uses(f->h), 1);
	hub_close(second);
}

/* More than one row of the inbox holds, and more rows than are taken at once. */
static void test_much_for_the_leader(void **state)
{
	enum { EVENTS = 20000 };
	struct fixture *f = *state;
	struct hub *second = open_hub(f);
	struct event *events = calloc(EVENTS, sizeof *events);
	struct hub_result *results = calloc(EVENTS, sizeof *results);
	static char texts[EVENTS][1700];
	bool leads;

	assert_true(events && results);
	for (size_t i = 0; i < EVENTS; i++) {
		events[i] = said(f, EVENT_USE_BEGAN);
		memset(texts[i], 'x', sizeof texts[i]);
		(void)snprintf(texts[i], 16, "%zu", i);
		texts[i][strlen(texts[i])] = '-';
		events[i].container = span_of(texts[i], sizeof texts[i]);
		events[i].image.ref = S("app:1");
	}
	assert_int_equal(hub_turn(f->h, &leads, NULL), RMG_OK);
	assert_int_equal(hub_turn(second, &leads, NULL), RMG_OK);
	assert_int_equal(hub_apply(second, events, EVENTS, results, NULL), RMG_OK);
	for (size_t i = 0; i < EVENTS; i++)
		assert_int_equal(results[i].applied, APPLIED_QUEUED);
	assert_int_equal(hub_turn(f->h, &leads, NULL), RMG_OK);
	assert_int_equal(uses(f->h), EVENTS);
	assert_int_equal(hub_turn(second, &leads, NULL), RMG_OK);
	assert_int_equal(uses(second), EVENTS);
	hub_close(second);
	free(events);
	free(results);
}

/* A hub that starts while another one writes has all of one moment, and follows from there. */
static void *come_and_go(void *user)
{
	struct caller *c = user;
	char container[32];

	for (unsigned i = 0; i < 600; i++) {
		struct event e = {.type = EVENT_USE_BEGAN, .epoch = 1, .seq = i + 1};
		struct hub_result r;

		if (i % 3 == 2)
			e.type = EVENT_USE_ENDED;
		(void)snprintf(container, sizeof container, "c%u", i % 3 == 2 ? i / 2 : i);
		e.source = S("caller");
		e.container = span_cstr(container);
		e.image.digests[e.image.n_digests++] = span_cstr(DIGEST("a"));
		c->applied += hub_apply(c->f->h, &e, 1, &r, NULL) == RMG_OK;
	}
	return NULL;
}

static void test_starts_while_written(void **state)
{
	struct fixture *f = *state;
	struct caller c = {.f = f};
	struct hub *hubs[12];
	bool leads;

	assert_int_equal(pthread_create(&c.thread, NULL, come_and_go, &c), 0);
	for (size_t i = 0; i < COUNT_OF(hubs); i++)
		hubs[i] = open_hub(f);
	assert_int_equal(pthread_join(c.thread, NULL), 0);
	assert_int_equal(c.applied, 600);
	for (size_t i = 0; i < COUNT_OF(hubs); i++) {
		assert_int_equal(hub_turn(hubs[i], &leads, NULL), RMG_OK);
		assert_false(leads);
		assert_int_equal(uses(hubs[i]), uses(f->h));
		hub_close(hubs[i]);
	}
}

/* Another reader of a layer says other than the first: the first stays. */
static enum rmg_rc keep_bytes(void *user, struct span bytes)
{
	assert_true(bytes.n < 32);
	(void)snprintf(user, 32, SPAN_FMT, SPAN_ARG(bytes));
	return RMG_OK;
}

static void test_facts(void **state)
{
	struct fixture *f = *state;
	char bytes[32];
	bool has;

	assert_int_equal(hub_facts_has(f->h, S("sha256:1"), &has, NULL), RMG_OK);
	assert_false(has);
	assert_int_equal(hub_facts_put(f->h, S("sha256:1"), S("first"), S("a"), NULL), RMG_OK);
	assert_int_equal(hub_facts_put(f->h, S("sha256:1"), S("other"), S("b"), NULL), RMG_OK);
	assert_int_equal(hub_facts_get(f->h, S("sha256:1"), keep_bytes, bytes, NULL), RMG_OK);
	assert_string_equal(bytes, "first");
	assert_int_equal(hub_facts_get(f->h, S("sha256:2"), keep_bytes, bytes, NULL),
			 RMG_E_NOTFOUND);
}

/* What cannot be written is seen before anything is changed: the world is not loaded anew for it.
 */
static void test_inventories_that_are_none(void **state)
{
	struct fixture *f = *state;
	const struct world *before = world_of(f->h);
	static char text[(32 << 20) + 1];
	struct label label = {S("much"), span_of(text, sizeof text)};
	struct inventory inv = {.complete = true};
	struct hub_reading r = {.inventory = &inv, .read_by = S("test")};

	hub_read_unlock(f->h);
	memset(text, 'x', sizeof text);
	assert_int_equal(hub_image_put(f->h, &r, NULL, NULL), RMG_E_ARG);
	inv.config_digest = span_of(text, LIMIT_STORE_KEY_BYTES + 1);
	assert_int_equal(hub_image_put(f->h, &r, NULL, NULL), RMG_E_ARG);
	inv.config_digest = S("sha256:\n");
	assert_int_equal(hub_image_put(f->h, &r, NULL, NULL), RMG_E_ARG);
	inv.config_digest = span_cstr(DIGEST("a"));
	inv.ref = span_of(text, LIMIT_TEXT_BYTES + 1);
	assert_int_equal(hub_image_put(f->h, &r, NULL, NULL), RMG_E_ARG);
	inv.ref = S("app:1");
	inv.labels = &label;
	inv.n_labels = 1;
	assert_int_equal(hub_image_put(f->h, &r, NULL, NULL), RMG_E_LIMIT);
	inv.n_labels = 0;
	assert_ptr_equal(world_of(f->h), before);
	assert_int_equal(before->images.n, 1);
	hub_read_unlock(f->h);
	assert_int_equal(hub_image_put(f->h, &r, NULL, NULL), RMG_OK);
}

/* An alert whose key would be too long is one all the same. */
static void test_long_subjects(void **state)
{
	struct fixture *f = *state;
	static char path[4000];
	struct event e;

	memset(path, 'p', sizeof path);
	memcpy(path + 950, "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", 16);
	use_began(f, "one", DIGEST("a"));
	e = said(f, EVENT_CONTAINER_CHANGED);
	e.container = S("one");
	e.change.kind = S("file");
	e.change.path = span_of(path, sizeof path);
	assert_int_equal(apply(f->h, &e).applied, APPLIED);
	assert_int_equal(firing(f->h), 1);
	e.seq = ++f->seq;
	path[sizeof path - 1] = 'q';
	assert_int_equal(apply(f->h, &e).applied, APPLIED);
	assert_int_equal(firing(f->h), 2);
	hub_close(f->h);
	f->h = open_hub(f);
	e.seq = ++f->seq;
	assert_int_equal(apply(f->h, &e).applied, APPLIED);
	assert_int_equal(firing(f->h), 2);
	use_ended(f, "one");
	assert_int_equal(firing(f->h), 0);
}

/* Another connection takes tables away, and brings them back. */
static void rename_tables(struct fixture *f, bool away)
{
	static const char *const tables[] = {"component", "generation"};
	struct store *st;
	char sql[128];

	assert_int_equal(store_open(f->url, &st, NULL), RMG_OK);
	for (size_t i = 0; i < COUNT_OF(tables); i++) {
		(void)snprintf(sql, sizeof sql, "ALTER TABLE %s%s RENAME TO %s%s", tables[i],
			       away ? "" : "_away", tables[i], away ? "_away" : "");
		assert_int_equal(st->backend->exec(st, sql, NULL), RMG_OK);
	}
	store_close(st);
}

static enum rmg_rc ask_all(struct hub *h)
{
	struct strbuf out = strbuf_of(1 << 20);
	struct ask q = {.query = S("sha256:")};
	size_t n = 0;
	enum rmg_rc rc = ask_image(h, span_cstr(DIGEST("a")), &out, NULL);

	assert_int_equal(ask_images(h, &q, &out, NULL), rc);
	assert_int_equal(ask_who_runs(h, &q, &out, NULL), rc);
	assert_int_equal(ask_coverage(h, &q, &out, NULL), rc);
	assert_int_equal(ask_alerts(h, &q, &out, NULL), rc);
	assert_int_equal(hub_vex_out(h, &out, NULL), rc);
	assert_int_equal(hub_wanted_each(h, (struct span){0}, count_wanted, &n, NULL), rc);
	strbuf_done(&out);
	return rc;
}

static void release(void *user)
{
	*(bool *)user = true;
}

/* A new database is judged, and cannot be written; what it was before cannot be read either. What
 * is in memory is then of a database that its owner has freed: nobody is answered from it. */
static void test_neither_on_nor_back(void **state)
{
	struct fixture *f = *state;
	struct sample_db next = {0}, again = {0};
	struct hub_database d = {.release = release};
	uint32_t random = 3;
	bool leads, released = false;

	random_database(f, NULL, &random);
	put_image(f->h, DIGEST("a"), "", "", 0xffffff, "");
	use_began(f, "one", DIGEST("a"));
	assert_int_equal(ask_all(f->h), RMG_OK);
	rename_tables(f, true);
	sample_say(f->said, &random, 2 * SAMPLE_ADVISORIES);
	sample_db(&next, f->said);
	d.db = next.db;
	d.user = &released;
	assert_int_not_equal(hub_database_set(f->h, &d, NULL, NULL), RMG_OK);
	assert_false(released); /* it is the caller's still */
	advdb_builder_free(next.b);
	assert_int_equal(ask_all(f->h), RMG_E_STOPPED);
	assert_non_null(hub_not_ready(f->h, &leads));
	assert_int_not_equal(hub_turn(f->h, &leads, NULL), RMG_OK);
	assert_int_equal(ask_all(f->h), RMG_E_STOPPED);
	rename_tables(f, false);
	assert_int_equal(hub_turn(f->h, &leads, NULL), RMG_OK);
	assert_int_equal(ask_all(f->h), RMG_OK);
	assert_null(hub_not_ready(f->h, &leads));
	set_db(f, f->h, &again, NULL);
	assert_int_equal(ask_all(f->h), RMG_OK);
	advdb_builder_free(f->db.b);
	f->db = again;
}

static void count_answers(void *user, const struct place *where, const struct event_answers *a)
{
	uint64_t *sum = user;

	assert_true(where->node.n);
	*sum += a->asked + a->p99_us;
}

/* R18: what a machine says of programs that it lets run although rules refuse them is an alert
 * until it says that this is over; its figures are known. */
static void r18_what_is_not_refused_is_told(void **state)
{
	struct fixture *f = *state;
	struct event e = said(f, EVENT_HEARTBEAT);
	struct hub_figures figures;
	uint64_t sum = 0;

	e.source = S("a/execs");
	e.seq = 1;
	e.change.kind = S("unrefused");
	e.change.text = S("Answers were stuck.");
	e.answers = (struct event_answers){.asked = 40, .p99_us = 2};
	assert_int_equal(apply(f->h, &e).applied, APPLIED);
	hub_figures(f->h, &figures);
	assert_int_equal(figures.alerts_firing, 1);
	hub_answers_each(f->h, count_answers, &sum);
	assert_int_equal(sum, 42);
	e.seq = 2;
	e.change.text = (struct span){0};
	assert_int_equal(apply(f->h, &e).applied, APPLIED);
	hub_figures(f->h, &figures);
	assert_int_equal(figures.alerts_firing, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_events_in_order, begin, end),
	    cmocka_unit_test_setup_teardown(test_snapshot, begin, end),
	    cmocka_unit_test_setup_teardown(test_a_list_of_tags, begin, end),
	    cmocka_unit_test_setup_teardown(test_places_are_told_apart, begin, end),
	    cmocka_unit_test_setup_teardown(test_names_of_one_image, begin, end),
	    cmocka_unit_test_setup_teardown(test_wanted_where_it_is_asked, begin, end),
	    cmocka_unit_test_setup_teardown(test_declared_by_tag, begin, end),
	    cmocka_unit_test_setup_teardown(test_follows_and_leads, begin, end),
	    cmocka_unit_test_setup_teardown(test_hands_on, begin, end),
	    cmocka_unit_test_setup_teardown(test_many_callers, begin, end),
	    cmocka_unit_test_setup_teardown(test_starts_while_written, begin, end),
	    cmocka_unit_test_setup_teardown(r18_what_is_not_refused_is_told, begin, end),
	    cmocka_unit_test_setup_teardown(test_facts, begin, end),
	    cmocka_unit_test_setup_teardown(test_inventories_that_are_none, begin, end),
	    cmocka_unit_test_setup_teardown(test_long_subjects, begin, end),
	    cmocka_unit_test_setup_teardown(test_a_source_of_two_hubs, begin, end),
	    cmocka_unit_test_setup_teardown(test_what_could_not_be_kept, begin, end),
	    cmocka_unit_test_setup_teardown(test_much_for_the_leader, begin, end),
	    cmocka_unit_test_setup_teardown(test_neither_on_nor_back, begin, end),
	};
	const struct CMUnitTest pg[] = {
	    cmocka_unit_test_setup_teardown(test_snapshot, begin_pg, end),
	    cmocka_unit_test_setup_teardown(test_follows_and_leads, begin_pg, end),
	    cmocka_unit_test_setup_teardown(test_hands_on, begin_pg, end),
	    cmocka_unit_test_setup_teardown(test_a_source_of_two_hubs, begin_pg, end),
	    cmocka_unit_test_setup_teardown(test_many_callers, begin_pg, end),
	    cmocka_unit_test_setup_teardown(test_starts_while_written, begin_pg, end),
	    cmocka_unit_test_setup_teardown(test_neither_on_nor_back, begin_pg, end),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	if (getenv("RUMMAGE_TEST_POSTGRESQL"))
		failed += cmocka_run_group_tests_name("postgresql", pg, NULL, NULL);
	return failed;
}
