/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/standing.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "hub/admit.h"
#include "hub/hub_inside.h"
#include "hub/packed.h"

/* FRESH_MS: what is new for so long is not said to be unread. OLD_MS: what was worked out; an
 * exception may have ended since. */
enum { FRESH_MS = 30000, OLD_MS = 60000 };

/* One advisory of one component of one image. */
struct hit {
	const struct world_finding *f;
	uint32_t image, component;
	bool excepted;
};

/* Who runs it. */
struct who {
	uint32_t workload, place;
	bool dormant;
};

struct standings {
	struct hub *h;
	struct span cluster;
	const struct world *w;
	int64_t now_ms, made_ms; /* made: of the tick */
	uint64_t verdicts;
	struct map known;  /* sets of images, to tallies */
	struct map denied; /* sets of images, to whether each is denied everywhere */
	VEC(struct standing) tallies;
	VEC(struct hit) hits;
	struct ids images;
	struct who who; /* asked for last */
	struct advdb *db;
	VEC(struct standing_alert) fired;
};

const char *standing_name(enum standing_verdict v)
{
	static const char *const names[] = {
#define X(name, text) text,
	    STANDINGS(X)
#undef X
	};

	return names[v];
}

enum rmg_rc standings_new(struct hub *h, struct span cluster, struct standings **out)
{
	struct standings *s = calloc(1, sizeof *s);

	if (s == NULL)
		return RMG_E_NOMEM;
	s->h = h;
	s->cluster = cluster;
	*out = s;
	return RMG_OK;
}

static void forget(struct standings *s)
{
	map_clear(&s->known);
	map_clear(&s->denied);
	s->tallies.n = 0;
	s->made_ms = clock_tick_ms();
}

void standings_free(struct standings *s)
{
	if (s == NULL)
		return;
	map_done(&s->known);
	map_done(&s->denied);
	VEC_DONE(&s->tallies);
	VEC_DONE(&s->hits);
	VEC_DONE(&s->images);
	VEC_DONE(&s->fired);
	free(s);
}

enum rmg_rc standings_news(struct standings *s, uint64_t *news, struct rmg_err *err)
{
	const struct world *w;
	enum rmg_rc rc = hub_read_lock(s->h, &w, NULL, err);

	if (rc != RMG_OK)
		return rc;
	*news = hash_mix(hash_mix(hash_mix(s->h->stream_seq) + s->h->verdicts) + s->h->loads);
	hub_read_unlock(s->h);
	return RMG_OK;
}

void standings_round(struct standings *s)
{
	if (clock_tick_ms() - s->made_ms > OLD_MS)
		forget(s);
}

static uint64_t verdicts_of(struct hub *h)
{
	uint64_t policy = hash_mix((uintptr_t)hub_policy(h));

	return hash_mix(hash_mix(h->verdicts) + h->loads + policy) +
	       alerts_exceptions_read(h->alerts);
}

enum rmg_rc standings_look(struct standings *s, struct rmg_err *err)
{
	uint64_t verdicts;
	enum rmg_rc rc = hub_read_lock(s->h, &s->w, &s->db, err);

	if (rc != RMG_OK)
		return rc;
	if (s->db == NULL) {
		hub_read_unlock(s->h);
		return err_set(err, RMG_E_NOTFOUND, "nothing is judged yet");
	}
	verdicts = verdicts_of(s->h);
	if (s->verdicts != verdicts)
		forget(s);
	s->verdicts = verdicts;
	s->now_ms = hub_now_ms(s->h);
	return RMG_OK;
}

void standings_away(struct standings *s)
{
	hub_read_unlock(s->h);
	s->w = NULL;
}

/* Findings. */

static struct event would_of(const struct standings *s, const struct who *who)
{
	const struct world_workload *x = &s->w->workloads.v[who->workload];

	return (struct event){
	    .place = s->w->places.v[who->workload ? x->place : who->place].place,
	    .workload_kind = x->kind,
	    .workload_name = x->name,
	};
}

