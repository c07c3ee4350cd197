/* SPDX-License-Identifier: Apache-2.0 */
/* What a workload ran, and what is said of it. Expectations are the mission's statements. */
#include "../tests/made.h"

#define DAY INT64_C(86400000)
#define MINUTE INT64_C(60000)

static const struct made_says xz[] = {
    {"CVE-2024-3094", "xz", SEV_CRITICAL, .fixable = true},
    {"CVE-2024-0001", "xz", SEV_HIGH},
};

/* The texts of a workload's lineage, a line each: "what: text". */
static enum rmg_rc keep_line(void *user, const struct lineage_row *row)
{
	strbuf_printf(user, SPAN_FMT ": " SPAN_FMT "\n", SPAN_ARG(row->what), SPAN_ARG(row->text));
	return RMG_OK;
}

static struct strbuf lines_of(struct made *m, uint32_t workload)
{
	struct strbuf out = strbuf_of(MIB(1));

	GOOD(m, store_lineage_each(m->st, workload, keep_line, &out, &m->err));
	return out;
}

static void whats(struct made *m, uint32_t workload, const char *want)
{
	struct strbuf lines = lines_of(m, workload), got = strbuf_of(KIB(4));
	struct span rest = strbuf_span(&lines), line, what, text;

	while (span_next(&rest, '\n', &line)) {
		assert_true(span_cut(line, ':', &what, &text));
		strbuf_printf(&got, "%s" SPAN_FMT, got.n ? " " : "", SPAN_ARG(what));
	}
	if (strcmp(strbuf_cstr(&got), want) != 0)
		fail_msg("%s, not %s\n%s", strbuf_cstr(&got), want, strbuf_cstr(&lines));
	strbuf_done(&lines);
	strbuf_done(&got);
}

struct shop {
	struct made m;
	uint32_t v1, v2, web;
};

/* web of shop:1, which has xz, and shop:2, which has not. */
static void shop_open(struct shop *s)
{
	made_open(&s->m, NULL);
	made_database(&s->m, xz, 2);
	s->v1 = made_image(&s->m, "shop/web:1", "xz openssl");
	s->v2 = made_image(&s->m, "shop/web:2", "openssl");
	s->web = made_workload(&s->m, "shop", "web", 0);
}

static uint32_t replaced(struct shop *s, uint32_t slot, uint32_t image)
{
	s->m.env.now_ms += MINUTE;
	made_end(&s->m, slot);
	s->m.env.now_ms += 1000;
	return made_use(&s->m, image, s->web);
}

static const struct message_item *item_of(struct made *m, const char *rule)
{
	size_t n = made_sent(m);

	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < m->sent.v[i]->n_items; j++) {
			if (span_is(m->sent.v[i]->items[j].rule, made_span(rule)) &&
			    m->sent.v[i]->kind != MESSAGE_RESOLVED)
				return &m->sent.v[i]->items[j];
		}
	}
	return NULL;
}

static void r33_back_to_a_worse_version_is_a_rollback(void **state)
{
	struct shop s;
	uint32_t slot;
	const struct message_item *item;
	struct strbuf lines;

	(void)state;
	shop_open(&s);
	slot = made_use(&s.m, s.v1, s.web);
	slot = replaced(&s, slot, s.v2);
	made_pass(&s.m, 6000);
	assert_null(item_of(&s.m, "rollback"));
	slot = replaced(&s, slot, s.v1);
	item = item_of(&s.m, "rollback");
	assert_non_null(item);
	assert_true(
	    span_is(item->title, S("Deployment/web rolled back from shop/web:2 to shop/web:1")));
	assert_true(span_is(item->before, S("0 critical")));
	assert_true(span_is(item->after, S("1 critical, 1 high")));
	assert_true(span_has(item->text, S("It ran here before, first at 2026-11-24T00:00:00Z.")));
	assert_true(span_is(item->severity, S("high")));
	assert_int_equal(item->n_uses, 1);
	whats(&s.m, s.web, "started updated rolled-back");
	lines = lines_of(&s.m, s.web);
	assert_non_null(strstr(strbuf_cstr(&lines), "(0 critical) to sha256:"));
	assert_non_null(strstr(strbuf_cstr(&lines), "(1 critical, 1 high)."));
	strbuf_done(&lines);
	/* forward again: over */
	replaced(&s, slot, s.v2);
	assert_null(item_of(&s.m, "rollback"));
	made_pass(&s.m, 10000);
	assert_null(alerts_at(s.m.a, 0));
	made_close(&s.m);
}

