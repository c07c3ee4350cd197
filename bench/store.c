/* SPDX-License-Identifier: Apache-2.0 */
/* store URL [COMPONENTS IMAGES USES] - rows a second into an empty store, and how long a hub that
 * starts reads all of them. Prints "NAME MILLISECONDS ms ROWS rows/s" lines. An event is a use, its
 * source's position and a row of the stream, a hundred to a commit. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "store/rows.h"

enum { EVENTS = 20000, BATCH = 100, PUT_AT_ONCE = 10000, PACKED_BYTES = 1200, SETS = 200 };

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void say(const char *name, size_t n, double since)
{
	double ms = now_ms() - since;

	printf("%s %.0f ms %.0f rows/s\n", name, ms, (double)n / ms * 1e3);
	fflush(stdout);
}

typedef enum rmg_rc put_fn(struct store *st, uint32_t id, struct rmg_err *err);

static enum rmg_rc put_component(struct store *st, uint32_t id, struct rmg_err *err)
{
	char name[64], version[64], purl[200];
	struct component_row row = {.id = id, .os = id % 5 + 1, .is_os = id % 3 == 0};

	snprintf(name, sizeof name, "lib-package-%u", id / 40);
	snprintf(version, sizeof version, "%u.%u.%u-1+deb12u%u", id % 7, id % 40, id % 11, id % 4);
	snprintf(purl, sizeof purl, "pkg:deb/debian/%s@%s?arch=amd64&distro=debian-12", name,
		 version);
	row.pkg = (struct pkg){.type = S("deb"),
			       .name = span_cstr(name),
			       .version = span_cstr(version),
			       .arch = S("amd64"),
			       .license = S("GPL-2.0-or-later AND MIT"),
			       .vendor = S("Debian Maintainers <maintainers@example.org>")};
	row.purl = span_cstr(purl);
	row.cataloger = S("dpkg");
	return store_component_put(st, &row, err);
}

static enum rmg_rc put_image(struct store *st, uint32_t id, struct rmg_err *err)
{
	static uint8_t packed[PACKED_BYTES];
	char digest[80], ref[80];
	struct image_row row = {.id = id, .os = 1, .seen_ms = 1, .read_ms = 2, .complete = true};

	snprintf(digest, sizeof digest, "sha256:%064x", id);
	snprintf(ref, sizeof ref, "registry.example/team-%u/app-%u:1.%u", id % 50, id % 500, id);
	row.digest = span_cstr(digest);
	row.ref = span_cstr(ref);
	row.platform = S("linux/amd64");
	row.read_by = S("node-a/docker");
	row.components = span_of(packed, sizeof packed);
	row.about = S("{\"layers\":[],\"labels\":{},\"notes\":[]}");
	return store_image_put(st, &row, err);
}

static enum rmg_rc put_use(struct store *st, uint32_t id, struct rmg_err *err)
{
	char container[80], digest[80];
	struct use_row row = {.id = id, .image = id % 5000 + 1, .workload = id % 20000 + 1};

	snprintf(container, sizeof container, "%064x", id);
	snprintf(digest, sizeof digest, "sha256:%064x", id % 5000);
	row.place = id % 1000 + 1;
	row.container = span_cstr(container);
	row.name = S("web-7c9d8b5f4-x2x9z");
	row.runtime = S("containerd");
	row.ref = S("registry.example/team/app:1.9");
	row.source = S("node-a/containerd");
	row.digests = span_cstr(digest);
	row.began_ms = id;
	return store_use_put(st, &row, err);
}

/* An event as the hub takes it: the use, the source's position, a row of the stream. */
static enum rmg_rc put_event(struct store *st, uint32_t id, struct rmg_err *err)
{
	struct source_row source = {.source = S("node-a/containerd"), .epoch = 1, .seq = id};
	struct stream_row stream = {.at_ms = id, .kind = S("event")};
	enum rmg_rc rc = put_use(st, 10000000 + id, err);

	stream.body = S("{\"type\":\"use.began\",\"workload\":\"web\",\"container\":\"c\"}");
	if (rc == RMG_OK)
		rc = store_source_put(st, &source, err);
	if (rc == RMG_OK)
		rc = store_stream_add(st, &stream, err);
	return rc;
}

/* Images of ten layers out of SETS, each of a hundred executables. */
static enum rmg_rc put_executables(struct store *st, uint32_t id, struct rmg_err *err)
{
	static struct executable e[1000];
	static char paths[1000][32];

