/* SPDX-License-Identifier: Apache-2.0 */
#include "format/tar_block.h"

/* Offsets and sizes of the fields. */
enum {
	NAME = 0,
	MODE = 100,
	UID = 108,
	GID = 116,
	SIZE = 124,
	CHECKSUM = 148,
	LETTER = 156,
	LINK = 157,
	MAGIC = 257,
	PREFIX = 345,
	GNU_ACCESS_TIME = 345,
	GNU_CHANGE_TIME = 357,
	GNU_SPARSE = 386,
	GNU_IS_EXTENDED = 482,
	GNU_REAL_SIZE = 483,
	EXTENSION_IS_EXTENDED = 504,
	STAR_TRAILER = 508,
	SPARSE_ENTRY = 24
};

static struct span field(struct span block, size_t off, size_t n)
{
	return span_head(span_from(block, off), n);
}

static struct span until_nul(struct span s)
{
	size_t nul = span_chr(s, 0);

	return nul == SIZE_MAX ? s : span_head(s, nul);
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == 0;
}

static bool octal(struct span s, uint64_t *out)
{
	while (s.n && is_blank(s.p[0]))
		s = span_from(s, 1);
	while (s.n && is_blank(s.p[s.n - 1]))
		s.n--;
	s = until_nul(s);
	if (s.n == 0) {
		*out = 0;
		return true;
	}
	return span_u64(s, 8, INT64_MAX, out);
}

/* Two's complement, big-endian; the first bit says that it is base 256, the second is the sign. */
static bool base256(struct span s, uint64_t *out)
{
	uint64_t value = s.p[0] & 0x3f;

	if (s.p[0] & 0x40)
		return false;
	for (size_t i = 1; i < s.n; i++) {
		if (value >> 55)
			return false;
		value = value << 8 | s.p[i];
	}
	*out = value;
	return true;
}

bool tar_number(struct span s, uint64_t *out)
{
	return s.n && s.p[0] & 0x80 ? base256(s, out) : octal(s, out);
}

enum tar_block_kind tar_block_kind(struct span block)
{
	uint32_t sum = 0, high = 0;
	uint64_t want;
	struct span magic = field(block, MAGIC, 8);

	CHECK(block.n == TAR_BLOCK);
	for (size_t i = 0; i < TAR_BLOCK; i++) {
		sum += block.p[i];
		high += block.p[i] >> 7;
	}
	if (sum == 0)
		return TAR_BLOCK_ZERO;
	/* The checksum's own field counts as blanks. Old writers summed signed bytes. */
	for (size_t i = CHECKSUM; i < CHECKSUM + 8; i++) {
		sum += (uint32_t)' ' - block.p[i];
		high -= block.p[i] >> 7;
	}
	if (!octal(field(block, CHECKSUM, 8), &want) ||
	    (want != sum && want + 256 * (uint64_t)high != sum))
		return TAR_BLOCK_BAD;
	if (span_starts(magic, S("ustar\0")))
		return span_is(field(block, STAR_TRAILER, 4), S("tar\0")) ? TAR_BLOCK_STAR
									  : TAR_BLOCK_USTAR;
	return span_is(magic, S("ustar  \0")) ? TAR_BLOCK_GNU : TAR_BLOCK_V7;
}

static bool is_ascii(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] >= 0x80)
			return false;
	return true;
}

/* GNU archives have times where ustar has the prefix. Go's library once wrote prefixes into them,
 * and takes what is no time for a prefix ever since. */
static struct span gnu_prefix(struct span block)
{
	struct span atime = field(block, GNU_ACCESS_TIME, 12);
	struct span ctime_field = field(block, GNU_CHANGE_TIME, 12), prefix;
	uint64_t ignored;

	if ((atime.p[0] == 0 || atime.p[0] & 0x80 || octal(atime, &ignored)) &&
	    (ctime_field.p[0] == 0 || ctime_field.p[0] & 0x80 || octal(ctime_field, &ignored)))
		return (struct span){0};
	prefix = until_nul(field(block, PREFIX, 155));
	return is_ascii(prefix) ? prefix : (struct span){0};
}

static struct span prefix_of(struct span block, enum tar_block_kind kind)
{
	if (kind == TAR_BLOCK_USTAR)
		return until_nul(field(block, PREFIX, 155));
	if (kind == TAR_BLOCK_STAR)
		return until_nul(field(block, PREFIX, 131));
	return kind == TAR_BLOCK_GNU ? gnu_prefix(block) : (struct span){0};
}

/* An owner below zero is odd, not damage. */
static bool owner(struct span s, uint64_t *out)
{
	if ((s.p[0] & 0xc0) != 0xc0)
		return tar_number(s, out);
	*out = UINT64_MAX;
	return true;
}

void tar_fields_read(struct span block, enum tar_block_kind kind, struct tar_fields *out)
{
	*out = (struct tar_fields){
	    .name = until_nul(field(block, NAME, 100)),
	    .prefix = prefix_of(block, kind),
	    .link = until_nul(field(block, LINK, 100)),
	    .letter = block.p[LETTER],
	};
	out->size_good = tar_number(field(block, SIZE, 12), &out->size);
	out->rest_good = tar_number(field(block, MODE, 8), &out->mode);
	out->rest_good &= owner(field(block, UID, 8), &out->uid);
	out->rest_good &= owner(field(block, GID, 8), &out->gid);
}

struct tar_sparse_block tar_sparse_head(struct span block, struct span *real_size)
{
	*real_size = field(block, GNU_REAL_SIZE, 12);
	return (struct tar_sparse_block){
	    .entries = field(block, GNU_SPARSE, TAR_SPARSE_HEAD * SPARSE_ENTRY),
	    .more = block.p[GNU_IS_EXTENDED] != 0,
	};
}

struct tar_sparse_block tar_sparse_extension(struct span block)
{
	return (struct tar_sparse_block){
	    .entries = field(block, 0, TAR_SPARSE_EXTENSION * SPARSE_ENTRY),
	    .more = block.p[EXTENSION_IS_EXTENDED] != 0,
	};
}

bool tar_sparse_entry(struct tar_sparse_block *b, struct span *offset, struct span *length)
{
	if (b->entries.n == 0 || b->entries.p[0] == 0)
		return false;
	*offset = field(b->entries, 0, 12);
	*length = field(b->entries, 12, 12);
	b->entries = span_from(b->entries, SPARSE_ENTRY);
	return true;
}
