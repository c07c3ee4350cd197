/* SPDX-License-Identifier: Apache-2.0 */
/* judge_tell.c - what findings that are others now change for images: per image and advisory the
 * worst finding before and after. Where much has changed that is worked out ahead, while others go
 * on, and in the end told of those images that were not read meanwhile. */
#include "base/err.h"
#include "hub/judge_inside.h"

/* From so many advisories of one image on, all of its findings are gone over once. */
enum { MANY = 16 };

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
	t->advisories.n = 0;
	if (!gather_components(t, i))
		return false;
	ids_sort(&t->advisories);
	return true;
}

struct sides sides_of(const struct telling *t, uint32_t component)
{
	const struct world_component *c = &t->w->components.v[component];
	uint32_t nth = t->nth[component];
	const struct changed *x = nth ? &t->j->changed.v[nth - 1] : NULL;

	if (x == NULL)
		return (struct sides){c->findings, c->findings, c->n_findings, c->n_findings};
	if (t->given)
		return (struct sides){x->other, c->findings, x->n_other, c->n_findings};
	return (struct sides){c->findings, x->other, c->n_findings, x->n_other};
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
	struct sides s = sides_of(t, component);

	take_worst(finding_find(s.were, s.n_were, x->advisory), &x->had, &x->was);
	take_worst(finding_find(s.are, s.n_are, x->advisory), &x->has, &x->is);
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
		struct spread *s = &t->spread.v[f[i].advisory];
		bool have = s->was_round == t->round;

		take_worst(&f[i], &have, &s->was);
		s->was_round = t->round;
	}
}

static void spread_is(struct telling *t, const struct world_finding *f, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct spread *s = &t->spread.v[f[i].advisory];
		bool have = s->is_round == t->round;

		take_worst(&f[i], &have, &s->is);
		s->is_round = t->round;
	}
}

static bool spread_image(struct telling *t, const struct world_image *i)
{
	size_t n = t->spread.n, want = t->w->advisories.n;

	if (n < want) {
		if (!VEC_RESERVE(&t->spread, want))
			return false;
		memset(t->spread.v + n, 0, (want - n) * sizeof *t->spread.v);
		t->spread.n = want;
	}
	t->round++;
	for (uint32_t k = 0; k < i->n_components; k++) {
		struct sides s = sides_of(t, i->components[k]);

		spread_was(t, s.were, s.n_were);
		spread_is(t, s.are, s.n_are);
	}
	return true;
}

static void look_up(const struct telling *t, struct change *x)
{
	const struct spread *s = &t->spread.v[x->advisory];

	x->had = s->was_round == t->round;
	x->has = s->is_round == t->round;
	x->was = s->was;
	x->is = s->is;
}

static bool find_changes(struct telling *t, const struct world_image *i)
{
	/* Until they are given, new findings are in no list of their advisory's. */
	bool many = t->advisories.n >= MANY || !t->given;

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
		recount(&t->change->images.v[image].counts, &x[k]);
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
	return t->changes.n == 0 || tell_changes(t, image, t->changes.v, t->changes.n);
}

/* Looking ahead. */

/* Pairs of images and components under one lock; changes that are kept, beyond which the rest is
 * left for judge_end(). */
enum { LOOK_PAIRS = 16384, LOOKED_CHANGES = 1 << 20 };

/* Where each changed component stands. */
static bool make_nth(struct telling *t)
{
	const struct judgement *j = t->j;

	t->nth = calloc(t->w->components.n, sizeof *t->nth);
	for (size_t i = 0; t->nth && i < j->changed.n; i++)
		t->nth[j->changed.v[i].component] = (uint32_t)i + 1;
	return t->nth != NULL;
}

static void telling_done(struct telling *t)
{
	free(t->nth);
	VEC_DONE(&t->spread);
	VEC_DONE(&t->advisories);
	VEC_DONE(&t->changes);
}

void look_free(struct judgement *j)
{
	if (j->looking)
		telling_done(j->looking);
	free(j->looking);
	VEC_DONE(&j->looked);
	VEC_DONE(&j->kept);
	VEC_DONE(&j->steps);
}

static bool same_steps(const struct judgement *j, const struct judge_steps *s)
{
	return j->steps.n == s->n &&
	       (s->n == 0 || memcmp(j->steps.v, s->permille, s->n * sizeof *s->permille) == 0);
}

