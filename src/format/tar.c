/* SPDX-License-Identifier: Apache-2.0 */
#include "format/tar.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "format/tar_block.h"
#include "format/tar_pax.h"
#include "format/tar_sparse.h"

enum { ZEROS = 16384, USTAR_PATH = 155 + 1 + 100 };

enum state {
	HEADER,     /* a header block comes next */
	META,       /* text of a PAX header or a GNU long name */
	OLD_SPARSE, /* a block that continues an old GNU sparse map */
	NEW_SPARSE, /* a block of a PAX 1.0 sparse map, before the content */
	CONTENT,
	SKIP,      /* what is left of an entry that nobody wants */
	PADDING,   /* up to the next block */
	ZERO_SEEN, /* one block of zeros; another must follow */
	ENDED
};

/* What the headers before an entry say of it. Spans lie in the texts below. */
struct pending {
	struct tar_pax pax;
	bool has_long_path, has_long_link;
	bool begun;
	uint64_t offset;
	enum rmg_rc rc;
	const char *damage;
};

struct tar {
	enum state state;
	uint64_t at;              /* bytes taken */
	uint8_t block[TAR_BLOCK]; /* a block that came in pieces */
	size_t block_n;
	uint64_t left;    /* of the text, the content or the padding */
	unsigned padding; /* after left */
	uint8_t letter;   /* which text is being read */
	bool text_lost;   /* it is too long to be kept */
	struct strbuf pax, long_path, long_link;
	struct pending pending;
	struct tar_sparse sparse;
	struct tar_entry entry;
	bool given; /* TAR_ENTRY is out, TAR_ENTRY_END is not */
	uint8_t path[USTAR_PATH], link[100];
	uint64_t hole_bytes;
	struct tar_oddities odd;
	struct rmg_err failed;
	uint8_t zeros[ZEROS];
};

enum rmg_rc tar_new(struct tar **out, struct rmg_err *err)
{
	struct tar *t = calloc(1, sizeof *t);

	if (t == NULL)
		return err_set(err, RMG_E_NOMEM, "tar: no memory");
	t->pax = strbuf_of(LIMIT_PAX_BYTES);
	t->long_path = strbuf_of(LIMIT_PAX_BYTES);
	t->long_link = strbuf_of(LIMIT_PAX_BYTES);
	t->odd.no_end = true;
	*out = t;
	return RMG_OK;
}

void tar_free(struct tar *t)
{
	if (t == NULL)
		return;
	strbuf_done(&t->pax);
	strbuf_done(&t->long_path);
	strbuf_done(&t->long_link);
	tar_sparse_done(&t->sparse);
	free(t);
}

uint64_t tar_bytes(const struct tar *t)
{
	return t->at;
}

struct tar_oddities tar_odd(const struct tar *t)
{
	return t->odd;
}

static bool fail(struct tar *t, enum rmg_rc rc, const char *what, uint64_t at)
{
	(void)err_set(&t->failed, rc, "tar: %s at byte %llu", what, (unsigned long long)at);
	return false;
}

static void damage(enum rmg_rc *rc, const char **damage, enum rmg_rc why, const char *what)
{
	if (*rc == RMG_OK) {
		*rc = why;
		*damage = what;
	}
}

static void spoil_next(struct tar *t, enum rmg_rc why, const char *what)
{
	damage(&t->pending.rc, &t->pending.damage, why, what);
}

static void spoil(struct tar *t, enum rmg_rc why, const char *what)
{
	damage(&t->entry.rc, &t->entry.damage, why, what);
}

static void advance(struct tar *t, struct span *in, size_t n)
{
	*in = span_from(*in, n);
	t->at += n;
}

/* The next whole block, in the caller's bytes where it lies there in one piece. */
static bool take_block(struct tar *t, struct span *in, struct span *block)
{
	size_t n = MIN_OF(TAR_BLOCK - t->block_n, in->n);

	if (t->block_n == 0 && n == TAR_BLOCK) {
		*block = span_head(*in, n);
		advance(t, in, n);
		return true;
	}
	if (n)
		memcpy(t->block + t->block_n, in->p, n);
	t->block_n += n;
	advance(t, in, n);
	if (t->block_n < TAR_BLOCK)
		return false;
	*block = span_of(t->block, TAR_BLOCK);
	t->block_n = 0;
	return true;
}

static unsigned padding_of(uint64_t bytes)
{
	return (unsigned)(-bytes % TAR_BLOCK);
}

/* ---- texts before an entry ---- */

