/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/world.h"

#include "base/limits.h"
#include "hub/world_inside.h"

/* Bits. */

bool bits_new(struct bits *b, size_t n)
{
	*b = (struct bits){.word = calloc(n / 64 + 1, sizeof *b->word), .n = n};
	return b->word != NULL;
}

void bits_free(struct bits *b)
{
	free(b->word);
	*b = (struct bits){0};
}

/* Making and unmaking. */

static bool first_elements(struct world *w)
{
	return VEC_ADD(&w->places) && VEC_ADD(&w->oses) && VEC_ADD(&w->advisories) &&
	       VEC_ADD(&w->components) && VEC_ADD(&w->images) && VEC_ADD(&w->uses) &&
	       VEC_ADD(&w->workloads) && VEC_ADD(&w->tags) && VEC_ADD(&w->sources) &&
	       VEC_ADD(&w->index->text) && VEC_ADD(&w->index->would) &&
	       VEC_ADD(&w->index->runtime) && VEC_ADD(&w->index->names);
}

enum rmg_rc world_new(struct world **out)
{
	struct world *w = calloc(1, sizeof *w);

	if (w == NULL)
		return RMG_E_NOMEM;
	arena_init(&w->arena, LIMIT_WORLD_BYTES);
	w->index = calloc(1, sizeof *w->index);
	if (w->index)
		arena_init(&w->index->scratch, MIB(64));
	if (w->index == NULL || !first_elements(w)) {
		world_free(w);
		return RMG_E_NOMEM;
	}
	*out = w;
	return RMG_OK;
}

static void index_free(struct world_index *x)
{
	struct map *maps[] = {&x->texts,   &x->places,    &x->oses,    &x->components,
			      &x->sources, &x->workloads, &x->tags,    &x->advisories,
			      &x->aliases, &x->uses,      &x->runtimes};

	for (size_t i = 0; i < COUNT_OF(maps); i++)
		map_done(maps[i]);
	VEC_DONE(&x->text);
	VEC_DONE(&x->alias);
	VEC_DONE(&x->would);
	VEC_DONE(&x->runtime);
	VEC_DONE(&x->names);
	VEC_DONE(&x->tail);
	VEC_DONE(&x->stamp);
	VEC_DONE(&x->worst);
	counted_done(&x->names_of_uses);
	arena_done(&x->scratch);
	free(x->offsets);
	free(x->postings);
	free(x);
}

static void elements_free(struct world *w)
{
	VEC_EACH (a, &w->advisories)
		free(a->components);
	VEC_EACH (c, &w->components)
		free(c->findings);
	VEC_EACH (i, &w->images)
		free(i->components);
	VEC_EACH (u, &w->uses)
		use_container_free(u);
	VEC_EACH (l, &w->workloads) {
		free(l->texts);
		free(l->would_run);
		free(l->refs);
	}
}

void world_free(struct world *w)
{
	if (w == NULL)
		return;
	elements_free(w);
	VEC_DONE(&w->places);
	VEC_DONE(&w->oses);
	VEC_DONE(&w->advisories);
	VEC_DONE(&w->components);
	VEC_DONE(&w->images);
	VEC_DONE(&w->uses);
	VEC_DONE(&w->workloads);
	VEC_DONE(&w->tags);
	VEC_DONE(&w->sources);
	VEC_DONE(&w->nodes);
	VEC_DONE(&w->descents);
	VEC_DONE(&w->bases);
	map_done(&w->bases_of_ref);
	map_done(&w->prefixes);
	if (w->index)
		index_free(w->index);
	arena_done(&w->arena);
	free(w);
}

/* Places. */

static uint64_t place_hash(const struct place *p)
{
	return hash_two(hash_two(hash_span(p->cluster), hash_span(p->node)), hash_span(p->ns));
}

uint32_t world_place_of(const struct world *w, const struct place *p)
{
	uint64_t hash = place_hash(p);
	size_t at = 0;
	uint32_t id;

	while ((id = map_next(&w->index->places, hash, &at)) != MAP_NONE) {
		const struct place *have = &w->places.v[id].place;

		if (span_is(have->cluster, p->cluster) && span_is(have->node, p->node) &&
		    span_is(have->ns, p->ns))
			return id;
	}
	return 0;
}

enum rmg_rc world_place(struct world *w, const struct place *p, uint32_t *id, bool *made)
{
	struct place_row *row;

	*id = world_place_of(w, p);
	*made = *id == 0;
	if (*id)
		return RMG_OK;
	*id = (uint32_t)w->places.n;
	row = VEC_ADD(&w->places);
	if (row == NULL || !map_add_another(&w->index->places, place_hash(p), *id))
		return RMG_E_NOMEM;
	row->id = *id;
	row->place.cluster = world_intern(w, p->cluster);
	row->place.node = world_intern(w, p->node);
	row->place.ns = world_intern(w, p->ns);
	return arena_rc(&w->arena);
}

