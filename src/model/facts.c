/* SPDX-License-Identifier: Apache-2.0 */
#include "model/facts.h"

#include "base/hash.h"
#include "base/limits.h"
#include "base/utf8.h"

/* A child of a folder as it came; facts_done() sorts them by folder. The position in the array is
 * the time: of two with one name the later one counts. */
struct child {
	uint64_t name, size;
	uint32_t dir;
};

struct build_dir {
	struct span path;
	bool entry, opaque;
};

struct facts_builder {
	struct arena arena;
	struct facts facts;
	VEC(struct build_dir) dirs;
	struct map dir_of; /* path_hash -> dirs */
	VEC(struct child) names;
	VEC(struct child) whiteouts;
	VEC(struct fact_link) links;
	VEC(struct fact_pkg) pkgs;
	VEC(struct fact_exec) execs;
	VEC(struct fact_os) oses;
	VEC(struct note) notes;
	/* When each of them was said: the number of children there were then. */
	VEC(uint32_t) link_time;
	VEC(uint32_t) pkg_time;
	VEC(uint32_t) exec_time;
	VEC(uint32_t) os_time;
	VEC(uint32_t) owned_time;
	struct map exec_of; /* path_hash -> execs, for hard links */
	VEC(struct fact_owned) owned;
	VEC(uint32_t) own_dirs;
	VEC(uint32_t) own_counts;
	VEC(uint64_t) own_names;
	VEC(size_t) own_first; /* per owned: where its groups and names begin, two values each */
	VEC(struct span) paths;
	struct map path_of; /* path_hash -> paths */
	struct map text_of; /* hash of short text -> texts: most vendors and licences repeat */
	VEC(struct span) texts;
	struct span last_dir; /* what last_index was found for: entries come folder by folder */
	uint32_t last_index;
	struct span last_own_dir;
	uint32_t last_own_index;
	enum rmg_rc rc;
};

enum rmg_rc facts_builder_new(struct facts_builder **out)
{
	struct facts_builder *b = calloc(1, sizeof *b);

	if (b == NULL)
		return RMG_E_NOMEM;
	arena_init(&b->arena, LIMIT_FACTS_BYTES);
	b->last_index = b->last_own_index = MAP_NONE;
	*out = b;
	return RMG_OK;
}

void facts_builder_free(struct facts_builder *b)
{
	if (b == NULL)
		return;
	arena_done(&b->arena);
	VEC_DONE(&b->dirs);
	map_done(&b->dir_of);
	VEC_DONE(&b->names);
	VEC_DONE(&b->whiteouts);
	VEC_DONE(&b->links);
	VEC_DONE(&b->pkgs);
	VEC_DONE(&b->execs);
	VEC_DONE(&b->oses);
	VEC_DONE(&b->notes);
	VEC_DONE(&b->link_time);
	VEC_DONE(&b->pkg_time);
	VEC_DONE(&b->exec_time);
	VEC_DONE(&b->os_time);
	VEC_DONE(&b->owned_time);
	map_done(&b->exec_of);
	VEC_DONE(&b->owned);
	VEC_DONE(&b->own_dirs);
	VEC_DONE(&b->own_counts);
	VEC_DONE(&b->own_names);
	VEC_DONE(&b->own_first);
	VEC_DONE(&b->paths);
	map_done(&b->path_of);
	map_done(&b->text_of);
	VEC_DONE(&b->texts);
	free(b);
}

static void out_of_memory(struct facts_builder *b)
{
	if (b->rc == RMG_OK)
		b->rc = RMG_E_NOMEM;
}

/* A normal path has no "." or ".." component, no empty one, and does not begin or end with '/'. */
static bool is_normal(struct span s)
{
	struct span left = s, name;

	while (span_next(&left, '/', &name))
		if (name.n == 0 || span_is(name, S(".")) || span_is(name, S("..")))
			return false;
	return s.n == 0 || s.p[s.n - 1] != '/';
}

