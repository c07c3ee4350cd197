/* SPDX-License-Identifier: Apache-2.0 */
/* hub_fixture.h - for the tests of src/hub that need a whole hub: one on an empty store with a
 * clock of its own, and short ways to tell it things. PostgreSQL takes part where
 * RUMMAGE_TEST_POSTGRESQL names a database that may be emptied. */
#ifndef TESTS_HUB_FIXTURE_H
#define TESTS_HUB_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "hub/alerts.h"
#include "hub/hub.h"
#include "hub/sample.h"
#include "store/backend.h"

struct fixture {
	char folder[64], url[512];
	int64_t now_ms;
	struct hub *h;
	uint64_t seq, seqs[3];
	struct sample_said said[SAMPLE_ADVISORIES];
	struct sample_db db, second_db;
};

UNUSED static int64_t clock_of(void *user)
{
	return ((struct fixture *)user)->now_ms;
}

UNUSED static struct hub *open_hub(struct fixture *f)
{
	struct hub_opts opts = {.store = f->url, .now_ms = clock_of, .user = f};
	struct rmg_err err;
	struct hub *h;

	if (hub_open(&opts, &h, &err) != RMG_OK)
		fail_msg("%s", err.msg);
	return h;
}

/* PostgreSQL lets go of what a closed connection led when its server's process has ended. */
UNUSED static bool leads_soon(struct hub *h)
{
	bool leads = false;

	for (int i = 0; i < 1000 && !leads; i++) {
		assert_int_equal(hub_turn(h, &leads, NULL), RMG_OK);
		if (!leads)
			(void)usleep(10000);
	}
	return leads;
}

