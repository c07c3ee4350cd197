/* SPDX-License-Identifier: Apache-2.0 */
/* Random databases and images: a chain of deltas against a judgement of everything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "hub/judge_inside.h"
#include "hub/sample.h"

enum { COMPONENTS = 60, IMAGES = 25, ROUNDS = 12 };

static uint32_t add_component(struct world *w, uint32_t i)
{
	char name[32], version[32], purl[64];
	struct component_row row = {.is_os = i % 2 == 0, .os = i % 2 == 0};
	uint32_t id;
	bool made;

	row.pkg.type = row.is_os ? S("deb") : S("npm");
	row.pkg.name = sample_name(i / 2 % SAMPLE_NAMES, name);
	row.pkg.version =
	    span_of(version, (size_t)snprintf(version, 32, "%u.0", i / 2 / SAMPLE_NAMES));
	row.purl = span_of(purl, (size_t)snprintf(purl, 64, "pkg:%s/%s@%s",
						  row.is_os ? "deb" : "npm", name, version));
	assert_int_equal(world_component(w, &row, &id, &made), RMG_OK);
	return id;
}

static void add_image(struct world *w, uint32_t i, uint32_t *random)
{
	char digest[80];
	struct image_row row = {.read_ms = 1, .os = 1, .complete = true};
	uint32_t components[COMPONENTS], id;
	size_t n = 0;

	row.digest = span_of(digest, (size_t)snprintf(digest, 80, "sha256:%064u", i));
	for (uint32_t c = 1; c <= COMPONENTS; c++)
		if (sample_random(random, 4) == 0)
			components[n++] = c;
	assert_int_equal(world_image_add(w, &row, &id), RMG_OK);
	assert_int_equal(world_image_read(w, id, &row, components, n), RMG_OK);
}

static struct world *world_made(uint32_t images, bool tidy_before_last)
{
	struct os debian = {.id = S("debian"), .version_id = S("12")};
	uint32_t random = 7, id;
	struct world *w;
	bool made;

	assert_int_equal(world_new(&w), RMG_OK);
	assert_int_equal(world_os(w, &debian, &id, &made), RMG_OK);
	for (uint32_t i = 0; i < COMPONENTS; i++)
		assert_int_equal(add_component(w, i), i + 1);
	for (uint32_t i = 0; i < images; i++) {
		if (tidy_before_last && i + 3 == images)
			world_index_tidy(w);
		add_image(w, i, &random);
	}
	return w;
}

static void same_finding(const struct world_finding *a, const struct world_finding *b)
{
	assert_int_equal(a->severity, b->severity);
	assert_int_equal(a->status, b->status);
	assert_int_equal(a->kev, b->kev);
	assert_int_equal(a->fixable, b->fixable);
	assert_int_equal(a->epss_permille, b->epss_permille);
}

/* Advisories have other numbers in the two. */
static void same_component(const struct world *a, const struct world *b, uint32_t c)
{
	const struct world_component *x = &a->components.v[c], *y = &b->components.v[c];

	assert_int_equal(x->n_findings, y->n_findings);
	for (uint32_t i = 0; i < x->n_findings; i++) {
		uint32_t advisory =
		    world_advisory_of(b, a->advisories.v[x->findings[i].advisory].id);
		bool found = false;

		for (uint32_t k = 0; k < y->n_findings; k++) {
			if (y->findings[k].advisory != advisory)
				continue;
			same_finding(&x->findings[i], &y->findings[k]);
			found = true;
		}
		assert_true(found);
	}
}

static void same_advisory(const struct world *a, const struct world *b, uint32_t advisory)
{
	uint32_t other = world_advisory_of(b, a->advisories.v[advisory].id);
	const struct world_advisory *x = &a->advisories.v[advisory], *y = &b->advisories.v[other];

	assert_int_equal(x->n, other ? y->n : 0);
	if (x->n)
		assert_memory_equal(x->components, y->components, x->n * sizeof *x->components);
}

