/* SPDX-License-Identifier: Apache-2.0 */
#include "model/merge.h"

#include "base/err.h"
#include "base/hash.h"
#include "base/limits.h"
#include "model/file_owners.h"
#include "model/purl.h"
#include "model/tree.h"
#include "model/vendor.h"

/* A component while it is being put together. */
struct part {
	struct component c;
	VEC(struct span) paths;
	VEC(struct span) provides;
	uint32_t index; /* before sorting */
};

struct merge {
	struct inventory *inv;
	const struct facts *const *facts;
	size_t n;
	struct tree *tree;
	VEC(struct part) parts;
	struct map part_of;    /* identity -> parts */
	struct map named;      /* type and name -> parts, for owners */
	struct map said;       /* identity and evidence and layer: who said it where */
	struct map owner;      /* path -> part of an operating-system package */
	struct map attributed; /* path that belongs to something, though to no such package */
	struct map claimed;    /* folder that belongs to a package */
	/* Where files are asked for, parts of language packages: by a file that says them or that
	 * their list has, by their folders. */
	struct map evidence, listed, claimers;
	VEC(struct executable) execs;
	bool failed;
};

static uint64_t name_of(struct span path)
{
	return hash_span(span_basename(path));
}

static uint64_t identity(const struct pkg *p)
{
	uint64_t h = hash_span(p->type);

	h = hash_mix(h * 3 + hash_span(p->ns));
	h = hash_mix(h * 3 + hash_span(p->name));
	h = hash_mix(h * 3 + hash_span(p->version));
	return hash_mix(h * 3 + hash_span(p->arch));
}

static bool same(const struct pkg *a, const struct pkg *b)
{
	return span_is(a->type, b->type) && span_is(a->ns, b->ns) && span_is(a->name, b->name) &&
	       span_is(a->version, b->version) && span_is(a->arch, b->arch);
}

static uint64_t place(const struct merge *m, size_t i, const struct fact_pkg *p)
{
	return tree_path(m->tree, i, p->dir, name_of(p->path));
}

/* That evidence said anything in a layer. */
static uint64_t spoke_key(uint64_t evidence, size_t layer)
{
	return hash_mix(evidence + layer + 1);
}

static uint64_t said_key(uint64_t id, uint64_t evidence, size_t layer)
{
	return hash_mix(id + hash_mix(evidence + layer));
}

/* Who says what in which layer, before asking where anything first appeared. */
static void remember(struct merge *m)
{
	for (size_t i = 0; i < m->n; i++) {
		for (size_t k = 0; m->facts[i] && k < m->facts[i]->n_pkgs; k++) {
			const struct fact_pkg *p = &m->facts[i]->pkgs[k];
			uint64_t evidence = place(m, i, p);

			if (!map_set(&m->said, spoke_key(evidence, i), 1) ||
			    !map_set(&m->said, said_key(identity(&p->pkg), evidence, i), 1))
				m->failed = true;
		}
	}
}

/* The lowest layer from which on the same evidence has said the same without a gap. */
static uint32_t first_layer(const struct merge *m, size_t i, const struct fact_pkg *p)
{
	uint64_t evidence = place(m, i, p), id = identity(&p->pkg);
	uint32_t first = (uint32_t)i;

	for (size_t j = i; j-- > 0;) {
		if (!map_has(&m->said, spoke_key(evidence, j)))
			continue;
		if (!map_has(&m->said, said_key(id, evidence, j)))
			break;
		first = (uint32_t)j;
	}
	return first;
}

static struct span dup(struct merge *m, struct span s)
{
	return arena_dup(&m->inv->arena, s);
}

static struct pkg dup_pkg(struct merge *m, const struct pkg *p)
{
	return (struct pkg){
	    .type = dup(m, p->type),
	    .ns = dup(m, p->ns),
	    .name = dup(m, p->name),
	    .version = dup(m, p->version),
	    .arch = dup(m, p->arch),
	    .src_name = dup(m, p->src_name.n ? p->src_name : p->name),
	    .src_version = dup(m, p->src_version.n ? p->src_version : p->version),
	    .license = dup(m, p->license),
	    .vendor = dup(m, p->vendor),
	    .module = dup(m, p->module),
	    .cpe = dup(m, p->cpe),
	    .claims = dup(m, p->claims),
	    .build = dup(m, p->build),
	};
}

