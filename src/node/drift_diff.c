/* SPDX-License-Identifier: Apache-2.0 */
#include "node/drift_diff.h"

#include "base/hash.h"
#include "base/limits.h"
#include "base/map.h"

enum weight { EXPLAINED, FILE_CHANGED, EXEC_CHANGED, PACKAGE };

/* A byte for each component of one side (a vector that functions can name). */
struct marks {
	uint8_t *v;
	size_t n, cap;
};

struct diff {
	const struct drift_sides *s;
	struct drift_found *out;
	struct map in_image, in_now; /* identity of a package, to its component */
	struct marks fresh, lost;    /* of now: not in the image; of the image: not there now */
	VEC(uint8_t) weights;        /* beside out->v */
	bool whole;                  /* what the container wrote could be read */
	bool failed;
};

void drift_found_done(struct drift_found *f)
{
	VEC_DONE(&f->v);
	VEC_DONE(&f->components);
	arena_done(&f->arena);
	*f = (struct drift_found){0};
}

static void add(struct diff *d, enum weight weight, const struct drift_finding *x)
{
	if (!VEC_PUSH(&d->out->v, *x) || !VEC_PUSH(&d->weights, (uint8_t)weight))
		d->failed = true;
}

static struct span dup(struct diff *d, struct span s)
{
	return arena_dup(&d->out->arena, s);
}

static struct span join(struct diff *d, const char *before, struct span s, const char *after)
{
	return ARENA_JOIN(&d->out->arena, span_cstr(before), s, span_cstr(after));
}

/* Packages. */

static uint64_t identity(const struct pkg *p, bool version)
{
	uint64_t h = hash_span(p->type);

	h = hash_mix(h * 3 + hash_span(p->ns));
	h = hash_mix(h * 3 + hash_span(p->name));
	h = hash_mix(h * 3 + hash_span(p->arch));
	return version ? hash_mix(h * 3 + hash_span(p->version)) : h;
}

static bool index_of(const struct inventory *inv, struct map *m)
{
	for (size_t i = 0; i < inv->n_components; i++)
		if (!map_set(m, identity(&inv->components[i].pkg, true), (uint32_t)i))
			return false;
	return true;
}

static bool mark(const struct inventory *inv, const struct map *other, struct marks *out)
{
	if (!VEC_RESERVE(out, inv->n_components))
		return false;
	for (size_t i = 0; i < inv->n_components; i++)
		out->v[out->n++] = !map_has(other, identity(&inv->components[i].pkg, true));
	return true;
}

/* The version that the image had in place of one that is new. */
static const struct component *predecessor(const struct diff *d, struct map *by_name,
					   const struct component *c)
{
	uint32_t i = map_find(by_name, identity(&c->pkg, false));

	if (i == MAP_NONE)
		return NULL;
	map_remove(by_name, identity(&c->pkg, false), i);
	d->lost.v[i] = 2; /* told with its successor */
	return &d->s->image->components[i];
}

static void came(struct diff *d, struct map *by_name, uint32_t i)
{
	const struct component *c = &d->s->now->components[i], *old = predecessor(d, by_name, c);
	struct drift_finding x = {.kind = "package",
				  .purl = dup(d, c->purl),
				  .path = dup(d, c->n_paths ? c->paths[0] : (struct span){0})};

	if (old) {
		x.was_purl = dup(d, old->purl);
		x.text = ARENA_JOIN(&d->out->arena, S("the image has version "), old->pkg.version,
				    S(", this container has "), c->pkg.version);
	} else {
		x.text = S("installed in this container: the image does not have it");
	}
	if (!VEC_PUSH(&d->out->components, i))
		d->failed = true;
	add(d, PACKAGE, &x);
}

static void went(struct diff *d, const struct component *c)
{
	struct drift_finding x = {.kind = "package",
				  .was_purl = dup(d, c->purl),
				  .path = dup(d, c->n_paths ? c->paths[0] : (struct span){0}),
				  .text = S("removed in this container: the image has it")};

	add(d, PACKAGE, &x);
}

static void diff_packages(struct diff *d)
{
	const struct inventory *image = d->s->image, *now = d->s->now;
	struct map by_name = {0};

	for (size_t i = 0; i < image->n_components; i++)
		if (d->lost.v[i] &&
		    !map_add_another(&by_name, identity(&image->components[i].pkg, false),
				     (uint32_t)i))
			d->failed = true;
	for (size_t i = 0; i < now->n_components && !d->failed; i++)
		if (d->fresh.v[i])
			came(d, &by_name, (uint32_t)i);
	for (size_t i = 0; i < image->n_components && d->whole; i++)
		if (d->lost.v[i] == 1)
			went(d, &image->components[i]);
	map_done(&by_name);
}

/* Executables. */

/* The package that explains a file of now: it is one of those that came. */
static bool explained(const struct diff *d, uint32_t owner)
{
	return owner != NO_COMPONENT && d->fresh.v[owner];
}

static bool explained_before(const struct diff *d, uint32_t owner)
{
	return owner != NO_COMPONENT && d->lost.v[owner];
}

static struct span owner_text(struct diff *d, const char *what, const struct inventory *inv,
			      uint32_t owner)
{
	struct span purl = owner == NO_COMPONENT ? (struct span){0} : inv->components[owner].purl;

	return purl.n ? join(d, what, purl, " owns it")
		      : join(d, what, S(""), "no package owns it");
}