static struct strbuf *text_of(struct tar *t)
{
	if (t->letter == 'L')
		return &t->long_path;
	return t->letter == 'K' ? &t->long_link : &t->pax;
}

static struct span cstring(struct span s)
{
	size_t nul = span_chr(s, 0);

	return nul == SIZE_MAX ? s : span_head(s, nul);
}

/* Of the PAX headers before one entry the last counts, as a whole. */
static void pax_forget(struct tar *t)
{
	t->pending.pax = (struct tar_pax){0};
	tar_sparse_clear(&t->sparse);
}

static bool pax_records(struct tar *t)
{
	const char *what = NULL;
	enum rmg_rc rc = tar_pax_read(strbuf_span(&t->pax), &t->pending.pax, &t->sparse, &what);

	if (rc == RMG_E_NOMEM)
		return fail(t, rc, "no memory", t->at);
	if (rc != RMG_OK)
		return fail(t, rc, "PAX size that is no number", t->at);
	if (what)
		spoil_next(t, RMG_E_FORMAT, what);
	return true;
}

/* A global header says nothing that we believe, and Go forgets what stood before it. */
static void global_records(struct tar *t)
{
	bool whole = tar_pax_is_whole(strbuf_span(&t->pax), &t->odd.global_ignored);

	t->pending = (struct pending){0};
	pax_forget(t);
	if (!whole)
		spoil_next(t, RMG_E_FORMAT, "a global PAX header before it is damaged");
}

static bool text_done(struct tar *t)
{
	t->left = t->padding;
	t->padding = 0;
	t->state = PADDING;
	if (t->letter == 'g') {
		global_records(t);
		return true;
	}
	if (t->text_lost) {
		spoil_next(t, RMG_E_LIMIT, "its PAX header or long name is too long");
		return true;
	}
	if (t->letter == 'x')
		return pax_records(t);
	*(t->letter == 'L' ? &t->pending.has_long_path : &t->pending.has_long_link) = true;
	return true;
}

static bool text_step(struct tar *t, struct span *in)
{
	struct span piece = span_head(*in, (size_t)MIN_OF((uint64_t)in->n, t->left));
	struct strbuf *text = text_of(t);

	if (!t->text_lost)
		strbuf_put(text, piece);
	if (strbuf_rc(text) == RMG_E_NOMEM)
		return fail(t, RMG_E_NOMEM, "no memory", t->at);
	advance(t, in, piece.n);
	t->left -= piece.n;
	return t->left == 0 ? text_done(t) : in->n != 0;
}

static bool text_begin(struct tar *t, const struct tar_fields *f)
{
	t->letter = f->letter;
	t->text_lost = f->size > LIMIT_PAX_BYTES;
	t->left = f->size;
	t->padding = padding_of(f->size);
	t->state = META;
	strbuf_clear(text_of(t));
	if (f->letter == 'x' || f->letter == 'g')
		pax_forget(t);
	return true;
}

/* ---- entries ---- */

static enum tar_type type_of(uint8_t letter, struct span path)
{
	static const uint8_t types[] = {TAR_FILE,     TAR_HARDLINK, TAR_SYMLINK, TAR_CHARDEV,
					TAR_BLOCKDEV, TAR_DIR,      TAR_FIFO,    TAR_FILE};

	if (letter >= '0' && letter <= '7')
		return types[letter - '0'];
	if (letter == 0) /* V7 has no letter for folders */
		return span_ends(path, S("/")) ? TAR_DIR : TAR_FILE;
	return letter == 'S' ? TAR_FILE : TAR_OTHER;
}

/* The names of the header, copied: they outlive its block. */
static void header_names(struct tar *t, const struct tar_fields *f)
{
	uint8_t *p = t->path;

	if (f->prefix.n) {
		memcpy(p, f->prefix.p, f->prefix.n);
		p += f->prefix.n;
		*p++ = '/';
	}
	memcpy(p, f->name.p, f->name.n);
	t->entry.path = span_of(t->path, (size_t)(p - t->path) + f->name.n);
	memcpy(t->link, f->link.p, f->link.n);
	t->entry.link = span_of(t->link, f->link.n);
}