static bool within_limits(struct span s)
{
	uint64_t depth = 1;

	for (size_t i = 0; i < s.n; i++)
		depth += s.p[i] == '/';
	return s.n <= LIMIT_PATH_BYTES && depth <= LIMIT_PATH_DEPTH && span_chr(s, 0) == SIZE_MAX;
}

bool path_normal(struct span raw, uint8_t *buf, struct span *out)
{
	struct span name;
	size_t n = 0;

	while (raw.n && raw.p[0] == '/')
		raw = span_from(raw, 1);
	while (span_starts(raw, S("./")))
		raw = span_from(raw, 2);
	raw = span_rtrim_chr(raw, '/');
	if (!within_limits(raw))
		return false;
	if (is_normal(raw)) {
		*out = raw;
		return true;
	}
	while (span_next(&raw, '/', &name)) {
		if (name.n == 0 || span_is(name, S(".")))
			continue;
		if (span_is(name, S("..")))
			return false;
		if (n)
			buf[n++] = '/';
		memcpy(buf + n, name.p, name.n);
		n += name.n;
	}
	*out = span_of(buf, n);
	return true;
}

static uint32_t add_dir(struct facts_builder *b, struct span path, uint64_t hash)
{
	uint32_t index = (uint32_t)b->dirs.n;
	struct span copy = arena_dup(&b->arena, path);

	if (arena_rc(&b->arena) != RMG_OK || index == MAP_NONE ||
	    !VEC_PUSH(&b->dirs, (struct build_dir){.path = copy}) ||
	    !map_set(&b->dir_of, hash, index)) {
		out_of_memory(b);
		return MAP_NONE;
	}
	return index;
}

/* The folder's index; it and all folders above it are made where they are new. */
static uint32_t dir_index(struct facts_builder *b, struct span path)
{
	uint64_t hash;
	uint32_t index;

	if (b->last_index != MAP_NONE && span_is(path, b->last_dir))
		return b->last_index;
	hash = path_hash(path);
	index = map_find(&b->dir_of, hash);
	if (index == MAP_NONE) {
		index = add_dir(b, path, hash);
		for (struct span up = path; index != MAP_NONE && up.n;) {
			up = span_dirname(up);
			hash = path_hash(up);
			if (map_has(&b->dir_of, hash))
				break;
			if (add_dir(b, up, hash) == MAP_NONE)
				return MAP_NONE;
		}
	}
	if (index != MAP_NONE) {
		b->last_dir = b->dirs.v[index].path;
		b->last_index = index;
	}
	return index;
}

/* The time is the number of files seen. */
static uint32_t now(const struct facts_builder *b)
{
	return (uint32_t)b->names.n;
}

void facts_folder(struct facts_builder *b, struct span path)
{
	uint32_t dir = dir_index(b, path);

	if (dir != MAP_NONE)
		b->dirs.v[dir].entry = true;
}

void facts_file(struct facts_builder *b, struct span path, uint64_t size_bytes)
{
	uint32_t dir = dir_index(b, span_dirname(path));

	if (dir == MAP_NONE)
		return;
	b->facts.n_entries++;
	if (!VEC_PUSH(&b->names, (struct child){.name = hash_span(span_basename(path)),
						.size = size_bytes,
						.dir = dir}))
		out_of_memory(b);
}

void facts_whiteout(struct facts_builder *b, struct span path)
{
	uint32_t dir = dir_index(b, span_dirname(path));

	if (dir != MAP_NONE &&
	    !VEC_PUSH(&b->whiteouts,
		      (struct child){.name = hash_span(span_basename(path)), .dir = dir}))
		out_of_memory(b);
}

void facts_opaque(struct facts_builder *b, struct span folder)
{
	uint32_t dir = dir_index(b, folder);

	if (dir != MAP_NONE)
		b->dirs.v[dir].opaque = true;
}

/* The same file under another name is an executable as well. */
static void link_exec(struct facts_builder *b, struct span path, struct span target)
{
	uint32_t of = map_find(&b->exec_of, path_hash(target));

	if (of != MAP_NONE && of < b->execs.n && span_is(b->execs.v[of].path, target)) {
		struct fact_exec e = b->execs.v[of];

		e.path = path;
		facts_exec(b, &e);
	}
}