static bool gather_hits(struct standings *s, uint32_t image, const struct event *would)
{
	const struct world_image *im = &s->w->images.v[image];
	const struct alerts *a = hub_alerts(s->h);
	bool ask = alerts_have_exceptions(a);

	for (uint32_t i = 0; i < im->n_components; i++) {
		const struct world_component *c = &s->w->components.v[im->components[i]];

		for (uint32_t k = 0; k < c->n_findings; k++) {
			struct hit hit = {&c->findings[k], image, im->components[i], false};

			hit.excepted =
			    ask &&
			    alerts_excepted(a, s->w, s->now_ms, image,
					    s->w->advisories.v[hit.f->advisory].id, c->purl, would);
			if (!VEC_PUSH(&s->hits, hit))
				return false;
		}
	}
	return true;
}

/* Of one advisory what counts first. */
static int by_advisory(const void *x, const void *y)
{
	const struct hit *a = x, *b = y;

	if (a->f->advisory != b->f->advisory)
		return a->f->advisory > b->f->advisory ? 1 : -1;
	if (a->excepted != b->excepted)
		return a->excepted ? 1 : -1;
	if (finding_is_worse(a->f, b->f))
		return -1;
	return finding_is_worse(b->f, a->f);
}

static void keep_worst(struct standings *s)
{
	size_t n = 0;

	if (s->hits.n == 0)
		return;
	qsort(s->hits.v, s->hits.n, sizeof *s->hits.v, by_advisory);
	VEC_EACH (it, &s->hits)
		if (n == 0 || s->hits.v[n - 1].f->advisory != it->f->advisory)
			s->hits.v[n++] = *it;
	s->hits.n = n;
}

static void count(const struct standings *s, const struct hit *hit, struct standing *out)
{
	const struct world_component *c = &s->w->components.v[hit->component];
	const struct world_finding *f = hit->f;
	uint64_t h = hash_span(s->w->advisories.v[f->advisory].id) * 3 + hash_span(c->purl) * 5;

	out->sum += hash_mix(h + f->severity * 8u + f->kev * 4u + f->fixable * 2u + hit->excepted);
	if (hit->excepted) {
		out->excepted++;
		return;
	}
	out->counts.by_severity[MIN_OF(f->severity, SEV_CRITICAL)]++;
	out->counts.kev += f->kev;
	out->counts.fixable += f->fixable;
}

static bool gather_all(struct standings *s, const struct who *who)
{
	struct event would = would_of(s, who);

	s->hits.n = 0;
	VEC_EACH (it, &s->images)
		if (!gather_hits(s, *it, &would))
			return false;
	keep_worst(s);
	return true;
}

static void see_images(struct standings *s, struct standing *out)
{
	VEC_EACH (it, &s->images) {
		const struct world_image *im = &s->w->images.v[*it];
		enum standing_verdict v = STANDING_CLEAN;

		if (im->read_ms == 0) {
			v = STANDING_UNREAD;
			out->n_unread++;
			out->pending |= s->now_ms - im->seen_ms < FRESH_MS;
		} else if (!im->complete) {
			v = STANDING_INCOMPLETE;
			out->n_incomplete++;
		}
		out->verdict = MAX_OF(out->verdict, v);
		out->sum += hash_mix(hash_span(im->digest) * 2 + im->complete);
	}
	out->images = (uint32_t)s->images.n;
}

static uint64_t key_of(struct standings *s, const struct who *who)
{
	uint64_t key = alerts_have_exceptions(hub_alerts(s->h))
			   ? hash_mix(who->workload * UINT64_C(2) + 1) + hash_mix(who->place)
			   : 0;

	VEC_EACH (it, &s->images)
		key = hash_mix(key * 3 + *it + hash_mix((uint64_t)s->w->images.v[*it].read_ms));
	return key;
}

/* What was found in these images; worked out once for those that are read. */
static bool tally(struct standings *s, const struct who *who, struct standing *out)
{
	uint64_t key = key_of(s, who);
	uint32_t at = map_find(&s->known, key);

	if (at != MAP_NONE) {
		*out = s->tallies.v[at];
		return true;
	}
	*out = (struct standing){0};
	if (!gather_all(s, who))
		return false;
	VEC_EACH (it, &s->hits)
		count(s, it, out);
	see_images(s, out);
	if (s->hits.n > out->excepted)
		out->verdict = STANDING_AFFECTED;
	if (out->pending) /* it will be otherwise without any news */
		return true;
	return VEC_PUSH(&s->tallies, *out) && map_set(&s->known, key, (uint32_t)(s->tallies.n - 1));
}