static struct part *find_part(struct merge *m, const struct pkg *p)
{
	uint64_t id = identity(p);
	size_t at = 0;
	uint32_t i;

	while ((i = map_next(&m->part_of, id, &at)) != MAP_NONE)
		if (same(&m->parts.v[i].c.pkg, p))
			return &m->parts.v[i];
	return NULL;
}

static struct part *new_part(struct merge *m, const struct fact_pkg *p)
{
	struct part *part = VEC_ADD(&m->parts);
	uint32_t index = (uint32_t)m->parts.n - 1;
	uint64_t name = hash_span(p->pkg.type) + hash_span(p->pkg.name);

	if (part == NULL || !map_add_another(&m->part_of, identity(&p->pkg), index) ||
	    !map_add_another(&m->named, name, index)) {
		m->failed = true;
		return NULL;
	}
	part->c.pkg = dup_pkg(m, &p->pkg);
	part->c.cataloger = dup(m, p->cataloger);
	part->c.is_os = purl_is_os(p->pkg.type);
	part->c.layer = NO_LAYER;
	return part;
}

static void add_pkg(struct merge *m, size_t i, const struct fact_pkg *p)
{
	struct part *part = find_part(m, &p->pkg);
	uint32_t layer = first_layer(m, i, p);
	struct span path =
	    p->inner.n ? ARENA_JOIN(&m->inv->arena, p->path, S("!"), p->inner) : dup(m, p->path);

	if (part == NULL)
		part = new_part(m, p);
	if (part == NULL || !VEC_PUSH(&part->paths, path)) {
		m->failed = true;
		return;
	}
	part->c.layer = MIN_OF(part->c.layer, layer);
}

/* The operating-system package that an owner's row means. */
static uint32_t find_owner(const struct merge *m, const struct fact_owned *o)
{
	uint64_t name = hash_span(o->type) + hash_span(o->name);
	size_t at = 0;
	uint32_t i;

	while ((i = map_next(&m->named, name, &at)) != MAP_NONE) {
		const struct pkg *p = &m->parts.v[i].c.pkg;

		if (span_is(p->type, o->type) && span_is(p->name, o->name) &&
		    (o->arch.n == 0 || p->arch.n == 0 || span_is(p->arch, o->arch)) &&
		    (o->version.n == 0 || span_is(p->version, o->version)))
			return i;
	}
	return MAP_NONE;
}

/* A file of a list that stands in the folder of a language package. */
static bool own_listed(struct merge *m, uint64_t list_folder, uint64_t path)
{
	size_t at = 0;
	uint32_t part;

	if (!m->inv->wants_files)
		return true;
	while ((part = map_next(&m->claimers, list_folder, &at)) != MAP_NONE)
		if (!map_add_another(&m->listed, path, part))
			return false;
	return true;
}

static bool own_files(struct merge *m, const struct facts *f, const struct fact_owned *o)
{
	uint64_t list_folder = tree_folder(m->tree, span_dirname(o->path));
	uint32_t owner = purl_is_os(o->type) ? find_owner(m, o) : MAP_NONE, have;
	struct map *into = owner == MAP_NONE ? &m->attributed : &m->owner;
	size_t name = 0;

	if (owner == MAP_NONE && purl_is_os(o->type))
		return true; /* a list whose package is not installed any more */
	for (size_t d = 0; d < o->n_dirs; d++) {
		uint64_t folder = tree_folder(m->tree, f->paths[o->dirs[d]]);

		for (size_t k = 0; k < o->counts[d]; k++, name++) {
			uint64_t path = path_child(folder, o->names[name]);

			if (!map_add(into, path, owner == MAP_NONE ? 0 : owner, &have) ||
			    (owner == MAP_NONE && !own_listed(m, list_folder, path)))
				return false;
		}
	}
	return true;
}