static void exec_now(struct diff *d, const struct executable *e, const struct executable *old)
{
	struct drift_finding x = {.kind = "exec", .path = dup(d, e->path), .hashed = true};
	enum weight weight = EXEC_CHANGED;

	memcpy(x.sha256, e->sha256, sizeof x.sha256);
	x.text = owner_text(
	    d, old ? "an executable of the image was changed: " : "a new executable: ", d->s->now,
	    e->owner);
	if (explained(d, e->owner)) {
		x.purl = dup(d, d->s->now->components[e->owner].purl);
		weight = EXPLAINED;
	}
	add(d, weight, &x);
}

static void exec_gone(struct diff *d, const struct executable *old)
{
	struct drift_finding x = {.kind = "exec", .path = dup(d, old->path)};
	enum weight weight = EXEC_CHANGED;

	x.text = owner_text(d, "an executable of the image was deleted: ", d->s->image, old->owner);
	if (explained_before(d, old->owner)) {
		x.was_purl = dup(d, d->s->image->components[old->owner].purl);
		weight = EXPLAINED;
	}
	add(d, weight, &x);
}

static bool is_other(const struct executable *a, const struct executable *b)
{
	return memcmp(a->sha256, b->sha256, sizeof a->sha256) != 0;
}

/* Both are sorted by path. */
static void diff_executables(struct diff *d)
{
	const struct inventory *image = d->s->image, *now = d->s->now;
	size_t i = 0, k = 0;

	while (i < image->n_executables || k < now->n_executables) {
		const struct executable *old = &image->executables[i], *e = &now->executables[k];
		int order = i == image->n_executables ? 1
			    : k == now->n_executables ? -1
						      : span_cmp(old->path, e->path);

		if (order > 0)
			exec_now(d, e, NULL);
		else if (order < 0 && d->whole)
			exec_gone(d, old);
		else if (order == 0 && is_other(old, e))
			exec_now(d, e, old);
		i += order <= 0;
		k += order >= 0;
	}
}

/* Other files. */

static const struct executable *executable_at(const struct inventory *inv, struct span path)
{
	size_t low = 0, high = inv->n_executables;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = span_cmp(inv->executables[mid].path, path);

		if (order == 0)
			return &inv->executables[mid];
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

static void diff_file(struct diff *d, size_t i)
{
	const struct drift_sides *s = d->s;
	const struct upper_change *c = &s->changes[i];
	uint32_t owner = s->image_owners[i].owner;
	struct drift_finding x = {.kind = "file", .path = dup(d, c->path)};

	if (owner == NO_COMPONENT || explained_before(d, owner) ||
	    explained(d, s->now_owners[i].owner) || executable_at(s->image, c->path) ||
	    executable_at(s->now, c->path))
		return;
	if (c->what == UPPER_CHANGED && s->hash)
		x.hashed = s->hash(s->user, c->path, x.sha256);
	x.text = owner_text(d,
			    c->what == UPPER_GONE ? "a file of the image was deleted: "
						  : "a file of the image was changed: ",
			    s->image, owner);
	add(d, FILE_CHANGED, &x);
}

/* What is weightier stands first; what is beyond the limit is counted. */
static void order(struct diff *d)
{
	struct drift_found *out = d->out;
	size_t n = 0, most = MIN_OF(out->v.n, (size_t)LIMIT_DRIFT_FINDINGS);
	struct drift_finding *sorted = calloc(most + 1, sizeof *sorted);

	if (sorted == NULL) {
		d->failed = true;
		return;
	}
	for (int weight = PACKAGE; weight >= EXPLAINED; weight--)
		for (size_t i = 0; i < out->v.n && n < most; i++)
			if (d->weights.v[i] == weight)
				sorted[n++] = out->v.v[i];
	if (n)
		memcpy(out->v.v, sorted, n * sizeof *sorted);
	out->left_out = out->v.n - n;
	out->v.n = n;
	free(sorted);
}

/* A note about the container's own layer, or about the whole. */
static bool could_be_read(const struct inventory *now)
{
	for (size_t i = 0; i < now->n_notes; i++)
		if (now->notes[i].note.level == NOTE_LOST &&
		    (now->notes[i].layer == NO_LAYER || now->notes[i].layer + 1 == now->n_layers))
			return false;
	return true;
}

enum rmg_rc drift_diff(const struct drift_sides *s, struct drift_found *out, struct rmg_err *err)
{
	struct diff d = {.s = s, .out = out, .whole = could_be_read(s->now)};

	*out = (struct drift_found){0};
	arena_init(&out->arena, MIB(64));
	d.failed = !index_of(s->image, &d.in_image) || !index_of(s->now, &d.in_now) ||
		   !mark(s->now, &d.in_image, &d.fresh) || !mark(s->image, &d.in_now, &d.lost);
	if (!d.failed) {
		diff_packages(&d);
		diff_executables(&d);
		for (size_t i = 0; i < s->n_changes; i++)
			diff_file(&d, i);
		order(&d);
	}
	map_done(&d.in_image);
	map_done(&d.in_now);
	VEC_DONE(&d.fresh);
	VEC_DONE(&d.lost);
	VEC_DONE(&d.weights);
	if (d.failed || arena_rc(&out->arena) != RMG_OK) {
		drift_found_done(out);
		return err_set(err, RMG_E_NOMEM, "no memory for what changed in a container");
	}
	return RMG_OK;
}
