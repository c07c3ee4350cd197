/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/judge_match.h"

#include "base/err.h"
#include "hub/judge.h"

struct batch {
	const struct world *w;
	struct inventory inv;
	struct component components[MATCH_BATCH];
	uint32_t ids[MATCH_BATCH];
	uint32_t first[MATCH_BATCH + 1];
	VEC(struct found) found;
};

void component_of_world(const struct world *w, uint32_t id, struct component *out)
{
	const struct world_component *c = &w->components.v[id];

	*out = (struct component){
	    .pkg =
		{
		    .type = c->type,
		    .ns = c->ns,
		    .name = c->name,
		    .version = c->version,
		    .arch = c->arch,
		    .src_name = c->src_name,
		    .src_version = c->src_version,
		    .module = c->module,
		},
	    .purl = c->purl,
	    .cataloger = c->cataloger,
	    .layer = NO_LAYER,
	    .is_os = c->is_os,
	};
}

struct world_finding judge_finding(const struct finding *f)
{
	double permille = f->epss * 1000 + 0.5;

	return (struct world_finding){
	    .epss_permille = (uint16_t)(f->has_epss && permille > 0 ? MIN_OF(permille, 1000.0) : 0),
	    .severity = (uint8_t)((unsigned)f->severity & 15u),
	    .status = (uint8_t)((unsigned)f->status & 15u),
	    .kev = f->has_kev,
	    .fixable = f->n_fixed != 0,
	};
}

/* A verdict is ordered by how bad things are: back to the order of components. */
static bool by_component(struct batch *b, const struct verdict *v)
{
	size_t n = b->inv.n_components;

	memset(b->first, 0, sizeof b->first);
	for (size_t i = 0; i < v->n_findings; i++)
		b->first[v->findings[i].component + 1]++;
	for (size_t i = 1; i <= n; i++)
		b->first[i] += b->first[i - 1];
	if (!VEC_RESERVE(&b->found, v->n_findings + 1))
		return false;
	for (size_t i = 0; i < v->n_findings; i++)
		b->found.v[b->first[v->findings[i].component]++] = (struct found){
		    .id = v->findings[i].id, .finding = judge_finding(&v->findings[i])};
	memmove(b->first + 1, b->first, n * sizeof *b->first);
	b->first[0] = 0;
	return true;
}

static enum rmg_rc tell(const struct batch *b, found_fn *fn, void *user)
{
	enum rmg_rc rc = RMG_OK;

	for (size_t i = 0; rc == RMG_OK && i < b->inv.n_components; i++)
		rc = fn(user, b->ids[i], b->found.v + b->first[i], b->first[i + 1] - b->first[i]);
	return rc;
}

/* As many as belong to one distribution, at most MATCH_BATCH. */
static size_t fill(struct batch *b, const uint32_t *components, size_t n)
{
	uint32_t os = b->w->components.v[components[0]].os;
	size_t i;

	for (i = 0; i < n && i < MATCH_BATCH; i++) {
		if (b->w->components.v[components[i]].os != os)
			break;
		b->ids[i] = components[i];
		component_of_world(b->w, components[i], &b->components[i]);
	}
	b->inv = (struct inventory){
	    .complete = true,
	    .os = b->w->oses.v[os],
	    .components = b->components,
	    .n_components = i,
	};
	return i;
}

static enum rmg_rc run(struct batch *b, struct advdb *db, found_fn *fn, void *user,
		       struct rmg_err *err)
{
	struct verdict *v;
	enum rmg_rc rc = match_inventory(&b->inv, db, &v, err);

	if (rc != RMG_OK)
		return rc;
	rc = by_component(b, v) ? tell(b, fn, user) : RMG_E_NOMEM;
	verdict_free(v);
	return rc;
}

static int os_cmp(const void *a, const void *b, void *world)
{
	const struct world *w = world;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	uint32_t of_x = w->components.v[x].os, of_y = w->components.v[y].os;

	if (of_x != of_y)
		return of_x < of_y ? -1 : 1;
	return (x > y) - (x < y);
}

enum rmg_rc match_components(const struct world *w, struct advdb *db, uint32_t *components,
			     size_t n, found_fn *fn, void *user, struct rmg_err *err)
{
	struct batch *b = calloc(1, sizeof *b);
	enum rmg_rc rc = RMG_OK;

	if (b == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory to judge with");
	b->w = w;
	if (n)
		qsort_r(components, n, sizeof *components, os_cmp, (void *)(uintptr_t)w);
	for (size_t i = 0; i < n && rc == RMG_OK;) {
		i += fill(b, components + i, n - i);
		rc = run(b, db, fn, user, err);
	}
	VEC_DONE(&b->found);
	free(b);
	return rc == RMG_E_NOMEM ? err_set(err, rc, "no memory to judge with") : rc;
}