static void own_all(struct merge *m, bool os)
{
	for (size_t i = 0; i < m->n; i++) {
		for (size_t k = 0; m->facts[i] && k < m->facts[i]->n_owned; k++) {
			const struct fact_owned *o = &m->facts[i]->owned[k];
			uint64_t name = name_of(o->path);

			if (purl_is_os(o->type) != os || !tree_shows(m->tree, i, o->dir, name))
				continue;
			if (!own_files(m, m->facts[i], o) ||
			    !map_set(&m->attributed, tree_path(m->tree, i, o->dir, name), 0))
				m->failed = true;
		}
	}
}

/* A language package in a file that a package of the distribution owns is that package's: told
 * there, judged by the distribution. */
static bool belongs_to_os(struct merge *m, size_t i, const struct fact_pkg *p)
{
	uint32_t owner = map_find(&m->owner, place(m, i, p));
	struct part *part;
	struct span purl;

	if (owner == MAP_NONE || !vendor_is_distribution(&m->parts.v[owner].c.pkg))
		return false;
	part = &m->parts.v[owner];
	purl = purl_of(&p->pkg, &m->inv->os, &m->inv->arena);
	VEC_EACH (have, &part->provides)
		if (span_is(*have, purl))
			return true;
	if (!VEC_PUSH(&part->provides, purl))
		m->failed = true;
	return true;
}

/* Where files are asked for: what is known of a language package's. */
static void remember_files(struct merge *m, size_t i, const struct fact_pkg *p)
{
	const struct part *part = m->inv->wants_files ? find_part(m, &p->pkg) : NULL;
	uint32_t index;

	if (part == NULL)
		return;
	index = (uint32_t)(part - m->parts.v);
	if (!map_add_another(&m->evidence, place(m, i, p), index) ||
	    (p->pkg.claims.n &&
	     !map_add_another(&m->claimers, tree_folder(m->tree, p->pkg.claims), index)))
		m->failed = true;
}

static void add_packages(struct merge *m, bool os)
{
	for (size_t i = 0; i < m->n; i++) {
		for (size_t k = 0; m->facts[i] && k < m->facts[i]->n_pkgs; k++) {
			const struct fact_pkg *p = &m->facts[i]->pkgs[k];
			uint32_t have;

			if (purl_is_os(p->pkg.type) != os ||
			    !tree_shows(m->tree, i, p->dir, name_of(p->path)))
				continue;
			if (!map_add(&m->attributed, place(m, i, p), 0, &have) ||
			    (p->pkg.claims.n &&
			     !map_set(&m->claimed, tree_folder(m->tree, p->pkg.claims), 0)))
				m->failed = true;
			if (!os && belongs_to_os(m, i, p))
				continue;
			add_pkg(m, i, p);
			if (!os)
				remember_files(m, i, p);
		}
	}
}

static void add_executables(struct merge *m)
{
	for (size_t i = 0; i < m->n; i++) {
		for (size_t k = 0; m->facts[i] && k < m->facts[i]->n_execs; k++) {
			const struct fact_exec *e = &m->facts[i]->execs[k];
			uint64_t name = name_of(e->path);
			struct executable x = {.size = e->size,
					       .mode = e->mode,
					       .format = e->format,
					       .layer = (uint32_t)i,
					       .origin = m->inv->layers[i].origin};

			if (!tree_shows(m->tree, i, e->dir, name))
				continue;
			x.owner = map_find(&m->owner, tree_path(m->tree, i, e->dir, name));
			x.path = dup(m, e->path);
			x.arch = dup(m, e->arch);
			memcpy(x.sha256, e->sha256, sizeof x.sha256);
			if (!VEC_PUSH(&m->execs, x))
				m->failed = true;
		}
	}
}

struct claim {
	const struct map *claimed;
	bool found;
};

static bool is_claim(void *user, uint64_t hash)
{
	struct claim *c = user;

	c->found = map_has(c->claimed, hash);
	return !c->found;
}

