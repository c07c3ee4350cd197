/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/toc.h"

#include "base/limits.h"
#include "base/rd.h"
#include "base/vec.h"
#include "format/json.h"
#include "model/facts.h"
#include "oci/digest.h"

/* The second is what containers/storage wrote before version 1.42. */
static const char *const checksum_keys[] = {
    "io.github.containers.zstd-chunked.manifest-checksum",
    "io.containers.zstd-chunked.manifest-checksum",
};
static const char *const position_keys[] = {
    "io.github.containers.zstd-chunked.manifest-position",
    "io.containers.zstd-chunked.manifest-position",
};

/* "OFFSET:BYTES:BYTES-DECOMPRESSED:TYPE", of which type 1 is this form. */
static bool position(struct span text, uint64_t blob_bytes, struct toc_place *p)
{
	struct span field[4] = {0};
	uint64_t type;

	for (size_t i = 0; i < 4; i++)
		if (!span_next(&text, ':', &field[i]))
			return false;
	return text.n == 0 && span_u64(field[0], 10, INT64_MAX, &p->offset) &&
	       span_u64(field[1], 10, TOC_BYTES_MAX, &p->size) &&
	       span_u64(field[2], 10, TOC_BYTES_MAX, &p->json_bytes) &&
	       span_u64(field[3], 10, 1, &type) && type == 1 && p->size != 0 &&
	       p->offset < blob_bytes && p->size <= blob_bytes - p->offset;
}

struct toc_place toc_locate(const struct oci_pair *annotations, size_t n, uint64_t blob_bytes)
{
	struct span stargz =
	    oci_pair_find(annotations, n, "containerd.io/snapshot/stargz/toc.digest");

	for (size_t i = 0; i < COUNT_OF(checksum_keys); i++) {
		struct toc_place p = {.kind = TOC_ZSTD_CHUNKED};

		p.digest = oci_pair_find(annotations, n, checksum_keys[i]);
		if (digest_valid(p.digest) &&
		    position(oci_pair_find(annotations, n, position_keys[i]), blob_bytes, &p))
			return p;
	}
	if (digest_valid(stargz) && blob_bytes > TOC_FOOTER_BYTES)
		return (struct toc_place){.kind = TOC_ESTARGZ, .digest = stargz};
	return (struct toc_place){.kind = TOC_NONE};
}

/* An empty gzip member whose extra field "SG" has the offset in hexadecimal, and "STARGZ". */
enum rmg_rc toc_footer(struct span footer, uint64_t blob_bytes, struct toc_place *place,
		       struct rmg_err *err)
{
	struct rd r = rd_of(footer);
	struct span magic = rd_take(&r, 4), rest = rd_take(&r, 6);
	uint16_t extra = rd_u16le(&r);
	struct span id = rd_take(&r, 2);
	uint16_t length = rd_u16le(&r);
	struct span hex = rd_take(&r, 16), name = rd_take(&r, 6);
	uint64_t offset;

	(void)rest;
	if (!rd_ok(&r) || footer.n != TOC_FOOTER_BYTES || !span_is(magic, S("\x1f\x8b\x08\x04")) ||
	    extra != 26 || !span_is(id, S("SG")) || length != 22 || !span_is(name, S("STARGZ")) ||
	    !span_u64(hex, 16, INT64_MAX, &offset))
		return err_set(err, RMG_E_FORMAT, "no eStargz footer is at the end of the layer");
	if (offset >= blob_bytes - TOC_FOOTER_BYTES ||
	    blob_bytes - TOC_FOOTER_BYTES - offset > TOC_BYTES_MAX)
		return err_set(err, RMG_E_FORMAT,
			       "the eStargz footer leads to no table of contents");
	place->offset = offset;
	place->size = blob_bytes - TOC_FOOTER_BYTES - offset;
	return RMG_OK;
}

enum rmg_rc toc_json(enum toc_kind kind, struct span decompressed, struct span *out,
		     struct rmg_err *err)
{
	struct span name, size;
	uint64_t n;

	if (kind == TOC_ZSTD_CHUNKED) {
		*out = decompressed;
		return RMG_OK;
	}
	/* ustar: the name is at 0, eleven octal digits of the size at 124. The digest is checked
	 * next. */
	if (!span_at(decompressed, 0, 17, &name) || !span_is(name, S("stargz.index.json")) ||
	    !span_at(decompressed, 124, 11, &size) || !span_u64(size, 8, TOC_BYTES_MAX, &n) ||
	    !span_at(decompressed, 512, n, out))
		return err_set(err, RMG_E_FORMAT,
			       "the table of contents is not where it should be");
	return RMG_OK;
}

