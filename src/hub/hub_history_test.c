/* SPDX-License-Identifier: Apache-2.0 */
/* Random histories: the hub that lived through them, one that followed it, and one that is made
 * anew from the same store and judges everything know the same. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "../tests/hub_fixture.h"
#include "base/hash.h"

static void same_use(const struct world *a, const struct world *b, uint32_t slot)
{
	const struct world_use *x = &a->uses.v[slot], *y;
	char buf[2][WORLD_CONTAINER];
	uint32_t source = world_source_of(b, a->sources.v[x->source].name);
	uint32_t other = world_use_of(b, source, world_use_container(x, buf[0]), x->cached);

	assert_int_not_equal(other, 0);
	y = &b->uses.v[other];
	assert_true(span_is(world_use_container(x, buf[0]), world_use_container(y, buf[1])));
	assert_int_equal(x->id, y->id);
	assert_int_equal(x->image, y->image);
	assert_int_equal(x->place, y->place);
	assert_int_equal(x->workload, y->workload);
	assert_int_equal(x->began_ms, y->began_ms);
	assert_true(span_is(world_use_ref(a, x), world_use_ref(b, y)));
}

static void same_image(const struct world *a, const struct world *b, uint32_t id)
{
	const struct world_image *x = &a->images.v[id], *y = &b->images.v[id];

	assert_true(span_is(x->digest, y->digest));
	assert_int_equal(x->read_ms, y->read_ms);
	assert_int_equal(x->n_uses, y->n_uses);
	assert_int_equal(x->n_cached, y->n_cached);
	assert_int_equal(x->n_components, y->n_components);
	if (x->n_components)
		assert_memory_equal(x->components, y->components,
				    x->n_components * sizeof *x->components);
	assert_memory_equal(&x->counts, &y->counts, sizeof x->counts);
}

static void same_workload(const struct world *a, const struct world *b, uint32_t id)
{
	const struct world_workload *x = &a->workloads.v[id], *y = &b->workloads.v[id];

	assert_true(span_is(x->name, y->name));
	assert_int_equal(x->place, y->place);
	assert_int_equal(x->declared, y->declared);
	assert_int_equal(x->n_uses, y->n_uses);
	assert_int_equal(x->n_would_run, y->n_would_run);
	assert_true(span_is(x->images, y->images));
}

static void same_findings(const struct world *a, const struct world *b)
{
	for (uint32_t image = 1; image < a->images.n; image++) {
		for (uint32_t v = 1; v < a->advisories.n; v++) {
			uint32_t other = world_advisory_of(b, a->advisories.v[v].id);
			struct world_finding x = {0}, y = {0};
			bool has = world_finding_of(a, image, v, &x);

			assert_int_equal(has, other && world_finding_of(b, image, other, &y));
			assert_int_equal(x.severity, y.severity);
			assert_int_equal(x.kev, y.kev);
			assert_int_equal(x.fixable, y.fixable);
			assert_int_equal(x.epss_permille, y.epss_permille);
		}
	}
}

static void same_worlds(const struct world *a, const struct world *b)
{
	assert_int_equal(a->n_uses, b->n_uses);
	assert_int_equal(a->n_cached, b->n_cached);
	assert_int_equal(a->images.n, b->images.n);
	assert_int_equal(a->workloads.n, b->workloads.n);
	assert_int_equal(a->tags.n, b->tags.n);
	assert_int_equal(a->places.n, b->places.n);
	assert_int_equal(a->components.n, b->components.n);
	for (uint32_t i = 1; i < a->uses.n; i++)
		if (a->uses.v[i].id)
			same_use(a, b, i);
	for (uint32_t i = 1; i < a->images.n; i++)
		same_image(a, b, i);
	for (uint32_t i = 1; i < a->workloads.n; i++)
		same_workload(a, b, i);
	for (uint32_t i = 1; i < a->tags.n; i++)
		assert_true(span_is(a->tags.v[i].digest,
				    b->tags.v[world_tag_of(b, a->tags.v[i].ref)].digest));
	for (uint32_t i = 1; i < a->tags.n; i++)
		assert_int_equal(a->tags.v[i].gone_ms,
				 b->tags.v[world_tag_of(b, a->tags.v[i].ref)].gone_ms);
	same_findings(a, b);
}

/* The open alerts of one are the other's. */
static void same_alerts(struct hub *x, struct hub *y)
{
	const struct alerts *a, *b;
	const struct alert *alert;

	(void)world_of(x);
	(void)world_of(y);
	a = hub_alerts(x);
	b = hub_alerts(y);
	for (enum alert_state s = ALERT_FIRING; s <= ALERT_RESOLVED; s++)
		assert_int_equal(alerts_count(a, s), alerts_count(b, s));
	for (size_t i = 0; (alert = alerts_at(a, i)) != NULL; i++) {
		const struct alert *other = alerts_by_id(b, alert->id);

		assert_non_null(other);
		assert_int_equal(alert->image, other->image);
		assert_int_equal(alert->state, other->state);
		assert_int_equal(alert->severity, other->severity);
		assert_int_equal(alert->opened_ms, other->opened_ms);
	}
	hub_read_unlock(y);
	hub_read_unlock(x);
}

