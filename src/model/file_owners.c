/* SPDX-License-Identifier: Apache-2.0 */
#include "model/file_owners.h"

#include <stdlib.h>

#include "base/hash.h"

struct making {
	const struct file_owners *x;
	struct map programs; /* paths of what can be executed, or loaded whole */
	VEC(struct owned_file) v;
	bool failed;
};

/* One folder of one layer. */
struct making_dir {
	uint64_t hash;
	uint64_t claim; /* the nearest folder that is a package's own; 0: none */
	bool tells;     /* what is in it tells of packages only */
};

static bool is_below(struct span path, struct span folder)
{
	return span_starts(path, folder) && (path.n == folder.n || path.p[folder.n] == '/');
}

static bool tells_only(struct span folder)
{
	static const char *const documents[] = {
	    "usr/share/doc",     "usr/share/man", "usr/share/info",      "usr/share/licenses",
	    "usr/share/lintian", "usr/share/bug", "usr/local/share/doc", "usr/local/share/man"};
	struct span rest = folder, name;

	for (size_t i = 0; i < COUNT_OF(documents); i++)
		if (is_below(folder, span_cstr(documents[i])))
			return true;
	while (span_next(&rest, '/', &name))
		if (span_ends(name, S(".dist-info")) || span_ends(name, S(".egg-info")))
			return true;
	return false;
}

struct claim {
	const struct map *claimers;
	uint64_t found;
};

static bool is_claim(void *user, uint64_t hash)
{
	struct claim *c = user;

	if (map_has(c->claimers, hash))
		c->found = hash;
	return c->found == 0;
}

static struct making_dir dir_of(const struct making *m, const struct fact_dir *d)
{
	struct claim claim = {.claimers = m->x->claimers};

	if (m->x->claimers->n)
		tree_up(m->x->tree, d->path, is_claim, &claim);
	return (struct making_dir){.hash = tree_folder(m->x->tree, d->path),
				   .claim = claim.found,
				   .tells = tells_only(d->path)};
}

static void give(struct making *m, const struct owned_file *f, uint32_t part)
{
	struct owned_file copy = *f;

	copy.component = m->x->moved[part];
	if (!VEC_PUSH(&m->v, copy))
		m->failed = true;
}

static bool give_all(struct making *m, const struct map *parts, uint64_t key,
		     const struct owned_file *f)
{
	size_t at = 0;
	bool any = false;
	uint32_t part;

	while ((part = map_next(parts, key, &at)) != MAP_NONE) {
		give(m, f, part);
		any = true;
	}
	return any;
}

static void give_file(struct making *m, const struct making_dir *d, uint64_t name, uint64_t path,
		      uint64_t bytes)
{
	const struct file_owners *x = m->x;
	const struct owned_file f = {
	    .path = path, .folder = d->hash, .bytes = bytes, .counts = bytes != 0 && !d->tells};
	struct owned_file program = f, own = f;
	uint32_t owner = map_find(x->packages, path);

	program.counts = true;
	own.counts = f.counts && name != hash_span(S("package.json"));
	if (owner != MAP_NONE)
		give(m, &f, owner);
	if (map_has(&m->programs, path) && give_all(m, x->evidence, path, &program))
		return;
	if (!give_all(m, x->listed, path, &f) && d->claim)
		give_all(m, x->claimers, d->claim, &own);
}

static void give_dir(struct making *m, size_t i, uint32_t index)
{
	const struct file_owners *x = m->x;
	const struct fact_dir *d = &x->facts[i]->dirs[index];
	struct making_dir in;

	if (d->n_names == 0 || !tree_dir_shows(x->tree, i, index))
		return;
	in = dir_of(m, d);
	for (size_t k = 0; k < d->n_names; k++)
		if (tree_shows(x->tree, i, index, d->names[k]))
			give_file(m, &in, d->names[k], tree_path(x->tree, i, index, d->names[k]),
				  d->sizes[k]);
}

static bool is_of_programs(struct span folder)
{
	struct span name = span_basename(folder);

	return span_is(name, S("bin")) || span_is(name, S("sbin"));
}

static void give_link(struct making *m, size_t i, const struct fact_link *l)
{
	const struct file_owners *x = m->x;
	uint64_t name = hash_span(span_basename(l->path)), path;
	struct owned_file to = {.counts = true};
	uint32_t owner;

	if (l->hard || !is_of_programs(span_dirname(l->path)) ||
	    !tree_shows(x->tree, i, l->dir, name))
		return;
	path = tree_path(x->tree, i, l->dir, name);
	owner = map_find(x->packages, path);
	to.path = tree_folder(x->tree, l->path);
	if (owner != MAP_NONE && to.path != path && map_find(x->packages, to.path) != owner)
		give(m, &to, owner);
}

static void find_programs(struct making *m)
{
	const struct file_owners *x = m->x;

	for (size_t i = 0; i < x->n; i++) {
		for (size_t k = 0; x->facts[i] && k < x->facts[i]->n_execs; k++) {
			const struct fact_exec *e = &x->facts[i]->execs[k];
			uint64_t name = hash_span(span_basename(e->path));

			if (tree_shows(x->tree, i, e->dir, name) &&
			    !map_set(&m->programs, tree_path(x->tree, i, e->dir, name), 1))
				m->failed = true;
		}
	}
}

static int by_path(const void *a, const void *b)
{
	const struct owned_file *x = a, *y = b;

	if (x->path != y->path)
		return x->path < y->path ? -1 : 1;
	return (x->component > y->component) - (x->component < y->component);
}

bool file_owners_make(const struct file_owners *x, struct owned_file **out, size_t *n)
{
	struct making m = {.x = x};

	find_programs(&m);
	for (size_t i = 0; i < x->n; i++) {
		const struct facts *f = x->facts[i];

		for (uint32_t d = 0; f && d < f->n_dirs; d++)
			give_dir(&m, i, d);
		for (size_t k = 0; f && k < f->n_links; k++)
			give_link(&m, i, &f->links[k]);
	}
	map_done(&m.programs);
	if (m.failed) {
		VEC_DONE(&m.v);
		return false;
	}
	if (m.v.n > 1)
		qsort(m.v.v, m.v.n, sizeof *m.v.v, by_path);
	*out = m.v.v;
	*n = m.v.n;
	return true;
}