/* Lays what came before over the header's own. */
static void merge(struct tar *t, const struct tar_fields *f)
{
	const struct pending *p = &t->pending;
	struct tar_entry *e = &t->entry;

	if (p->pax.path.n)
		e->path = p->pax.path;
	if (p->pax.link.n)
		e->link = p->pax.link;
	if (p->has_long_path && cstring(strbuf_span(&t->long_path)).n)
		e->path = cstring(strbuf_span(&t->long_path));
	if (p->has_long_link && cstring(strbuf_span(&t->long_link)).n)
		e->link = cstring(strbuf_span(&t->long_link));
	e->type = type_of(f->letter, e->path);
	if (p->pax.has_uid)
		e->uid = p->pax.uid;
	if (p->pax.has_gid)
		e->gid = p->pax.gid;
	e->has_capability = p->pax.has_capability;
	if (p->rc != RMG_OK)
		spoil(t, p->rc, p->damage);
}

/* The entry is complete: bounds, then out with it. */
static bool emit(struct tar *t, struct tar_item *out)
{
	struct tar_entry *e = &t->entry;

	if (e->type != TAR_HARDLINK && e->type != TAR_SYMLINK)
		e->link = (struct span){0};
	if (e->path.n > LIMIT_PATH_BYTES || e->link.n > LIMIT_PATH_BYTES) {
		spoil(t, RMG_E_LIMIT, "its path is too long");
		e->path = span_head(e->path, LIMIT_PATH_BYTES);
		e->link = span_head(e->link, LIMIT_PATH_BYTES);
	}
	if (e->sparse && !tar_sparse_fits(&t->sparse, e->size, t->left))
		spoil(t, RMG_E_FORMAT, "its sparse map is damaged");
	t->state = e->sparse && e->rc != RMG_OK ? SKIP : CONTENT;
	t->pending = (struct pending){0};
	t->given = true;
	*out = (struct tar_item){.event = TAR_ENTRY, .entry = e};
	return false;
}

static bool old_sparse_entries(struct tar *t, struct tar_sparse_block b)
{
	struct span offset, length;
	uint64_t off, n;

	while (tar_sparse_entry(&b, &offset, &length)) {
		if (!tar_number(offset, &off) || !tar_number(length, &n)) {
			spoil(t, RMG_E_FORMAT, "its sparse map is damaged");
			continue;
		}
		if (t->sparse.numbers.n > LIMIT_PAX_BYTES / 2)
			spoil(t, RMG_E_LIMIT, "its sparse map is too long");
		else if (tar_sparse_add(&t->sparse, off) != RMG_OK ||
			 tar_sparse_add(&t->sparse, n) != RMG_OK)
			return fail(t, RMG_E_NOMEM, "no memory", t->at);
	}
	return true;
}

static bool old_sparse_begin(struct tar *t, struct span block, enum tar_block_kind kind,
			     struct tar_item *out)
{
	struct span real_size;
	struct tar_sparse_block b = tar_sparse_head(block, &real_size);

	t->entry.sparse = true;
	tar_sparse_clear(&t->sparse);
	if (kind != TAR_BLOCK_GNU || !tar_number(real_size, &t->entry.size)) {
		spoil(t, RMG_E_FORMAT, "its sparse map is damaged");
		return emit(t, out);
	}
	if (!old_sparse_entries(t, b))
		return false;
	t->state = OLD_SPARSE;
	return b.more || emit(t, out);
}

static bool old_sparse_step(struct tar *t, struct span *in, struct tar_item *out)
{
	struct span block;
	struct tar_sparse_block b;

	if (!take_block(t, in, &block))
		return false;
	b = tar_sparse_extension(block);
	if (!old_sparse_entries(t, b))
		return false;
	return b.more || emit(t, out);
}

static bool pax_sparse_begin(struct tar *t, enum tar_pax_sparse kind, struct tar_item *out)
{
	const struct tar_pax *p = &t->pending.pax;
	enum rmg_rc rc;

	t->entry.sparse = true;
	if (cstring(p->name).n)
		t->entry.path = cstring(p->name);
	if (cstring(p->name).n < p->name.n)
		spoil(t, RMG_E_FORMAT, "its path has a NUL");
	if (p->size.n && !span_u64(p->size, 10, INT64_MAX, &t->entry.size))
		spoil(t, RMG_E_FORMAT, "its sparse map is damaged");
	if (kind == TAR_PAX_SPARSE_DATA) {
		tar_sparse_clear(&t->sparse);
		t->state = NEW_SPARSE;
		return true;
	}
	rc = tar_pax_map(p, &t->sparse);
	if (rc == RMG_E_NOMEM)
		return fail(t, rc, "no memory", t->at);
	if (rc != RMG_OK)
		spoil(t, rc, "its sparse map is damaged");
	return emit(t, out);
}