static void same_hubs(struct hub *x, struct hub *y)
{
	same_worlds(world_of(x), world_of(y));
	hub_read_unlock(y);
	hub_read_unlock(x);
	same_alerts(x, y);
}

/* A hub that is made from the store, and one that followed (where there is one). */
static void check_history(struct fixture *f, struct hub *second)
{
	struct sample_db again = {0};
	struct hub *fresh;
	bool leads;

	assert_int_equal(hub_turn(f->h, &leads, NULL), RMG_OK);
	fresh = open_hub(f);
	if (f->db.b)
		set_db(f, fresh, &again, NULL);
	same_hubs(f->h, fresh);
	if (second) {
		assert_int_equal(hub_turn(second, &leads, NULL), RMG_OK);
		assert_false(leads);
		same_hubs(f->h, second);
	}
	hub_close(fresh);
	advdb_builder_free(again.b);
}

/* One of eight images by one of the digests that it has. */
static const char *some_digest(uint32_t *random, char buf[80])
{
	uint32_t i = sample_random(random, 8), kind = sample_random(random, 3);

	/* An index is shared by two. */
	(void)snprintf(buf, 80, "sha256:%062u%02u", 0u, kind == 2 ? 50 + i / 2 : kind * 10 + i);
	return buf;
}

static void random_event(struct fixture *f, uint32_t *random)
{
	static const enum event_type types[] = {
	    EVENT_USE_BEGAN,         EVENT_USE_BEGAN,         EVENT_USE_BEGAN,
	    EVENT_USE_ENDED,         EVENT_USE_ENDED,         EVENT_IMAGE_SEEN,
	    EVENT_IMAGE_REMOVED,     EVENT_TAG_RESOLVED,      EVENT_WORKLOAD_DECLARED,
	    EVENT_WORKLOAD_REMOVED,  EVENT_SNAPSHOT_BEGAN,    EVENT_SNAPSHOT_ENDED,
	    EVENT_CONTAINER_CHANGED, EVENT_WORKLOAD_DECLARED, EVENT_HEARTBEAT};
	struct event e = said(f, types[sample_random(random, COUNT_OF(types))]);
	char digest[2][80], container[80], name[32], ref[32], source[32];
	struct event_image images[2] = {0};
	uint32_t node = sample_random(random, 3);

	(void)snprintf(source, sizeof source, "n%u/docker", node);
	e.source = span_cstr(source);
	e.seq = ++f->seqs[node];
	e.place.node = span_of(source, 2);
	e.place.ns = sample_random(random, 3) ? S("shop") : S("");
	(void)snprintf(container, sizeof container, sample_random(random, 2) ? "c%u" : "%064x",
		       sample_random(random, 12));
	e.container = span_cstr(container);
	if (sample_random(random, 3)) {
		e.workload_kind = S("Deployment");
		e.workload_name = sample_name(sample_random(random, 4), name);
	}
	(void)snprintf(ref, sizeof ref, "app:%u", sample_random(random, 4));
	e.image.ref = span_cstr(ref);
	if (sample_random(random, 5))
		e.image.digests[e.image.n_digests++] = span_cstr(some_digest(random, digest[0]));
	images[0] = e.image;
	images[1].ref = S("side:1");
	if (sample_random(random, 2))
		images[1].digests[images[1].n_digests++] =
		    span_cstr(some_digest(random, digest[1]));
	e.images = images;
	e.n_images = 1 + sample_random(random, 2);
	e.change.kind = S("package");
	e.change.path = e.container;
	/* A registry's word, now and then that it has no such tag. */
	if (e.type == EVENT_TAG_RESOLVED && sample_random(random, 2)) {
		(void)snprintf(source, sizeof source, "n%u/tags", node);
		e.source = span_cstr(source);
		if (sample_random(random, 3) == 0) {
			e.image.n_digests = 0;
			e.change = (struct event_change){.kind = S("vanished"), .text = S("gone")};
		}
	}
	if (sample_random(random, 12) == 0)
		f->seqs[node] += sample_random(random, 3);
	f->now_ms += sample_random(random, 3600000);
	(void)apply(f->h, &e);
}

