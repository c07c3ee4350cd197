/* SPDX-License-Identifier: Apache-2.0 */
#include "model/tree.h"

#include "base/hash.h"
#include "base/limits.h"

/* What is at a path, over all layers so far from the top; the layer is that of the file. */
enum { COVER_FILE = 1, COVER_WHITEOUT = 2, COVER_DIR = 4, COVER_OPAQUE = 8, COVER_BITS = 4 };

/* A path being resolved: the hashes of all its folders from the root on, and what is left of the text
 * where a link put new names in front. */
struct walk {
	uint64_t at[LIMIT_PATH_DEPTH_MAX + 1];
	size_t depth;
	uint8_t buf[2][LIMIT_PATH_BYTES_MAX + 1024];
	int use;
};

struct link {
	const struct fact_link *fact;
	uint32_t layer;
	bool gone; /* replaced or removed by a higher layer */
};

struct tree_layer {
	const struct facts *facts; /* NULL: the layer could not be read */
	uint64_t *hash;            /* of each folder, after links */
	bool *shows;
};

struct tree {
	struct tree_layer *layers;
	size_t n;
	struct walk *walk; /* scratch of resolve() */
	struct map cover;
	struct map link_of; /* path hash -> links */
	VEC(struct link) links;
};

void tree_free(struct tree *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; t->layers && i < t->n; i++) {
		free(t->layers[i].hash);
		free(t->layers[i].shows);
	}
	free(t->layers);
	free(t->walk);
	map_done(&t->cover);
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
		w->at[w->depth + 1] = path_child(w->at[w->depth], hash_span(name));
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
			link_gone(t, path_child(l->hash[d], dir->names[k]), i);
		for (size_t k = 0; k < dir->n_whiteouts; k++)
			link_gone(t, path_child(l->hash[d], dir->whiteouts[k]), i);
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

		if (!l->hard && (!VEC_PUSH(&t->links, (struct link){ .fact = l, .layer = i }) ||
				 !map_set(&t->link_of, resolve(t, l->path, false),
					  (uint32_t)t->links.n - 1)))
			return false;
	}
	return true;
}

/* From the bottom up: where each layer's folders really are. */
static bool find_folders(struct tree *t)
{
	for (uint32_t i = 0; i < t->n; i++) {
		struct tree_layer *l = &t->layers[i];

		if (l->facts == NULL)
			continue;
		l->hash = calloc(l->facts->n_dirs + 1, sizeof *l->hash);
		l->shows = calloc(l->facts->n_dirs + 1, sizeof *l->shows);
		if (l->hash == NULL || l->shows == NULL || !links_added(t, i))
			return false;
		for (size_t d = 0; d < l->facts->n_dirs; d++) {
			const struct fact_dir *dir = &l->facts->dirs[d];

			l->hash[d] = resolve(t, dir->path, !dir->entry);
		}
		links_replaced(t, i);
	}
	return true;
}

/* Adds bits to what covers a path; the topmost file keeps its layer. */
static bool cover(struct tree *t, uint64_t hash, uint32_t i, uint32_t bits)
{
	uint32_t have;

	if (!map_add(&t->cover, hash, i << COVER_BITS | bits, &have))
		return false;
	return (have & bits) == bits || map_set(&t->cover, hash, have | bits);
}

void tree_up(const struct tree *t, struct span path, tree_up_fn *fn, void *user)
{
	const struct walk *w = t->walk;

	(void)resolve(t, path, true);
	for (size_t i = w->depth + 1; i-- > 0;)
		if (!fn(user, w->at[i]))
			return;
}

struct view {
	const struct tree *tree;
	bool hidden;
};

static bool hides_what_is_below(void *user, uint64_t hash)
{
	struct view *v = user;
	uint32_t what = map_find(&v->tree->cover, hash);

	v->hidden = what != MAP_NONE &&
		    what & (COVER_FILE | COVER_WHITEOUT | COVER_OPAQUE);
	return !v->hidden;
}

