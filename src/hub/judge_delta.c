/* SPDX-License-Identifier: Apache-2.0 */
/* judge_delta.c - from one database to the next: which components to ask again, what that changes.
 *
 * Names of keys that changed -> components that may be asked under them (hashes, so that some are
 * asked in vain) -> those whose findings differ -> their images -> per image and advisory the worst
 * finding before and after. */
#include "base/err.h"
#include "hub/judge_inside.h"

/* So many components at once are given numbers; from so many on that is done beforehand. */
enum { NUMBERED_AT_ONCE = 2048, MUCH = 1000 };

static bool add_name(void *user, const struct adv_key *was, const struct adv_key *is)
{
	struct judgement *j = user;

	j->keys++;
	if (!map_set(&j->names, name_hash(is ? is->name : was->name), 1))
		j->failed = true;
	return !j->failed;
}

static bool may_concern(const struct judgement *j, const struct world_names *names)
{
	for (size_t i = 0; i < COUNT_OF(names->hash); i++)
		if (names->hash[i] && map_has(&j->names, names->hash[i]))
			return true;
	return false;
}

enum rmg_rc judge_begin(const struct world *w, struct advdb *older, struct advdb *newer,
			struct judgement **out, struct rmg_err *err)
{
	struct judgement *j = calloc(1, sizeof *j);

	if (j == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory to judge with");
	j->older = older;
	j->newer = newer;
	j->n_components = (uint32_t)w->components.n;
	j->much = MUCH;
	if (older)
		advdb_diff(older, newer, add_name, j);
	for (uint32_t c = 1; c < w->components.n && !j->failed; c++)
		if ((older == NULL || may_concern(j, &w->index->names.v[c])) &&
		    !VEC_PUSH(&j->candidates, c))
			j->failed = true;
	if (j->failed) {
		judge_free(j);
		return err_set(err, RMG_E_NOMEM, "no memory to judge with");
	}
	*out = j;
	return RMG_OK;
}

void judge_free(struct judgement *j)
{
	if (j == NULL)
		return;
	VEC_EACH (c, &j->changed)
		free(c->other);
	map_done(&j->names);
	VEC_DONE(&j->candidates);
	VEC_DONE(&j->found);
	VEC_DONE(&j->changed);
	VEC_DONE(&j->touched);
	look_free(j);
	free(j);
}

static bool is_same(const struct world_finding *a, const struct world_finding *b)
{
	return a->severity == b->severity && a->status == b->status && a->kev == b->kev &&
	       a->fixable == b->fixable && a->epss_permille == b->epss_permille;
}

/* Whether a component has these findings already. */
static bool has_all(const struct world *w, uint32_t component, const struct found *found, size_t n)
{
	const struct world_component *c = &w->components.v[component];

	if (c->n_findings != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		uint32_t advisory = world_advisory_of(w, found[i].id);
		const struct world_finding *f;

		f = advisory ? finding_find(c->findings, c->n_findings, advisory) : NULL;
		if (f == NULL || !is_same(f, &found[i].finding))
			return false;
	}
	return true;
}

static enum rmg_rc keep_changed(void *user, uint32_t component, const struct found *found, size_t n)
{
	struct judgement *j = user;
	struct changed c = {.component = component, .first = (uint32_t)j->found.n};

	if (has_all(j->w, component, found, n))
		return RMG_OK;
	c.n = (uint32_t)n;
	if (!VEC_RESERVE(&j->found, j->found.n + n + 1) || !VEC_PUSH(&j->changed, c))
		return RMG_E_NOMEM;
	for (size_t i = 0; i < n; i++)
		j->found.v[j->found.n++] = found[i];
	return RMG_OK;
}

enum rmg_rc judge_some(const struct world *w, struct judgement *j, bool *more, struct rmg_err *err)
{
	size_t n = MIN_OF(j->candidates.n - j->at, (size_t)MATCH_BATCH);
	uint32_t *ids = j->candidates.v + j->at;

	j->w = w;
	j->at += n;
	*more = j->at < j->candidates.n;
	return n ? match_components(w, j->newer, ids, n, keep_changed, j, err) : RMG_OK;
}

/* Components that came since judge_begin() were judged by the older database. */
static enum rmg_rc judge_late(const struct world *w, struct judgement *j, struct rmg_err *err)
{
	bool more = true;
	enum rmg_rc rc = RMG_OK;