static void same_world(const struct world *a, const struct world *b)
{
	for (uint32_t c = 1; c < a->components.n; c++)
		same_component(a, b, c);
	for (uint32_t i = 1; i < a->images.n; i++)
		assert_memory_equal(&a->images.v[i].counts, &b->images.v[i].counts,
				    sizeof a->images.v[i].counts);
	for (uint32_t i = 1; i < a->advisories.n; i++)
		same_advisory(a, b, i);
}

/* What listeners were told: per image and advisory the finding. */
struct told {
	const struct world *w;
	bool has[IMAGES + 1][SAMPLE_ADVISORIES];
	struct world_finding is[IMAGES + 1][SAMPLE_ADVISORIES];
	uint32_t last_image;
};

static uint32_t number_of(const struct world *w, uint32_t advisory)
{
	uint64_t n;

	assert_true(
	    span_u64(span_from(w->advisories.v[advisory].id, 9), 10, SAMPLE_ADVISORIES, &n));
	return (uint32_t)n;
}

static enum rmg_rc hear(void *user, const struct delta *d)
{
	struct told *t = user;
	uint32_t n = number_of(t->w, d->advisory);

	assert_true(d->image >= t->last_image);
	t->last_image = d->image;
	assert_int_equal(d->was != NULL, t->has[d->image][n]);
	if (d->was)
		assert_int_equal(d->was->severity, t->is[d->image][n].severity);
	assert_int_equal(d->kind == DELTA_APPEARED, d->was == NULL);
	assert_int_equal(d->kind == DELTA_WENT, d->is == NULL);
	t->has[d->image][n] = d->is != NULL;
	if (d->is)
		t->is[d->image][n] = *d->is;
	return RMG_OK;
}

static void check_told(const struct told *t)
{
	for (uint32_t image = 1; image < t->w->images.n; image++) {
		for (uint32_t a = 1; a < t->w->advisories.n; a++) {
			struct world_finding f;
			uint32_t n = number_of(t->w, a);
			bool has = world_finding_of(t->w, image, a, &f);

			assert_int_equal(has, t->has[image][n]);
			if (!has)
				continue;
			assert_int_equal(f.severity, t->is[image][n].severity);
			assert_int_equal(f.kev, t->is[image][n].kev);
			assert_int_equal(f.fixable, t->is[image][n].fixable);
		}
	}
}

static void judge_all(struct world *w, struct advdb *db)
{
	assert_int_equal(judge_components(w, db, NULL, 0, NULL), RMG_OK);
	for (uint32_t i = 1; i < w->images.n; i++)
		assert_int_equal(judge_counts(w, i), RMG_OK);
}

static const uint32_t step_list[] = {100, 500};
static const struct judge_steps steps = {step_list, 2};

/* From one database to the next in parts, as if much had changed. */
static void judge_ahead(struct world *w, struct judgement *j, const struct judge_steps *asked)
{
	bool more = true;

	j->much = 0;
	while (more)
		assert_int_equal(judge_some(w, j, &more, NULL), RMG_OK);
	assert_true(judge_is_much(j));
	for (more = true; more;)
		assert_int_equal(judge_number(w, j, &more, NULL), RMG_OK);
	for (more = true; more;)
		assert_int_equal(judge_look(w, j, *asked, &more, NULL), RMG_OK);
}

/* An image is read again, with what another has, and is judged by what is known before. */
static void read_other(struct world *w, uint32_t image, uint32_t like)
{
	const struct world_image *i = &w->images.v[image], *from = &w->images.v[like];
	struct image_row row = {
	    .digest = i->digest, .read_ms = i->read_ms + 1, .os = 1, .complete = true};
	uint32_t components[COMPONENTS], n = from->n_components;

	memcpy(components, from->components, n * sizeof *components);
	assert_int_equal(world_image_read(w, image, &row, components, n), RMG_OK);
	assert_int_equal(judge_counts(w, image), RMG_OK);
}

