/* SPDX-License-Identifier: Apache-2.0 */
#include "box/facts_wire.h"

#include "base/limits.h"
#include "base/utf8.h"
#include "facts.pb-c.h"

static ProtobufCBinaryData bin(struct span s)
{
	return (ProtobufCBinaryData){.len = s.n, .data = (uint8_t *)(uintptr_t)s.p};
}

static struct span unbin(ProtobufCBinaryData b)
{
	return span_of(b.data, b.len);
}

/* The fields of PbPkg and struct fact_pkg that are one to one. */
/* clang-format off */
#define PKG_TEXTS(X) \
	X(type) X(ns) X(name) X(version) X(arch) X(src_name) X(src_version) X(license) X(vendor) \
	X(module) X(cpe) X(build)
#define OS_TEXTS(X) \
	X(id) X(id_like) X(version_id) X(version) X(codename) X(name) X(variant_id) X(cpe) X(build_id)
/* clang-format on */

/* Declares an array of messages and of pointers to them, as protobuf-c wants both. */
#define MESSAGES(type, INIT, count, list)                                                          \
	type *list##_messages = ARENA_ARRAY(a, (count), type);                                     \
	type **list = ARENA_ARRAY(a, (count), type *);                                             \
	if (list##_messages == NULL || list == NULL)                                               \
		return false;                                                                      \
	for (size_t i = 0; i < (count); i++) {                                                     \
		list##_messages[i] = (type)INIT;                                                   \
		list[i] = &list##_messages[i];                                                     \
	}

static bool pack_dirs(const struct facts *f, struct arena *a, Rmg__PbFacts *m)
{
	MESSAGES(Rmg__PbDir, RMG__PB_DIR__INIT, f->n_dirs, list)
	for (size_t i = 0; i < f->n_dirs; i++) {
		const struct fact_dir *d = &f->dirs[i];

		list[i]->path = bin(d->path);
		list[i]->entry = d->entry;
		list[i]->opaque = d->opaque;
		list[i]->n_names = list[i]->n_sizes = d->n_names;
		list[i]->names = (uint64_t *)(uintptr_t)d->names;
		list[i]->sizes = (uint64_t *)(uintptr_t)d->sizes;
		list[i]->n_whiteouts = d->n_whiteouts;
		list[i]->whiteouts = (uint64_t *)(uintptr_t)d->whiteouts;
	}
	m->dirs = list;
	m->n_dirs = f->n_dirs;
	return true;
}

static bool pack_links(const struct facts *f, struct arena *a, Rmg__PbFacts *m)
{
	MESSAGES(Rmg__PbLink, RMG__PB_LINK__INIT, f->n_links, list)
	for (size_t i = 0; i < f->n_links; i++) {
		list[i]->path = bin(f->links[i].path);
		list[i]->target = bin(f->links[i].target);
		list[i]->dir = f->links[i].dir;
		list[i]->hard = f->links[i].hard;
	}
	m->links = list;
	m->n_links = f->n_links;
	return true;
}

static bool pack_pkgs(const struct facts *f, struct arena *a, Rmg__PbFacts *m)
{
	MESSAGES(Rmg__PbPkg, RMG__PB_PKG__INIT, f->n_pkgs, list)
	for (size_t i = 0; i < f->n_pkgs; i++) {
		const struct fact_pkg *p = &f->pkgs[i];

#define X(field) list[i]->field = bin(p->pkg.field);
		PKG_TEXTS(X)
#undef X
		list[i]->claims = bin(p->pkg.claims);
		list[i]->cataloger = bin(p->cataloger);
		list[i]->path = bin(p->path);
		list[i]->dir = p->dir;
		list[i]->inner = bin(p->inner);
	}
	m->pkgs = list;
	m->n_pkgs = f->n_pkgs;
	return true;
}

static bool pack_execs(const struct facts *f, struct arena *a, Rmg__PbFacts *m)
{
	MESSAGES(Rmg__PbExec, RMG__PB_EXEC__INIT, f->n_execs, list)
	for (size_t i = 0; i < f->n_execs; i++) {
		const struct fact_exec *e = &f->execs[i];

		list[i]->path = bin(e->path);
		list[i]->dir = e->dir;
		list[i]->sha256 = bin(span_of(e->sha256, sizeof e->sha256));
		list[i]->size = e->size;
		list[i]->mode = e->mode;
		list[i]->format = e->format;
		list[i]->arch = bin(e->arch);
	}
	m->execs = list;
	m->n_execs = f->n_execs;
	return true;
}

static bool pack_owned(const struct facts *f, struct arena *a, Rmg__PbFacts *m)
{
	MESSAGES(Rmg__PbOwned, RMG__PB_OWNED__INIT, f->n_owned, list)
	for (size_t i = 0; i < f->n_owned; i++) {
		const struct fact_owned *o = &f->owned[i];

		list[i]->type = bin(o->type);
		list[i]->name = bin(o->name);
		list[i]->version = bin(o->version);
		list[i]->arch = bin(o->arch);
		list[i]->path = bin(o->path);
		list[i]->dir = o->dir;
		list[i]->n_dirs = list[i]->n_counts = o->n_dirs;
		list[i]->dirs = (uint32_t *)(uintptr_t)o->dirs;
		list[i]->counts = (uint32_t *)(uintptr_t)o->counts;
		list[i]->n_names = o->n_names;
		list[i]->names = (uint64_t *)(uintptr_t)o->names;
	}
	m->owned = list;
	m->n_owned = f->n_owned;
	return true;
}

static bool pack_oses(const struct facts *f, struct arena *a, Rmg__PbFacts *m)
{
	MESSAGES(Rmg__PbOs, RMG__PB_OS__INIT, f->n_oses, list)
	for (size_t i = 0; i < f->n_oses; i++) {
		const struct fact_os *o = &f->oses[i];

		list[i]->path = bin(o->path);
		list[i]->dir = o->dir;
		list[i]->rank = o->rank;
		list[i]->refines = o->refines;
#define X(field) list[i]->field = bin(o->field);
		OS_TEXTS(X)
#undef X
	}
	m->oses = list;
	m->n_oses = f->n_oses;
	return true;
}

static bool pack_notes(const struct facts *f, struct arena *a, Rmg__PbFacts *m)
{
	MESSAGES(Rmg__PbNote, RMG__PB_NOTE__INIT, f->n_notes, list)
	for (size_t i = 0; i < f->n_notes; i++) {
		list[i]->level = f->notes[i].level;
		list[i]->code = bin(f->notes[i].code);
		list[i]->cataloger = bin(f->notes[i].cataloger);
		list[i]->path = bin(f->notes[i].path);
		list[i]->text = bin(f->notes[i].text);
	}
	m->notes = list;
	m->n_notes = f->n_notes;
	return true;
}

static bool pack_paths(const struct facts *f, struct arena *a, Rmg__PbFacts *m)
{
	m->paths = ARENA_ARRAY(a, f->n_paths, ProtobufCBinaryData);
	if (m->paths == NULL)
		return false;
	for (size_t i = 0; i < f->n_paths; i++)
		m->paths[i] = bin(f->paths[i]);
	m->n_paths = f->n_paths;
	return true;
}

enum rmg_rc facts_pack(const struct facts *f, struct span *out, struct rmg_err *err)
{
	Rmg__PbFacts m = RMG__PB_FACTS__INIT;
	struct arena a;
	uint8_t *bytes = NULL;
	size_t n = 0;
	bool good;

	arena_init(&a, LIMIT_FACTS_BYTES);
	m.version = FACTS_VERSION;
	m.blob_sha256 = bin(span_of(f->blob_sha256, sizeof f->blob_sha256));
	if (f->has_diff)
		m.diff_sha256 = bin(span_of(f->diff_sha256, sizeof f->diff_sha256));
	m.blob_bytes = f->blob_bytes;
	m.tar_bytes = f->tar_bytes;
	m.n_entries = f->n_entries;
	m.compression = bin(f->compression);
	m.synthetic = f->synthetic;
	m.notes_dropped = f->notes_dropped;
	good = pack_dirs(f, &a, &m) && pack_links(f, &a, &m) && pack_pkgs(f, &a, &m) &&
	       pack_execs(f, &a, &m) && pack_owned(f, &a, &m) && pack_oses(f, &a, &m) &&
	       pack_notes(f, &a, &m) && pack_paths(f, &a, &m);
	if (good) {
		n = rmg__pb_facts__get_packed_size(&m);
		bytes = malloc(n ? n : 1);
	}
	if (bytes)
		n = rmg__pb_facts__pack(&m, bytes);
	arena_done(&a);
	if (bytes == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory to pack the facts of a layer");
	*out = span_of(bytes, n);
	return RMG_OK;
}

/* Checks of what came. */

static bool is_path(struct span s)
{
	uint8_t buf[LIMIT_PATH_BYTES_MAX];
	struct span normal;

	return path_normal(s, buf, &normal) && span_is(s, normal);
}

static bool is_text(struct span s)
{
	return s.n <= LIMIT_TEXT_BYTES && utf8_is_clean(s);
}

/* Names are looked up by halving. */
static bool is_sorted(const uint64_t *v, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (v[i] < v[i - 1])
			return false;
	return true;
}

static bool take_dirs(const Rmg__PbFacts *m, struct arena *a, struct facts *f)
{
	f->dirs = ARENA_ARRAY(a, m->n_dirs, struct fact_dir);
	f->n_dirs = m->n_dirs;
	for (size_t i = 0; f->dirs && i < m->n_dirs; i++) {
		const Rmg__PbDir *d = m->dirs[i];

		f->dirs[i] = (struct fact_dir){
		    .path = unbin(d->path),
		    .entry = d->entry,
		    .opaque = d->opaque,
		    .names = d->names,
		    .sizes = d->sizes,
		    .n_names = d->n_names,
		    .whiteouts = d->whiteouts,
		    .n_whiteouts = d->n_whiteouts,
		};
		if (d->n_names != d->n_sizes || !is_path(f->dirs[i].path) ||
		    !is_sorted(d->names, d->n_names) || !is_sorted(d->whiteouts, d->n_whiteouts))
			return false;
	}
	return f->dirs != NULL;
}

static bool take_links(const Rmg__PbFacts *m, struct arena *a, struct facts *f)
{
	f->links = ARENA_ARRAY(a, m->n_links, struct fact_link);
	f->n_links = m->n_links;
	for (size_t i = 0; f->links && i < m->n_links; i++) {
		const Rmg__PbLink *l = m->links[i];

		f->links[i] = (struct fact_link){.path = unbin(l->path),
						 .dir = l->dir,
						 .target = unbin(l->target),
						 .hard = l->hard};
		if (l->dir >= m->n_dirs || !is_path(f->links[i].path))
			return false;
	}
	return f->links != NULL;
}

static bool take_pkgs(const Rmg__PbFacts *m, struct arena *a, struct facts *f)
{
	f->pkgs = ARENA_ARRAY(a, m->n_pkgs, struct fact_pkg);
	f->n_pkgs = m->n_pkgs;
	for (size_t i = 0; f->pkgs && i < m->n_pkgs; i++) {
		const Rmg__PbPkg *p = m->pkgs[i];
		struct fact_pkg *out = &f->pkgs[i];
		bool good = p->dir < m->n_dirs;

#define X(field)                                                                                   \
	out->pkg.field = unbin(p->field);                                                          \
	good = good && is_text(out->pkg.field);
		PKG_TEXTS(X)
#undef X
		out->pkg.claims = unbin(p->claims);
		out->cataloger = unbin(p->cataloger);
		out->path = unbin(p->path);
		out->inner = unbin(p->inner);
		out->dir = p->dir;
		if (!good || !is_path(out->path) || !is_path(out->pkg.claims) ||
		    !is_text(out->cataloger) || out->pkg.name.n == 0 || out->pkg.type.n == 0)
			return false;
	}
	return f->pkgs != NULL;
}

static bool take_execs(const Rmg__PbFacts *m, struct arena *a, struct facts *f)
{
	f->execs = ARENA_ARRAY(a, m->n_execs, struct fact_exec);
	f->n_execs = m->n_execs;
	for (size_t i = 0; f->execs && i < m->n_execs; i++) {
		const Rmg__PbExec *e = m->execs[i];
		struct fact_exec *out = &f->execs[i];

		if (e->dir >= m->n_dirs || e->sha256.len != sizeof out->sha256 ||
		    e->format > EXEC_MACHO || !is_text(unbin(e->arch)) || !is_path(unbin(e->path)))
			return false;
		*out = (struct fact_exec){.path = unbin(e->path),
					  .dir = e->dir,
					  .size = e->size,
					  .mode = e->mode & 07777,
					  .format = (enum exec_format)e->format,
					  .arch = unbin(e->arch)};
		memcpy(out->sha256, e->sha256.data, sizeof out->sha256);
	}
	return f->execs != NULL;
}

static bool take_owned(const Rmg__PbFacts *m, struct arena *a, struct facts *f)
{
	f->owned = ARENA_ARRAY(a, m->n_owned, struct fact_owned);
	f->n_owned = m->n_owned;
	for (size_t i = 0; f->owned && i < m->n_owned; i++) {
		const Rmg__PbOwned *o = m->owned[i];
		uint64_t total = 0;

		f->owned[i] = (struct fact_owned){
		    .type = unbin(o->type),
		    .name = unbin(o->name),
		    .version = unbin(o->version),
		    .arch = unbin(o->arch),
		    .path = unbin(o->path),
		    .dir = o->dir,
		    .dirs = o->dirs,
		    .counts = o->counts,
		    .n_dirs = o->n_dirs,
		    .names = o->names,
		    .n_names = o->n_names,
		};
		for (size_t d = 0; d < o->n_dirs && o->n_dirs == o->n_counts; d++) {
			total += o->counts[d];
			if (o->dirs[d] >= m->n_paths)
				return false;
		}
		if (o->dir >= m->n_dirs || o->n_dirs != o->n_counts || total != o->n_names ||
		    !is_path(unbin(o->path)))
			return false;
	}
	return f->owned != NULL;
}

static bool take_oses(const Rmg__PbFacts *m, struct arena *a, struct facts *f)
{
	f->oses = ARENA_ARRAY(a, m->n_oses, struct fact_os);
	f->n_oses = m->n_oses;
	for (size_t i = 0; f->oses && i < m->n_oses; i++) {
		const Rmg__PbOs *o = m->oses[i];
		struct fact_os *out = &f->oses[i];
		bool good = o->dir < m->n_dirs && is_path(unbin(o->path));

		out->path = unbin(o->path);
		out->dir = o->dir;
		out->rank = o->rank;
		out->refines = o->refines;
#define X(field)                                                                                   \
	out->field = unbin(o->field);                                                              \
	good = good && is_text(out->field);
		OS_TEXTS(X)
#undef X
		if (!good)
			return false;
	}
	return f->oses != NULL;
}

static bool take_notes(const Rmg__PbFacts *m, struct arena *a, struct facts *f)
{
	f->notes = ARENA_ARRAY(a, m->n_notes, struct note);
	f->n_notes = m->n_notes;
	for (size_t i = 0; f->notes && i < m->n_notes; i++) {
		const Rmg__PbNote *n = m->notes[i];

		if (n->level > NOTE_LOST || !is_text(unbin(n->code)) ||
		    !is_text(unbin(n->cataloger)) || !is_text(unbin(n->text)) ||
		    n->path.len > LIMIT_PATH_BYTES)
			return false;
		f->notes[i] = (struct note){.level = (enum note_level)n->level,
					    .code = unbin(n->code),
					    .cataloger = unbin(n->cataloger),
					    .path = unbin(n->path),
					    .text = unbin(n->text)};
	}
	return f->notes != NULL && m->n_notes <= LIMIT_NOTES;
}

static bool take_paths(const Rmg__PbFacts *m, struct arena *a, struct facts *f)
{
	f->paths = ARENA_ARRAY(a, m->n_paths, struct span);
	f->n_paths = m->n_paths;
	for (size_t i = 0; f->paths && i < m->n_paths; i++) {
		f->paths[i] = unbin(m->paths[i]);
		if (!is_path(f->paths[i]))
			return false;
	}
	return f->paths != NULL;
}

static bool take_digest(ProtobufCBinaryData from, uint8_t to[32], bool *has)
{
	*has = from.len == 32;
	if (*has)
		memcpy(to, from.data, 32);
	return *has || from.len == 0;
}

/* protobuf-c asks for memory piece by piece; all of it is the arena's. */
static void *arena_malloc(void *user, size_t n)
{
	return arena_alloc(user, n);
}

static void arena_nofree(void *user, void *p)
{
	(void)user;
	(void)p;
}

enum rmg_rc facts_unpack(struct span bytes, struct arena *a, struct facts **out,
			 struct rmg_err *err)
{
	ProtobufCAllocator memory = {arena_malloc, arena_nofree, a};
	struct facts *f = ARENA_NEW(a, struct facts);
	Rmg__PbFacts *m = NULL;
	bool has_blob, good;

	if (f && bytes.n <= LIMIT_FACTS_BYTES)
		m = rmg__pb_facts__unpack(&memory, bytes.n, bytes.p);
	if (arena_rc(a) != RMG_OK)
		return err_set(err, arena_rc(a), "no memory for the facts of a layer");
	if (m == NULL)
		return err_set(err, RMG_E_FORMAT, "the facts of a layer are not a message");
	if (m->version != FACTS_VERSION)
		return err_set(err, RMG_E_FORMAT, "facts of version %u, this program reads %d",
			       m->version, FACTS_VERSION);
	f->blob_bytes = m->blob_bytes;
	f->tar_bytes = m->tar_bytes;
	f->n_entries = m->n_entries;
	f->compression = unbin(m->compression);
	f->synthetic = m->synthetic;
	f->notes_dropped = m->notes_dropped;
	good = take_digest(m->blob_sha256, f->blob_sha256, &has_blob) &&
	       take_digest(m->diff_sha256, f->diff_sha256, &f->has_diff) &&
	       is_text(f->compression) && take_paths(m, a, f) && take_dirs(m, a, f) &&
	       take_links(m, a, f) && take_pkgs(m, a, f) && take_execs(m, a, f) &&
	       take_owned(m, a, f) && take_oses(m, a, f) && take_notes(m, a, f);
	if (arena_rc(a) != RMG_OK)
		return err_set(err, arena_rc(a), "no memory for the facts of a layer");
	if (!good)
		return err_set(err, RMG_E_FORMAT, "the facts of a layer contradict themselves");
	*out = f;
	return RMG_OK;
}
