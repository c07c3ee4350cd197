/* SPDX-License-Identifier: Apache-2.0 */
/* hub IMAGES CONTAINERS PACKAGES COMPONENTS - a hub's world in memory, made up: so many images of
 * so many packages each, of so many distinct components, shared as images share (a few bases,
 * popular packages first), and containers that run them. Prints "NAME VALUE" lines: what starting
 * costs (index, judgement of all), what one new advisory costs until the exact list of containers
 * stands, what a day's EPSS costs, and memory. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "base/hash.h"
#include "hub/judge.h"
#include "hub/world_inside.h"
#include "vuln/advdb_build.h"

enum { BASES = 200, NODES = 1000, ADVISORIES_A_NAME = 4, VERSIONS = 5, RUNS = 9 };

struct zipf {
	double *until;
	uint32_t n;
};

struct sizes {
	uint32_t images, containers, packages, components;
};

struct list {
	const struct world *w;
	size_t images, containers;
	uint64_t check; /* so that nothing of the list is left out by the compiler */
};

static uint64_t seed = 42;

static void must(enum rmg_rc rc)
{
	if (rc == RMG_OK)
		return;
	fprintf(stderr, "hub: failure %d\n", rc);
	exit(1);
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double rss_mib(void)
{
	unsigned long pages = 0, all;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f) {
		if (fscanf(f, "%lu %lu", &all, &pages) != 2)
			pages = 0;
		fclose(f);
	}
	return (double)pages * 4096 / 1048576;
}

static double unit(void)
{
	seed += UINT64_C(0x9e3779b97f4a7c15);
	return (double)(hash_mix(seed) >> 11) / 9007199254740992.0;
}

static struct zipf zipf_of(uint32_t n, double s)
{
	struct zipf z = {calloc(n, sizeof *z.until), n};
	double sum = 0;

	if (z.until == NULL)
		must(RMG_E_NOMEM);
	for (uint32_t i = 0; i < n; i++)
		z.until[i] = sum += 1 / pow(i + 1, s);
	for (uint32_t i = 0; i < n; i++)
		z.until[i] /= sum;
	return z;
}