	for (uint32_t c = j->n_components; c < w->components.n; c++)
		if (!VEC_PUSH(&j->candidates, c))
			return err_set(err, RMG_E_NOMEM, "no memory to judge with");
	while (rc == RMG_OK && more)
		rc = judge_some(w, j, &more, err);
	return rc;
}

/* Numbers. */

static int finding_cmp(const void *a, const void *b)
{
	const struct world_finding *x = a, *y = b;

	return (x->advisory > y->advisory) - (x->advisory < y->advisory);
}

static bool touch(struct judgement *j, uint32_t advisory)
{
	return VEC_PUSH(&j->touched, advisory);
}

/* The advisories that two lists, both by advisory, do not say the same of. */
static bool touch_differing(struct judgement *j, const struct world_finding *a, size_t n_a,
			    const struct world_finding *b, size_t n_b)
{
	bool good = true;

	for (size_t i = 0, k = 0; good && (i < n_a || k < n_b);) {
		if (k == n_b || (i < n_a && a[i].advisory < b[k].advisory)) {
			good = touch(j, a[i++].advisory);
		} else if (i == n_a || b[k].advisory < a[i].advisory) {
			good = touch(j, b[k++].advisory);
		} else {
			good = is_same(&a[i], &b[k]) || touch(j, a[i].advisory);
			i++;
			k++;
		}
	}
	return good;
}

/* The findings that the component will have, as the world has them. */
static enum rmg_rc number(struct world *w, struct judgement *j, struct changed *x)
{
	const struct world_component *c = &w->components.v[x->component];
	struct world_finding *f = malloc((x->n + 1) * sizeof *f);
	enum rmg_rc rc = f ? RMG_OK : RMG_E_NOMEM;

	for (uint32_t i = 0; i < x->n && rc == RMG_OK; i++) {
		f[i] = j->found.v[x->first + i].finding;
		rc = world_advisory(w, j->found.v[x->first + i].id, &f[i].advisory);
	}
	if (rc != RMG_OK) {
		free(f);
		return rc;
	}
	if (x->n)
		qsort(f, x->n, sizeof *f, finding_cmp);
	x->other = f;
	x->n_other = x->n;
	x->first_touched = (uint32_t)j->touched.n;
	if (!touch_differing(j, c->findings, c->n_findings, f, x->n))
		return RMG_E_NOMEM;
	x->n_touched = (uint32_t)j->touched.n - x->first_touched;
	return RMG_OK;
}

bool judge_is_much(const struct judgement *j)
{
	return j->changed.n >= j->much;
}

enum rmg_rc judge_number(struct world *w, struct judgement *j, bool *more, struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;

	for (size_t i = 0; i < NUMBERED_AT_ONCE && j->numbered < j->changed.n && rc == RMG_OK; i++)
		rc = number(w, j, &j->changed.v[j->numbered++]);
	*more = j->numbered < j->changed.n;
	return rc == RMG_OK ? RMG_OK : err_set(err, rc, "no memory to judge with");
}

/* Changing the world. */

/* Gives the component its new findings. Its old ones stay at hand, and in the lists of advisories,
 * until all images have been looked at. */
static bool give(struct world *w, const struct judgement *j, struct changed *x)
{
	struct world_component *c = &w->components.v[x->component];
	struct world_finding *other = c->findings;
	uint32_t n_other = c->n_findings;

	for (uint32_t i = 0; i < x->n_touched; i++) {
		uint32_t advisory = j->touched.v[x->first_touched + i];

		if (finding_find(x->other, x->n_other, advisory) &&
		    !world_advisory_add(w, advisory, x->component))
			return false;
	}
	c->findings = x->other;
	c->n_findings = x->n_other;
	x->other = other;
	x->n_other = n_other;
	return true;
}

/* What only the old findings had is no longer in the lists of advisories. */
static void let_go(struct world *w, const struct judgement *j, const struct changed *x)
{
	const struct world_component *c = &w->components.v[x->component];

	for (uint32_t i = 0; i < x->n_touched; i++) {
		uint32_t advisory = j->touched.v[x->first_touched + i];

		if (finding_find(c->findings, c->n_findings, advisory) == NULL)
			world_advisory_remove(w, advisory, x->component);
	}
}

enum rmg_rc judge_end(struct world *w, struct judgement *j, struct judge_steps steps, delta_fn *fn,
		      void *user, struct judge_figures *out, struct rmg_err *err)
{
	struct telling t = {
	    .w = w, .change = w, .j = j, .steps = steps, .fn = fn, .user = user, .given = true};
	enum rmg_rc rc = judge_late(w, j, err);
	bool more = true;

	while (rc == RMG_OK && more)
		rc = judge_number(w, j, &more, err);
	if (rc != RMG_OK)
		return rc;
	VEC_EACH (x, &j->changed)
		if (!give(w, j, x))
			return err_set(err, RMG_E_NOMEM, "no memory to judge with");
	rc = tell_images(&t);
	if (rc == RMG_E_NOMEM)
		return err_set(err, rc, "no memory to judge with");
	if (rc != RMG_OK)
		return rc;
	VEC_EACH (x, &j->changed)
		let_go(w, j, x);
	if (out)
		*out = (struct judge_figures){j->keys, j->changed.n, t.images, t.deltas};
	return RMG_OK;
}

enum rmg_rc judge_database(struct world *w, struct advdb *older, struct advdb *newer,
			   struct judge_steps steps, delta_fn *fn, void *user,
			   struct judge_figures *out, struct rmg_err *err)
{
	struct judgement *j;
	bool more = true;
	enum rmg_rc rc = judge_begin(w, older, newer, &j, err);

	if (rc != RMG_OK)
		return rc;
	while (rc == RMG_OK && more)
		rc = judge_some(w, j, &more, err);
	if (rc == RMG_OK)
		rc = judge_end(w, j, steps, fn, user, out, err);
	judge_free(j);
	return rc;
}