static bool begin_look(const struct world *w, struct judgement *j, const struct judge_steps *steps)
{
	j->looking = calloc(1, sizeof *j->looking);
	if (j->looking == NULL)
		return false;
	j->looking->w = w;
	j->looking->j = j;
	for (size_t i = 0; i < steps->n; i++)
		if (!VEC_PUSH(&j->steps, steps->permille[i]))
			return false;
	j->looking->steps = (struct judge_steps){j->steps.v, j->steps.n};
	return make_nth(j->looking);
}

/* Whether a change is more than a step of EPSS that nobody asks about. */
static bool matters(const struct telling *t, const struct change *x)
{
	enum delta_kind kind;

	return x->had != x->has || (x->had && kind_of(t, &x->was, &x->is, &kind));
}

static bool look_at_image(struct telling *t, uint32_t image)
{
	const struct world_image *i = &t->w->images.v[image];
	struct judgement *j = t->j;
	struct looked l = {.first = (uint32_t)j->kept.n, .read_ms = i->read_ms};

	t->changes.n = 0;
	if (i->n_components && i->components[i->n_components - 1] >= j->n_components)
		l.read_ms = INT64_MIN; /* it has a component that is judged in the end */
	else if (!gather(t, i) || (t->advisories.n && !find_changes(t, i)))
		return false;
	l.hit = t->changes.n != 0;
	VEC_EACH (x, &t->changes)
		if (matters(t, x) && !VEC_PUSH(&j->kept, *x))
			return false;
	l.n = (uint32_t)j->kept.n - l.first;
	return VEC_PUSH(&j->looked, l);
}

enum rmg_rc judge_look(const struct world *w, struct judgement *j, struct judge_steps steps,
		       bool *more, struct rmg_err *err)
{
	bool good = j->looking != NULL || begin_look(w, j, &steps), few = false;

	*more = false;
	if (good && j->looked.n == 0)
		good = few_fits(j->looking, &few);
	if (good && few)
		return RMG_OK;
	for (size_t pairs = 0; good && pairs < LOOK_PAIRS && j->looked.n < w->images.n &&
			       j->kept.n < LOOKED_CHANGES;) {
		pairs += 1 + w->images.v[j->looked.n].n_components;
		good = look_at_image(j->looking, (uint32_t)j->looked.n);
	}
	*more = j->looked.n < w->images.n && j->kept.n < LOOKED_CHANGES;
	return good ? RMG_OK : err_set(err, RMG_E_NOMEM, "no memory to judge with");
}

/* By what was seen of it, where it has not been read since. */
static bool tell_looked(struct telling *t, uint32_t image)
{
	const struct judgement *j = t->j;
	const struct looked *l = image < j->looked.n ? &j->looked.v[image] : NULL;

	if (l == NULL || l->read_ms != t->w->images.v[image].read_ms)
		return tell_image(t, image);
	if (l->n)
		return tell_changes(t, image, j->kept.v + l->first, l->n);
	t->images += l->hit;
	return true;
}

static enum rmg_rc tell_each(struct telling *t)
{
	const struct judgement *j = t->j;
	uint32_t *ids = malloc((j->changed.n + 1) * sizeof *ids);
	enum rmg_rc rc;

	if (ids == NULL)
		return RMG_E_NOMEM;
	for (size_t i = 0; i < j->changed.n; i++)
		ids[i] = j->changed.v[i].component;
	rc = world_images_with(t->w, ids, j->changed.n, tell_image, t);
	free(ids);
	return rc;
}

enum rmg_rc tell_images(struct telling *t)
{
	const struct judgement *j = t->j;
	bool ahead = j->looked.n && same_steps(j, &t->steps), few = false;
	enum rmg_rc rc = make_nth(t) ? RMG_OK : RMG_E_NOMEM;

	for (uint32_t i = 1; rc == RMG_OK && ahead && i < t->w->images.n; i++)
		if (!tell_looked(t, i))
			break;
	if (rc == RMG_OK && !ahead)
		rc = tell_few(t, &few);
	if (rc == RMG_OK && !ahead && !few)
		rc = tell_each(t);
	telling_done(t);
	return rc != RMG_OK ? rc : t->rc;
}
