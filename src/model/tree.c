/* SPDX-License-Identifier: Apache-2.0 */
#include "model/tree.h"

#include "base/hash.h"
#include "base/limits.h"

/* A folder of one layer. */
struct ref {
	uint32_t layer, dir;
};

enum seen { NOT_YET, SHOWS, HIDDEN };

/* A path being resolved: the hashes of all its folders from the root on, and what is left of the
 * text where a link put new names in front. */
struct walk {
	uint64_t at[LIMIT_PATH_DEPTH_MAX + 1];
	uint64_t names[LIMIT_PATH_DEPTH_MAX + 1]; /* names[i] leads from at[i - 1] to at[i] */
	size_t depth;
	uint8_t buf[2][LIMIT_PATH_BYTES_MAX + 1024];
	int use;
};

struct link {
	const struct fact_link *fact;
	uint32_t layer;
	bool gone; /* replaced or removed by a higher layer */
};

struct folder {
	uint64_t hash, parent, name; /* after links; parent is the hash of the folder above it */
	uint8_t seen;                /* enum seen */
	bool below;                  /* a higher layer has this folder as well */
};

struct tree_layer {
	const struct facts *facts; /* NULL: the layer could not be read */
	struct folder *folders;    /* beside facts->dirs */
};

struct tree {
	struct tree_layer *layers;
	size_t n;
	struct walk *walk;  /* scratch of resolve() */
	struct map dirs_at; /* path hash -> refs, one per layer that has the folder */
	VEC(struct ref) refs;
	struct map link_of; /* path hash -> links */
	VEC(struct link) links;
};

void tree_free(struct tree *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; t->layers && i < t->n; i++)
		free(t->layers[i].folders);
	free(t->layers);
	free(t->walk);
	map_done(&t->dirs_at);
	VEC_DONE(&t->refs);
	map_done(&t->link_of);
	VEC_DONE(&t->links);
	free(t);
}

static const struct link *link_at(const struct tree *t, uint64_t hash)
{
	uint32_t i = t->link_of.n ? map_find(&t->link_of, hash) : MAP_NONE;

	return i == MAP_NONE || t->links.v[i].gone ? NULL : &t->links.v[i];
}

static bool prepend(struct walk *w, struct span target, struct span *left)
{
	uint8_t *to = w->buf[w->use ^= 1];

	if (target.n + left->n + 1 > sizeof w->buf[0])
		return false;
	memcpy(to, target.p, target.n);
	to[target.n] = '/';
	memcpy(to + target.n + 1, left->p, left->n);
	*left = span_of(to, target.n + 1 + left->n);
	return true;
}

/* Follows links in all components but, where last is false, the last one. */
static uint64_t resolve(const struct tree *t, struct span path, bool last)
{
	struct walk *w = t->walk;
	unsigned followed = 0;
	struct span name;

	w->use = 0;
	w->depth = 0;
	w->at[0] = PATH_ROOT;
	while (span_next(&path, '/', &name)) {
		const struct link *l;

		if (name.n == 0 || span_is(name, S(".")))
			continue;
		if (span_is(name, S(".."))) {
			w->depth -= w->depth > 0;
			continue;
		}
		if (w->depth == LIMIT_PATH_DEPTH_MAX)
			break;
		w->names[w->depth + 1] = hash_span(name);
		w->at[w->depth + 1] = path_child(w->at[w->depth], w->names[w->depth + 1]);
		l = path.n || last ? link_at(t, w->at[w->depth + 1]) : NULL;
		if (l == NULL) {
			w->depth++;
			continue;
		}
		if (++followed > LIMIT_LINK_DEPTH || !prepend(w, l->fact->target, &path))
			break;
		if (l->fact->target.n && l->fact->target.p[0] == '/')
			w->depth = 0;
	}
	return w->at[w->depth];
}

uint64_t tree_folder(const struct tree *t, struct span path)
{
	return resolve(t, path, true);
}

static void link_gone(struct tree *t, uint64_t hash, uint32_t below)
{
	uint32_t i = map_find(&t->link_of, hash);

	if (i != MAP_NONE && t->links.v[i].layer < below)
		t->links.v[i].gone = true;
}