static void random_image(struct fixture *f, uint32_t *random)
{
	uint32_t i = sample_random(random, 8);
	char config[80], manifest[80], index[80], ref[32];

	(void)snprintf(config, 80, "sha256:%062u%02u", 0u, i);
	(void)snprintf(manifest, 80, "sha256:%062u%02u", 0u, 10 + i);
	(void)snprintf(index, 80, "sha256:%062u%02u", 0u, 50 + i / 2);
	(void)snprintf(ref, sizeof ref, "app:%u", sample_random(random, 4));
	put_image(f->h, config, manifest, sample_random(random, 2) ? index : "",
		  sample_random(random, 1 << 24), sample_random(random, 3) ? "" : ref);
}

static void history(struct fixture *f, uint32_t seed)
{
	struct hub *second = NULL;
	uint32_t random = seed;

	for (int step = 0; step < 250; step++) {
		uint32_t dice = sample_random(&random, 20);

		if (dice == 0)
			random_database(f, second, &random);
		else if (dice < 3)
			random_image(f, &random);
		else
			random_event(f, &random);
		if (step % 50 == 49)
			check_history(f, second);
		if (step == 60) {
			second = open_hub(f);
			if (f->db.b)
				set_db(f, second, &f->second_db, NULL);
		}
	}
	hub_close(second);
}

/* A disk that is full: what failed did not happen, and what comes after it is right again. */
static void fill_disk(struct fixture *f, bool full)
{
	struct rlimit limit;
	struct stat st;
	char path[128];

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	(void)snprintf(path, sizeof path, "%s/hub.db-wal", f->folder);
	assert_int_equal(stat(path, &st), 0);
	limit.rlim_cur = full ? (rlim_t)st.st_size : limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_disk_full(void **state)
{
	struct fixture *f = *state;
	struct event e;
	struct hub_result r;

	assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	random_database(f, NULL, &(uint32_t){4});
	put_image(f->h, DIGEST("a"), "", "", 255, "");
	use_began(f, "before", DIGEST("a"));
	fill_disk(f, true);
	e = said(f, EVENT_USE_BEGAN);
	e.container = S("during");
	e.image.digests[e.image.n_digests++] = span_cstr(DIGEST("b"));
	assert_int_equal(hub_apply(f->h, &e, 1, &r, NULL), RMG_E_IO);
	fill_disk(f, false);
	assert_int_equal(uses(f->h), 1);
	check_history(f, NULL);
	assert_int_equal(apply(f->h, &e).applied, APPLIED);
	assert_int_equal(uses(f->h), 2);
	check_history(f, NULL);
}

/* The open alerts as one number, in whatever order they are. */
static uint64_t sum_of_alerts(struct hub *h)
{
	const struct alert *x;
	uint64_t sum = 0;

	(void)world_of(h);
	for (size_t i = 0; (x = alerts_at(hub_alerts(h), i)) != NULL; i++)
		sum += hash_mix(x->id) * (x->state * 8u + x->severity + 1u);
	hub_read_unlock(h);
	return sum;
}

/* A hub that starts and looks at everything finds nothing that deltas had not found. */
static void check_alerts(struct fixture *f)
{
	struct sample_db again = {0};
	uint64_t before;
	bool leads;

	f->now_ms += 2 * ALERTS_GRACE_MS;
	assert_int_equal(hub_turn(f->h, &leads, NULL), RMG_OK);
	before = sum_of_alerts(f->h);
	hub_close(f->h);
	f->h = open_hub(f);
	set_db(f, f->h, &again, NULL);
	assert_true(leads_soon(f->h));
	assert_true(before == sum_of_alerts(f->h));
	advdb_builder_free(f->db.b);
	f->db = again;
}

static void test_histories(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 12; seed++) {
		void *each;

		begin(&each);
		history(each, seed);
		check_alerts(each);
		end(&each);
	}
}

static void test_history_pg(void **state)
{
	history(*state, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_disk_full, begin, end),
	    cmocka_unit_test(test_histories),
	};
	const struct CMUnitTest pg[] = {
	    cmocka_unit_test_setup_teardown(test_history_pg, begin_pg, end),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	if (getenv("RUMMAGE_TEST_POSTGRESQL"))
		failed += cmocka_run_group_tests_name("postgresql", pg, NULL, NULL);
	return failed;
}