/* Alerts. */

static bool fires(const struct standings *s, const struct who *who, const struct alert *x)
{
	const struct policy *p = hub_policy(s->h);

	return (x->state == ALERT_FIRING || x->state == ALERT_ACKNOWLEDGED) &&
	       x->rule < p->n_rules &&
	       policy_applies(&p->rules[x->rule], s->w, who->workload, who->place, who->dormant);
}

static void take_alert(struct standings *s, const struct alert *x)
{
	struct standing_alert a = {.id = x->id,
				   .rule = hub_policy(s->h)->rules[x->rule].name,
				   .severity = (enum adv_severity)x->severity,
				   .opened_ms = x->opened_ms};

	if (x->advisory)
		a.advisory = s->w->advisories.v[x->advisory].id;
	(void)VEC_PUSH(&s->fired, a); /* one that has no room is told later */
}

/* All that fire for it. */
static void gather_fired(struct standings *s, const struct who *who)
{
	const struct alerts *a = hub_alerts(s->h);
	const struct alert *x;
	struct event would = would_of(s, who);
	size_t at = 0;

	s->fired.n = 0;
	VEC_EACH (it, &s->images) {
		x = NULL;
		while ((x = alerts_of_image(a, *it, x)) != NULL)
			if (x->advisory && fires(s, who, x) &&
			    !(alerts_have_exceptions(a) &&
			      alerts_excepted(a, s->w, s->now_ms, *it,
					      s->w->advisories.v[x->advisory].id, S(""), &would)))
				take_alert(s, x);
	}
	/* About the workload: of what was changed in it, of rollbacks. */
	while (who->workload && (x = alerts_of_workload(a, who->workload, &at)) != NULL)
		if (x->advisory == 0 && fires(s, who, x))
			take_alert(s, x);
}

/* Things that run images. */

/* unknown: some of it runs nobody knows what; since when. */
static bool judge(struct standings *s, const struct who *who, bool unknown, int64_t since_ms,
		  struct standing *out)
{
	ids_sort(&s->images);
	if (!tally(s, who, out))
		return false;
	if (unknown) {
		out->verdict = MAX_OF(out->verdict, STANDING_UNREAD);
		out->n_unread++;
		out->pending |= s->now_ms - since_ms < FRESH_MS;
	}
	out->kind = s->w->workloads.v[who->workload].kind;
	out->name = s->w->workloads.v[who->workload].name;
	s->who = *who;
	gather_fired(s, who);
	out->alerts = (uint32_t)s->fired.n;
	if (out->alerts)
		out->verdict = STANDING_ALERT;
	out->sum = hash_mix(out->sum * 3 + out->alerts * 8u + (unsigned)out->verdict);
	return true;
}

bool standing_of_workload(struct standings *s, struct span ns, struct span kind, struct span name,
			  struct standing *out)
{
	uint32_t id = world_workload_at(s->w, s->cluster, ns, kind, name);
	const struct world_workload *x = &s->w->workloads.v[id];
	struct who who = {.workload = id, .place = x->place};
	int64_t unknown_ms = 0;
	bool unknown = false;

	if (id == 0)
		return false;
	who.dormant = world_dormant(s->w, id);
	s->images.n = 0;
	for (uint32_t u = x->first_use; u; u = s->w->uses.v[u].next_of_workload) {
		const struct world_use *use = &s->w->uses.v[u];

		unknown |= use->image == 0;
		if (use->image == 0)
			unknown_ms = MAX_OF(unknown_ms, use->began_ms);
		else if (!VEC_PUSH(&s->images, use->image))
			return false;
	}
	for (uint32_t i = 0; x->declared && i < x->n_would_run; i++)
		if (!VEC_PUSH(&s->images, x->would_run[i]))
			return false;
	return judge(s, &who, unknown, unknown_ms, out);
}

bool standing_of_containers(struct standings *s, const struct span *ids, size_t n,
			    struct standing *out)
{
	struct who who = {0};
	int64_t unknown_ms = 0;
	bool unknown = false;