static void judge_parts(struct world *w, struct advdb *older, struct advdb *newer, struct told *t,
			uint32_t *random)
{
	struct judge_steps other = {step_list, 1};
	struct judgement *j;

	assert_int_equal(judge_begin(w, older, newer, &j, NULL), RMG_OK);
	judge_ahead(w, j, sample_random(random, 4) ? &steps : &other);
	assert_int_equal(judge_end(w, j, steps, hear, t, NULL, NULL), RMG_OK);
	judge_free(j);
}

static void judge_whole(struct world *w, struct advdb *older, struct advdb *newer, struct told *t)
{
	struct judge_figures figures;

	assert_int_equal(judge_database(w, older, newer, steps, hear, t, &figures, NULL), RMG_OK);
}

static void history(uint32_t seed)
{
	struct world *w = world_made(IMAGES, seed % 2);
	struct sample_said said[SAMPLE_ADVISORIES] = {0};
	struct told told = {.w = w};
	struct sample_db older = {0}, newer;
	uint32_t random = seed;

	sample_say(said, &random, SAMPLE_ADVISORIES);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		struct world *fresh = world_made(IMAGES, true);
		struct advdb *was = older.b ? &older.db : NULL;

		sample_db(&newer, said);
		told.last_image = 0;
		if (sample_random(&random, 2))
			judge_whole(w, was, &newer.db, &told);
		else
			judge_parts(w, was, &newer.db, &told, &random);
		judge_all(fresh, &newer.db);
		same_world(w, fresh);
		check_told(&told);
		world_free(fresh);
		advdb_builder_free(older.b);
		older = newer;
		sample_say(said, &random, sample_random(&random, 5));
	}
	advdb_builder_free(older.b);
	world_free(w);
}

static void test_deltas_equal_all(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 40; seed++)
		history(seed);
}

/* A component that comes while a database is being judged is in it when that is done. */
static void test_comes_between(void **state)
{
	struct world *w = world_made(5, true), *fresh = world_made(5, true);
	struct sample_said said[SAMPLE_ADVISORIES] = {0};
	struct judgement *j;
	uint32_t random = 3, seen = 7, c;
	struct sample_db d;
	bool more;

	(void)state;
	sample_say(said, &random, 4 * SAMPLE_ADVISORIES);
	sample_db(&d, said);
	assert_int_equal(judge_begin(w, NULL, &d.db, &j, NULL), RMG_OK);
	c = add_component(w, COMPONENTS + 1);
	add_image(w, 99, &seen);
	assert_int_equal(judge_some(w, j, &more, NULL), RMG_OK);
	assert_false(more);
	assert_int_equal(judge_end(w, j, (struct judge_steps){0}, NULL, NULL, NULL, NULL), RMG_OK);
	judge_free(j);
	assert_int_equal(add_component(fresh, COMPONENTS + 1), c);
	seen = 7;
	add_image(fresh, 99, &seen);
	judge_all(fresh, &d.db);
	same_world(w, fresh);
	world_free(w);
	world_free(fresh);
	advdb_builder_free(d.b);
}

/* Images that come, and that are read again, after they were looked at and before the end. */
static void test_read_between(void **state)
{
	struct world *w = world_made(IMAGES, true), *fresh = world_made(IMAGES, true);
	struct sample_said said[SAMPLE_ADVISORIES] = {0};
	uint32_t random = 11, seen[2] = {5, 5};
	struct sample_db older, newer;
	struct judgement *j;

	(void)state;
	sample_say(said, &random, 4 * SAMPLE_ADVISORIES);
	sample_db(&older, said);
	sample_say(said, &random, SAMPLE_ADVISORIES);
	sample_db(&newer, said);
	judge_all(w, &older.db);
	assert_int_equal(judge_begin(w, &older.db, &newer.db, &j, NULL), RMG_OK);
	judge_ahead(w, j, &steps);
	assert_true(j->looked.n == w->images.n);
	for (uint32_t i = 1; i < 9; i++)
		read_other(w, i, i + 9);
	add_image(w, 99, &seen[0]);
	assert_int_equal(judge_counts(w, (uint32_t)w->images.n - 1), RMG_OK);
	assert_int_equal(judge_end(w, j, steps, NULL, NULL, NULL, NULL), RMG_OK);
	judge_free(j);
	for (uint32_t i = 1; i < 9; i++)
		read_other(fresh, i, i + 9);
	add_image(fresh, 99, &seen[1]);
	judge_all(fresh, &newer.db);
	same_world(w, fresh);
	world_free(w);
	world_free(fresh);
	advdb_builder_free(older.b);
	advdb_builder_free(newer.b);
}

