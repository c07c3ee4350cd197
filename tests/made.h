/* SPDX-License-Identifier: Apache-2.0 */
/* made.h - for tests: a store in a folder of its own, a world, a database and alerts, made by hand.
 *
 * All that is made goes into the world as hub.c would put it; each made_... that changes something
 * is one transaction. Components are Debian packages of version 1.0; an advisory names a package.
 */
#ifndef TESTS_MADE_H
#define TESTS_MADE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "alert/message.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/rfc3339.h"
#include "base/strbuf.h"
#include "hub/alerts.h"
#include "hub/lineage.h"
#include "vuln/advdb_build.h"

enum { MADE_SAYS = 4096 };

struct made_says { /* what a database says of one advisory */
	const char *id, *package;
	enum adv_severity severity;
	bool kev, fixable;
	uint32_t epss; /* permille */
	const char *published;
};

struct made_db {
	struct advdb_builder *b;
	struct advdb db;
};

struct made {
	char dir[40], url[80];
	struct store *st;
	struct world *w;
	struct alerts *a;
	struct policy *policy;
	struct alerts_env env;
	struct made_db *db;
	uint32_t source, os, last_container;
	struct rmg_err err;
	/* What the sink "one" was sent since made_sent() was last called. */
	VEC(struct message *) sent;
	uint64_t seen;
};