static uint32_t zipf_next(const struct zipf *z)
{
	double u = unit();
	uint32_t low = 0, high = z->n - 1;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (z->until[mid] < u)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Database: each name has some advisories; the newer one has one more, on the most popular. */

static void hash32(struct span bytes, uint8_t out[32])
{
	uint64_t hash = hash_span(bytes);

	for (size_t i = 0; i < 32; i++)
		out[i] = (uint8_t)(hash >> i % 8 * 8);
}

static void add_advisory(struct advdb_builder *b, uint32_t source, uint32_t name, uint32_t nth,
			 double epss)
{
	char id[32], package[32], fixed[32];
	struct adv_card card = {.severity = (enum adv_severity)(2 + (name + nth) % 4),
				.source = source};
	struct adv_event events[] = {{EV_INTRODUCED, S("0")}, {EV_FIXED, {0}}};
	struct adv_rule rule = {.source = source, .n_events = 2};

	snprintf(id, sizeof id, "CVE-2026-%07u", name * 10 + nth);
	snprintf(package, sizeof package, "lib-package-%u", name);
	snprintf(fixed, sizeof fixed, "1.%u.0", nth + 1);
	card.id = card.canonical = span_cstr(id);
	card.severity_from = S("ghsa");
	events[1].version = span_cstr(fixed);
	rule.card = advdb_add_card(b, &card, NULL, NULL, NULL);
	advdb_add_rule(b, name % 2 ? S("npm") : S("Debian:12"), span_cstr(package), &rule, events,
		       NULL);
	advdb_add_epss(b, card.id, epss, 0.5);
}

static struct advdb database(uint32_t names, bool more, double epss)
{
	struct adv_source osv = {.name = S("osv")};
	struct advdb_builder *b;
	struct advdb db;
	struct span bytes;
	uint32_t source;

	must(advdb_builder_new(&b));
	source = advdb_add_source(b, &osv);
	for (uint32_t i = 0; i < names; i += 2 + i % 3)
		for (uint32_t k = 0; k < ADVISORIES_A_NAME; k++)
			add_advisory(b, source, i, k, epss + 0.001 * k);
	if (more)
		add_advisory(b, source, 2, 9, 0.9);
	must(advdb_builder_done(b, S("2026-11-24T00:00:00Z"), hash32, &bytes, NULL, NULL));
	must(advdb_of(bytes, &db, NULL));
	return db; /* the builder owns the bytes and lives as long as the program */
}

/* World. */

static void add_components(struct world *w, uint32_t n)
{
	struct os debian = {.id = S("debian"), .version_id = S("12")};
	uint32_t os, id;
	bool made;

	must(world_os(w, &debian, &os, &made));
	for (uint32_t i = 0; i < n; i++) {
		char name[32], version[32], purl[160];
		bool is_os = i / VERSIONS % 2 == 0;
		struct component_row row = {.is_os = is_os, .os = is_os ? os : 0};

		snprintf(name, sizeof name, "lib-package-%u", i / VERSIONS);
		snprintf(version, sizeof version, "1.%u.%u", i % VERSIONS, i % 7);
		snprintf(purl, sizeof purl, "pkg:%s/%s@%s%s", is_os ? "deb/debian" : "npm", name,
			 version, is_os ? "?arch=amd64&distro=debian-12" : "");
		row.pkg = (struct pkg){.type = is_os ? S("deb") : S("npm"),
				       .name = span_cstr(name),
				       .version = span_cstr(version),
				       .arch = is_os ? S("amd64") : S("")};
		row.purl = span_cstr(purl);
		row.cataloger = is_os ? S("dpkg") : S("node");
		must(world_component(w, &row, &id, &made));
	}
}

static int id_cmp(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Half of an image is its base's; the popular ones of all components come first. */
static void add_image(struct world *w, const struct sizes *s, const struct zipf *bases,
		      const struct zipf *packages, uint32_t *ids)
{
	uint32_t base = zipf_next(bases), image, kept = 0, half = s->packages / 2;
	char digest[80], ref[64];
	struct image_row row = {.os = 1, .seen_ms = 1, .read_ms = 1, .complete = true};
	bool made;

	for (uint32_t k = 0; k < half; k++)
		ids[k] = (uint32_t)(hash_mix(base * UINT64_C(1000) + k) % (s->components / 20)) + 1;
	for (uint32_t k = half; k < s->packages; k++)
		ids[k] = zipf_next(packages) + 1;
	qsort(ids, s->packages, sizeof *ids, id_cmp);
	for (uint32_t k = 0; k < s->packages; k++)
		if (kept == 0 || ids[kept - 1] != ids[k])
			ids[kept++] = ids[k];
	snprintf(digest, sizeof digest, "sha256:%064zx", w->images.n);
	snprintf(ref, sizeof ref, "registry.example/team/app-%zu:1.9", w->images.n);
	row.digest = span_cstr(digest);
	row.ref = span_cstr(ref);
	must(world_image_add(w, &row, &image));
	must(world_image_read(w, image, &row, ids, kept));
	for (unsigned i = 0; i < 3; i++) {
		snprintf(digest, sizeof digest, "sha256:%u%063x", i + 1, image);
		must(world_alias(w, span_cstr(i ? digest : ref), image, &made));
	}
}

static void add_images(struct world *w, const struct sizes *s)
{
	struct zipf bases = zipf_of(BASES, 1.0), packages = zipf_of(s->components, 0.8);
	uint32_t *ids = calloc(s->packages, sizeof *ids);

	if (ids == NULL)
		must(RMG_E_NOMEM);
	w->index->loading = true;
	for (uint32_t i = 0; i < s->images; i++)
		add_image(w, s, &bases, &packages, ids);
	w->index->loading = false;
	free(ids);
	free(bases.until);
	free(packages.until);
}

/* Four containers a workload, each on its node. */
static void add_use(struct world *w, const struct zipf *images, uint32_t i)
{
	char container[80], name[80], ref[64], node[32], ns[32], source[64], workload[64];
	struct place at = {S("cluster"), {0}, {0}}, of = at;
	struct use_row row = {.id = i + 1, .image = zipf_next(images) + 1, .began_ms = i};
	uint32_t from, slot, place;
	bool made;

	snprintf(container, sizeof container, "%016llx%048u", (unsigned long long)hash_mix(i), i);
	snprintf(name, sizeof name, "app-%u-7d9f8b6c5d-x%04u", i / 4, i % 10000);
	snprintf(ref, sizeof ref, "registry.example/team/app-%u:1.9", row.image);
	snprintf(node, sizeof node, "node-%u", i % NODES);
	snprintf(ns, sizeof ns, "team-%u", i / 4 % 100);
	snprintf(source, sizeof source, "node-%u/containerd", i % NODES);
	snprintf(workload, sizeof workload, "app-%u", i / 4);
	at.node = span_cstr(node);
	at.ns = of.ns = span_cstr(ns);
	must(world_source(w, span_cstr(source), &from, &made));
	must(world_place(w, &at, &row.place, &made));
	must(world_place(w, &of, &place, &made));
	must(world_workload(w, place, S("Deployment"), span_cstr(workload), &row.workload, &made));
	row.container = span_cstr(container);
	row.name = span_cstr(name);
	row.ref = span_cstr(ref);
	row.runtime = S("containerd");
	row.source = span_cstr(source);
	must(world_use_begin(w, &row, from, &slot));
}

/* Measuring. */

static enum rmg_rc list_image(void *user, const struct delta *d)
{
	struct list *l = user;
	const struct world *w = l->w;
	char buf[WORLD_CONTAINER];

	l->images++;
	for (uint32_t slot = w->images.v[d->image].first_use; slot; slot = w->uses.v[slot].next) {
		const struct world_use *u = &w->uses.v[slot];

		l->containers++;
		l->check += hash_span(world_use_container(u, buf)) ^ u->place;
	}
	return RMG_OK;
}

static void judge_all(struct world *w, struct advdb *db)
{
	double since = now_ms();

	must(judge_components(w, db, NULL, 0, NULL));
	printf("judge_ms %.0f\n", now_ms() - since);
	since = now_ms();
	for (uint32_t i = 1; i < w->images.n; i++)
		must(judge_counts(w, i));
	printf("counts_ms %.0f\n", now_ms() - since);
}

static int by_time(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* There and back, so that each run finds what the first one found. */
static void disclose(struct world *w, struct advdb *older, struct advdb *newer)
{
	double judged[RUNS], listed[RUNS];
	struct list list = {0};

	for (unsigned i = 0; i < RUNS; i++) {
		double since = now_ms();

		must(judge_database(w, older, newer, (struct judge_steps){0}, NULL, NULL, NULL,
				    NULL));
		judged[i] = now_ms() - since;
		must(judge_database(w, newer, older, (struct judge_steps){0}, NULL, NULL, NULL,
				    NULL));
		list = (struct list){.w = w};
		since = now_ms();
		must(judge_database(w, older, newer, (struct judge_steps){0}, list_image, &list,
				    NULL, NULL));
		listed[i] = now_ms() - since;
		must(judge_database(w, newer, older, (struct judge_steps){0}, NULL, NULL, NULL,
				    NULL));
	}
	qsort(judged, RUNS, sizeof *judged, by_time);
	qsort(listed, RUNS, sizeof *listed, by_time);
	printf("disclosure_ms %.2f\nlisted_ms %.2f\nimages_hit %zu\ncontainers_hit %zu\n",
	       judged[RUNS / 2], listed[RUNS / 2], list.images, list.containers);
}

/* The longest of the parts in which a day's EPSS is taken in is what others wait for. */
static double longest(double *since, double most)
{
	double took = now_ms() - *since;

	*since += took;
	return took > most ? took : most;
}

static void score(struct world *w, struct advdb *older, struct advdb *newer)
{
	double begun = now_ms(), since = begun, most = 0;
	struct judge_steps steps = {0};
	struct judgement *j;
	bool more = true;

	must(judge_begin(w, older, newer, &j, NULL));
	for (most = longest(&since, most); more; most = longest(&since, most))
		must(judge_some(w, j, &more, NULL));
	for (more = judge_is_much(j); more; most = longest(&since, most))
		must(judge_number(w, j, &more, NULL));
	for (more = judge_is_much(j); more; most = longest(&since, most))
		must(judge_look(w, j, steps, &more, NULL));
	must(judge_end(w, j, steps, NULL, NULL, NULL, NULL));
	printf("epss_end_ms %.2f\n", now_ms() - since);
	most = longest(&since, most);
	judge_free(j);
	printf("epss_ms %.0f\nepss_held_ms %.2f\n", now_ms() - begun, most);
}

static void run(const struct sizes *s)
{
	uint32_t names = s->components / VERSIONS;
	struct advdb older = database(names, false, 0.01), newer = database(names, true, 0.01);
	struct advdb scored = database(names, false, 0.02);
	struct zipf images = zipf_of(s->images, 0.9);
	double before = rss_mib(), since;
	struct world *w;

	must(world_new(&w));
	add_components(w, s->components);
	add_images(w, s);
	for (uint32_t i = 0; i < s->containers; i++)
		add_use(w, &images, i);
	printf("pairs %zu\n", w->n_pairs);
	since = now_ms();
	world_index_tidy(w);
	printf("index_ms %.0f\n", now_ms() - since);
	judge_all(w, &older);
	printf("memory_mib %.0f\n", rss_mib() - before);
	disclose(w, &older, &newer);
	score(w, &older, &scored);
	printf("advisories %zu\n", w->advisories.n);
	printf("memory_after_mib %.0f\n", rss_mib() - before);
	free(images.until);
	world_free(w);
}

int main(int argc, char **argv)
{
	uint64_t n[4] = {5000, 100000, 400, 200000};
	struct sizes s;

	for (int i = 1; i < argc && i <= 4; i++)
		if (!span_u64(span_cstr(argv[i]), 10, UINT32_MAX, &n[i - 1]) || n[i - 1] == 0)
			return 2;
	s = (struct sizes){(uint32_t)n[0], (uint32_t)n[1], (uint32_t)n[2], (uint32_t)n[3]};
	run(&s);
	return 0;
}
