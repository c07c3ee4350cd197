/* SPDX-License-Identifier: Apache-2.0 */
/* hub_tag_plan.c - which references in use are to be asked for next, and how many of a registry.
 *
 * Each is asked for once in its period (struct hub_tag_opts): one under which something runs more
 * often than one that a workload would start, or that only lies somewhere. A registry is asked so
 * many questions a minute, whoever asks. Where that is less than what is due, what has waited for
 * the most of its period comes first, the more so the more uses there are and the worse what is
 * found in them; what is late is counted, and said. A start or a hint does not wait for that: half
 * of what may be asked in a row is kept for them. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/limits.h"
#include "hub/hub_tags_inside.h"
#include "model/ref.h"
#include "oci/reference.h"

enum {
	LOOK_MS = 10000, /* between two looks at all that is used, at least */
	LOOK_COST = 100, /* and this many times what one took */
	BURST = 20,
	MINUTE_MS = 60000
};

/* Registries. Index 0 stands for those that are too many. */

static struct span host_in(struct span ref, struct arena *a)
{
	struct reference r;

	return reference_parse(ref, a, &r, NULL) == RMG_OK ? r.host : (struct span){0};
}

static uint32_t host_add(struct tag_asks *t, struct span name)
{
	struct tag_host new = {.name = span_dup(name)};

	if (new.name && VEC_PUSH(&t->hosts, new))
		return (uint32_t)t->hosts.n - 1;
	free(new.name);
	return 0;
}

uint32_t tag_host_of(struct tag_asks *t, struct span ref)
{
	struct arena a;
	struct span host;
	uint32_t found = 0;

	if (t->hosts.n == 0)
		(void)host_add(t, S("others"));
	arena_init(&a, KIB(64));
	host = host_in(ref, &a);
	for (uint32_t i = 1; i < t->hosts.n && !found; i++)
		if (span_is(span_cstr(t->hosts.v[i].name), host))
			found = i;
	if (!found && host.n && t->hosts.n && t->hosts.n <= LIMIT_REGISTRIES)
		found = host_add(t, host);
	arena_done(&a);
	return found;
}

void tag_hosts_free(struct tag_asks *t)
{
	VEC_EACH (h, &t->hosts)
		free(h->name);
	VEC_DONE(&t->hosts);
	free((void *)(uintptr_t)t->opts.hosts);
}

static unsigned per_minute(const struct tag_asks *t, const struct tag_host *h)
{
	for (size_t i = 0; i < t->opts.n_hosts; i++)
		if (strcmp(t->opts.hosts[i].name, h->name) == 0)
			return MAX_OF(t->opts.hosts[i].per_minute, 1u);
	return MAX_OF(t->opts.per_minute, 1u);
}

/* How many may be asked in a row. */
static unsigned burst(unsigned a_minute, enum tag_hurry hurry)
{
	unsigned n = MIN_OF(a_minute / 6, (unsigned)BURST);

	return MAX_OF(hurry == TAG_IN_TURN ? n / 2 : n, 1u);
}

bool tag_may_ask(const struct tag_asks *t, const struct tag_ask *a, enum tag_hurry hurry,
		 int64_t now_ms)
{
	const struct tag_host *h = a->host < t->hosts.n ? &t->hosts.v[a->host] : NULL;
	unsigned a_minute = h ? per_minute(t, h) : 1;

	/* A clock that went back owes nothing. */
	if (h == NULL || h->paid_ms - now_ms > (int64_t)(BURST + 1) * MINUTE_MS)
		return true;
	return h->paid_ms - now_ms < (int64_t)burst(a_minute, hurry) * MINUTE_MS / a_minute;
}

void tag_pay(struct tag_asks *t, struct tag_ask *a, int64_t now_ms)
{
	struct tag_host *h = a->host < t->hosts.n ? &t->hosts.v[a->host] : NULL;

	if (h == NULL)
		return;
	if (h->paid_ms - now_ms > (int64_t)(BURST + 1) * MINUTE_MS)
		h->paid_ms = now_ms;
	h->paid_ms = MAX_OF(h->paid_ms, now_ms) + MINUTE_MS / (int64_t)per_minute(t, h);
	h->seen.asked++;
}

/* What is due. */

int64_t tag_period_ms(const struct tag_asks *t, enum tag_state s)
{
	return MAX_OF(t->opts.period_ms[s], INT64_C(1000));
}

static int64_t waited_ms(const struct tag_ask *a, int64_t checked_ms, int64_t now_ms)
{
	int64_t last = MAX_OF(a->told_ms, checked_ms);

	return now_ms - (last ? last : a->first_ms);
}

/* Three in a thousand uses more, or one step of severity, do not outweigh the half of a period. */
static double weight(const struct tag_ask *a)
{
	double uses = 0;

	for (uint32_t n = a->uses; n > 1 && uses < 20; n >>= 1)
		uses++;
	return 1 + (double)a->severity / SEV_CRITICAL + uses / 20;
}