UNUSED static int begin(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	(void)snprintf(f->folder, sizeof f->folder, "/tmp/hub_test.XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	(void)snprintf(f->url, sizeof f->url, "sqlite:%s/hub.db", f->folder);
	f->now_ms = INT64_C(1795000000000);
	f->h = open_hub(f);
	*state = f;
	return 0;
}

/* The same on a database that may be emptied. */
UNUSED static int begin_pg(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct store *st;

	assert_non_null(f);
	(void)snprintf(f->url, sizeof f->url, "%s", getenv("RUMMAGE_TEST_POSTGRESQL"));
	assert_int_equal(store_open(f->url, &st, NULL), RMG_OK);
	assert_int_equal(st->backend->exec(st, "DROP SCHEMA public CASCADE", NULL), RMG_OK);
	assert_int_equal(st->backend->exec(st, "CREATE SCHEMA public", NULL), RMG_OK);
	store_close(st);
	f->now_ms = INT64_C(1795000000000);
	f->h = open_hub(f);
	assert_true(leads_soon(f->h));
	*state = f;
	return 0;
}

UNUSED static int end(void **state)
{
	static const char *const names[] = {"hub.db",      "hub.db-wal",  "hub.db-shm",
					    "hub.db.lead", "hub.db-lead", "hub.db.lock"};
	struct fixture *f = *state;
	char path[128];

	hub_close(f->h);
	advdb_builder_free(f->db.b);
	advdb_builder_free(f->second_db.b);
	for (size_t i = 0; f->folder[0] && i < COUNT_OF(names); i++) {
		(void)snprintf(path, sizeof path, "%s/%s", f->folder, names[i]);
		(void)unlink(path);
	}
	if (f->folder[0])
		(void)rmdir(f->folder);
	free(f);
	return 0;
}

/* Events. */

UNUSED static struct event said(struct fixture *f, enum event_type type)
{
	return (struct event){
	    .type = type,
	    .source = S("a/docker"),
	    .epoch = 1,
	    .seq = ++f->seq,
	    .at_ms = f->now_ms,
	    .place = {S("c1"), S("a"), S("")},
	    .runtime = S("docker"),
	};
}

UNUSED static struct hub_result apply(struct hub *h, const struct event *e)
{
	struct hub_result r;
	struct rmg_err err;

	if (hub_apply(h, e, 1, &r, &err) != RMG_OK)
		fail_msg("%s", err.msg);
	return r;
}

UNUSED static struct hub_result use_began(struct fixture *f, const char *container,
					  const char *digest)
{
	struct event e = said(f, EVENT_USE_BEGAN);

	e.container = span_cstr(container);
	e.image.ref = S("app:1");
	if (digest)
		e.image.digests[e.image.n_digests++] = span_cstr(digest);
	return apply(f->h, &e);
}

UNUSED static struct hub_result use_ended(struct fixture *f, const char *container)
{
	struct event e = said(f, EVENT_USE_ENDED);

	e.container = span_cstr(container);
	return apply(f->h, &e);
}

UNUSED static struct hub_result plain(struct fixture *f, enum event_type type)
{
	struct event e = said(f, type);

	return apply(f->h, &e);
}

/* Under the read lock, to be given back. */
UNUSED static const struct world *world_of(struct hub *h)
{
	const struct world *w = NULL;

	assert_int_equal(hub_read_lock(h, &w, NULL, NULL), RMG_OK);
	return w;
}

UNUSED static size_t uses(struct hub *h)
{
	size_t n = world_of(h)->n_uses;

	hub_read_unlock(h);
	return n;
}

/* An image with packages: bit i of has is the i-th of 24, two versions of each name. */
UNUSED static void put_image(struct hub *h, const char *config, const char *manifest,
			     const char *index, uint32_t has, const char *ref)
{
	struct component components[24];
	char names[24][32], versions[24][8], purls[24][64];
	struct inventory inv = {.complete = true, .os = {.id = S("debian"), .version_id = S("12")}};
	struct hub_reading r = {.inventory = &inv, .read_by = S("test"), .taken_ms = 5};
	struct rmg_err err;

	inv.config_digest = span_cstr(config);
	inv.manifest_digest = span_cstr(manifest);
	inv.index_digest = span_cstr(index);
	r.ref = span_cstr(ref);
	for (uint32_t i = 0; i < 24; i++) {
		struct component *c = &components[inv.n_components];

		if (!(has >> i & 1))
			continue;
		*c = (struct component){.is_os = i % 2 == 0};
		c->pkg.type = c->is_os ? S("deb") : S("npm");
		c->pkg.name = sample_name(i % SAMPLE_NAMES, names[i]);
		c->pkg.version =
		    span_of(versions[i], (size_t)snprintf(versions[i], 8, "%u.0", 1 + i / 6));
		c->purl = span_of(purls[i], (size_t)snprintf(purls[i], 64, "pkg:%s/%s@%s",
							     c->is_os ? "deb" : "npm", names[i],
							     versions[i]));
		inv.n_components++;
	}
	inv.components = components;
	if (hub_image_put(h, &r, NULL, &err) != RMG_OK)
		fail_msg("%s", err.msg);
}

UNUSED static void set_db(struct fixture *f, struct hub *h, struct sample_db *out,
			  struct hub_database_result *result)
{
	struct hub_database d = {0};
	struct rmg_err err;

	sample_db(out, f->said);
	d.db = out->db;
	if (hub_database_set(h, &d, result, &err) != RMG_OK)
		fail_msg("%s", err.msg);
}

/* A digest of one hexadecimal digit. */
#define DIGEST(c)                                                                                  \
	"sha256:" c c c c c c c c "0000000000000000000000000000000000000000000000000000000" c

UNUSED static void random_database(struct fixture *f, struct hub *second, uint32_t *random)
{
	struct sample_db next = {0}, same = {0};

	sample_say(f->said, random, f->db.b ? 1 + sample_random(random, 4) : 2 * SAMPLE_ADVISORIES);
	set_db(f, f->h, &next, NULL);
	if (second)
		set_db(f, second, &same, NULL);
	advdb_builder_free(f->db.b);
	advdb_builder_free(f->second_db.b);
	f->db = next;
	f->second_db = same;
}

#endif