	s->images.n = 0;
	for (size_t i = 0; i < n; i++) {
		uint32_t slot = world_use_elsewhere(s->w, 0, ids[i], true);
		const struct world_use *use = &s->w->uses.v[slot];

		if (slot == 0)
			return false;
		who = (struct who){use->workload, use->place, false};
		unknown |= use->image == 0;
		if (use->image == 0)
			unknown_ms = MAX_OF(unknown_ms, use->began_ms);
		else if (!VEC_PUSH(&s->images, use->image))
			return false;
	}
	return judge(s, &who, unknown, unknown_ms, out);
}

/* Images by themselves. */

static bool all_denied(struct standings *s)
{
	bool all = s->images.n != 0;

	for (size_t i = 0; all && i < s->images.n; i++)
		all = hub_admit_denies(s->h, s->w, s->db, s->images.v[i]);
	return all;
}

static bool push_image(struct standings *s, struct span digest, bool read)
{
	uint32_t image;

	s->images.n = 0;
	for (size_t nth = 0; (image = world_image_of(s->w, digest, nth)) != 0; nth++)
		if ((s->w->images.v[image].read_ms != 0) == read && !VEC_PUSH(&s->images, image))
			return false;
	return s->images.n != 0;
}

bool standing_of_image(struct standings *s, struct span digest, struct standing *out)
{
	const struct who nobody = {0};
	uint64_t key;
	uint32_t at;

	if (!push_image(s, digest, true) && !push_image(s, digest, false))
		return false;
	ids_sort(&s->images);
	s->who = nobody;
	s->fired.n = 0;
	if (!tally(s, &nobody, out))
		return false;
	key = hash_mix(key_of(s, &nobody) + 1);
	at = map_find(&s->denied, key);
	out->denied = at == MAP_NONE ? all_denied(s) : at != 0;
	return at != MAP_NONE || map_set(&s->denied, key, out->denied);
}

/* In full. */

static int by_weight(const void *x, const void *y)
{
	const struct hit *a = x, *b = y;

	if (a->excepted != b->excepted)
		return a->excepted ? 1 : -1;
	if (a->f->kev != b->f->kev)
		return a->f->kev ? -1 : 1;
	if (a->f->severity != b->f->severity)
		return a->f->severity > b->f->severity ? -1 : 1;
	return a->f->advisory > b->f->advisory ? -1 : a->f->advisory < b->f->advisory;
}

static void tell_finding(struct standings *s, const struct hit *hit, struct standing_finding *out)
{
	const struct world_component *c = &s->w->components.v[hit->component];
	const struct world_image *im = &s->w->images.v[hit->image];
	struct verdict *v;
	const struct finding *f = judge_one(s->w, s->db, hit->component, hit->f->advisory, &v);

	*out = (struct standing_finding){
	    .advisory = s->w->advisories.v[hit->f->advisory].id,
	    .purl = c->purl,
	    .name = c->name,
	    .version = c->version,
	    .ref = im->ref,
	    .digest = im->digest,
	    .severity = (enum adv_severity)hit->f->severity,
	    .kev = hit->f->kev,
	};
	if (f && f->n_fixed)
		snprintf(out->fixed, sizeof out->fixed, SPAN_FMT,
			 SPAN_ARG(span_head(f->fixed[0], sizeof out->fixed - 1)));
	verdict_free(v);
}

size_t standing_worst(struct standings *s, struct standing_finding *out, size_t max)
{
	size_t n = 0;

	if (!gather_all(s, &s->who))
		return 0;
	if (s->hits.n)
		qsort(s->hits.v, s->hits.n, sizeof *s->hits.v, by_weight);
	while (n < max && n < s->hits.n && !s->hits.v[n].excepted) {
		tell_finding(s, &s->hits.v[n], &out[n]);
		n++;
	}
	return n;
}

static int by_severity(const void *x, const void *y)
{
	const struct standing_alert *a = x, *b = y;

	if (a->severity != b->severity)
		return a->severity > b->severity ? -1 : 1;
	return a->id > b->id ? -1 : a->id < b->id;
}

size_t standing_alerts(struct standings *s, struct standing_alert *out, size_t max)
{
	if (s->fired.n)
		qsort(s->fired.v, s->fired.n, sizeof *s->fired.v, by_severity);
	for (size_t i = 0; i < MIN_OF(max, s->fired.n); i++)
		out[i] = s->fired.v[i];
	return s->fired.n;
}