static bool new_sparse_step(struct tar *t, struct span *in, struct tar_item *out)
{
	struct span block;
	bool done = false;
	enum rmg_rc rc = RMG_E_FORMAT;

	if (t->left >= TAR_BLOCK) {
		if (!take_block(t, in, &block))
			return false;
		t->left -= TAR_BLOCK;
		rc = tar_sparse_block(&t->sparse, block, &done);
	}
	if (rc == RMG_E_NOMEM)
		return fail(t, rc, "no memory", t->at);
	if (rc == RMG_E_LIMIT)
		spoil(t, rc, "its sparse map is too long");
	else if (rc != RMG_OK)
		spoil(t, rc, "its sparse map is damaged");
	return rc == RMG_OK && !done ? true : emit(t, out);
}

static bool has_content(enum tar_type type)
{
	return type == TAR_FILE || type == TAR_OTHER;
}

static bool entry_begin(struct tar *t, const struct tar_fields *f, struct span block,
			enum tar_block_kind kind, struct tar_item *out)
{
	enum tar_pax_sparse sparse = tar_pax_sparse(&t->pending.pax, &t->sparse);

	t->entry = (struct tar_entry){
	    .letter = f->letter,
	    .mode = (uint32_t)f->mode & 07777,
	    .uid = f->uid,
	    .gid = f->gid,
	    .offset = t->pending.offset,
	};
	if (!f->rest_good)
		spoil(t, RMG_E_FORMAT, "its mode or owner is no number");
	header_names(t, f);
	merge(t, f);
	t->left = t->pending.pax.has_stored ? t->pending.pax.stored_bytes : f->size;
	if (!has_content(t->entry.type))
		t->left = 0;
	t->entry.size = t->left;
	t->padding = padding_of(t->left);
	if (f->letter == 'S')
		return old_sparse_begin(t, block, kind, out);
	if (sparse != TAR_PAX_DENSE && has_content(t->entry.type))
		return pax_sparse_begin(t, sparse, out);
	if (sparse != TAR_PAX_DENSE)
		spoil(t, RMG_E_FORMAT, "sparse, but not a file");
	return emit(t, out);
}

static bool header_step(struct tar *t, struct span *in, struct tar_item *out)
{
	struct tar_fields f;
	enum tar_block_kind kind;
	struct span block;

	if (!take_block(t, in, &block))
		return false;
	kind = tar_block_kind(block);
	if (kind == TAR_BLOCK_ZERO && t->pending.begun)
		return fail(t, RMG_E_FORMAT, "the end instead of the entry that a header announces",
			    t->at - TAR_BLOCK);
	if (kind == TAR_BLOCK_ZERO) {
		t->state = ZERO_SEEN;
		return true;
	}
	if (kind == TAR_BLOCK_BAD)
		return fail(t, RMG_E_FORMAT, "wrong header checksum", t->at - TAR_BLOCK);
	tar_fields_read(block, kind, &f);
	if (!f.size_good)
		return fail(t, RMG_E_FORMAT, "size that is negative or no number",
			    t->at - TAR_BLOCK);
	if (!t->pending.begun) {
		t->pending.begun = true;
		t->pending.offset = t->at - TAR_BLOCK;
	}
	if (f.letter == 'x' || f.letter == 'g' || f.letter == 'L' || f.letter == 'K')
		return text_begin(t, &f);
	return entry_begin(t, &f, block, kind, out);
}

/* ---- content ---- */

static bool entry_end(struct tar *t, struct tar_item *out)
{
	t->left = t->padding;
	t->padding = 0;
	t->state = PADDING;
	t->given = false;
	*out = (struct tar_item){.event = TAR_ENTRY_END, .entry = &t->entry};
	tar_sparse_clear(&t->sparse);
	return false;
}

static bool give(struct tar *t, struct span *in, uint64_t n, struct tar_item *out)
{
	struct span piece = span_head(*in, (size_t)MIN_OF((uint64_t)in->n, n));

	if (piece.n == 0)
		return false;
	advance(t, in, piece.n);
	t->left -= piece.n;
	t->sparse.pos += piece.n;
	*out = (struct tar_item){.event = TAR_DATA, .entry = &t->entry, .data = piece};
	return false;
}

