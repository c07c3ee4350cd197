/* SPDX-License-Identifier: Apache-2.0 */
/* judge_delta.c - from one database to the next: which components to ask again, what that changes.
 *
 * Names of keys that changed -> components that may be asked under them (hashes, so that some are
 * asked in vain) -> those whose findings differ -> their images -> per image and advisory the worst
 * finding before and after. */
#include "base/err.h"
#include "hub/judge_inside.h"

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

/* Changing the world. */

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

/* Gives the component its new findings. Its old ones stay at hand, and in the lists of advisories,
 * until all images have been looked at. */
static enum rmg_rc give(struct world *w, struct judgement *j, struct changed *x)
{
	struct world_finding *f = malloc((x->n + 1) * sizeof *f);
	struct world_component *c = &w->components.v[x->component];
	enum rmg_rc rc = f ? RMG_OK : RMG_E_NOMEM;

	for (uint32_t i = 0; i < x->n && rc == RMG_OK; i++) {
		f[i] = j->found.v[x->first + i].finding;
		rc = world_advisory(w, j->found.v[x->first + i].id, &f[i].advisory);
		if (rc == RMG_OK && !world_advisory_add(w, f[i].advisory, x->component))
			rc = RMG_E_NOMEM;
	}
	if (rc != RMG_OK) {
		free(f);
		return rc;
	}
	if (x->n)
		qsort(f, x->n, sizeof *f, finding_cmp);
	x->other = c->findings;
	x->n_other = c->n_findings;
	c->findings = f;
	c->n_findings = x->n;
	x->first_touched = (uint32_t)j->touched.n;
	if (!touch_differing(j, x->other, x->n_other, f, x->n))
		return RMG_E_NOMEM;
	x->n_touched = (uint32_t)j->touched.n - x->first_touched;
	return RMG_OK;
}

/* What only the old findings had is no longer in the lists of advisories. */
static void let_go(struct world *w, const struct changed *x)
{
	const struct world_component *c = &w->components.v[x->component];

	for (uint32_t i = 0; i < x->n_other; i++)
		if (finding_find(c->findings, c->n_findings, x->other[i].advisory) == NULL)
			world_advisory_remove(w, x->other[i].advisory, x->component);
}

/* Images. */

/* From so many advisories of one image on, all of its findings are gone over once. */
enum { MANY = 16 };