/* What a layer has at the path of a lower layer's link takes its place. */
static void links_replaced(struct tree *t, uint32_t i)
{
	const struct tree_layer *l = &t->layers[i];

	if (t->link_of.n == 0)
		return;
	for (size_t d = 0; d < l->facts->n_dirs; d++) {
		const struct fact_dir *dir = &l->facts->dirs[d];

		for (size_t k = 0; k < dir->n_names; k++)
			link_gone(t, path_child(l->folders[d].hash, dir->names[k]), i);
		for (size_t k = 0; k < dir->n_whiteouts; k++)
			link_gone(t, path_child(l->folders[d].hash, dir->whiteouts[k]), i);
	}
}

static bool links_added(struct tree *t, uint32_t i)
{
	const struct facts *f = t->layers[i].facts;
	for (size_t d = 0; t->link_of.n && d < f->n_dirs; d++)
		if (f->dirs[d].entry)
			link_gone(t, path_hash(f->dirs[d].path), i);
	for (size_t k = 0; k < f->n_links; k++) {
		const struct fact_link *l = &f->links[k];

		if (!l->hard &&
		    (!VEC_PUSH(&t->links, (struct link){.fact = l, .layer = i}) ||
		     !map_set(&t->link_of, resolve(t, l->path, false), (uint32_t)t->links.n - 1)))
			return false;
	}
	return true;
}

static bool add_folder(struct tree *t, uint32_t i, uint32_t d)
{
	const struct fact_dir *dir = &t->layers[i].facts->dirs[d];
	struct folder *f = &t->layers[i].folders[d];
	const struct walk *w = t->walk;

	f->hash = resolve(t, dir->path, !dir->entry);
	f->parent = w->depth ? w->at[w->depth - 1] : 0;
	f->name = w->depth ? w->names[w->depth] : 0;
	return VEC_PUSH(&t->refs, (struct ref){.layer = i, .dir = d}) &&
	       map_add_another(&t->dirs_at, f->hash, (uint32_t)t->refs.n - 1);
}

/* From the bottom up: where each layer's folders really are. */
static bool find_folders(struct tree *t)
{
	for (uint32_t i = 0; i < t->n; i++) {
		struct tree_layer *l = &t->layers[i];

		if (l->facts == NULL)
			continue;
		l->folders = calloc(l->facts->n_dirs + 1, sizeof *l->folders);
		if (l->folders == NULL || !links_added(t, i))
			return false;
		for (uint32_t d = 0; d < l->facts->n_dirs; d++)
			if (!add_folder(t, i, d))
				return false;
		links_replaced(t, i);
	}
	return true;
}

/* The next layer above i that has the folder, NULL after the last. at begins as 0. */
static const struct fact_dir *next_above(const struct tree *t, size_t i, uint64_t folder,
					 size_t *at)
{
	uint32_t r;

	while ((r = map_next(&t->dirs_at, folder, at)) != MAP_NONE)
		if (t->refs.v[r].layer > i)
			return &t->layers[t->refs.v[r].layer].facts->dirs[t->refs.v[r].dir];
	return NULL;
}

static bool sorted_has(const uint64_t *v, size_t n, uint64_t x)
{
	size_t low = 0;

	while (low < n) {
		size_t mid = low + (n - low) / 2;

		if (v[mid] == x)
			return true;
		if (v[mid] < x)
			low = mid + 1;
		else
			n = mid;
	}
	return false;
}

/* A layer above i has a file or a whiteout of that name there. */
static bool is_replaced(const struct tree *t, size_t i, uint64_t folder, uint64_t name)
{
	const struct fact_dir *dir;
	size_t at = 0;

	while ((dir = next_above(t, i, folder, &at)) != NULL)
		if (sorted_has(dir->names, dir->n_names, name) ||
		    sorted_has(dir->whiteouts, dir->n_whiteouts, name))
			return true;
	return false;
}

static bool is_opaque(const struct tree *t, size_t i, uint64_t folder, bool *above)
{
	const struct fact_dir *dir;
	size_t at = 0;

	*above = false;
	while ((dir = next_above(t, i, folder, &at)) != NULL) {
		*above = true;
		if (dir->opaque)
			return true;
	}
	return false;
}

/* That the folder above it, if the same layer has it, has been asked already. */
static struct folder *parent_of(const struct tree *t, size_t i, const struct folder *f)
{
	size_t at = 0;
	uint32_t r;