static bool is_hidden(const struct tree *t, struct span path)
{
	struct view v = { .tree = t };

	if (t->cover.n)
		tree_up(t, path, hides_what_is_below, &v);
	return v.hidden;
}

/* One layer's files, seen through what lies above, then its own cover for those below. */
static bool lay_files(struct tree *t, uint32_t i)
{
	const struct tree_layer *l = &t->layers[i];

	for (size_t d = 0; d < l->facts->n_dirs; d++) {
		const struct fact_dir *dir = &l->facts->dirs[d];
		uint32_t have;

		for (size_t k = 0; l->shows[d] && k < dir->n_names; k++)
			if (!map_add(&t->cover, path_child(l->hash[d], dir->names[k]),
				     i << COVER_BITS | COVER_FILE, &have))
				return false;
	}
	return true;
}

static bool lay_marks(struct tree *t, uint32_t i)
{
	const struct tree_layer *l = &t->layers[i];

	for (size_t d = 0; d < l->facts->n_dirs; d++) {
		const struct fact_dir *dir = &l->facts->dirs[d];

		if (!cover(t, l->hash[d], i, COVER_DIR | (dir->opaque ? COVER_OPAQUE : 0u)))
			return false;
		for (size_t k = 0; k < dir->n_whiteouts; k++)
			if (!cover(t, path_child(l->hash[d], dir->whiteouts[k]), i, COVER_WHITEOUT))
				return false;
	}
	return true;
}

static bool lay(struct tree *t)
{
	for (uint32_t i = (uint32_t)t->n; i-- > 0;) {
		const struct tree_layer *l = &t->layers[i];

		if (l->facts == NULL)
			continue;
		for (size_t d = 0; d < l->facts->n_dirs; d++)
			l->shows[d] = !is_hidden(t, l->facts->dirs[d].path);
		if (!lay_files(t, i) || !lay_marks(t, i))
			return false;
	}
	return true;
}

enum rmg_rc tree_new(const struct facts *const *facts, size_t n, struct tree **out)
{
	struct tree *t = calloc(1, sizeof *t);
	size_t entries = 0;

	if (t == NULL)
		return RMG_E_NOMEM;
	t->layers = calloc(n + 1, sizeof *t->layers);
	t->n = t->layers ? n : 0;
	for (size_t i = 0; i < t->n; i++) {
		t->layers[i].facts = facts[i];
		for (size_t d = 0; facts[i] && d < facts[i]->n_dirs; d++)
			entries += facts[i]->dirs[d].n_names + 1;
	}
	t->walk = malloc(sizeof *t->walk);
	if (t->layers == NULL || t->walk == NULL || !map_reserve(&t->cover, entries) || !find_folders(t) || !lay(t)) {
		tree_free(t);
		return RMG_E_NOMEM;
	}
	*out = t;
	return RMG_OK;
}

uint64_t tree_path(const struct tree *t, size_t i, uint32_t dir, uint64_t name_hash)
{
	return path_child(t->layers[i].hash[dir], name_hash);
}

bool tree_dir_shows(const struct tree *t, size_t i, uint32_t dir)
{
	return t->layers[i].shows[dir];
}

bool tree_shows(const struct tree *t, size_t i, uint32_t dir, uint64_t name_hash)
{
	uint32_t what;

	if (!t->layers[i].shows[dir])
		return false;
	what = map_find(&t->cover, tree_path(t, i, dir, name_hash));
	return what != MAP_NONE && what & COVER_FILE && what >> COVER_BITS == i;
}

bool tree_covered(const struct tree *t, size_t i, struct span path)
{
	uint64_t folder = tree_folder(t, span_dirname(path));
	uint32_t what = map_find(&t->cover, path_child(folder, hash_span(span_basename(path))));

	return what != MAP_NONE && what & (COVER_FILE | COVER_WHITEOUT) && what >> COVER_BITS > i;
}