static bool give_hole(struct tar *t, uint64_t n, struct tar_item *out)
{
	n = MIN_OF(n, (uint64_t)ZEROS);
	t->hole_bytes += n;
	if (t->hole_bytes > LIMIT_SPARSE_BYTES) {
		spoil(t, RMG_E_LIMIT, "the layer's sparse files are too large");
		t->state = SKIP;
		return true;
	}
	t->sparse.pos += n;
	*out = (struct tar_item){
	    .event = TAR_DATA, .entry = &t->entry, .data = span_of(t->zeros, (size_t)n)};
	return false;
}

static bool content_step(struct tar *t, struct span *in, struct tar_item *out)
{
	uint64_t n = t->left;

	if (t->entry.sparse && !tar_sparse_run(&t->sparse, t->entry.size, &n) && n)
		return give_hole(t, n, out);
	return n ? give(t, in, n, out) : entry_end(t, out);
}

static bool skip_step(struct tar *t, struct span *in, struct tar_item *out)
{
	size_t n = (size_t)MIN_OF((uint64_t)in->n, t->left);

	advance(t, in, n);
	t->left -= n;
	if (t->left == 0 && t->state == SKIP)
		return entry_end(t, out);
	if (t->left == 0)
		t->state = HEADER;
	return t->left == 0;
}

/* ---- the end ---- */

/* Go refuses a lone block of zeros as well; GNU tar takes it for the end. */
static bool zero_step(struct tar *t, struct span *in, struct tar_item *out)
{
	struct span block;

	if (!take_block(t, in, &block))
		return false;
	if (tar_block_kind(block) != TAR_BLOCK_ZERO)
		return fail(t, RMG_E_FORMAT, "a lone block of zeros", t->at - 2 * TAR_BLOCK);
	t->state = ENDED;
	t->odd.no_end = false;
	*out = (struct tar_item){.event = TAR_END};
	return false;
}

static bool ended_step(struct tar *t, struct span *in)
{
	size_t n = 0;

	while (t->odd.trailing_bytes == 0 && n < in->n && in->p[n] == 0)
		n++;
	t->odd.trailing_bytes += in->n - n;
	advance(t, in, in->n);
	return false;
}

/* One move; false where there is something to tell: an event, a failure, or that input is wanted.
 */
static bool step(struct tar *t, struct span *in, struct tar_item *out)
{
	switch (t->state) {
	case HEADER:
		return header_step(t, in, out);
	case META:
		return text_step(t, in);
	case OLD_SPARSE:
		return old_sparse_step(t, in, out);
	case NEW_SPARSE:
		return new_sparse_step(t, in, out);
	case CONTENT:
		return content_step(t, in, out);
	case SKIP:
	case PADDING:
		return skip_step(t, in, out);
	case ZERO_SEEN:
		return zero_step(t, in, out);
	case ENDED:
		return ended_step(t, in);
	}
	return false;
}

static enum rmg_rc tell(const struct tar *t, struct rmg_err *err)
{
	if (err && t->failed.rc != RMG_OK)
		*err = t->failed;
	return t->failed.rc;
}

enum rmg_rc tar_next(struct tar *t, struct span *in, struct tar_item *out, struct rmg_err *err)
{
	struct tar_item item = {.event = TAR_MORE};

	if (t->failed.rc != RMG_OK)
		return tell(t, err);
	while (step(t, in, &item))
		;
	if (t->failed.rc != RMG_OK)
		return tell(t, err);
	*out = item;
	return RMG_OK;
}

void tar_skip(struct tar *t)
{
	CHECK(t->given);
	t->state = SKIP;
}

static bool is_zero(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i])
			return false;
	return true;
}

static const char *cut_where(const struct tar *t)
{
	switch (t->state) {
	case HEADER:
		if (t->block_n)
			return "inside a header";
		return t->pending.begun ? "before the entry that a header announces" : NULL;
	case META:
		return "inside a PAX header or long name";
	case OLD_SPARSE:
	case NEW_SPARSE:
		return "inside a sparse map";
	case CONTENT:
	case SKIP:
		return "inside an entry";
	case PADDING: /* nothing is lost with it */
		return t->pending.begun ? "before the entry that a header announces" : NULL;
	case ZERO_SEEN:
		return is_zero(span_of(t->block, t->block_n)) ? NULL : "inside a header";
	case ENDED:
		return NULL;
	}
	return NULL;
}

enum rmg_rc tar_end(const struct tar *t, struct rmg_err *err)
{
	const char *where = cut_where(t);

	if (t->failed.rc != RMG_OK)
		return tell(t, err);
	if (where)
		return err_set(err, RMG_E_FORMAT, "tar: cut off after byte %llu, %s",
			       (unsigned long long)t->at, where);
	return RMG_OK;
}
