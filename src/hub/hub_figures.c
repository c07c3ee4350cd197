/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub_inside.h"

static void count_world(const struct world *w, struct hub_figures *out)
{
	out->images = w->images.n - 1;
	out->components = w->components.n - 1;
	out->pairs = w->n_pairs;
	out->uses = w->n_uses;
	out->cached = w->n_cached;
	out->workloads = w->workloads.n - 1;
	world_sizes(w, out->bytes);
	for (uint32_t i = 1; i < w->images.n; i++) {
		const struct world_image *x = &w->images.v[i];

		out->images_unread +=
		    x->read_ms == 0 && (x->first_use || x->first_cached || x->first_would);
	}
	for (uint32_t i = 1; i < w->workloads.n; i++)
		out->dormant += world_dormant(w, i);
}

void hub_count_event(struct hub *h, const struct hub_result *r)
{
	pthread_mutex_lock(&h->counting);
	h->figures.events++;
	h->figures.events_known += r->applied == APPLIED_KNOWN;
	h->figures.events_refused += r->applied == APPLIED_REFUSED;
	pthread_mutex_unlock(&h->counting);
}

/* What a store does not tell now is as it was told last. */
static void ask_store(struct hub *h)
{
	struct store *st = hub_store_lock(h, NULL);
	uint64_t waiting, dead, bytes;
	bool good;

	if (st == NULL)
		return;
	good = store_outbox_count(st, S("waiting"), &waiting, NULL) == RMG_OK &&
	       store_outbox_count(st, S("dead"), &dead, NULL) == RMG_OK &&
	       store_size(st, &bytes, NULL) == RMG_OK;
	hub_store_unlock(h);
	if (!good)
		return;
	pthread_mutex_lock(&h->counting);
	h->figures.outbox_waiting = waiting;
	h->figures.outbox_dead = dead;
	h->figures.store_bytes = bytes;
	pthread_mutex_unlock(&h->counting);
}

const char *hub_not_ready(const struct hub *h, bool *leads)
{
	*leads = h->leads;
	if (h->stale)
		return "the store cannot be read since a change failed";
	return h->judged ? NULL : "no advisory database yet";
}

void hub_figures(struct hub *h, struct hub_figures *out)
{
	bool leads;

	ask_store(h);
	hub_look_lock(h);
	pthread_mutex_lock(&h->counting);
	*out = h->figures;
	pthread_mutex_unlock(&h->counting);
	out->ready = hub_not_ready(h, &leads) == NULL;
	out->leads = leads;
	count_world(h->world, out);
	out->alerts_firing = alerts_count(h->alerts, ALERT_FIRING);
	out->alerts_acknowledged = alerts_count(h->alerts, ALERT_ACKNOWLEDGED);
	out->alerts_suppressed = alerts_count(h->alerts, ALERT_SUPPRESSED);
	hub_read_unlock(h);
}

void hub_answers_each(struct hub *h, hub_answers_fn *fn, void *user)
{
	hub_look_lock(h);
	for (size_t i = 1; i < h->world->sources.n; i++) {
		const struct world_source *s = &h->world->sources.v[i];

		if (s->answers.asked && s->place < h->world->places.n)
			fn(user, &h->world->places.v[s->place].place, &s->answers);
	}
	hub_read_unlock(h);
}