static void count_unattributed(struct merge *m, size_t i, uint32_t d)
{
	const struct fact_dir *dir = &m->facts[i]->dirs[d];
	struct claim claim = {.claimed = &m->claimed};

	if (!tree_dir_shows(m->tree, i, d) || dir->n_names == 0)
		return;
	if (m->claimed.n)
		tree_up(m->tree, dir->path, is_claim, &claim);
	for (size_t k = 0; !claim.found && k < dir->n_names; k++) {
		uint64_t path = tree_path(m->tree, i, d, dir->names[k]);

		if (dir->sizes[k] == 0 || map_has(&m->owner, path) ||
		    map_has(&m->attributed, path) || !tree_shows(m->tree, i, d, dir->names[k]))
			continue;
		m->inv->unattributed_files++;
		m->inv->unattributed_bytes += dir->sizes[k];
	}
}

/* Notes of files that no longer show are no doubt about what does. */
static void add_notes(struct merge *m, size_t i)
{
	const struct facts *f = m->facts[i];

	for (size_t k = 0; k < f->n_notes; k++)
		if (f->notes[k].path.n == 0 || !tree_covered(m->tree, i, f->notes[k].path))
			inventory_note(m->inv, &f->notes[k], (uint32_t)i);
	if (f->notes_dropped)
		inventory_note(m->inv,
			       &(struct note){.level = NOTE_LOST,
					      .code = S("too-many-notes"),
					      .cataloger = S("layer"),
					      .text = S("the layer had more notes than are kept")},
			       (uint32_t)i);
}

static void copy_os(struct merge *m, const struct fact_os *o)
{
	struct os *os = &m->inv->os;

	os->id = dup(m, o->id);
	os->id_like = dup(m, o->id_like);
	os->version_id = dup(m, o->version_id);
	os->codename = dup(m, o->codename);
	os->name = dup(m, o->name);
	os->variant_id = dup(m, o->variant_id);
	os->cpe = dup(m, o->cpe);
}

/* debian_version says 12.4 where os-release says 12: taken where it says more of the same. */
static void refine_os(struct merge *m, const struct fact_os *o)
{
	struct os *os = &m->inv->os;

	if (o->id.n && !span_is(o->id, os->id))
		return;
	if (o->version_id.n > os->version_id.n && span_starts(o->version_id, os->version_id) &&
	    (os->version_id.n == 0 || o->version_id.p[os->version_id.n] == '.'))
		os->version_id = dup(m, o->version_id);
}

static void find_os(struct merge *m)
{
	const struct fact_os *best = NULL;

	for (int refine = 0; refine < 2; refine++) {
		for (size_t i = 0; i < m->n; i++) {
			for (size_t k = 0; m->facts[i] && k < m->facts[i]->n_oses; k++) {
				const struct fact_os *o = &m->facts[i]->oses[k];

				if (o->refines != (refine == 1) ||
				    !tree_shows(m->tree, i, o->dir, name_of(o->path)))
					continue;
				if (refine)
					refine_os(m, o);
				else if (best == NULL || o->rank < best->rank)
					best = o;
			}
		}
		if (refine == 0 && best)
			copy_os(m, best);
	}
}

static int by_span(const void *a, const void *b)
{
	return span_cmp(*(const struct span *)a, *(const struct span *)b);
}

static int by_path(const void *a, const void *b)
{
	return span_cmp(((const struct executable *)a)->path, ((const struct executable *)b)->path);
}

static int by_purl(const void *a, const void *b)
{
	const struct part *x = a, *y = b;
	int order = span_cmp(x->c.purl, y->c.purl);

	return order ? order : span_cmp(x->c.pkg.type, y->c.pkg.type);
}

static const struct span *sorted_list(struct merge *m, struct span *v, size_t n)
{
	struct span *copy = ARENA_ARRAY(&m->inv->arena, n, struct span);

	if (copy == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++)
		copy[i] = v[i];
	qsort(copy, n, sizeof *copy, by_span);
	return copy;
}

static void answer(const struct merge *m, const uint32_t *moved)
{
	for (size_t i = 0; i < m->inv->n_asked; i++) {
		struct asked_path *p = &m->inv->asked[i];
		uint64_t folder = tree_folder(m->tree, span_dirname(p->path));
		uint32_t owner = map_find(&m->owner, path_child(folder, name_of(p->path)));

		p->owner = owner == MAP_NONE ? NO_COMPONENT : moved[owner];
	}
}