void facts_link(struct facts_builder *b, struct span path, struct span target, bool hard)
{
	struct fact_link link = {.dir = dir_index(b, span_dirname(path)), .hard = hard};

	facts_file(b, path, 0);
	link.path = arena_dup(&b->arena, path);
	link.target = arena_dup(&b->arena, target);
	if (link.dir == MAP_NONE || arena_rc(&b->arena) != RMG_OK || !VEC_PUSH(&b->links, link) ||
	    !VEC_PUSH(&b->link_time, now(b)))
		out_of_memory(b);
	if (hard)
		link_exec(b, path, target);
}

void facts_note(struct facts_builder *b, const struct note *n)
{
	struct note *copy;

	if (b->notes.n >= LIMIT_NOTES) {
		b->facts.notes_dropped++;
		return;
	}
	copy = VEC_ADD(&b->notes);
	if (copy == NULL) {
		out_of_memory(b);
		return;
	}
	*copy = *n;
	copy->code = arena_dup(&b->arena, n->code);
	copy->cataloger = arena_dup(&b->arena, n->cataloger);
	copy->path = arena_dup(&b->arena, n->path);
	copy->text = arena_dup(&b->arena, n->text);
}

static struct span intern(struct facts_builder *b, struct span s)
{
	uint64_t hash = hash_span(s);
	uint32_t have;
	struct span copy;

	if (s.n == 0 || s.n > 128)
		return arena_dup(&b->arena, s);
	have = map_find(&b->text_of, hash);
	if (have != MAP_NONE && span_is(b->texts.v[have], s))
		return b->texts.v[have];
	copy = arena_dup(&b->arena, s);
	if (have == MAP_NONE &&
	    (!VEC_PUSH(&b->texts, copy) || !map_set(&b->text_of, hash, (uint32_t)b->texts.n - 1)))
		out_of_memory(b);
	return copy;
}

/* Text of a package: clean and bounded, or made so and said. */
static struct span text(struct facts_builder *b, struct span s, uint64_t max,
			const struct fact_pkg *p)
{
	bool cut = s.n > max, dirty;
	char *copy;

	s = span_head(s, max);
	dirty = !utf8_is_clean(s);
	if (!cut && !dirty)
		return intern(b, s);
	copy = arena_cstr(&b->arena, s);
	if (copy == NULL)
		return (struct span){0};
	for (size_t i = 0; i < s.n; i++)
		copy[i] = copy[i] == '\0' ? '?' : copy[i];
	utf8_clean_cstr(copy, s.n + 1);
	facts_note(b, &(struct note){
			  .level = cut ? NOTE_LOST : NOTE_WARN,
			  .code = cut ? S("text-cut") : S("text-cleaned"),
			  .cataloger = p->cataloger,
			  .path = p->path,
			  .text = cut ? S("a name, version or other text is too long and was cut")
				      : S("a name, version or other text is not clean UTF-8; the "
					  "bytes in question were replaced by '?'"),
		      });
	return span_of(copy, s.n);
}

static void copy_pkg(struct facts_builder *b, struct fact_pkg *p)
{
	struct span *const fields[] = {
	    &p->pkg.type,   &p->pkg.ns,       &p->pkg.name,        &p->pkg.version,
	    &p->pkg.arch,   &p->pkg.src_name, &p->pkg.src_version, &p->pkg.vendor,
	    &p->pkg.module, &p->pkg.cpe,      &p->pkg.build,
	};
	const struct fact_pkg as_given = *p;

	for (size_t i = 0; i < COUNT_OF(fields); i++)
		*fields[i] = text(b, *fields[i], LIMIT_TEXT_BYTES, &as_given);
	p->pkg.license =
	    text(b, span_head(p->pkg.license, LIMIT_LICENSE_BYTES), LIMIT_TEXT_BYTES, &as_given);
	p->pkg.claims = intern(b, p->pkg.claims);
	p->cataloger = intern(b, p->cataloger);
	p->path = intern(b, p->path);
	p->inner = arena_dup(&b->arena, p->inner);
}