double tag_urgency(const struct tag_asks *t, const struct tag_ask *a, int64_t checked_ms,
		   int64_t now_ms)
{
	int64_t period = tag_period_ms(t, (enum tag_state)a->tag_state);
	int64_t last = MAX_OF(MAX_OF(a->told_ms, a->asked_ms), checked_ms);

	if (last == 0)
		return 2 * weight(a) + (double)(now_ms - a->first_ms) / (double)period;
	/* So that it is asked within the period, not after it. */
	if (now_ms - last < period - period / 10)
		return 0;
	return (double)(now_ms - last) / (double)period * weight(a);
}

/* Looks at all that is used. */

static void see(struct wanting *x, struct span ref, enum tag_state state, uint32_t image)
{
	struct tag_asks *t = x->h->tag_asks;
	struct tag_ask *a = tag_ask_of(x->h, ref);
	const uint32_t *worst = x->w->images.v[image].counts.by_severity;
	uint8_t severity = SEV_CRITICAL;

	if (a == NULL) {
		t->too_many++;
		return;
	}
	if (a->planned != t->look) {
		if (a->planned + 1 != t->look && a->planned)
			a->first_ms = x->now_ms;
		a->planned = t->look;
		a->uses = 0;
		a->severity = 0;
		a->tag_state = (uint8_t)state;
	}
	a->tag_state = MIN_OF(a->tag_state, (uint8_t)state);
	a->uses += state == TAG_RUNNING;
	while (severity && worst[severity] == 0)
		severity--;
	a->severity = MAX_OF(a->severity, severity);
}

static void see_uses(struct wanting *x)
{
	for (size_t i = 1; i < x->w->uses.n; i++) {
		const struct world_use *u = &x->w->uses.v[i];
		struct span ref = u->id ? world_use_ref(x->w, u) : (struct span){0};

		if (ref.n && tag_is_of_registry(x, ref, NULL, world_use_runtime(x->w, u)))
			see(x, ref, u->cached ? TAG_CACHED : TAG_RUNNING, u->image);
	}
}

static bool see_unmet(void *user, struct span ref)
{
	struct wanting *x = user;

	if (tag_is_of_registry(x, ref, NULL, (struct span){0}))
		see(x, ref, TAG_DORMANT, 0);
	return true;
}

/* What workloads would start that sleep. */
static void see_dormant(struct wanting *x)
{
	for (uint32_t i = 1; i < x->w->workloads.n; i++) {
		const struct world_workload *l = &x->w->workloads.v[i];

		if (!world_dormant(x->w, i))
			continue;
		for (uint32_t k = 0; k < l->n_refs; k++) {
			uint32_t tag = world_tag_of_hash(x->w, l->refs[k]);
			struct span ref = tag ? x->w->tags.v[tag].ref : (struct span){0};

			if (tag && tag_is_of_registry(x, ref, NULL, (struct span){0}))
				see(x, ref, TAG_DORMANT,
				    world_image_choose(x->w, x->w->tags.v[tag].digest));
		}
		if (!world_unmet_refs(x->w, i, see_unmet, x))
			x->h->tag_asks->too_many++;
	}
}

/* What others stand on. */
static bool see_base(void *user, struct span ref)
{
	struct wanting *x = user;

	if (tag_is_of_registry(x, ref, NULL, (struct span){0}))
		see(x, ref, TAG_BASE, 0);
	return true;
}

static int64_t checked_ms(const struct wanting *x, const struct tag_ask *a)
{
	uint32_t id = world_tag_of(x->w, span_cstr(a->ref));

	return id && x->w->tags.v[id].registry ? x->w->tags.v[id].checked_ms : 0;
}

struct ranked {
	uint32_t ask;
	double urgency;
};

static int by_urgency(const void *a, const void *b)
{
	double x = ((const struct ranked *)a)->urgency, y = ((const struct ranked *)b)->urgency;

	return x < y ? 1 : x > y ? -1 : 0;
}

/* What was seen, host by host, and what of it is late. */
static void count(struct wanting *x, const struct tag_ask *a, int64_t checked)
{
	struct tag_asks *t = x->h->tag_asks;
	struct hub_registry *r = &t->hosts.v[a->host].seen;
	int64_t late =
	    waited_ms(a, checked, x->now_ms) - tag_period_ms(t, (enum tag_state)a->tag_state);

	r->tags[a->tag_state]++;
	r->late += late > 0;
	r->behind_ms = MAX_OF(r->behind_ms, late);
	if (a->why && a->failed_ms > a->told_ms && a->failed_ms >= r->failed_ms) {
		r->failed_ms = a->failed_ms;
		snprintf(r->trouble, sizeof r->trouble, "%.*s", (int)sizeof r->trouble - 1, a->why);
	}
}