static int id_cmp(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static bool gather_touched(struct telling *t, const struct changed *x)
{
	if (!VEC_RESERVE(&t->advisories, t->advisories.n + x->n_touched))
		return false;
	for (uint32_t a = 0; a < x->n_touched; a++)
		t->advisories.v[t->advisories.n++] = t->j->touched.v[x->first_touched + a];
	return true;
}

/* The changed components that an image has, by the shorter way. */
static bool gather_components(struct telling *t, const struct world_image *i)
{
	const struct judgement *j = t->j;

	if (j->changed.n < i->n_components / 16) {
		for (size_t k = 0; k < j->changed.n; k++)
			if (ids_find(i->components, i->n_components, j->changed.v[k].component) !=
				SIZE_MAX &&
			    !gather_touched(t, &j->changed.v[k]))
				return false;
		return true;
	}
	for (uint32_t k = 0; k < i->n_components; k++) {
		uint32_t nth = t->nth[i->components[k]];

		if (nth && !gather_touched(t, &j->changed.v[nth - 1]))
			return false;
	}
	return true;
}

/* The advisories that any changed component of the image touches, each once. */
static bool gather(struct telling *t, const struct world_image *i)
{
	size_t n = 0;

	t->advisories.n = 0;
	if (!gather_components(t, i))
		return false;
	if (t->advisories.n > 1)
		qsort(t->advisories.v, t->advisories.n, sizeof *t->advisories.v, id_cmp);
	VEC_EACH (a, &t->advisories)
		if (n == 0 || t->advisories.v[n - 1] != *a)
			t->advisories.v[n++] = *a;
	t->advisories.n = n;
	return true;
}

const struct world_finding *findings_were(const struct telling *t, uint32_t component, uint32_t *n)
{
	const struct world_component *c = &t->w->components.v[component];
	uint32_t nth = t->nth[component];
	const struct changed *x = nth ? &t->j->changed.v[nth - 1] : NULL;

	*n = x ? x->n_other : c->n_findings;
	return x ? x->other : c->findings;
}

void take_worst(const struct world_finding *f, bool *have, struct world_finding *out)
{
	if (f == NULL || (*have && !finding_is_worse(f, out)))
		return;
	*out = *f;
	*have = true;
}

static void look_at(const struct telling *t, uint32_t component, struct change *x)
{
	const struct world_component *c = &t->w->components.v[component];
	uint32_t n;
	const struct world_finding *were = findings_were(t, component, &n);

	take_worst(finding_find(were, n, x->advisory), &x->had, &x->was);
	take_worst(finding_find(c->findings, c->n_findings, x->advisory), &x->has, &x->is);
}

/* One advisory, by the shorter of two lists: who has or had it, what the image has. */
static void look_for(const struct telling *t, const struct world_image *i, struct change *x)
{
	const struct world_advisory *a = &t->w->advisories.v[x->advisory];

	if (a->n > i->n_components) {
		for (uint32_t k = 0; k < i->n_components; k++)
			look_at(t, i->components[k], x);
		return;
	}
	for (uint32_t k = 0; k < a->n; k++)
		if (ids_find(i->components, i->n_components, a->components[k]) != SIZE_MAX)
			look_at(t, a->components[k], x);
}

static void spread_was(struct telling *t, const struct world_finding *f, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct spread *s = &t->spread[f[i].advisory];
		bool have = s->was_round == t->round;

		take_worst(&f[i], &have, &s->was);
		s->was_round = t->round;
	}
}

static void spread_is(struct telling *t, const struct world_finding *f, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct spread *s = &t->spread[f[i].advisory];
		bool have = s->is_round == t->round;

		take_worst(&f[i], &have, &s->is);
		s->is_round = t->round;
	}
}

static bool spread_image(struct telling *t, const struct world_image *i)
{
	if (t->spread == NULL)
		t->spread = calloc(t->w->advisories.n, sizeof *t->spread);
	if (t->spread == NULL)
		return false;
	t->round++;
	for (uint32_t k = 0; k < i->n_components; k++) {
		const struct world_component *c = &t->w->components.v[i->components[k]];
		uint32_t n;
		const struct world_finding *were = findings_were(t, i->components[k], &n);

		spread_was(t, were, n);
		spread_is(t, c->findings, c->n_findings);
	}
	return true;
}

static void look_up(const struct telling *t, struct change *x)
{
	const struct spread *s = &t->spread[x->advisory];

	x->had = s->was_round == t->round;
	x->has = s->is_round == t->round;
	x->was = s->was;
	x->is = s->is;
}

static bool find_changes(struct telling *t, const struct world_image *i)
{
	bool many = t->advisories.n >= MANY;

	t->changes.n = 0;
	if ((many && !spread_image(t, i)) || !VEC_RESERVE(&t->changes, t->advisories.n))
		return false;
	VEC_EACH (a, &t->advisories) {
		struct change x = {.advisory = *a};

		if (many)
			look_up(t, &x);
		else
			look_for(t, i, &x);
		t->changes.v[t->changes.n++] = x;
	}
	return true;
}

static int step_of(const struct judge_steps *steps, uint16_t permille)
{
	int above = 0;

	for (size_t i = 0; i < steps->n; i++)
		above += permille >= steps->permille[i];
	return above;
}

/* False where nothing of it is told. */
static bool kind_of(const struct telling *t, const struct world_finding *was,
		    const struct world_finding *is, enum delta_kind *out)
{
	int was_step = step_of(&t->steps, was->epss_permille);
	int is_step = step_of(&t->steps, is->epss_permille);

	if (is->severity > was->severity || is->kev > was->kev || is->fixable < was->fixable ||
	    is_step > was_step)
		*out = DELTA_WORSENED;
	else if (is->severity < was->severity || is->kev < was->kev || is->fixable > was->fixable ||
		 is_step < was_step)
		*out = DELTA_IMPROVED;
	else
		return false;
	return true;
}

