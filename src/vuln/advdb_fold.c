/* SPDX-License-Identifier: Apache-2.0 */
#include "vuln/advdb_fold.h"

#include "base/err.h"
#include "base/rd.h"
#include "vuln/advdb.h"
#include "vuln/advdb_layout.h"

/* Words below this are flags, counts and references to what nothing moves (the empty string): they
 * stand for themselves, and the chain of distances passes over them. */
enum { SMALL = 256 };

/* In the order of the file, each right behind the one before: the words of an element, and which
 * of them stand as they are, being no references: hashes, scores, flags. */
static const struct part {
	enum advdb_section section;
	uint8_t bytes;
	uint16_t plain; /* a bit a word */
} parts[ADVDB_SECTIONS] = {
    {AT_SOURCES, 24, 0x3f}, {AT_ECOSYSTEMS, 12, 0}, {AT_KEYS, 32, 0xf0}, {AT_SLOTS, 4, 1},
    {AT_RULES, 24, 0x20},   {AT_CARDS, 64, 0x1c00}, {AT_STRINGS, 1, 0},  {AT_LISTS, 4, 0},
};

struct layout {
	size_t n[ADVDB_SECTIONS]; /* elements, by their place in the file */
	size_t file_bytes, folded_bytes;
};

static bool is_plain(const struct part *p, size_t word)
{
	return (p->plain >> word) & 1;
}

/* What a section takes when it is folded: a byte more for each word that is a distance. */
static size_t folded_bytes(const struct part *p, size_t n)
{
	size_t each = p->bytes;

	for (size_t word = 0; word < p->bytes / 4; word++)
		each += !is_plain(p, word);
	return n * each;
}

/* From the head, which both forms begin with; false where there are gaps, or sections in another
 * order. Elements are counted in 32 bits, so that no sum runs over. */
static bool layout_of(struct span head, struct layout *l)
{
	struct rd r = rd_of(span_head(head, ADVDB_START));
	struct span magic = rd_take(&r, AT_VERSION);
	bool good = rd_u32le(&r) == ADVDB_VERSION && span_is(magic, S(ADVDB_MAGIC));

	*l = (struct layout){.file_bytes = ADVDB_START, .folded_bytes = ADVDB_START};
	rd_skip(&r, AT_SECTIONS - AT_VERSION - 4);
	good = good && rd_u32le(&r) == ADVDB_SECTIONS;
	for (size_t i = 0; good && i < ADVDB_SECTIONS; i++) {
		struct span row;
		struct rd at;
		uint64_t off, n;

		if (!span_at(head, AT_TABLE + 16 * (uint64_t)parts[i].section, 16, &row))
			return false;
		at = rd_of(row);
		off = rd_u64le(&at);
		n = rd_u64le(&at);
		good = off == l->file_bytes && n <= UINT32_MAX;
		l->n[i] = good ? (size_t)n : 0;
		l->file_bytes += l->n[i] * parts[i].bytes;
		l->folded_bytes += folded_bytes(&parts[i], l->n[i]);
	}
	return good && rd_ok(&r) && head.n >= ADVDB_START;
}

static uint32_t get(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put(uint8_t *p, uint32_t x)
{
	for (size_t i = 0; i < 4; i++)
		p[i] = (uint8_t)(x >> 8 * i);
}

/* n words that lie stride bytes apart: which of them are distances, a byte each, then the words. */
static void fold_distances(const uint8_t *from, size_t n, size_t stride, uint8_t *to)
{
	uint8_t *words = to + n;
	uint32_t last = 0;

	for (size_t i = 0; i < n; i++) {
		uint32_t x = get(from + i * stride);

		to[i] = x >= SMALL;
		put(words + 4 * i, to[i] ? x - last : x);
		last = to[i] ? x : last;
	}
}

static void unfold_distances(const uint8_t *from, size_t n, size_t stride, uint8_t *to)
{
	const uint8_t *words = from + n;
	uint32_t last = 0;

	for (size_t i = 0; i < n; i++) {
		uint32_t x = get(words + 4 * i);

		last = from[i] ? last + x : last;
		put(to + i * stride, from[i] ? last : x);
	}
}

static void copy_words(const uint8_t *from, size_t n, size_t from_stride, uint8_t *to,
		       size_t to_stride)
{
	for (size_t i = 0; i < n; i++)
		memcpy(to + i * to_stride, from + i * from_stride, 4);
}

static uint8_t *fold_part(const struct part *p, const uint8_t *from, size_t n, uint8_t *to)
{
	if (p->section == AT_STRINGS) {
		memcpy(to, from, n);
		return to + n;
	}
	for (size_t word = 0; word < p->bytes / 4; word++) {
		if (is_plain(p, word))
			copy_words(from + 4 * word, n, p->bytes, to, 4);
		else
			fold_distances(from + 4 * word, n, p->bytes, to);
		to += n * (is_plain(p, word) ? 4 : 5);
	}
	return to;
}

static const uint8_t *unfold_part(const struct part *p, const uint8_t *from, size_t n, uint8_t *to)
{
	if (p->section == AT_STRINGS) {
		memcpy(to, from, n);
		return from + n;
	}
	for (size_t word = 0; word < p->bytes / 4; word++) {
		if (is_plain(p, word))
			copy_words(from, n, 4, to + 4 * word, p->bytes);
		else
			unfold_distances(from, n, p->bytes, to + 4 * word);
		from += n * (is_plain(p, word) ? 4 : 5);
	}
	return from;
}

static enum rmg_rc no_memory(struct rmg_err *err)
{
	return err_set(err, RMG_E_NOMEM, "no memory for the advisory database");
}

enum rmg_rc advdb_fold(struct span file, struct span *out, struct rmg_err *err)
{
	struct layout l;
	const uint8_t *from = file.p + ADVDB_START;
	uint8_t *p, *to;

	if (!layout_of(file, &l) || l.file_bytes != file.n)
		return err_set(err, RMG_E_DB, "the advisory database is laid out in another way");
	p = malloc(l.folded_bytes);
	if (p == NULL)
		return no_memory(err);
	memcpy(p, file.p, ADVDB_START);
	to = p + ADVDB_START;
	for (size_t i = 0; i < ADVDB_SECTIONS; i++) {
		to = fold_part(&parts[i], from, l.n[i], to);
		from += l.n[i] * parts[i].bytes;
	}
	*out = span_of(p, l.folded_bytes);
	return RMG_OK;
}

enum rmg_rc advdb_unfold(struct span folded, struct span *out, struct rmg_err *err)
{
	struct layout l;
	const uint8_t *from = folded.p + ADVDB_START;
	uint8_t *p, *to;

	/* What comes out is never longer than what came in. */
	if (!layout_of(folded, &l) || l.folded_bytes != folded.n)
		return err_set(err, RMG_E_DB, "not an advisory database, folded");
	p = malloc(l.file_bytes);
	if (p == NULL)
		return no_memory(err);
	memcpy(p, folded.p, ADVDB_START);
	to = p + ADVDB_START;
	for (size_t i = 0; i < ADVDB_SECTIONS; i++) {
		from = unfold_part(&parts[i], from, l.n[i], to);
		to += l.n[i] * parts[i].bytes;
	}
	*out = span_of(p, l.file_bytes);
	return RMG_OK;
}