	for (uint32_t i = 0; i < COUNT_OF(e); i++) {
		uint32_t set = (id * 7 + i / 100 * 13) % SETS, n = set * 100 + i % 100;

		snprintf(paths[i], sizeof paths[i], "usr/bin/l%02u-%06u", i / 100, n);
		e[i] = (struct executable){.path = span_cstr(paths[i]), .layer = i / 100};
		memcpy(e[i].sha256, &n, sizeof n);
	}
	return store_executables_put(st, id, e, COUNT_OF(e), err);
}

static enum rmg_rc put_all(struct store *st, const char *name, put_fn *put, uint32_t n,
			   uint32_t at_once, struct rmg_err *err)
{
	double start = now_ms();
	enum rmg_rc rc = RMG_OK;

	for (uint32_t id = 1; id <= n && rc == RMG_OK; id++) {
		if ((id - 1) % at_once == 0)
			rc = store_begin(st, err);
		if (rc == RMG_OK)
			rc = put(st, id, err);
		if (rc == RMG_OK && (id % at_once == 0 || id == n))
			rc = store_commit(st, err);
	}
	if (rc == RMG_OK)
		say(name, n, start);
	return rc;
}

static size_t rows, bytes;

static enum rmg_rc on_component(void *user, const struct component_row *row)
{
	(void)user;
	rows++;
	bytes += row->purl.n;
	return RMG_OK;
}

static enum rmg_rc on_image(void *user, const struct image_row *row)
{
	(void)user;
	rows++;
	bytes += row->components.n;
	return RMG_OK;
}

static enum rmg_rc on_use(void *user, const struct use_row *row)
{
	(void)user;
	rows++;
	bytes += row->container.n;
	return RMG_OK;
}

static enum rmg_rc on_executable(void *user, const struct executable_row *row)
{
	(void)user;
	rows++;
	bytes += row->executable->path.n;
	return RMG_OK;
}

static enum rmg_rc load(struct store *st, struct rmg_err *err)
{
	static const uint8_t sha256[32] = {1};
	double start = now_ms();
	enum rmg_rc rc = store_component_each(st, on_component, NULL, err);

	say("load-components", rows, start);
	rows = 0;
	start = now_ms();
	if (rc == RMG_OK)
		rc = store_image_each(st, on_image, NULL, err);
	say("load-images", rows, start);
	rows = 0;
	start = now_ms();
	if (rc == RMG_OK)
		rc = store_use_open_each(st, on_use, NULL, err);
	say("load-uses", rows, start);
	rows = 0;
	start = now_ms();
	if (rc == RMG_OK)
		rc = store_executables_by_sha256(st, sha256, on_executable, NULL, err);
	say("executables-by-hash", rows, start);
	return rc;
}

int main(int argc, char **argv)
{
	uint32_t n[3] = {500000, 50000, 1000000};
	struct rmg_err err = {0};
	struct store *st = NULL;
	struct rusage usage;
	uint64_t size = 0;
	enum rmg_rc rc;

	for (int i = 2; i < argc && i < 5; i++)
		n[i - 2] = (uint32_t)strtoul(argv[i], NULL, 10);
	if (argc < 2 || (rc = store_open(argv[1], &st, &err)) != RMG_OK) {
		fprintf(stderr, "store: %s\n", argc < 2 ? "usage: store URL" : err.msg);
		return 1;
	}
	rc = put_all(st, "put-components", put_component, n[0], PUT_AT_ONCE, &err);
	if (rc == RMG_OK)
		rc = put_all(st, "put-images", put_image, n[1], PUT_AT_ONCE, &err);
	if (rc == RMG_OK)
		rc = put_all(st, "put-uses", put_use, n[2], PUT_AT_ONCE, &err);
	if (rc == RMG_OK)
		rc = put_all(st, "events", put_event, EVENTS, BATCH, &err);
	if (rc == RMG_OK)
		rc = put_all(st, "events-alone", put_event, EVENTS / 20, 1, &err);
	if (rc == RMG_OK)
		rc = put_all(st, "put-executables", put_executables, n[1] / 50, 10, &err);
	for (int i = 0; i < 2 && rc == RMG_OK; i++)
		rc = load(st, &err);
	if (rc == RMG_OK)
		rc = store_size(st, &size, &err);
	getrusage(RUSAGE_SELF, &usage);
	printf("size %" PRIu64 " MiB peak %ld MiB\n", size >> 20, usage.ru_maxrss >> 10);
	store_close(st);
	if (rc != RMG_OK)
		fprintf(stderr, "store: %s\n", err.msg);
	return rc != RMG_OK;
}