/* An image that is read again is no longer among those that have what it had. */
static bool count_images(void *user, uint32_t image)
{
	uint32_t *n = user;

	assert_true(image > *n / 100);
	*n = *n % 100 + 1 + image * 100;
	return true;
}

static void test_read_again(void **state)
{
	struct image_row row = {.read_ms = 2, .os = 1};
	struct world *w = world_made(IMAGES, false);
	uint32_t before = 0, after = 0, one[] = {5};

	(void)state;
	world_index_tidy(w);
	assert_int_equal(world_images_with(w, one, 1, count_images, &before), RMG_OK);
	assert_true(before % 100 > 0);
	for (uint32_t i = 1; i < w->images.n; i++)
		assert_int_equal(world_image_read(w, i, &row, (uint32_t[]){6, 7}, 2), RMG_OK);
	assert_int_equal(world_images_with(w, one, 1, count_images, &after), RMG_OK);
	assert_int_equal(after, 0);
	one[0] = 7;
	assert_int_equal(world_images_with(w, one, 1, count_images, &after), RMG_OK);
	assert_int_equal(after % 100, IMAGES);
	world_free(w);
}

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Uses of one image by one source come, and go in another order. */
static void run_uses(struct world *w, uint32_t n)
{
	uint32_t image, source, slot;
	bool made;

	image = (uint32_t)w->images.n - 1;
	assert_int_equal(world_source(w, S("node/docker"), &source, &made), RMG_OK);
	for (uint32_t i = 0; i < n; i++) {
		char container[32];
		struct use_row row = {.id = i + 1, .image = image};

		row.container =
		    span_of(container, (size_t)snprintf(container, sizeof container, "c%u", i));
		assert_int_equal(world_use_begin(w, &row, source, &slot), RMG_OK);
	}
	for (uint32_t i = 0; i < n; i++) {
		char container[32];
		int len = snprintf(container, sizeof container, "c%u", i / 2 + i % 2 * (n / 2));

		slot = world_use_of(w, source, span_of(container, (size_t)len), false);
		assert_int_not_equal(slot, 0);
		world_use_end(w, slot);
	}
	assert_int_equal(w->n_uses, 0);
	assert_int_equal(w->images.v[image].first_use, 0);
}

/* Images, and uses of one of them, in the time that as many take. */
static double time_world(uint32_t n)
{
	struct world *w = world_made(n, false);
	struct sample_said said[SAMPLE_ADVISORIES] = {0};
	struct sample_db older, newer;
	uint32_t random = 5;
	double since;

	sample_say(said, &random, 2 * SAMPLE_ADVISORIES);
	sample_db(&older, said);
	sample_say(said, &random, 2);
	sample_db(&newer, said);
	judge_all(w, &older.db);
	since = cpu_s();
	assert_int_equal(judge_database(w, &older.db, &newer.db, (struct judge_steps){0}, NULL,
					NULL, NULL, NULL),
			 RMG_OK);
	run_uses(w, n);
	since = cpu_s() - since;
	advdb_builder_free(older.b);
	advdb_builder_free(newer.b);
	world_free(w);
	return since;
}

static void test_doubling(void **state)
{
	double one = time_world(5000), two = time_world(10000), four = time_world(20000);

	(void)state;
	assert_true(two < one * 6 + 0.02);
	assert_true(four < one * 16 + 0.02);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_deltas_equal_all), cmocka_unit_test(test_comes_between),
	    cmocka_unit_test(test_read_between),     cmocka_unit_test(test_read_again),
	    cmocka_unit_test(test_doubling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
