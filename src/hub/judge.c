/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/judge.h"

#include "base/err.h"
#include "hub/judge_match.h"
#include "hub/world_inside.h"

static int finding_cmp(const void *a, const void *b)
{
	const struct world_finding *x = a, *y = b;

	return (x->advisory > y->advisory) - (x->advisory < y->advisory);
}

static enum rmg_rc number(struct world *w, const struct found *found, size_t n,
			  struct world_finding **out)
{
	struct world_finding *f = malloc((n + 1) * sizeof *f);
	enum rmg_rc rc = f ? RMG_OK : RMG_E_NOMEM;

	for (size_t i = 0; i < n && rc == RMG_OK; i++) {
		f[i] = found[i].finding;
		rc = world_advisory(w, found[i].id, &f[i].advisory);
	}
	if (rc != RMG_OK) {
		free(f);
		return rc;
	}
	if (n)
		qsort(f, n, sizeof *f, finding_cmp);
	*out = f;
	return RMG_OK;
}

static enum rmg_rc set_findings(void *user, uint32_t component, const struct found *found, size_t n)
{
	struct world *w = user;
	struct world_finding *f = NULL;
	enum rmg_rc rc = n ? number(w, found, n, &f) : RMG_OK;

	return rc == RMG_OK ? world_findings_set(w, component, f, (uint32_t)n) : rc;
}

static bool copy_ids(const struct world *w, const uint32_t *components, size_t *n, uint32_t **out)
{
	if (components == NULL)
		*n = w->components.n - 1;
	*out = malloc((*n + 1) * sizeof **out);
	for (size_t i = 0; *out && i < *n; i++)
		(*out)[i] = components ? components[i] : (uint32_t)i + 1;
	return *out != NULL;
}

enum rmg_rc judge_components(struct world *w, struct advdb *db, const uint32_t *components,
			     size_t n, struct rmg_err *err)
{
	uint32_t *ids;
	enum rmg_rc rc;

	if (!copy_ids(w, components, &n, &ids))
		return err_set(err, RMG_E_NOMEM, "no memory to judge with");
	rc = match_components(w, db, ids, n, set_findings, w, err);
	free(ids);
	return rc;
}

/* Counts. */

static bool stamps_ready(struct world *w)
{
	struct world_index *x = w->index;

	if (!VEC_RESERVE(&x->stamp, w->advisories.n) || !VEC_RESERVE(&x->worst, w->advisories.n))
		return false;
	while (x->stamp.n < w->advisories.n)
		x->stamp.v[x->stamp.n++] = 0;
	x->worst.n = x->stamp.n;
	if (++x->stamp_now == 0) {
		memset(x->stamp.v, 0, x->stamp.n * sizeof *x->stamp.v);
		x->stamp_now = 1;
	}
	return true;
}

static void count(struct world_counts *c, const struct world_finding *f, uint32_t by)
{
	c->by_severity[MIN_OF(f->severity, SEV_CRITICAL)] += by;
	c->kev += f->kev ? by : 0;
	c->fixable += f->fixable ? by : 0;
}

static void count_finding(struct world *w, struct world_counts *counts,
			  const struct world_finding *f)
{
	struct world_index *x = w->index;
	struct world_finding *worst = &x->worst.v[f->advisory];

	if (x->stamp.v[f->advisory] == x->stamp_now) {
		if (!finding_is_worse(f, worst))
			return;
		count(counts, worst, UINT32_MAX);
	}
	x->stamp.v[f->advisory] = x->stamp_now;
	*worst = *f;
	count(counts, f, 1);
}

enum rmg_rc judge_counts(struct world *w, uint32_t image)
{
	struct world_image *i = &w->images.v[image];

	if (!stamps_ready(w))
		return RMG_E_NOMEM;
	i->counts = (struct world_counts){0};
	for (uint32_t k = 0; k < i->n_components; k++) {
		const struct world_component *c = &w->components.v[i->components[k]];

		for (uint32_t f = 0; f < c->n_findings; f++)
			count_finding(w, &i->counts, &c->findings[f]);
	}
	return RMG_OK;
}

/* One image for a report. */

static enum rmg_rc fill_inventory(const struct world *w, const struct world_image *i,
				  struct inventory *inv)
{
	inv->ref = i->ref;
	inv->config_digest = i->digest;
	inv->platform = i->platform;
	inv->os = w->oses.v[i->os];
	inv->complete = i->complete && i->read_ms != 0;
	inv->components = calloc(i->n_components + 1U, sizeof *inv->components);
	if (inv->components == NULL)
		return RMG_E_NOMEM;
	inv->n_components = i->n_components;
	for (uint32_t k = 0; k < i->n_components; k++)
		component_of_world(w, i->components[k], &inv->components[k]);
	return RMG_OK;
}

enum rmg_rc judge_image(const struct world *w, struct advdb *db, uint32_t image,
			struct verdict **out, struct inventory **inv, struct rmg_err *err)
{
	struct inventory *made;
	enum rmg_rc rc = inventory_new(&made);

	if (rc != RMG_OK)
		return err_set(err, rc, "no memory to judge an image");
	rc = fill_inventory(w, &w->images.v[image], made);
	if (rc != RMG_OK)
		(void)err_set(err, rc, "no memory to judge an image");
	else
		rc = match_inventory(made, db, out, err);
	if (rc != RMG_OK) {
		inventory_free(made);
		return rc;
	}
	*inv = made;
	return RMG_OK;
}

const struct finding *judge_one(const struct world *w, const struct advdb *db, uint32_t component,
				uint32_t advisory, struct verdict **out)
{
	struct component one;
	struct inventory inv = {.complete = true, .components = &one, .n_components = 1};
	struct advdb own;

	*out = NULL;
	if (db == NULL)
		return NULL;
	own = *db;
	component_of_world(w, component, &one);
	inv.os = w->oses.v[w->components.v[component].os];
	if (match_inventory(&inv, &own, out, NULL) != RMG_OK)
		return NULL;
	for (size_t i = 0; i < (*out)->n_findings; i++)
		if (span_is((*out)->findings[i].id, w->advisories.v[advisory].id))
			return &(*out)->findings[i];
	return NULL;
}