#define MADE_NOW INT64_C(1795478400000) /* 2026-11-24T00:00:00Z */
#define GOOD(m, call)                                                                              \
	do {                                                                                       \
		if ((call) != RMG_OK)                                                              \
			fail_msg("%s: %s", #call, (m)->err.msg);                                   \
	} while (0)

static inline struct span made_span(const char *s)
{
	return span_cstr(s);
}

/* Stands for SHA-256. */
static inline void made_hash(struct span bytes, uint8_t out[32])
{
	uint64_t hash = hash_span(bytes);

	for (size_t i = 0; i < 32; i++)
		out[i] = (uint8_t)(hash >> i % 8 * 8);
}

/* The policy, and alerts as the store has them. */
static inline void made_load(struct made *m)
{
	alerts_free(m->a);
	assert_int_equal(alerts_new(&m->a), RMG_OK);
	GOOD(m, alerts_load(m->a, &m->env, &m->err));
}

static inline void made_begin(struct made *m)
{
	GOOD(m, store_begin(m->st, &m->err));
}

static inline void made_commit(struct made *m)
{
	GOOD(m, alerts_flush(m->a, &m->env, &m->err));
	GOOD(m, store_commit(m->st, &m->err));
}

static inline void made_policy(struct made *m, const char *yaml)
{
	struct policy *was = m->policy;

	if (yaml == NULL)
		assert_int_equal(policy_default(&m->policy), RMG_OK);
	else
		GOOD(m, policy_parse(made_span(yaml), "policy", &m->policy, &m->err));
	m->env.policy = m->policy;
	if (m->a) {
		made_begin(m);
		GOOD(m, alerts_all(m->a, &m->env, &m->err));
		made_commit(m);
	}
	policy_free(was);
}

/* yaml NULL: the default rules, with nothing grouped. */
static inline void made_open(struct made *m, const char *yaml)
{
	static const char *const sinks[] = {"one", "two", NULL};
	const struct os os = {.id = S("debian"), .version_id = S("12")};
	struct strbuf text = strbuf_of(KIB(64));
	bool made;

	*m = (struct made){0};
	strbuf_printf(&text, "group: 0s%s", strchr(policy_default_text, '\n'));
	snprintf(m->dir, sizeof m->dir, "%s/hub_test.XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"); /* no disk to wait for */
	assert_non_null(mkdtemp(m->dir));
	snprintf(m->url, sizeof m->url, "sqlite:%s/s.db", m->dir);
	GOOD(m, store_open(m->url, &m->st, &m->err));
	assert_int_equal(world_new(&m->w), RMG_OK);
	assert_int_equal(world_os(m->w, &os, &m->os, &made), RMG_OK);
	assert_int_equal(world_source(m->w, S("node-a/docker"), &m->source, &made), RMG_OK);
	m->w->sources.v[m->source].heard_ms = MADE_NOW;
	m->env =
	    (struct alerts_env){.world = m->w, .store = m->st, .sinks = sinks, .now_ms = MADE_NOW};
	made_policy(m, yaml ? yaml : strbuf_cstr(&text));
	made_load(m);
	strbuf_done(&text);
}

static inline void made_forget_sent(struct made *m)
{
	VEC_EACH (x, &m->sent)
		message_free(*x);
	m->sent.n = 0;
}

static inline void made_db_free(struct made_db *db)
{
	if (db == NULL)
		return;
	advdb_builder_free(db->b);
	free(db);
}

static inline void made_close(struct made *m)
{
	char command[80];

	made_forget_sent(m);
	VEC_DONE(&m->sent);
	alerts_free(m->a);
	policy_free(m->policy);
	world_free(m->w);
	store_close(m->st);
	made_db_free(m->db);
	snprintf(command, sizeof command, "rm -r '%s'", m->dir);
	assert_int_equal(system(command), 0);
}

/* What there is. */

static inline uint32_t made_place(struct made *m, const char *node, const char *ns)
{
	const struct place p = {S("prod"), made_span(node), made_span(ns)};
	uint32_t id;
	bool made;

	assert_int_equal(world_place(m->w, &p, &id, &made), RMG_OK);
	return id;
}

static inline uint32_t made_component(struct made *m, struct span name)
{
	char purl[200];
	struct component_row row = {.is_os = true,
				    .os = m->os,
				    .pkg = {.type = S("deb"), .name = name, .version = S("1.0")}};
	uint32_t id;
	bool made;

	snprintf(purl, sizeof purl, "pkg:deb/debian/" SPAN_FMT "@1.0?arch=amd64", SPAN_ARG(name));
	row.purl = made_span(purl);
	assert_int_equal(world_component(m->w, &row, &id, &made), RMG_OK);
	return id;
}

static inline int made_cmp(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* packages: "a b c"; NULL: nobody has read it. The digest is made of the reference and packages. */
static inline uint32_t made_image_at(struct made *m, const char *ref, const char *packages,
				     int64_t created_ms)
{
	char digest[80], text[400];
	struct image_row row = {.ref = made_span(ref),
				.os = m->os,
				.created_ms = created_ms,
				.seen_ms = m->env.now_ms,
				.complete = true,
				.platform = S("linux/amd64")};
	struct span rest = made_span(packages), name;
	uint32_t components[64], id;
	size_t n = 0;

	snprintf(text, sizeof text, "%s %s", ref, packages ? packages : "");
	snprintf(digest, sizeof digest, "sha256:%064llx",
		 (unsigned long long)hash_span(made_span(text)));
	row.digest = made_span(digest);
	row.read_ms = packages ? m->env.now_ms : 0;
	assert_int_equal(world_image_add(m->w, &row, &id), RMG_OK);
	row.id = id;
	GOOD(m, store_image_put(m->st, &row, &m->err));
	while (span_word(&rest, &name))
		components[n++] = made_component(m, name);
	qsort(components, n, sizeof *components, made_cmp);
	if (packages)
		assert_int_equal(world_image_read(m->w, id, &row, components, n), RMG_OK);
	if (m->db && n) {
		assert_int_equal(judge_components(m->w, &m->db->db, components, n, &m->err),
				 RMG_OK);
		assert_int_equal(judge_counts(m->w, id), RMG_OK);
	}
	return id;
}

static inline uint32_t made_image(struct made *m, const char *ref, const char *packages)
{
	uint32_t id;

	made_begin(m);
	id = made_image_at(m, ref, packages, 0);
	made_commit(m);
	return id;
}

/* would: the image that it would run; 0: it is not declared. */
static inline uint32_t made_workload(struct made *m, const char *ns, const char *name,
				     uint32_t would)
{
	struct workload_row row = {.declared = would != 0,
				   .source = S("node-a/docker"),
				   .labels = S("{\"team\":\"pay\"}")};
	char images[200];
	uint32_t id;
	bool made;

	snprintf(images, sizeof images, "[{\"digests\":[\"" SPAN_FMT "\"]}]",
		 SPAN_ARG(m->w->images.v[would].digest));
	if (would)
		row.images = span_cstr(images);
	assert_int_equal(world_workload(m->w, made_place(m, "", ns), S("Deployment"),
					made_span(name), &id, &made),
			 RMG_OK);
	assert_int_equal(world_workload_set(m->w, id, &row), RMG_OK);
	if (would == 0)
		return id;
	assert_int_equal(world_alias(m->w, m->w->images.v[would].digest, would, &made), RMG_OK);
	assert_int_equal(world_workload_resolve(m->w, id), RMG_OK);
	made_begin(m);
	GOOD(m, alerts_image(m->a, &m->env, would, &m->err));
	made_commit(m);
	return id;
}

/* A container begins; its image has the reference, or another one. */
static inline uint32_t made_use_as(struct made *m, uint32_t image, uint32_t workload,
				   const char *ref, const char *node)
{
	char container[80];
	struct use_row row = {.id = ++m->last_container,
			      .image = image,
			      .workload = workload,
			      .place = made_place(m, node, ""),
			      .name = S("app"),
			      .runtime = S("docker"),
			      .began_ms = m->env.now_ms};
	uint32_t slot;

	row.ref = ref ? made_span(ref) : m->w->images.v[image].ref;
	snprintf(container, sizeof container, "%064x", m->last_container);
	row.container = made_span(container);
	made_begin(m);
	GOOD(m, store_use_put(m->st, &row, &m->err));
	assert_int_equal(world_use_begin(m->w, &row, m->source, &slot), RMG_OK);
	GOOD(m, lineage_began(m->a, &m->env, slot, &m->err));
	GOOD(m, alerts_image(m->a, &m->env, image, &m->err));
	made_commit(m);
	return slot;
}

static inline uint32_t made_use(struct made *m, uint32_t image, uint32_t workload)
{
	return made_use_as(m, image, workload, NULL, "node-a");
}

static inline void made_end(struct made *m, uint32_t slot)
{
	uint32_t image = m->w->uses.v[slot].image;

	made_begin(m);
	GOOD(m, lineage_ended(m->a, &m->env, slot, &m->err));
	world_use_end(m->w, slot);
	GOOD(m, alerts_image(m->a, &m->env, image, &m->err));
	made_commit(m);
}

/* Databases. */

static inline void made_say(struct advdb_builder *b, uint32_t source, const struct made_says *s)
{
	struct adv_card card = {.id = made_span(s->id),
				.canonical = made_span(s->id),
				.severity = s->severity,
				.source = source,
				.summary = S("What it is about"),
				.url = S("https://osv.dev/vulnerability/1"),
				.published = made_span(s->published),
				.severity_from = S("debian")};
	const struct adv_event events[2] = {{EV_INTRODUCED, S("0")}, {EV_FIXED, S("2.0")}};
	struct adv_rule rule = {.source = source, .n_events = s->fixable ? 2 : 1};

	rule.card = advdb_add_card(b, &card, NULL, NULL, NULL);
	advdb_add_rule(b, S("Debian:12"), made_span(s->package), &rule, events, NULL);
	if (s->epss)
		advdb_add_epss(b, card.id, s->epss / 1000.0, 0.5);
	if (s->kev)
		advdb_add_kev(b, card.id, S("2026-11-01"), S("2026-12-01"));
}

static inline enum rmg_rc made_delta(void *user, const struct delta *d)
{
	struct made *m = user;

	return alerts_delta(m->a, &m->env, d, &m->err);
}

/* A new database that says this, of the time that it is. */
static inline void made_database(struct made *m, const struct made_says *says, size_t n)
{
	struct made_db *newer = calloc(1, sizeof *newer), *older = m->db;
	char now[RFC3339_BYTES];
	struct adv_source source = {.name = S("osv"), .fetched = {0}};
	struct judge_steps steps = {m->policy->epss_steps, m->policy->n_epss_steps};
	struct judge_figures figures;
	struct span bytes;
	uint32_t id;

	assert_non_null(newer);
	assert_int_equal(advdb_builder_new(&newer->b), RMG_OK);
	id = advdb_add_source(newer->b, &source);
	for (size_t i = 0; i < n; i++)
		made_say(newer->b, id, &says[i]);
	rfc3339_text(m->env.now_ms, now);
	assert_int_equal(
	    advdb_builder_done(newer->b, made_span(now), made_hash, &bytes, NULL, NULL), RMG_OK);
	assert_int_equal(advdb_of(bytes, &newer->db, NULL), RMG_OK);
	m->env.db = &newer->db;
	made_begin(m);
	GOOD(m, judge_database(m->w, older ? &older->db : NULL, &newer->db, steps,
			       older ? made_delta : NULL, m, &figures, &m->err));
	if (older == NULL)
		GOOD(m, alerts_all(m->a, &m->env, &m->err));
	made_commit(m);
	m->db = newer;
	made_db_free(older);
}

/* Time. */

static inline void made_tick(struct made *m)
{
	m->w->sources.v[m->source].heard_ms = m->env.now_ms;
	made_begin(m);
	GOOD(m, alerts_tick(m->a, &m->env, &m->err));
	made_commit(m);
}

static inline void made_pass(struct made *m, int64_t ms)
{
	m->env.now_ms += ms;
	made_tick(m);
}

/* What was told. */

static inline enum rmg_rc made_keep(void *user, const struct outbox_row *row)
{
	struct made *m = user;
	struct message *got;

	if (row->id <= m->seen || !span_is(row->sink, S("one")))
		return RMG_OK;
	m->seen = row->id;
	GOOD(m, message_parse(row->message, &got, &m->err));
	assert_true(VEC_PUSH(&m->sent, got));
	return RMG_OK;
}

/* How many messages went to the sink "one" since the last call; they are m->sent. */
static inline size_t made_sent(struct made *m)
{
	made_forget_sent(m);
	GOOD(m, store_outbox_each(m->st, S("waiting"), made_keep, m, &m->err));
	return m->sent.n;
}

/* One message of this kind was sent, with so many items; gives the first. */
static inline const struct message_item *made_told(struct made *m, enum message_kind kind,
						   size_t items)
{
	size_t n = made_sent(m);

	if (n != 1 || m->sent.v[0]->kind != kind || m->sent.v[0]->n_items != items)
		fail_msg("%zu messages, the first %s with %zu items", n,
			 n ? message_kind_name(m->sent.v[0]->kind) : "none",
			 n ? m->sent.v[0]->n_items : 0);
	return m->sent.v[0]->items;
}

static inline enum rmg_rc made_find(void *user, const struct alert_row *row)
{
	struct alert_row *want = user;

	if (span_is(row->key, want->key))
		*want = (struct alert_row){.id = row->id,
					   .key = want->key,
					   .times_opened = row->times_opened,
					   .escalation = row->escalation,
					   .opened_ms = row->opened_ms,
					   .first_ms = row->first_ms,
					   .resolved_ms = row->resolved_ms};
	return RMG_OK;
}

/* The numbers of a row, by its key; its texts are not kept. */
static inline struct alert_row made_row(struct made *m, const char *key)
{
	struct alert_row row = {.key = made_span(key)};

	GOOD(m, store_alert_each(m->st, made_find, &row, &m->err));
	return row;
}

/* The only open alert. */
static inline const struct alert *made_alert(struct made *m)
{
	assert_int_equal(m->a ? alerts_at(m->a, 1) == NULL : 0, 1);
	assert_non_null(alerts_at(m->a, 0));
	return alerts_at(m->a, 0);
}

static inline size_t made_count(struct made *m, enum alert_state state)
{
	return alerts_count(m->a, state);
}

#endif