/* Distributions: what judging asks of them makes them alike (vuln/distro.c). */

static uint64_t os_hash(const struct os *os)
{
	uint64_t hash = hash_two(hash_span(os->id), hash_span(os->version_id));

	hash = hash_two(hash, hash_span(os->codename));
	return hash_two(hash_two(hash, hash_span(os->variant_id)), hash_span(os->id_like));
}

static bool os_is(const struct os *a, const struct os *b)
{
	return span_is(a->id, b->id) && span_is(a->version_id, b->version_id) &&
	       span_is(a->codename, b->codename) && span_is(a->variant_id, b->variant_id) &&
	       span_is(a->id_like, b->id_like);
}

enum rmg_rc world_os(struct world *w, const struct os *os, uint32_t *id, bool *made)
{
	uint64_t hash = os_hash(os);
	struct os *new;
	size_t at = 0;

	while ((*id = map_next(&w->index->oses, hash, &at)) != MAP_NONE) {
		*made = false;
		if (os_is(&w->oses.v[*id], os))
			return RMG_OK;
	}
	*made = true;
	*id = (uint32_t)w->oses.n;
	new = VEC_ADD(&w->oses);
	if (new == NULL || !map_add_another(&w->index->oses, hash, *id))
		return RMG_E_NOMEM;
	*new = (struct os){
	    .id = world_intern(w, os->id),
	    .version_id = world_intern(w, os->version_id),
	    .codename = world_intern(w, os->codename),
	    .name = world_intern(w, os->name),
	    .id_like = world_intern(w, os->id_like),
	    .variant_id = world_intern(w, os->variant_id),
	    .cpe = world_intern(w, os->cpe),
	    .eol = world_intern(w, os->eol),
	};
	return arena_rc(&w->arena);
}

/* Components: one for all images whose package, source and stream are the same. */

static uint64_t component_hash(const struct component_row *row)
{
	uint64_t hash = hash_two(hash_span(row->purl), row->os * 2 + row->is_os);

	hash = hash_two(hash, hash_span(row->pkg.version));
	hash =
	    hash_two(hash_two(hash, hash_span(row->pkg.src_name)), hash_span(row->pkg.src_version));
	return hash_two(hash, hash_span(row->pkg.module));
}

static bool component_is(const struct world_component *c, const struct component_row *row)
{
	return c->os == row->os && c->is_os == row->is_os && span_is(c->purl, row->purl) &&
	       span_is(c->version, row->pkg.version) && span_is(c->src_name, row->pkg.src_name) &&
	       span_is(c->src_version, row->pkg.src_version) && span_is(c->module, row->pkg.module);
}

static void component_set(struct world *w, struct world_component *c,
			  const struct component_row *row)
{
	const struct pkg *p = &row->pkg;

	*c = (struct world_component){
	    .os = row->os,
	    .is_os = row->is_os,
	    .type = world_intern(w, p->type),
	    .ns = world_intern(w, p->ns),
	    .name = world_intern(w, p->name),
	    .version = world_intern(w, p->version),
	    .arch = world_intern(w, p->arch),
	    .src_name = world_intern(w, p->src_name),
	    .src_version = world_intern(w, p->src_version),
	    .module = world_intern(w, p->module),
	    .purl = arena_dup(&w->arena, row->purl),
	    .cataloger = world_intern(w, row->cataloger),
	};
}

static struct world_names names_of(struct world *w, const struct component_row *row)
{
	struct span names[MATCH_NAMES];
	struct world_names out = {0};
	size_t n;

	arena_reset(&w->index->scratch);
	n = match_names(&row->pkg, row->is_os, &w->index->scratch, names);
	CHECK(n <= COUNT_OF(out.hash));
	for (size_t i = 0; i < n; i++)
		out.hash[i] = name_hash(names[i]);
	return out;
}

enum rmg_rc world_component(struct world *w, const struct component_row *row, uint32_t *id,
			    bool *made)
{
	uint64_t hash = component_hash(row);
	struct world_component *new;
	size_t at = 0;

	while ((*id = map_next(&w->index->components, hash, &at)) != MAP_NONE) {
		*made = false;
		if (component_is(&w->components.v[*id], row))
			return RMG_OK;
	}
	*made = true;
	*id = (uint32_t)w->components.n;
	new = VEC_ADD(&w->components);
	if (new == NULL || !map_add_another(&w->index->components, hash, *id) ||
	    !VEC_PUSH(&w->index->names, names_of(w, row)))
		return RMG_E_NOMEM;
	component_set(w, new, row);
	if (arena_rc(&w->index->scratch) != RMG_OK)
		return arena_rc(&w->index->scratch);
	return arena_rc(&w->arena);
}