	while ((r = map_next(&t->dirs_at, f->parent, &at)) != MAP_NONE)
		if (t->refs.v[r].layer == i)
			return &t->layers[i].folders[t->refs.v[r].dir];
	return NULL;
}

/* A layer lists the folders above each of its own, unless a link leads elsewhere: what is above
 * then, in lower layers, is looked at folder by folder. */
static bool hidden_above(const struct tree *t, size_t i, struct span path)
{
	const struct walk *w = t->walk;
	bool above;

	(void)resolve(t, path, true);
	for (size_t k = 1; k <= w->depth; k++)
		if (is_opaque(t, i, w->at[k], &above) ||
		    is_replaced(t, i, w->at[k - 1], w->names[k]))
			return true;
	return is_opaque(t, i, PATH_ROOT, &above);
}

/* Depth is bounded: each step goes to a folder whose path is shorter. */
static bool shows(struct tree *t, size_t i, struct folder *f, unsigned depth)
{
	struct folder *up;

	if (f->seen != NOT_YET)
		return f->seen == SHOWS;
	f->seen = is_opaque(t, i, f->hash, &f->below) ? HIDDEN : SHOWS;
	if (f->hash == PATH_ROOT || f->seen == HIDDEN || depth > LIMIT_PATH_DEPTH)
		return f->seen == SHOWS;
	up = parent_of(t, i, f);
	if (up == NULL) {
		struct span path = t->layers[i].facts->dirs[f - t->layers[i].folders].path;

		f->seen = hidden_above(t, i, path) ? HIDDEN : SHOWS;
	} else if (!shows(t, i, up, depth + 1) ||
		   (up->below && is_replaced(t, i, f->parent, f->name))) {
		f->seen = HIDDEN;
	}
	return f->seen == SHOWS;
}

static void look(struct tree *t)
{
	for (size_t i = 0; i < t->n; i++)
		for (size_t d = 0; t->layers[i].facts && d < t->layers[i].facts->n_dirs; d++)
			(void)shows(t, i, &t->layers[i].folders[d], 0);
}

void tree_up(const struct tree *t, struct span path, tree_up_fn *fn, void *user)
{
	const struct walk *w = t->walk;

	(void)resolve(t, path, true);
	for (size_t i = w->depth + 1; i-- > 0;)
		if (!fn(user, w->at[i]))
			return;
}

enum rmg_rc tree_new(const struct facts *const *facts, size_t n, struct tree **out)
{
	struct tree *t = calloc(1, sizeof *t);
	size_t dirs = 0;

	if (t == NULL)
		return RMG_E_NOMEM;
	t->layers = calloc(n + 1, sizeof *t->layers);
	t->walk = malloc(sizeof *t->walk);
	t->n = t->layers ? n : 0;
	for (size_t i = 0; i < t->n; i++) {
		t->layers[i].facts = facts[i];
		dirs += facts[i] ? facts[i]->n_dirs : 0;
	}
	if (t->layers == NULL || t->walk == NULL || !map_reserve(&t->dirs_at, dirs) ||
	    !find_folders(t)) {
		tree_free(t);
		return RMG_E_NOMEM;
	}
	look(t);
	*out = t;
	return RMG_OK;
}

uint64_t tree_path(const struct tree *t, size_t i, uint32_t dir, uint64_t name_hash)
{
	return path_child(t->layers[i].folders[dir].hash, name_hash);
}

bool tree_dir_shows(const struct tree *t, size_t i, uint32_t dir)
{
	return t->layers[i].folders[dir].seen == SHOWS;
}

bool tree_shows(const struct tree *t, size_t i, uint32_t dir, uint64_t name_hash)
{
	const struct folder *f = &t->layers[i].folders[dir];
	size_t at = 0;

	if (f->seen != SHOWS)
		return false;
	/* A folder of a higher layer at the file's path is in this folder of that layer. */
	return !f->below || (!is_replaced(t, i, f->hash, name_hash) &&
			     next_above(t, i, path_child(f->hash, name_hash), &at) == NULL);
}

bool tree_covered(const struct tree *t, size_t i, struct span path)
{
	return hidden_above(t, i, span_dirname(path)) ||
	       is_replaced(t, i, tree_folder(t, span_dirname(path)),
			   hash_span(span_basename(path)));
}
