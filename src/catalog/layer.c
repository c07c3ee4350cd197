/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/layer.h"

#include <inttypes.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "format/elf.h"
#include "format/sha256.h"
#include "format/tar.h"

enum { MAGIC_BYTES = 64, SCRATCH_BYTES = 256 << 20, KEEP_BYTES = 1 << 20 };

/* The file that is being read. */
struct current {
	uint8_t path_buf[LIMIT_PATH_BYTES_MAX];
	struct cat_file file;
	uint64_t candidates; /* catalogers whose globs took the path */
	uint64_t wanted;     /* those that want the content too */
	uint64_t seen_bytes;
	bool active, decided, is_exec, held;
	enum exec_format format;
	struct span arch;
	struct span whole; /* all content in one piece: need not be copied */
};

struct layer_reader {
	struct facts_builder *facts;
	struct tar *tar;
	struct catalog_select *select;
	struct sha256 *sha;
	struct arena scratch;
	struct current cur;
	uint8_t *head; /* LIMIT_HEAD_BYTES */
	size_t head_n;
	uint8_t *hold;
	size_t hold_n, hold_cap;
	uint64_t entries;
	struct scan_limits limits;
	bool dead; /* dead: the tar could not be followed any further */
};

static bool is_archive_name(struct span path)
{
	static const char *const endings[] = {".jar", ".war", ".ear", ".par",  ".sar", ".nar",
					      ".jpi", ".hpi", ".kar", ".lpkg", ".rar"};

	for (size_t i = 0; i < COUNT_OF(endings); i++)
		if (span_ends_icase(path, span_cstr(endings[i])))
			return true;
	return false;
}

/* PE/COFF: offset of the header at 0x3c, then "PE\0\0" and the machine. */
static struct span pe_arch(struct span head)
{
	struct span at, header;
	struct rd r;

	if (!span_at(head, 0x3c, 4, &at))
		return (struct span){0};
	r = rd_of(at);
	if (!span_at(head, rd_u32le(&r), 6, &header) || !span_starts(header, S("PE\0\0")))
		return (struct span){0};
	r = rd_of(span_from(header, 4));
	switch (rd_u16le(&r)) {
	case 0x14c:
		return S("386");
	case 0x8664:
		return S("amd64");
	case 0xaa64:
		return S("arm64");
	default:
		return (struct span){0};
	}
}

static bool is_macho(struct span head)
{
	return span_starts(head, S("\xfe\xed\xfa\xce")) ||
	       span_starts(head, S("\xfe\xed\xfa\xcf")) ||
	       span_starts(head, S("\xce\xfa\xed\xfe")) || span_starts(head, S("\xcf\xfa\xed\xfe"));
}

bool exec_format_of(struct span path, struct span head, enum exec_format *format, struct span *arch)
{
	*arch = (struct span){0};
	if (head.n < 4)
		return false;
	if (elf_is(head)) {
		*format = EXEC_ELF;
		return elf_arch(head, arch) || true;
	}
	if (span_starts(head, S("#!"))) {
		*format = span_ends(path, S(".pyz")) ? EXEC_ZIPAPP : EXEC_SCRIPT;
		return true;
	}
	if (span_starts(head, S("PK\3\4"))) {
		*format = span_ends(path, S(".pyz")) ? EXEC_ZIPAPP : EXEC_JAR;
		return *format == EXEC_ZIPAPP || is_archive_name(path);
	}
	if (span_starts(head, S("\0asm"))) {
		*format = EXEC_WASM;
		return true;
	}
	if (span_starts(head, S("MZ"))) {
		*arch = pe_arch(head);
		*format = EXEC_PE;
		return true;
	}
	*format = EXEC_MACHO;
	return is_macho(head);
}

static uint64_t wanting(uint64_t candidates, const struct cat_file *f)
{
	uint64_t wanted = 0;

	for (unsigned i = 0; catalogers[i]; i++)
		if (candidates >> i & 1 && catalog_wants(catalogers[i], f))
			wanted |= UINT64_C(1) << i;
	return wanted;
}