static void recount(struct world_counts *counts, const struct change *x)
{
	if (x->had) {
		counts->by_severity[MIN_OF(x->was.severity, SEV_CRITICAL)]--;
		counts->kev -= x->was.kev;
		counts->fixable -= x->was.fixable;
	}
	if (x->has) {
		counts->by_severity[MIN_OF(x->is.severity, SEV_CRITICAL)]++;
		counts->kev += x->is.kev;
		counts->fixable += x->is.fixable;
	}
}

static void tell_one(struct telling *t, uint32_t image, const struct change *x)
{
	struct delta d = {
	    .image = image,
	    .advisory = x->advisory,
	    .was = x->had ? &x->was : NULL,
	    .is = x->has ? &x->is : NULL,
	};

	if (!x->had && !x->has)
		return;
	if (!x->had)
		d.kind = DELTA_APPEARED;
	else if (!x->has)
		d.kind = DELTA_WENT;
	else if (!kind_of(t, &x->was, &x->is, &d.kind))
		return;
	t->deltas++;
	t->rc = t->fn ? t->fn(t->user, &d) : RMG_OK;
}

/* Counts first, so that who is told of one change sees the image as it is after all of them. */
bool tell_changes(struct telling *t, uint32_t image, const struct change *x, size_t n)
{
	t->images++;
	for (size_t k = 0; k < n; k++)
		recount(&t->w->images.v[image].counts, &x[k]);
	for (size_t k = 0; k < n && t->rc == RMG_OK; k++)
		tell_one(t, image, &x[k]);
	return t->rc == RMG_OK;
}

static bool tell_image(void *user, uint32_t image)
{
	struct telling *t = user;
	const struct world_image *i = &t->w->images.v[image];

	if (!gather(t, i) || !find_changes(t, i)) {
		t->rc = RMG_E_NOMEM;
		return false;
	}
	return tell_changes(t, image, t->changes.v, t->changes.n);
}

static enum rmg_rc tell_images(struct telling *t)
{
	struct judgement *j = t->j;
	uint32_t *ids = malloc((j->changed.n + 1) * sizeof *ids);
	enum rmg_rc rc = RMG_E_NOMEM;
	bool few;

	t->nth = calloc(t->w->components.n, sizeof *t->nth);
	if (ids && t->nth) {
		for (size_t i = 0; i < j->changed.n; i++) {
			ids[i] = j->changed.v[i].component;
			t->nth[ids[i]] = (uint32_t)i + 1;
		}
		rc = tell_few(t, &few);
		if (rc == RMG_OK && !few)
			rc = world_images_with(t->w, ids, j->changed.n, tell_image, t);
	}
	free(ids);
	free(t->nth);
	free(t->spread);
	VEC_DONE(&t->advisories);
	VEC_DONE(&t->changes);
	return rc != RMG_OK ? rc : t->rc;
}

enum rmg_rc judge_end(struct world *w, struct judgement *j, struct judge_steps steps, delta_fn *fn,
		      void *user, struct judge_figures *out, struct rmg_err *err)
{
	struct telling t = {.w = w, .j = j, .steps = steps, .fn = fn, .user = user};
	enum rmg_rc rc = judge_late(w, j, err);

	if (rc != RMG_OK)
		return rc;
	for (size_t i = 0; i < j->changed.n && rc == RMG_OK; i++)
		rc = give(w, j, &j->changed.v[i]);
	if (rc != RMG_OK)
		return err_set(err, rc, "no memory to judge with");
	rc = tell_images(&t);
	if (rc == RMG_E_NOMEM)
		return err_set(err, rc, "no memory to judge with");
	if (rc != RMG_OK)
		return rc;
	VEC_EACH (x, &j->changed)
		let_go(w, x);
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