static void give_files(struct merge *m, const uint32_t *moved)
{
	const struct file_owners x = {.tree = m->tree,
				      .facts = m->facts,
				      .n = m->n,
				      .packages = &m->owner,
				      .listed = &m->listed,
				      .evidence = &m->evidence,
				      .claimers = &m->claimers,
				      .moved = moved};

	if (!file_owners_make(&x, &m->inv->files, &m->inv->n_files))
		m->failed = true;
}

/* Sorting moves components: owners of executables are told where theirs went. */
static void finish(struct merge *m)
{
	size_t n = m->parts.n;
	uint32_t *moved = ARENA_ARRAY(&m->inv->arena, n, uint32_t);
	struct component *all = calloc(n + 1, sizeof *all);

	if (moved == NULL || all == NULL) {
		m->failed = true;
		free(all);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		struct part *p = &m->parts.v[i];

		p->c.purl = purl_of(&p->c.pkg, &m->inv->os, &m->inv->arena);
		p->c.n_paths = p->paths.n;
		p->c.paths = sorted_list(m, p->paths.v, p->paths.n);
		p->c.n_provides = p->provides.n;
		p->c.provides = sorted_list(m, p->provides.v, p->provides.n);
		p->c.origin = m->inv->layers[p->c.layer].origin;
		p->index = (uint32_t)i;
	}
	if (n > 1)
		qsort(m->parts.v, n, sizeof *m->parts.v, by_purl);
	for (size_t i = 0; i < n; i++) {
		moved[m->parts.v[i].index] = (uint32_t)i;
		all[i] = m->parts.v[i].c;
	}
	VEC_EACH (x, &m->execs)
		x->owner = x->owner == MAP_NONE ? NO_COMPONENT : moved[x->owner];
	answer(m, moved);
	if (m->inv->wants_files)
		give_files(m, moved);
	if (m->execs.n > 1)
		qsort(m->execs.v, m->execs.n, sizeof *m->execs.v, by_path);
	m->inv->components = all;
	m->inv->n_components = n;
	m->inv->executables = m->execs.v;
	m->inv->n_executables = m->execs.n;
	m->execs.v = NULL;
}

static void done(struct merge *m)
{
	VEC_EACH (p, &m->parts) {
		VEC_DONE(&p->paths);
		VEC_DONE(&p->provides);
	}
	VEC_DONE(&m->parts);
	VEC_DONE(&m->execs);
	map_done(&m->part_of);
	map_done(&m->named);
	map_done(&m->said);
	map_done(&m->owner);
	map_done(&m->attributed);
	map_done(&m->claimed);
	map_done(&m->evidence);
	map_done(&m->listed);
	map_done(&m->claimers);
	tree_free(m->tree);
}

enum rmg_rc merge_layers(struct inventory *inv, const struct facts *const *layers, size_t n,
			 struct rmg_err *err)
{
	struct merge m = {.inv = inv, .facts = layers, .n = n};
	enum rmg_rc rc = tree_new(layers, n, &m.tree);

	CHECK(inv->n_layers == n);
	if (rc == RMG_OK) {
		find_os(&m);
		remember(&m);
		add_packages(&m, true);
		own_all(&m, true);
		add_packages(&m, false);
		own_all(&m, false);
		add_executables(&m);
		for (size_t i = 0; i < n; i++) {
			if (layers[i] == NULL)
				continue;
			for (uint32_t d = 0; d < layers[i]->n_dirs; d++)
				count_unattributed(&m, i, d);
			add_notes(&m, i);
		}
		finish(&m);
	}
	done(&m);
	if (rc == RMG_OK && arena_rc(&inv->arena) != RMG_OK)
		rc = arena_rc(&inv->arena);
	if (rc == RMG_OK && m.failed)
		rc = RMG_E_NOMEM;
	return rc == RMG_OK ? rc : err_set(err, rc, "no memory to merge %zu layers", n);
}