bool layer_wants(const struct catalog_select *s, const struct cat_file *f)
{
	enum exec_format format;
	struct span arch;
	uint64_t candidates = catalog_select(s, f->path);

	return exec_format_of(f->path, f->head, &format, &arch) || wanting(candidates, f) != 0;
}

enum rmg_rc layer_reader_new(struct facts_builder *facts, const struct scan_limits *limits,
			     struct layer_reader **out)
{
	struct layer_reader *l = calloc(1, sizeof *l);

	if (l == NULL)
		return RMG_E_NOMEM;
	l->facts = facts;
	l->limits = scan_limits_within(limits ? *limits : (struct scan_limits){0});
	arena_init(&l->scratch, SCRATCH_BYTES);
	l->head = malloc(LIMIT_HEAD_BYTES);
	l->sha = sha256_new();
	if (l->head == NULL || l->sha == NULL || tar_new(&l->tar, NULL) != RMG_OK ||
	    catalog_select_new(&l->select) != RMG_OK) {
		layer_reader_free(l);
		return RMG_E_NOMEM;
	}
	*out = l;
	return RMG_OK;
}

void layer_reader_free(struct layer_reader *l)
{
	if (l == NULL)
		return;
	tar_free(l->tar);
	catalog_select_free(l->select);
	sha256_free(l->sha);
	arena_done(&l->scratch);
	free(l->head);
	free(l->hold);
	free(l);
}

static void note(struct layer_reader *l, enum note_level level, struct span code, struct span path,
		 const char *text)
{
	facts_note(l->facts, &(struct note){.level = level,
					    .code = code,
					    .cataloger = S("layer"),
					    .path = path,
					    .text = span_cstr(text)});
}

/* The content of a wanted file grows in one buffer; a large one is given back after its file. */
static bool hold_put(struct layer_reader *l, struct span bytes)
{
	if (!vec_reserve(&l->hold, &l->hold_cap, l->hold_n + bytes.n, 1))
		return false;
	memcpy(l->hold + l->hold_n, bytes.p, bytes.n);
	l->hold_n += bytes.n;
	return true;
}

static void give_up(struct layer_reader *l, enum rmg_rc rc, const char *reason)
{
	for (unsigned i = 0; catalogers[i]; i++)
		if (l->cur.wanted >> i & 1)
			catalog_lost(catalogers[i], &l->cur.file, rc, reason, l->facts);
	l->cur.wanted = 0;
}

static void too_large(struct layer_reader *l, const struct cataloger *c)
{
	const struct cat_file *f = &l->cur.file;
	bool own = c->max_bytes <= l->limits.file_bytes;
	char reason[200];

	snprintf(reason, sizeof reason,
		 "the file has %" PRIu64 " bytes, and at most %" PRIu64 " %s", f->size,
		 own ? c->max_bytes : l->limits.file_bytes,
		 own ? "are read of its kind" : "of a file are read (max-file-bytes)");
	catalog_lost(c, f, RMG_E_LIMIT, reason, l->facts);
}

/* The first bytes are known: what is the file, and who wants it? */
static void decide(struct layer_reader *l, struct span head)
{
	struct current *c = &l->cur;

	c->decided = true;
	c->file.head = head;
	c->is_exec = exec_format_of(c->file.path, head, &c->format, &c->arch);
	c->wanted = wanting(c->candidates, &c->file);
	for (unsigned i = 0; catalogers[i]; i++) {
		uint64_t bit = UINT64_C(1) << i;

		if (c->wanted & bit &&
		    c->file.size > MIN_OF(catalogers[i]->max_bytes, l->limits.file_bytes)) {
			too_large(l, catalogers[i]);
			c->wanted &= ~bit;
		}
	}
	if (c->is_exec)
		sha256_begin(l->sha);
}

static void consume(struct layer_reader *l, struct span bytes)
{
	struct current *c = &l->cur;

	if (c->is_exec)
		sha256_put(l->sha, bytes);
	if (c->wanted == 0) {
		if (!c->is_exec)
			tar_skip(l->tar);
		return;
	}
	if (!c->held && bytes.n == c->file.size) {
		c->whole = bytes;
		return;
	}
	c->held = true;
	if (!hold_put(l, bytes))
		give_up(l, RMG_E_NOMEM, "no memory to hold the file");
}