void facts_pkg(struct facts_builder *b, const struct fact_pkg *p)
{
	struct fact_pkg copy = *p;

	if (p->pkg.type.n == 0 || p->pkg.name.n == 0) {
		facts_note(b, &(struct note){.level = NOTE_LOST,
					     .code = S("pkg-no-name"),
					     .cataloger = p->cataloger,
					     .path = p->path,
					     .text = S("a package without a name")});
		return;
	}
	copy.dir = dir_index(b, span_dirname(p->path));
	copy_pkg(b, &copy);
	if (copy.dir == MAP_NONE || !VEC_PUSH(&b->pkgs, copy) || !VEC_PUSH(&b->pkg_time, now(b)))
		out_of_memory(b);
}

void facts_exec(struct facts_builder *b, const struct fact_exec *e)
{
	struct fact_exec copy = *e;

	copy.dir = dir_index(b, span_dirname(e->path));
	copy.path = arena_dup(&b->arena, e->path);
	copy.arch = intern(b, e->arch);
	if (copy.dir == MAP_NONE || !VEC_PUSH(&b->execs, copy) ||
	    !VEC_PUSH(&b->exec_time, now(b)) ||
	    !map_set(&b->exec_of, path_hash(copy.path), (uint32_t)b->execs.n - 1))
		out_of_memory(b);
}

void facts_os(struct facts_builder *b, const struct fact_os *o)
{
	struct fact_os copy = *o;
	const struct fact_pkg at = {.cataloger = S("osrelease"), .path = o->path};
	struct span *const fields[] = {
	    &copy.id,   &copy.id_like,    &copy.version_id, &copy.version,  &copy.codename,
	    &copy.name, &copy.variant_id, &copy.cpe,        &copy.build_id,
	};

	for (size_t i = 0; i < COUNT_OF(fields); i++)
		*fields[i] = text(b, *fields[i], LIMIT_TEXT_BYTES, &at);
	copy.dir = dir_index(b, span_dirname(o->path));
	copy.path = arena_dup(&b->arena, o->path);
	if (copy.dir == MAP_NONE || !VEC_PUSH(&b->oses, copy) || !VEC_PUSH(&b->os_time, now(b)))
		out_of_memory(b);
}

void facts_own(struct facts_builder *b, const struct fact_owned *o)
{
	const struct fact_pkg at = {.path = o->path};
	struct fact_owned copy = {
	    .type = text(b, o->type, LIMIT_TEXT_BYTES, &at),
	    .name = text(b, o->name, LIMIT_TEXT_BYTES, &at),
	    .version = text(b, o->version, LIMIT_TEXT_BYTES, &at),
	    .arch = text(b, o->arch, LIMIT_TEXT_BYTES, &at),
	    .path = intern(b, o->path),
	    .dir = dir_index(b, span_dirname(o->path)),
	};

	b->last_own_index = MAP_NONE;
	if (copy.dir == MAP_NONE || !VEC_PUSH(&b->owned, copy) ||
	    !VEC_PUSH(&b->owned_time, now(b)) || !VEC_PUSH(&b->own_first, b->own_dirs.n) ||
	    !VEC_PUSH(&b->own_first, b->own_names.n))
		out_of_memory(b);
}

static uint32_t own_path_index(struct facts_builder *b, struct span path)
{
	uint64_t hash = path_hash(path);
	uint32_t index = map_find(&b->path_of, hash);

	if (index != MAP_NONE)
		return index;
	index = (uint32_t)b->paths.n;
	if (!VEC_PUSH(&b->paths, arena_dup(&b->arena, path)) ||
	    !map_set(&b->path_of, hash, index)) {
		out_of_memory(b);
		return MAP_NONE;
	}
	return index;
}