static struct event_image meant(struct shop *s, uint32_t image)
{
	struct span digest = s->m.w->images.v[image].digest;
	bool made;

	if (image)
		assert_int_equal(world_alias(s->m.w, digest, image, &made), RMG_OK);
	return (struct event_image){.ref = s->m.w->images.v[image].ref,
				    .digests = {digest},
				    .n_digests = 1,
				    .container = S("app")};
}

static void said(struct shop *s, const char *update, uint32_t to, uint32_t from)
{
	struct event_image now = meant(s, to), before = meant(s, from);
	struct event e = {.at_ms = s->m.env.now_ms,
			  .update = made_span(update),
			  .images = &now,
			  .n_images = 1,
			  .before = &before,
			  .n_before = from != 0};

	made_begin(&s->m);
	GOOD(&s->m, lineage_said(s->m.a, &s->m.env, s->web, &e, &s->m.err));
	made_commit(&s->m);
}

/* Two of v1 run; an update to v2 fails at its start and is taken back, which no begin tells. */
static void r33_the_orchestrator_says_that_it_went_back(void **state)
{
	static const char *const says[] = {"rollback_started", "rollback_completed"};
	const struct message_item *item;
	struct shop s;
	uint32_t slot;

	(void)state;
	shop_open(&s);
	made_use(&s.m, s.v1, s.web);
	made_use(&s.m, s.v1, s.web);
	s.m.env.now_ms += MINUTE;
	said(&s, "updating", s.v2, s.v1);
	slot = made_use(&s.m, s.v2, s.web);
	s.m.env.now_ms += 1000;
	made_end(&s.m, slot);
	assert_null(item_of(&s.m, "rollback"));
	for (size_t i = 0; i < 2; i++) {
		s.m.env.now_ms += 1000;
		said(&s, says[i], s.v1, 0);
		item = item_of(&s.m, "rollback");
		assert_int_equal(item != NULL, i == 0);
		if (item == NULL)
			continue;
		assert_true(span_is(item->before, S("0 critical")));
		assert_true(span_is(item->after, S("1 critical, 1 high")));
		assert_true(span_has(item->text, S("The orchestrator says so.")));
	}
	made_use(&s.m, s.v1, s.web);
	assert_null(item_of(&s.m, "rollback"));
	whats(&s.m, s.web, "started updated rolled-back");
	/* Forward again is no way back, and ends it. */
	s.m.env.now_ms += MINUTE;
	slot = made_use(&s.m, s.v2, s.web);
	whats(&s.m, s.web, "started updated rolled-back updated");
	assert_null(item_of(&s.m, "rollback"));
	/* By hand, and the hub starts between the two words. */
	s.m.env.now_ms += MINUTE;
	said(&s, "rollback_started", s.v1, s.v2);
	assert_non_null(item_of(&s.m, "rollback"));
	made_load(&s.m);
	said(&s, "rollback_completed", s.v1, s.v2);
	assert_null(item_of(&s.m, "rollback"));
	whats(&s.m, s.web, "started updated rolled-back updated rolled-back");
	made_close(&s.m);
}

/* Two of v1 run; one is replaced by v2, then v1 is asked for again: no v1 begins that is the first.
 */
static void r33_back_by_hand_amid_an_update(void **state)
{
	struct shop s;
	uint32_t slot, other;

	(void)state;
	shop_open(&s);
	s.web = made_workload(&s.m, "shop", "api", s.v2);
	other = made_use(&s.m, s.v1, s.web);
	made_use(&s.m, s.v1, s.web);
	slot = replaced(&s, other, s.v2);
	/* A crash of the new one is not the way back. */
	other = replaced(&s, slot, s.v2);
	whats(&s.m, s.web, "started updated");
	s.m.env.now_ms += MINUTE;
	assert_int_equal(made_workload(&s.m, "shop", "api", s.v1), s.web);
	said(&s, "updating", s.v1, s.v2);
	assert_null(item_of(&s.m, "rollback"));
	made_end(&s.m, other);
	assert_non_null(item_of(&s.m, "rollback"));
	made_use(&s.m, s.v1, s.web);
	whats(&s.m, s.web, "started updated rolled-back");
	made_close(&s.m);
}