/* Sources. */

uint32_t world_source_of(const struct world *w, struct span name)
{
	uint64_t hash = hash_span(name);
	size_t at = 0;
	uint32_t id;

	while ((id = map_next(&w->index->sources, hash, &at)) != MAP_NONE)
		if (span_is(w->sources.v[id].name, name))
			return id;
	return 0;
}

enum rmg_rc world_source(struct world *w, struct span name, uint32_t *id, bool *made)
{
	struct world_source *new;

	*id = world_source_of(w, name);
	*made = *id == 0;
	if (*id)
		return RMG_OK;
	*id = (uint32_t)w->sources.n;
	new = VEC_ADD(&w->sources);
	if (new == NULL || !map_add_another(&w->index->sources, hash_span(name), *id))
		return RMG_E_NOMEM;
	new->name = world_intern(w, name);
	return arena_rc(&w->arena);
}

/* Tags. */

uint32_t world_tag_of(const struct world *w, struct span ref)
{
	uint64_t hash = hash_span(ref);
	size_t at = 0;
	uint32_t id;

	while ((id = map_next(&w->index->tags, hash, &at)) != MAP_NONE)
		if (span_is(w->tags.v[id].ref, ref))
			return id;
	return 0;
}

uint32_t world_tag_of_hash(const struct world *w, uint64_t ref)
{
	uint32_t id = map_find(&w->index->tags, ref);

	return id == MAP_NONE ? 0 : id;
}

enum rmg_rc world_tag(struct world *w, const struct tag_row *row, uint32_t *id, bool *moved)
{
	struct world_tag *t;

	*id = world_tag_of(w, row->ref);
	if (*id == 0) {
		*id = (uint32_t)w->tags.n;
		t = VEC_ADD(&w->tags);
		if (t == NULL || !map_add_another(&w->index->tags, hash_span(row->ref), *id))
			return RMG_E_NOMEM;
		t->ref = world_intern(w, row->ref);
	}
	t = &w->tags.v[*id];
	*moved = row->digest.n && !span_is(t->digest, row->digest);
	if (*moved)
		t->digest = world_intern(w, row->digest);
	if (*moved || (row->digest.n && t->gone_ms))
		t->since_ms = row->first_ms;
	t->gone_ms = row->digest.n ? 0 : row->first_ms;
	t->checked_ms = MAX_OF(t->checked_ms, row->last_ms);
	t->registry = span_ends(row->source, S(EVENT_TAGS));
	t->said_by = hash_span(row->source);
	return arena_rc(&w->arena);
}

/* "linux/arm64" and "linux/arm64/v8" are one. */
static bool same_platform(struct span a, struct span b)
{
	struct span shorter = a.n < b.n ? a : b, longer = a.n < b.n ? b : a;

	return shorter.n && span_starts(longer, shorter) &&
	       (longer.n == shorter.n || longer.p[shorter.n] == '/');
}

enum tag_means world_tag_means(const struct world *w, const struct world_tag *tag, uint32_t image)
{
	struct span platform = w->images.v[image].platform;
	bool sure = false;
	uint32_t other;

	for (size_t nth = 0; (other = world_image_of(w, tag->digest, nth)) != 0; nth++) {
		if (other == image)
			return TAG_SAME;
		sure |= same_platform(platform, w->images.v[other].platform);
	}
	return sure && tag->registry ? TAG_OTHER : TAG_UNSURE;
}

uint32_t world_tag_image(const struct world *w, const struct world_tag *tag, struct span platform)
{
	uint32_t id, found = 0;

	for (size_t nth = 0; (id = world_image_of(w, tag->digest, nth)) != 0; nth++) {
		if (!same_platform(platform, w->images.v[id].platform))
			continue;
		if (w->images.v[id].read_ms)
			return id;
		found = id;
	}
	return found;
}

/* Advisories. */

uint32_t world_advisory_of(const struct world *w, struct span id)
{
	uint64_t hash = hash_span(id);
	size_t at = 0;
	uint32_t found;

	while ((found = map_next(&w->index->advisories, hash, &at)) != MAP_NONE)
		if (span_is(w->advisories.v[found].id, id))
			return found;
	return 0;
}

enum rmg_rc world_advisory(struct world *w, struct span id, uint32_t *out)
{
	struct world_advisory *new;

	*out = world_advisory_of(w, id);
	if (*out)
		return RMG_OK;
	*out = (uint32_t)w->advisories.n;
	new = VEC_ADD(&w->advisories);
	if (new == NULL || !map_add_another(&w->index->advisories, hash_span(id), *out))
		return RMG_E_NOMEM;
	new->id = arena_dup(&w->arena, id);
	return arena_rc(&w->arena);
}