/* Goes on with the last group where the folder is the same, else begins one. */
static bool own_group(struct facts_builder *b, struct span dir)
{
	uint32_t index;

	if (b->last_own_index != MAP_NONE && span_is(dir, b->last_own_dir)) {
		b->own_counts.v[b->own_counts.n - 1]++;
		return true;
	}
	index = own_path_index(b, dir);
	if (index == MAP_NONE || !VEC_PUSH(&b->own_dirs, index) || !VEC_PUSH(&b->own_counts, 1))
		return false;
	b->last_own_index = index;
	b->last_own_dir = b->paths.v[index];
	return true;
}

void facts_own_path(struct facts_builder *b, struct span path)
{
	uint8_t buf[LIMIT_PATH_BYTES_MAX];
	struct span normal;

	if (b->owned.n == 0 || b->rc != RMG_OK)
		return;
	if (!path_normal(path, buf, &normal)) {
		facts_note(b, &(struct note){
				  .level = NOTE_WARN,
				  .code = S("owned-path"),
				  .path = b->owned.v[b->owned.n - 1].path,
				  .text = S("a list of a package's files names a path that no file "
					    "can have; the row is ignored"),
			      });
		return;
	}
	if (normal.n == 0)
		return;
	if (!own_group(b, span_dirname(normal)) ||
	    !VEC_PUSH(&b->own_names, hash_span(span_basename(normal))))
		out_of_memory(b);
}

/* Children folder by folder; in a folder by name, then by time, which takes the place of dir. */
static int by_name(const void *a, const void *b)
{
	const struct child *x = a, *y = b;

	if (x->name != y->name)
		return x->name < y->name ? -1 : 1;
	return (x->dir > y->dir) - (x->dir < y->dir);
}

static bool group_children(const struct child *from, size_t n, size_t n_dirs, struct child **out,
			   size_t **first)
{
	struct child *sorted = calloc(n ? n : 1, sizeof *sorted);
	size_t *at = calloc(n_dirs + 2, sizeof *at);

	if (sorted == NULL || at == NULL) {
		free(sorted);
		free(at);
		return false;
	}
	for (size_t i = 0; i < n; i++)
		at[from[i].dir + 2]++;
	for (size_t d = 2; d < n_dirs + 2; d++)
		at[d] += at[d - 1];
	for (size_t i = 0; i < n; i++) {
		struct child *c = &sorted[at[from[i].dir + 1]++];

		*c = from[i];
		c->dir = (uint32_t)i;
	}
	for (size_t d = 0; d < n_dirs; d++)
		qsort(sorted + at[d], at[d + 1] - at[d], sizeof *sorted, by_name);
	*out = sorted;
	*first = at;
	return true;
}

/* One folder's files; of two with one name the later, and that there were two goes into again. */
static bool finish_names(struct facts_builder *b, struct fact_dir *dir, const struct child *c,
			 size_t n, struct map *again)
{
	uint64_t *names = ARENA_ARRAY(&b->arena, n, uint64_t);
	uint64_t *sizes = ARENA_ARRAY(&b->arena, n, uint64_t);
	size_t kept = 0;

	if (names == NULL || sizes == NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		bool twice = i > 0 && c[i].name == c[i - 1].name;

		kept -= twice;
		if (twice && !map_set(again, path_child(path_hash(dir->path), c[i].name), c[i].dir))
			return false;
		names[kept] = c[i].name;
		sizes[kept++] = c[i].size;
	}
	dir->names = names;
	dir->sizes = sizes;
	dir->n_names = kept;
	return true;
}

static bool finish_whiteouts(struct facts_builder *b, struct fact_dir *dir, const struct child *c,
			     size_t n)
{
	uint64_t *names = ARENA_ARRAY(&b->arena, n, uint64_t);

	if (names == NULL)
		return false;
	for (size_t i = 0; i < n; i++)
		names[i] = c[i].name;
	dir->whiteouts = names;
	dir->n_whiteouts = n;
	return true;
}