static void back_to_a_better_version_is_said_and_no_alert(void **state)
{
	struct shop s;
	uint32_t slot;

	(void)state;
	shop_open(&s);
	slot = made_use(&s.m, s.v2, s.web);
	slot = replaced(&s, slot, s.v1);
	replaced(&s, slot, s.v2);
	assert_null(item_of(&s.m, "rollback"));
	whats(&s.m, s.web, "started updated rolled-back");
	made_close(&s.m);
}

/* Both versions begin in turns while an update rolls: only what has left and comes back is a step.
 */
static void an_update_that_rolls_is_no_rollback(void **state)
{
	struct shop s;
	uint32_t old[3];

	(void)state;
	shop_open(&s);
	for (size_t i = 0; i < 3; i++)
		old[i] = made_use(&s.m, s.v1, s.web);
	for (size_t i = 0; i < 3; i++) {
		s.m.env.now_ms += 1000;
		made_use(&s.m, s.v2, s.web);
		made_end(&s.m, old[i]);
		s.m.env.now_ms += 1000;
		if (i < 2) { /* an old pod is rescheduled meanwhile */
			made_end(&s.m, old[i + 1]);
			old[i + 1] = i == 0 ? made_use(&s.m, s.v1, s.web) : old[i + 1];
			if (i == 1)
				break;
		}
	}
	assert_null(item_of(&s.m, "rollback"));
	whats(&s.m, s.web, "started updated");
	made_close(&s.m);
}

/* A snapshot lists containers in any order: what began earlier is not what came last. */
static void what_is_said_late_is_no_step(void **state)
{
	struct shop s;

	(void)state;
	shop_open(&s);
	s.m.env.now_ms += DAY;
	made_use(&s.m, s.v2, s.web);
	s.m.env.now_ms -= DAY;
	made_use(&s.m, s.v1, s.web); /* began a day before */
	assert_null(item_of(&s.m, "rollback"));
	whats(&s.m, s.web, "started");
	made_close(&s.m);
}

static void a_sidecar_is_no_version(void **state)
{
	struct shop s;
	uint32_t proxy, a, b;

	(void)state;
	shop_open(&s);
	proxy = made_image(&s.m, "mesh/proxy:9", "xz");
	for (size_t i = 0; i < 2; i++) {
		a = made_use(&s.m, s.v2, s.web);
		b = made_use(&s.m, proxy, s.web);
		s.m.env.now_ms += MINUTE;
		made_end(&s.m, a);
		made_end(&s.m, b);
	}
	assert_null(item_of(&s.m, "rollback"));
	whats(&s.m, s.web, "started started");
	made_close(&s.m);
}

static void lineage_survives_a_restart(void **state)
{
	struct shop s;
	uint32_t slot;

	(void)state;
	shop_open(&s);
	slot = made_use(&s.m, s.v1, s.web);
	slot = replaced(&s, slot, s.v2);
	made_load(&s.m);
	replaced(&s, slot, s.v1);
	assert_non_null(item_of(&s.m, "rollback"));
	made_load(&s.m);
	made_pass(&s.m, 1000);
	assert_null(item_of(&s.m, "rollback"));
	whats(&s.m, s.web, "started updated rolled-back");
	made_close(&s.m);
}