/* What is gathered before it is put into the arena. */
struct build {
	struct arena *arena;
	const struct toc_place *place;
	VEC(struct toc_entry) entries;
	VEC(struct toc_chunk) chunks;
	uint64_t missing;  /* bytes of the last file that its chunks have not covered yet */
	uint64_t file_end; /* zstd:chunked: where its last chunk ends */
};

static bool type_of(struct span word, enum tar_type *out)
{
	static const struct {
		const char *word;
		enum tar_type type;
	} types[] = {
	    {"dir", TAR_DIR},           {"reg", TAR_FILE},     {"symlink", TAR_SYMLINK},
	    {"hardlink", TAR_HARDLINK}, {"char", TAR_CHARDEV}, {"block", TAR_BLOCKDEV},
	    {"fifo", TAR_FIFO},
	};

	for (size_t i = 0; i < COUNT_OF(types); i++) {
		if (!span_is(word, span_cstr(types[i].word)))
			continue;
		*out = types[i].type;
		return true;
	}
	return false;
}

/* Absent numbers are 0, as Go leaves them out; what is no number is refused. */
static bool number(json *v, const char *key, uint64_t max, uint64_t *out)
{
	*out = 0;
	return json_get(v, key) == NULL || (json_get_u64(v, key, out) && *out <= max);
}

static enum rmg_rc bad(struct span name, const char *what, struct rmg_err *err)
{
	return err_set(err, RMG_E_FORMAT, "table of contents: " SPAN_FMT ": %s",
		       SPAN_ARG(span_head(name, 200)), what);
}

/* zstd:chunked: a chunk ends where the file's next one begins, the last one where the file does. */
static void end_chunks(struct build *b)
{
	const struct toc_entry *e = &b->entries.v[b->entries.n - 1];

	for (size_t i = 0; i < e->n; i++) {
		struct toc_chunk *c = &b->chunks.v[e->first + i];

		c->end = i + 1 < e->n ? c[1].offset : b->file_end;
	}
}

/* One chunk of the last file. A chunk without a size goes to the end of the file. */
static enum rmg_rc add_chunk(struct build *b, json *v, struct span name, struct rmg_err *err)
{
	struct toc_chunk c = {0};
	struct toc_entry *e = &b->entries.v[b->entries.n - 1];
	uint64_t size;

	if (!number(v, "offset", INT64_MAX, &c.offset) ||
	    !number(v, "innerOffset", INT64_MAX, &c.inner) ||
	    !number(v, "chunkSize", INT64_MAX, &size))
		return bad(name, "a chunk with impossible numbers", err);
	c.size_bytes = size ? size : b->missing;
	if (c.size_bytes > b->missing)
		return bad(name, "its chunks are longer than the file", err);
	b->missing -= c.size_bytes;
	c.zeros = span_is(json_get_str(v, "chunkType"), S("zeros"));
	if (c.offset >= b->place->offset)
		return bad(name, "a chunk outside of the contents", err);
	c.digest = arena_dup(b->arena, json_get_str(v, "chunkDigest"));
	if (c.digest.n == 0 && b->missing == 0 && e->n == 0)
		c.digest = arena_dup(b->arena, json_get_str(v, "digest"));
	if (!VEC_PUSH(&b->chunks, c))
		return err_set(err, RMG_E_NOMEM, "no memory for a table of contents");
	e->n++;
	if (b->missing == 0 && b->place->kind == TOC_ZSTD_CHUNKED)
		end_chunks(b);
	return RMG_OK;
}

static struct span normal(struct build *b, struct span raw)
{
	uint8_t buf[KIB(4)];
	struct span path;

	return path_normal(raw, buf, &path) ? arena_dup(b->arena, path) : (struct span){0};
}

static enum rmg_rc add_entry(struct build *b, json *v, struct span name, enum tar_type type,
			     struct rmg_err *err)
{
	struct toc_entry e = {.first = b->chunks.n};
	uint64_t mode;

	if (!number(v, "mode", UINT32_MAX, &mode) || !number(v, "uid", UINT32_MAX, &e.tar.uid) ||
	    !number(v, "gid", UINT32_MAX, &e.tar.gid) || !number(v, "size", INT64_MAX, &e.tar.size))
		return bad(name, "impossible numbers", err);
	e.tar.path = normal(b, name);
	e.tar.type = type;
	e.tar.mode = (uint32_t)mode & 07777;
	if (type == TAR_SYMLINK)
		e.tar.link = arena_dup(b->arena, json_get_str(v, "linkName"));
	else if (type == TAR_HARDLINK)
		e.tar.link = normal(b, json_get_str(v, "linkName"));
	if (type != TAR_FILE)
		e.tar.size = 0;
	/* The root folder has no name; a path that is not normal is one that nobody can trust. */
	if (e.tar.path.n == 0 && type == TAR_DIR)
		return RMG_OK;
	if (e.tar.path.n == 0 ||
	    ((type == TAR_SYMLINK || type == TAR_HARDLINK) && e.tar.link.n == 0))
		return bad(name, "an impossible path or link", err);
	if (b->entries.n >= LIMIT_LAYER_ENTRIES)
		return err_set(err, RMG_E_LIMIT, "too many entries in a table of contents");
	if (!VEC_PUSH(&b->entries, e))
		return err_set(err, RMG_E_NOMEM, "no memory for a table of contents");
	b->missing = e.tar.size;
	if (!number(v, "endOffset", b->place->offset, &b->file_end))
		return bad(name, "it ends outside of the contents", err);
	return e.tar.size ? add_chunk(b, v, name, err) : RMG_OK;
}