static bool finish_dirs(struct facts_builder *b, struct map *again)
{
	size_t n = b->dirs.n, *name_at = NULL, *white_at = NULL;
	struct child *names = NULL, *whites = NULL;
	struct fact_dir *dirs = ARENA_ARRAY(&b->arena, n, struct fact_dir);
	bool good = dirs && group_children(b->names.v, b->names.n, n, &names, &name_at) &&
		    group_children(b->whiteouts.v, b->whiteouts.n, n, &whites, &white_at);

	for (size_t d = 0; good && d < n; d++) {
		dirs[d].path = b->dirs.v[d].path;
		dirs[d].entry = b->dirs.v[d].entry;
		dirs[d].opaque = b->dirs.v[d].opaque;
		good = finish_names(b, &dirs[d], names + name_at[d], name_at[d + 1] - name_at[d],
				    again) &&
		       finish_whiteouts(b, &dirs[d], whites + white_at[d],
					white_at[d + 1] - white_at[d]);
	}
	free(names);
	free(name_at);
	free(whites);
	free(white_at);
	b->facts.dirs = dirs;
	b->facts.n_dirs = n;
	return good;
}

/* Whether what was said of path at this time was said of a file that a later entry replaced. */
static bool outdated(const struct map *again, struct span path, uint32_t time)
{
	uint32_t last = again->n ? map_find(again, path_hash(path)) : MAP_NONE;

	return last != MAP_NONE && time <= last;
}

#define DROP_OUTDATED(vec, times, again)                                                           \
	do {                                                                                       \
		size_t kept = 0;                                                                   \
		for (size_t i = 0; (again)->n && i < (vec)->n; i++)                                \
			if (!outdated((again), (vec)->v[i].path, (times)->v[i]))                   \
				(vec)->v[kept++] = (vec)->v[i];                                    \
		if ((again)->n)                                                                    \
			(vec)->n = kept;                                                           \
	} while (0)

static void finish_owned(struct facts_builder *b)
{
	for (size_t i = 0; i < b->owned.n; i++) {
		struct fact_owned *o = &b->owned.v[i];
		bool last = i + 1 == b->owned.n;
		size_t dirs_at = b->own_first.v[2 * i], names_at = b->own_first.v[2 * i + 1];
		size_t dirs_end = last ? b->own_dirs.n : b->own_first.v[2 * i + 2];
		size_t names_end = last ? b->own_names.n : b->own_first.v[2 * i + 3];

		o->n_dirs = dirs_end - dirs_at;
		o->n_names = names_end - names_at;
		o->dirs = o->n_dirs ? b->own_dirs.v + dirs_at : NULL;
		o->counts = o->n_dirs ? b->own_counts.v + dirs_at : NULL;
		o->names = o->n_names ? b->own_names.v + names_at : NULL;
	}
}

enum rmg_rc facts_done(struct facts_builder *b, struct facts **out)
{
	struct map again = {0};
	struct facts *f = &b->facts;

	if (b->rc == RMG_OK && arena_rc(&b->arena) == RMG_OK && !finish_dirs(b, &again))
		out_of_memory(b);
	if (arena_rc(&b->arena) != RMG_OK)
		b->rc = arena_rc(&b->arena);
	if (b->rc == RMG_OK) {
		finish_owned(b);
		DROP_OUTDATED(&b->links, &b->link_time, &again);
		DROP_OUTDATED(&b->pkgs, &b->pkg_time, &again);
		DROP_OUTDATED(&b->execs, &b->exec_time, &again);
		DROP_OUTDATED(&b->oses, &b->os_time, &again);
		DROP_OUTDATED(&b->owned, &b->owned_time, &again);
	}
	map_done(&again);
	if (b->rc != RMG_OK)
		return b->rc;
	f->links = b->links.v, f->n_links = b->links.n;
	f->pkgs = b->pkgs.v, f->n_pkgs = b->pkgs.n;
	f->execs = b->execs.v, f->n_execs = b->execs.n;
	f->owned = b->owned.v, f->n_owned = b->owned.n;
	f->oses = b->oses.v, f->n_oses = b->oses.n;
	f->notes = b->notes.v, f->n_notes = b->notes.n;
	f->paths = b->paths.v, f->n_paths = b->paths.n;
	*out = f;
	return RMG_OK;
}