static void data(struct layer_reader *l, struct span bytes)
{
	struct current *c = &l->cur;
	size_t need =
	    (size_t)MIN_OF(c->file.size, c->candidates ? LIMIT_HEAD_BYTES : (uint64_t)MAGIC_BYTES);

	if (!c->active)
		return;
	c->seen_bytes += bytes.n;
	if (c->decided) {
		consume(l, bytes);
		return;
	}
	if (l->head_n == 0 && bytes.n >= need) {
		decide(l, span_head(bytes, LIMIT_HEAD_BYTES));
		consume(l, bytes);
		return;
	}
	while (bytes.n && !c->decided) {
		size_t n = MIN_OF(need - l->head_n, bytes.n);

		memcpy(l->head + l->head_n, bytes.p, n);
		l->head_n += n;
		bytes = span_from(bytes, n);
		if (l->head_n == need) {
			decide(l, span_of(l->head, l->head_n));
			consume(l, span_of(l->head, l->head_n));
		}
	}
	if (bytes.n)
		consume(l, bytes);
}

static void file_begin(struct layer_reader *l, const struct tar_entry *e, struct span path)
{
	struct current *c = &l->cur;

	c->active = true;
	c->file =
	    (struct cat_file){.path = path, .size = e->size, .mode = e->mode, .limits = &l->limits};
	c->candidates = catalog_select(l->select, path);
	facts_file(l->facts, path, e->size);
}

static void file_end(struct layer_reader *l)
{
	struct current *c = &l->cur;
	struct span content;

	if (!c->active)
		return;
	if (!c->decided)
		decide(l, span_of(l->head, l->head_n));
	content = c->held ? span_of(l->hold, l->hold_n) : c->whole;
	if (c->is_exec) {
		struct fact_exec e = {.path = c->file.path,
				      .size = c->file.size,
				      .mode = c->file.mode,
				      .format = c->format,
				      .arch = c->arch};

		sha256_end(l->sha, e.sha256);
		facts_exec(l->facts, &e);
	}
	if (content.n != c->file.size)
		give_up(l, RMG_E_FORMAT, "its content is not whole");
	c->file.head = span_head(content, LIMIT_HEAD_BYTES);
	for (unsigned i = 0; catalogers[i]; i++)
		if (c->wanted >> i & 1)
			catalog_run(catalogers[i], &c->file, content, l->facts, &l->scratch);
}

static void forget_file(struct layer_reader *l)
{
	struct current *c = &l->cur;

	c->active = c->decided = c->is_exec = c->held = false;
	c->candidates = c->wanted = c->seen_bytes = 0;
	c->whole = (struct span){0};
	l->head_n = l->hold_n = 0;
	if (l->hold_cap > KEEP_BYTES) {
		free(l->hold);
		l->hold = NULL;
		l->hold_cap = 0;
	}
}

/* OCI image-spec, layer.md, "Whiteouts". AUFS wrote more names that begin with ".wh..wh."; they are
 * its own bookkeeping and no files of the image. */
static bool whiteout(struct layer_reader *l, struct span path)
{
	struct span name = span_basename(path), dir = span_dirname(path), hidden;

	if (!span_starts(name, S(".wh.")))
		return false;
	hidden = span_from(name, 4);
	if (span_is(hidden, S(".wh..opq"))) {
		facts_opaque(l->facts, dir);
	} else if (span_starts(hidden, S(".wh."))) {
		return true;
	} else if (hidden.n == 0 || span_is(hidden, S(".")) || span_is(hidden, S(".."))) {
		note(l, NOTE_WARN, S("whiteout-name"), path,
		     "a whiteout that names nothing is ignored");
	} else {
		struct span parts[] = {dir, S("/"), hidden};
		struct span target =
		    arena_join(&l->scratch, parts + (dir.n == 0 ? 2 : 0), dir.n == 0 ? 1 : 3);

		facts_whiteout(l->facts, target);
		arena_reset(&l->scratch);
	}
	return true;
}