static enum rmg_rc add(struct build *b, json *v, struct rmg_err *err)
{
	struct span name = json_get_str(v, "name"), kind = json_get_str(v, "type");
	enum tar_type type;

	if (span_is(kind, S("chunk"))) {
		if (b->missing == 0)
			return bad(name, "a chunk of no file", err);
		return add_chunk(b, v, name, err);
	}
	if (b->missing)
		return bad(name, "the file before it is not whole", err);
	if (!type_of(kind, &type))
		return bad(name, "of an unknown type", err);
	return add_entry(b, v, name, type, err);
}

static int by_offset(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* eStargz does not say where a chunk's gzip member ends: where the next one begins. */
static enum rmg_rc find_ends(struct build *b, struct rmg_err *err)
{
	uint64_t *offsets = calloc(b->chunks.n + 1, sizeof *offsets);
	size_t n = b->chunks.n;

	if (offsets == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a table of contents");
	for (size_t i = 0; i < n; i++)
		offsets[i] = b->chunks.v[i].offset;
	qsort(offsets, n, sizeof *offsets, by_offset);
	for (size_t i = 0; i < n; i++) {
		struct toc_chunk *c = &b->chunks.v[i];
		size_t low = 0, high = n;

		while (low < high) {
			size_t middle = low + (high - low) / 2;

			if (offsets[middle] > c->offset)
				high = middle;
			else
				low = middle + 1;
		}
		c->end = low < n ? offsets[low] : b->place->offset;
	}
	free(offsets);
	return RMG_OK;
}

static enum rmg_rc check_ends(const struct build *b, struct rmg_err *err)
{
	for (size_t i = 0; i < b->chunks.n; i++) {
		const struct toc_chunk *c = &b->chunks.v[i];

		if (!c->zeros && (c->end <= c->offset || c->end > b->place->offset))
			return err_set(err, RMG_E_FORMAT,
				       "table of contents: chunk %zu has no bytes", i);
	}
	return RMG_OK;
}

static enum rmg_rc hand_over(struct build *b, struct toc *out, struct rmg_err *err)
{
	struct toc t = {.n_entries = b->entries.n, .n_chunks = b->chunks.n};

	t.entries = ARENA_ARRAY(b->arena, t.n_entries, struct toc_entry);
	t.chunks = ARENA_ARRAY(b->arena, t.n_chunks, struct toc_chunk);
	if (arena_rc(b->arena) != RMG_OK)
		return err_set(err, arena_rc(b->arena), "no memory for a table of contents");
	if (t.n_entries)
		memcpy(t.entries, b->entries.v, t.n_entries * sizeof *t.entries);
	if (t.n_chunks)
		memcpy(t.chunks, b->chunks.v, t.n_chunks * sizeof *t.chunks);
	*out = t;
	return RMG_OK;
}

static enum rmg_rc parse(struct build *b, json *root, struct rmg_err *err)
{
	json *entries = json_get(root, "entries");
	struct json_iter it = json_iter(entries);
	enum rmg_rc rc = RMG_OK;

	if (!json_is_array(entries))
		return err_set(err, RMG_E_FORMAT, "the table of contents has no entries");
	while (rc == RMG_OK && json_next(&it))
		rc = add(b, it.value, err);
	if (rc == RMG_OK && b->missing)
		rc = err_set(err, RMG_E_FORMAT,
			     "the last file of the table of contents is not whole");
	if (rc == RMG_OK && b->place->kind == TOC_ESTARGZ)
		rc = find_ends(b, err);
	return rc == RMG_OK ? check_ends(b, err) : rc;
}

enum rmg_rc toc_parse(struct span text, const struct toc_place *place, struct arena *arena,
		      struct toc *out, struct rmg_err *err)
{
	struct build b = {.arena = arena, .place = place};
	struct json_doc doc = {0};
	enum rmg_rc rc = json_parse(&doc, text, TOC_BYTES_MAX, err);

	if (rc == RMG_OK)
		rc = parse(&b, doc.root, err);
	json_done(&doc);
	if (rc == RMG_OK)
		rc = hand_over(&b, out, err);
	VEC_DONE(&b.entries);
	VEC_DONE(&b.chunks);
	return rc;
}