static void begin_count(struct tag_asks *t)
{
	VEC_EACH (h, &t->hosts) {
		uint64_t asked = h->seen.asked;

		h->seen = (struct hub_registry){.asked = asked};
		h->seen.per_minute = per_minute(t, h);
		h->cut = 0;
	}
}

/* Those that may be asked until the next look; the last of them is the cut. */
static void cut(struct tag_asks *t, const struct ranked *v, size_t n, int64_t next_ms)
{
	VEC_EACH (h, &t->hosts)
		h->room = h->seen.per_minute * next_ms / MINUTE_MS + BURST;
	for (size_t i = 0; i < n; i++) {
		struct tag_host *h = &t->hosts.v[t->v.v[v[i].ask].host];

		if (h->room && --h->room == 0)
			h->cut = v[i].urgency;
	}
}

static void rank(struct wanting *x, int64_t next_ms)
{
	struct tag_asks *t = x->h->tag_asks;
	VEC(struct ranked) all = {0};

	begin_count(t);
	for (uint32_t i = 0; i < t->v.n; i++) {
		struct tag_ask *a = &t->v.v[i];
		int64_t checked;
		double urgency;

		if (a->planned != t->look || a->host >= t->hosts.n)
			continue;
		checked = checked_ms(x, a);
		count(x, a, checked);
		urgency = a->hinted || tag_is_later(a, x->now_ms)
			      ? 1e9
			      : tag_urgency(t, a, checked, x->now_ms + next_ms);
		if (urgency > 0 && !VEC_PUSH(&all, ((struct ranked){i, urgency})))
			break;
	}
	if (all.n)
		qsort(all.v, all.n, sizeof *all.v, by_urgency);
	t->due.n = 0;
	VEC_EACH (r, &all)
		if (!VEC_PUSH(&t->due, r->ask))
			break;
	cut(t, all.v, all.n, next_ms);
	t->hosts.v[0].seen.late += t->too_many;
	VEC_DONE(&all);
}

/* A shorter period wants a closer look. */
static int64_t look_ms(const struct tag_asks *t)
{
	int64_t ms = LOOK_MS;

	for (unsigned s = 0; s < TAG_STATES; s++)
		ms = MIN_OF(ms, tag_period_ms(t, (enum tag_state)s) / 10);
	return ms;
}

void tag_plan(struct wanting *x)
{
	struct tag_asks *t = x->h->tag_asks;
	int64_t began = clock_tick_ms(), next_ms = 0;

	if (t == NULL || (t->look && began < t->next_look_ms))
		return;
	if (t->hosts.n == 0 && host_add(t, S("others")) == 0 && t->hosts.n == 0)
		return;
	t->look++;
	t->too_many = 0;
	t->all |= x->all;
	see_uses(x);
	if (t->all) {
		see_dormant(x);
		(void)hub_base_refs(x->h, x->w, see_base, x);
	}
	next_ms = MAX_OF(look_ms(t), (clock_tick_ms() - began) * LOOK_COST);
	rank(x, next_ms);
	t->next_look_ms = clock_tick_ms() + next_ms;
}

/* What others are told. */

void hub_tags_set(struct hub *h, const struct hub_tag_opts *opts)
{
	struct tag_asks *t;
	size_t n = opts->n_hosts;
	struct hub_tag_host *hosts = calloc(n + 1, sizeof *hosts);

	pthread_mutex_lock(&h->tagging);
	t = tag_asks_of(h);
	if (t && hosts) {
		free((void *)(uintptr_t)t->opts.hosts);
		t->opts = *opts;
		if (n)
			memcpy(hosts, opts->hosts, n * sizeof *hosts);
		t->opts.hosts = hosts;
		t->next_look_ms = 0;
		hosts = NULL;
	}
	pthread_mutex_unlock(&h->tagging);
	free(hosts);
}

void hub_registries_each(struct hub *h, struct hub_tag_opts *opts, hub_registry_fn *fn, void *user)
{
	struct tag_asks *t;

	pthread_mutex_lock(&h->tagging);
	t = h->tag_asks;
	*opts = t ? t->opts : HUB_TAG_OPTS;
	opts->hosts = NULL;
	opts->n_hosts = 0;
	for (size_t i = 0; t && i < t->hosts.n; i++) {
		struct hub_registry r = t->hosts.v[i].seen;

		r.host = t->hosts.v[i].name;
		r.per_minute = per_minute(t, &t->hosts.v[i]);
		if (r.trouble[0] == '\0')
			memcpy(r.trouble, t->hosts.v[i].said, sizeof r.trouble);
		if (i || r.late)
			fn(user, &r);
	}
	pthread_mutex_unlock(&h->tagging);
}