/* Of contents that never ran here, what the images say of their making decides, and it is said. */
static void creation_decides_between_what_never_ran(void **state)
{
	static const struct {
		int64_t from, to;
		bool back;
	} rows[] = {
	    {MADE_NOW, MADE_NOW - DAY, true}, {MADE_NOW - DAY, MADE_NOW, false},
	    {MADE_NOW, MADE_NOW, false}, /* reproducible builds say one constant */
	    {0, MADE_NOW - DAY, false},       {MADE_NOW, 0, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct made m;
		uint32_t a, b, web, slot;
		const struct message_item *item;

		made_open(&m, NULL);
		made_database(&m, xz, 2);
		made_begin(&m);
		a = made_image_at(&m, "shop/web:2", "openssl", rows[i].from);
		b = made_image_at(&m, "shop/web:1", "xz", rows[i].to);
		made_commit(&m);
		web = made_workload(&m, "shop", "web", 0);
		slot = made_use(&m, a, web);
		m.env.now_ms += MINUTE;
		made_end(&m, slot);
		made_use(&m, b, web);
		item = item_of(&m, "rollback");
		if ((item != NULL) != rows[i].back)
			fail_msg("row %zu", i);
		if (item)
			assert_true(
			    span_has(item->text, S("It never ran here; by what the images")));
		made_close(&m);
	}
}

/* A rule must not fall silent about an image that nobody has read. */
static void read_now(struct made *m, uint32_t image, const char *package)
{
	uint32_t component = made_component(m, made_span(package));
	struct image_row row = {.digest = m->w->images.v[image].digest,
				.ref = m->w->images.v[image].ref,
				.os = m->os,
				.read_ms = m->env.now_ms,
				.complete = true,
				.platform = S("linux/amd64")};

	made_begin(m);
	assert_int_equal(world_image_read(m->w, image, &row, &component, 1), RMG_OK);
	GOOD(m, judge_components(m->w, m->env.db, &component, 1, &m->err));
	assert_int_equal(judge_counts(m->w, image), RMG_OK);
	GOOD(m, alerts_image(m->a, &m->env, image, &m->err));
	made_commit(m);
}

static enum rmg_rc find_rollback(void *user, const struct alert_row *row)
{
	struct alert_row *out = user;

	if (span_starts(row->key, out->key) && span_has(row->details, S("1 critical, 1 high")))
		out->id = row->id;
	return RMG_OK;
}

static void back_to_what_nobody_has_read(bool worse)
{
	struct made m;
	uint32_t v1, v2, web, slot;
	const struct message_item *item;

	made_open(&m, NULL);
	made_database(&m, xz, 2);
	v1 = made_image(&m, "shop/web:1", NULL);
	v2 = made_image(&m, "shop/web:2", "openssl");
	web = made_workload(&m, "shop", "web", 0);
	slot = made_use(&m, v1, web);
	m.env.now_ms += MINUTE;
	made_end(&m, slot);
	slot = made_use(&m, v2, web);
	m.env.now_ms += MINUTE;
	made_end(&m, slot);
	made_use(&m, v1, web);
	item = item_of(&m, "rollback");
	assert_non_null(item);
	assert_true(span_is(item->after, S("nobody has read it yet")));
	read_now(&m, v1, worse ? "xz" : "openssl");
	if (worse) { /* it says now how bad it is */
		struct alert_row row = {.key = S("rollback")};

		GOOD(&m, store_alert_each(m.st, find_rollback, &row, &m.err));
		assert_int_equal(row.id, 1);
		assert_int_equal(made_count(&m, ALERT_FIRING), 2); /* and CVE-2024-3094 */
	} else {
		made_told(&m, MESSAGE_RESOLVED, 1);
	}
	made_close(&m);
}

static void r33_back_to_what_nobody_has_read_alerts(void **state)
{
	(void)state;
	back_to_what_nobody_has_read(true);
	back_to_what_nobody_has_read(false);
}

/* A container that restarts after a rollback has not mended it; the workload's end has. */
static void a_rollback_lasts_as_long_as_it_runs(void **state)
{
	struct shop s;
	uint32_t slot;

	(void)state;
	shop_open(&s);
	made_use(&s.m, s.v1, 0); /* another container of the image, all the time */
	slot = made_use(&s.m, s.v1, s.web);
	slot = replaced(&s, slot, s.v2);
	slot = replaced(&s, slot, s.v1);
	assert_non_null(item_of(&s.m, "rollback"));
	for (size_t i = 0; i < 3; i++) {
		made_end(&s.m, slot);
		made_pass(&s.m, 2000);
		slot = made_use(&s.m, s.v1, s.web);
		made_pass(&s.m, 2000);
	}
	assert_int_equal(made_sent(&s.m), 0);
	made_end(&s.m, slot);
	made_pass(&s.m, 10000);
	made_told(&s.m, MESSAGE_RESOLVED, 1);
	made_use(&s.m, s.v1, s.web); /* and it is back */
	assert_true(span_is(made_told(&s.m, MESSAGE_REOPENED, 1)->rule, S("rollback")));
	made_close(&s.m);
}

/* As the hub that starts does: its store, then a database, then all alerts. */
static void starts_anew(struct shop *s, const struct made_says *says, size_t n)
{
	made_database(&s->m, says, n);
	made_forget_sent(&s->m);
	(void)made_sent(&s->m);
	made_load(&s->m);
	made_begin(&s->m);
	GOOD(&s->m, alerts_all(s->m.a, &s->m.env, &s->m.err));
	made_commit(&s->m);
}

static const struct alert *rollback_of(struct shop *s)
{
	size_t at = 0;

	return alerts_of_workload(s->m.a, s->web, &at);
}

/* What is known later of the two versions neither ends nor makes it: nor a restart of the hub, nor
 * one of a container. */
static void a_rollback_is_judged_when_it_happens(void **state)
{
	static const struct made_says none[] = {{"CVE-2024-9", "nothing", SEV_LOW}};
	static const struct made_says both[] = {
	    {"CVE-2024-3094", "xz", SEV_CRITICAL},
	    {"CVE-2026-7", "openssl", SEV_CRITICAL},
	    {"CVE-2026-8", "openssl", SEV_CRITICAL},
	};
	struct shop s;
	uint32_t slot;

	(void)state;
	shop_open(&s);
	slot = made_use(&s.m, s.v1, s.web);
	slot = replaced(&s, slot, s.v2);
	slot = replaced(&s, slot, s.v1);
	assert_non_null(item_of(&s.m, "rollback"));
	starts_anew(&s, none, COUNT_OF(none)); /* both are clean now */
	assert_non_null(rollback_of(&s));
	slot = replaced(&s, slot, s.v1);
	assert_non_null(rollback_of(&s));
	assert_null(item_of(&s.m, "rollback"));
	slot = replaced(&s, slot, s.v2);
	assert_null(rollback_of(&s));
	/* Both were alike when it went back. */
	slot = replaced(&s, slot, s.v1);
	assert_null(rollback_of(&s));
	starts_anew(&s, both, COUNT_OF(both));
	slot = replaced(&s, slot, s.v1);
	made_pass(&s.m, 1000);
	assert_null(rollback_of(&s));
	replaced(&s, slot, s.v2);
	made_close(&s.m);
}

static void r35_what_returns_after_dormancy_is_said(void **state)
{
	struct shop s;
	uint32_t slot;

	(void)state;
	shop_open(&s);
	slot = made_use(&s.m, s.v2, s.web);
	s.m.env.now_ms += DAY;
	made_end(&s.m, slot);
	s.m.env.now_ms += 300 * DAY;
	s.m.env.feeds_checked_ms = s.m.env.now_ms;
	slot = made_use(&s.m, s.v2, s.web);
	whats(&s.m, s.web, "started ended returned");
	made_end(&s.m, slot); /* short runs leave no rows */
	for (size_t i = 0; i < 5; i++) {
		s.m.env.now_ms += MINUTE;
		made_end(&s.m, made_use(&s.m, s.v2, s.web));
	}
	whats(&s.m, s.web, "started ended returned");
	made_close(&s.m);
}

/* Tags. */

static void tag_said(struct made *m, const char *ref, uint32_t image, const char *source)
{
	struct span digest = m->w->images.v[image].digest;
	uint32_t before = world_tag_of(m->w, made_span(ref)), id;
	struct tag_row row = {.ref = made_span(ref),
			      .digest = digest,
			      .source = made_span(source),
			      .first_ms = m->env.now_ms,
			      .last_ms = m->env.now_ms};
	struct span was = before ? m->w->tags.v[before].digest : (struct span){0};
	bool moved, made;

	assert_int_equal(world_alias(m->w, digest, image, &made), RMG_OK);
	made_begin(m);
	GOOD(m, store_tag_put(m->st, &row, &m->err));
	assert_int_equal(world_tag(m->w, &row, &id, &moved), RMG_OK);
	if (was.n || m->w->tags.v[id].registry)
		GOOD(m, lineage_tag(m->a, &m->env, id, was, &m->err));
	made_commit(m);
}

static void tag_means(struct made *m, const char *ref, uint32_t image)
{
	tag_said(m, ref, image, "node-a/docker");
}

static void r25_a_tag_that_moves_while_in_use_alerts(void **state)
{
	struct shop s;
	uint32_t slot;
	const struct message_item *item;

	(void)state;
	shop_open(&s);
	tag_means(&s.m, "shop/web:latest", s.v2);
	slot = made_use_as(&s.m, s.v2, s.web, "shop/web:latest", "node-a");
	assert_null(item_of(&s.m, "tag-moved"));
	s.m.env.now_ms += MINUTE;
	tag_means(&s.m, "shop/web:latest", s.v1);
	item = item_of(&s.m, "tag-moved");
	assert_non_null(item);
	assert_true(span_is(item->title, S("shop/web:latest means another image now")));
	assert_true(span_has(item->text, S("node-a runs sha256:")));
	whats(&s.m, s.web, "started tag-moved");
	made_end(&s.m, slot); /* nothing runs the old one any more */
	made_told(&s.m, MESSAGE_RESOLVED, 1);
	made_close(&s.m);
}

static void r25_a_tag_that_nobody_uses_may_move(void **state)
{
	struct shop s;

	(void)state;
	shop_open(&s);
	tag_means(&s.m, "shop/web:latest", s.v2);
	made_use_as(&s.m, s.v2, s.web, "shop/web:2", "node-a");
	s.m.env.now_ms += MINUTE;
	tag_means(&s.m, "shop/web:latest", s.v1);
	assert_int_equal(made_sent(&s.m), 0);
	made_close(&s.m);
}

static void r24_a_node_that_starts_from_its_cache_alerts(void **state)
{
	struct shop s;
	const struct message_item *item;
	uint32_t slot;

	(void)state;
	shop_open(&s);
	tag_means(&s.m, "shop/web:latest", s.v2);
	s.m.env.now_ms += MINUTE;
	tag_means(&s.m, "shop/web:latest", s.v1);
	assert_int_equal(made_sent(&s.m), 0);
	slot = made_use_as(&s.m, s.v2, s.web, "shop/web:latest", "node-b");
	item = item_of(&s.m, "tag-moved");
	assert_non_null(item);
	assert_true(span_has(item->text, S("node-b runs sha256:")));
	made_end(&s.m, slot);
	made_told(&s.m, MESSAGE_RESOLVED, 1);
	made_close(&s.m);
}

/* A registry's word is certain of its platform, and of no other; what machines say is not. */
static void r24_a_registry_is_believed_at_once(void **state)
{
	struct shop s;

	(void)state;
	shop_open(&s);
	made_use_as(&s.m, s.v2, s.web, "shop/web:latest", "node-b");
	tag_said(&s.m, "shop/web:latest", s.v1, "node-c/containerd");
	assert_null(item_of(&s.m, "tag-moved"));
	s.m.w->images.v[s.v1].platform = S("linux/arm64");
	tag_said(&s.m, "shop/web:latest", s.v1, "node-c/tags");
	assert_null(item_of(&s.m, "tag-moved"));
	s.m.w->images.v[s.v1].platform = S("linux/amd64/v1");
	tag_said(&s.m, "shop/web:latest", s.v1, "node-c/tags");
	assert_non_null(item_of(&s.m, "tag-moved"));
	tag_said(&s.m, "shop/web:latest", s.v2, "node-c/tags");
	made_told(&s.m, MESSAGE_RESOLVED, 1);
	made_close(&s.m);
}

static void r25_one_tag_with_two_contents_is_skew(void **state)
{
	struct shop s;
	uint32_t slot;
	const struct message_item *item;

	(void)state;
	shop_open(&s);
	made_use_as(&s.m, s.v2, s.web, "shop/web:latest", "node-a");
	made_use_as(&s.m, s.v2, s.web, "shop/web:latest", "node-c");
	assert_null(item_of(&s.m, "tag-skew"));
	slot = made_use_as(&s.m, s.v1, 0, "shop/web:latest", "node-b");
	item = item_of(&s.m, "tag-skew");
	assert_non_null(item);
	assert_true(span_has(item->text, S("on node-b")));
	made_end(&s.m, slot);
	assert_int_equal(made_sent(&s.m), 1);
	assert_int_equal(s.m.sent.v[0]->kind, MESSAGE_RESOLVED);
	made_close(&s.m);
}

/* One tag is several images where it is built for several platforms. */
static void another_platform_is_no_skew(void **state)
{
	struct shop s;

	(void)state;
	shop_open(&s);
	s.m.w->images.v[s.v1].platform = S("linux/arm64");
	made_use_as(&s.m, s.v2, 0, "shop/web:latest", "node-a");
	made_use_as(&s.m, s.v1, 0, "shop/web:latest", "node-b");
	assert_null(item_of(&s.m, "tag-skew"));
	made_use_as(&s.m, s.v1, 0, "shop/web@sha256:00", "node-a"); /* cannot move */
	made_use_as(&s.m, s.v2, 0, "shop/web@sha256:00", "node-b");
	assert_null(item_of(&s.m, "tag-skew"));
	made_close(&s.m);
}

static void r25_what_the_tag_says_against_the_content(void **state)
{
	static const struct {
		const char *ref, *title, *version;
		bool differs;
	} rows[] = {
	    {"shop/web:1.9", "web", "1.2", true},
	    {"shop/web:v1.9-alpine", "web", "1.2.0", true},
	    {"shop/web:1.9", "web", "1.9.3", false},
	    {"shop/web:1.9.3", "web", "1.9", false},
	    {"shop/web:1.9", "ubuntu", "22.04", false}, /* the base's label */
	    {"shop/web:latest", "web", "1.2", false},
	    {"shop/web:19", "web", "1.2", false},
	    {"shop/web:1.9", "web", "nightly", false},
	    {"host:5000/shop/web", "web", "1.2", false},
	    {"host:5000/shop/web:1.9", "web", "1.2", true},
	    {"shop/openssl:3.0", "", "", true}, /* its component of that name is 1.0 */
	    {"shop/openssl:1.0", "", "", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char about[300];
		struct made m;
		struct image_row row;
		const struct message_item *item;

		made_open(&m, NULL);
		made_database(&m, NULL, 0);
		row = (struct image_row){.id = made_image(&m, rows[i].ref, "openssl")};
		row.digest = m.w->images.v[row.id].digest;
		snprintf(about, sizeof about,
			 "{\"labels\":{\"org.opencontainers.image.title\":\"%s\","
			 "\"org.opencontainers.image.version\":\"%s\"}}",
			 rows[i].title, rows[i].version);
		row.about = made_span(about);
		made_begin(&m);
		GOOD(&m, store_image_put(m.st, &row, &m.err));
		made_commit(&m);
		made_use(&m, row.id, 0);
		item = item_of(&m, "version-said");
		if ((item != NULL) != rows[i].differs)
			fail_msg("%s against %s", rows[i].ref, rows[i].version);
		made_close(&m);
	}
}

#define TITLED(title, fn)                                                                          \
	{                                                                                          \
		title, fn, NULL, NULL, NULL                                                        \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TITLED("R33: back to a worse version is a rollback",
		   r33_back_to_a_worse_version_is_a_rollback),
	    TITLED("R33: a rollback by the orchestrator's word",
		   r33_the_orchestrator_says_that_it_went_back),
	    TITLED("R33: back by hand amid an update", r33_back_by_hand_amid_an_update),
	    cmocka_unit_test(back_to_a_better_version_is_said_and_no_alert),
	    cmocka_unit_test(an_update_that_rolls_is_no_rollback),
	    cmocka_unit_test(what_is_said_late_is_no_step),
	    cmocka_unit_test(a_sidecar_is_no_version),
	    cmocka_unit_test(lineage_survives_a_restart),
	    cmocka_unit_test(creation_decides_between_what_never_ran),
	    TITLED("R33: back to what nobody has read alerts",
		   r33_back_to_what_nobody_has_read_alerts),
	    cmocka_unit_test(a_rollback_lasts_as_long_as_it_runs),
	    cmocka_unit_test(a_rollback_is_judged_when_it_happens),
	    TITLED("R35: what returns after dormancy is said",
		   r35_what_returns_after_dormancy_is_said),
	    TITLED("R25: a tag that moves while in use alerts",
		   r25_a_tag_that_moves_while_in_use_alerts),
	    cmocka_unit_test(r25_a_tag_that_nobody_uses_may_move),
	    TITLED("R24: a node that starts from its cache alerts",
		   r24_a_node_that_starts_from_its_cache_alerts),
	    TITLED("R24: a registry is believed at once", r24_a_registry_is_believed_at_once),
	    TITLED("R25: one tag with two contents is skew", r25_one_tag_with_two_contents_is_skew),
	    cmocka_unit_test(another_platform_is_no_skew),
	    TITLED("R25: what the tag says against the content",
		   r25_what_the_tag_says_against_the_content),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
