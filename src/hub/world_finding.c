/* SPDX-License-Identifier: Apache-2.0 */
/* world_finding.c - findings of components, and the lists of who has an advisory. */
#include "hub/world.h"

#include "hub/world_inside.h"

/* Where an advisory's list has a component, or would have it. */
static size_t place_in(const struct world_advisory *a, uint32_t component)
{
	size_t low = 0, high = a->n;

	/* Judging goes up: mostly it belongs at the end. */
	if (a->n && a->components[a->n - 1] < component)
		return a->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (a->components[mid] < component)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool world_advisory_add(struct world *w, uint32_t advisory, uint32_t component)
{
	struct world_advisory *a = &w->advisories.v[advisory];
	size_t at = place_in(a, component), cap = a->cap;

	if (at < a->n && a->components[at] == component)
		return true;
	if (a->n == a->cap) {
		size_t more = cap + cap / 2 + 2;
		uint32_t *bigger = realloc(a->components, more * sizeof *bigger);

		if (bigger == NULL)
			return false;
		a->components = bigger;
		a->cap = (uint32_t)more;
	}
	memmove(a->components + at + 1, a->components + at, (a->n - at) * sizeof *a->components);
	a->components[at] = component;
	a->n++;
	return true;
}

void world_advisory_remove(struct world *w, uint32_t advisory, uint32_t component)
{
	struct world_advisory *a = &w->advisories.v[advisory];
	size_t at = place_in(a, component);

	if (at == a->n || a->components[at] != component)
		return;
	a->n--;
	memmove(a->components + at, a->components + at + 1, (a->n - at) * sizeof *a->components);
}

const struct world_finding *finding_find(const struct world_finding *f, size_t n, uint32_t advisory)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (f[mid].advisory < advisory)
			low = mid + 1;
		else
			high = mid;
	}
	return low < n && f[low].advisory == advisory ? &f[low] : NULL;
}

bool finding_is_worse(const struct world_finding *a, const struct world_finding *b)
{
	if (a->severity != b->severity)
		return a->severity > b->severity;
	if (a->kev != b->kev)
		return a->kev;
	if (a->epss_permille != b->epss_permille)
		return a->epss_permille > b->epss_permille;
	if (a->fixable != b->fixable)
		return a->fixable;
	return a->status < b->status;
}

enum rmg_rc world_findings_set(struct world *w, uint32_t component, struct world_finding *findings,
			       uint32_t n)
{
	struct world_component *c = &w->components.v[component];
	struct world_finding *was = c->findings;
	uint32_t n_was = c->n_findings;

	c->findings = findings;
	c->n_findings = n;
	for (uint32_t i = 0; i < n; i++)
		if (!world_advisory_add(w, findings[i].advisory, component))
			return RMG_E_NOMEM;
	for (uint32_t i = 0; i < n_was; i++)
		if (finding_find(findings, n, was[i].advisory) == NULL)
			world_advisory_remove(w, was[i].advisory, component);
	free(was);
	return RMG_OK;
}

static void worst_of(const struct world *w, uint32_t component, uint32_t advisory, bool *found,
		     struct world_finding *out)
{
	const struct world_component *c = &w->components.v[component];
	const struct world_finding *f = finding_find(c->findings, c->n_findings, advisory);

	if (f == NULL || (*found && !finding_is_worse(f, out)))
		return;
	*out = *f;
	*found = true;
}

/* Walks the shorter of two lists: who has the advisory, what the image has. */
bool world_finding_of(const struct world *w, uint32_t image, uint32_t advisory,
		      struct world_finding *out)
{
	const struct world_image *i = &w->images.v[image];
	const struct world_advisory *a = &w->advisories.v[advisory];
	bool found = false;

	if (a->n > i->n_components) {
		for (uint32_t k = 0; k < i->n_components; k++)
			worst_of(w, i->components[k], advisory, &found, out);
		return found;
	}
	for (uint32_t k = 0; k < a->n; k++)
		if (ids_find(i->components, i->n_components, a->components[k]) != SIZE_MAX)
			worst_of(w, a->components[k], advisory, &found, out);
	return found;
}