static void hard_link(struct layer_reader *l, const struct tar_entry *e, struct span path)
{
	uint8_t buf[LIMIT_PATH_BYTES_MAX];
	struct span target;

	if (path_normal(e->link, buf, &target) && target.n) {
		facts_link(l->facts, path, target, true);
		return;
	}
	facts_file(l->facts, path, 0);
	note(l, NOTE_LOST, S("hardlink-target"), path,
	     "a hard link leads out of the image; what it should be is not known");
}

static void entry(struct layer_reader *l, const struct tar_entry *e)
{
	struct span path;

	if (!path_normal(e->path, l->cur.path_buf, &path)) {
		note(l, NOTE_LOST, S("path-traversal"), e->path,
		     "an entry whose path leads out of the image or is too long was not read");
		tar_skip(l->tar);
		return;
	}
	if (e->rc != RMG_OK)
		note(l, NOTE_LOST, S("tar-entry"), path, e->damage ? e->damage : "damaged entry");
	if (path.n == 0) {
		facts_folder(l->facts, path);
		return;
	}
	if (whiteout(l, path)) {
		tar_skip(l->tar);
		return;
	}
	switch (e->type) {
	case TAR_DIR:
		facts_folder(l->facts, path);
		break;
	case TAR_SYMLINK:
		facts_link(l->facts, path, e->link, false);
		break;
	case TAR_HARDLINK:
		hard_link(l, e, path);
		break;
	case TAR_FILE:
		file_begin(l, e, path);
		break;
	case TAR_CHARDEV:
	case TAR_BLOCKDEV:
	case TAR_FIFO:
		facts_file(l->facts, path, 0);
		break;
	case TAR_OTHER:
		note(l, NOTE_INFO, S("tar-type"), path, "an entry of a kind that is no file");
		tar_skip(l->tar);
		break;
	}
}

static void too_many_entries(struct layer_reader *l)
{
	char text[160];

	snprintf(text, sizeof text,
		 "the layer has more entries than the %" PRIu32
		 " that are read (max-files); the rest is not known",
		 l->limits.entries);
	note(l, NOTE_LOST, S("too-many-entries"), (struct span){0}, text);
	l->dead = true;
}

static void one_event(struct layer_reader *l, const struct tar_item *item)
{
	switch (item->event) {
	case TAR_ENTRY:
		if (++l->entries > l->limits.entries)
			too_many_entries(l);
		else
			entry(l, item->entry);
		break;
	case TAR_DATA:
		data(l, item->data);
		break;
	case TAR_ENTRY_END:
		file_end(l);
		forget_file(l);
		break;
	case TAR_MORE:
	case TAR_END:
		break;
	}
}

enum rmg_rc layer_feed(struct layer_reader *l, struct span bytes)
{
	struct tar_item item = {.event = TAR_ENTRY};
	struct rmg_err err = {0};

	while (!l->dead && item.event != TAR_MORE) {
		if (tar_next(l->tar, &bytes, &item, &err) != RMG_OK) {
			note(l, NOTE_LOST, S("tar-damaged"), (struct span){0}, err.msg);
			l->dead = true;
			break;
		}
		one_event(l, &item);
	}
	/* The caller's bytes go away before the entry's end is seen. */
	if (l->cur.whole.n) {
		l->cur.held = true;
		if (!hold_put(l, l->cur.whole))
			give_up(l, RMG_E_NOMEM, "no memory to hold the file");
		l->cur.whole = (struct span){0};
	}
	return arena_rc(&l->scratch);
}

enum rmg_rc layer_finish(struct layer_reader *l, const struct rmg_err *why)
{
	struct rmg_err err = {0};

	if (why) {
		note(l, NOTE_LOST, why->rc == RMG_E_LIMIT ? S("layer-limit") : S("layer-damaged"),
		     (struct span){0}, why->msg);
	} else if (!l->dead) {
		struct tar_oddities odd = tar_odd(l->tar);

		if (tar_end(l->tar, &err) != RMG_OK)
			note(l, NOTE_LOST, S("tar-truncated"), (struct span){0}, err.msg);
		if (odd.trailing_bytes)
			note(l, NOTE_WARN, S("tar-trailing"), (struct span){0},
			     "bytes follow the end of the tar; runtimes do not unpack them");
	}
	return arena_rc(&l->scratch);
}
