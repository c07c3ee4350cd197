/* SPDX-License-Identifier: Apache-2.0 */
/* elf.c - the rows are read by the reader, in the order in which the gABI declares their fields. */
#include "format/elf.h"

#include "base/rd.h"

enum {
	EI_CLASS = 4,
	EI_DATA = 5,
	EI_NIDENT = 16,
	CLASS_32 = 1,
	CLASS_64 = 2,
	DATA_LE = 1,
	DATA_BE = 2,
	SHN_XINDEX = 0xffff,
	PN_XNUM = 0xffff,
	NAME_BYTES = 256,
	SEGMENTS_MAX = 65536, /* a core file may have more, no program has */
};

/* What the numbers in one file look like. */
struct shape {
	bool wide, big;
};

static uint16_t half(struct rd *r, struct shape s)
{
	return s.big ? rd_u16be(r) : rd_u16le(r);
}

static uint32_t word(struct rd *r, struct shape s)
{
	return s.big ? rd_u32be(r) : rd_u32le(r);
}

/* An address or offset: as wide as the class. */
static uint64_t addr(struct rd *r, struct shape s)
{
	if (!s.wide)
		return word(r, s);
	return s.big ? rd_u64be(r) : rd_u64le(r);
}

static struct shape shape_of(const struct elf *e)
{
	return (struct shape){.wide = e->wide, .big = e->big};
}

bool elf_is(struct span head)
{
	return head.n > EI_DATA && span_starts(head, S("\177ELF")) &&
	       (head.p[EI_CLASS] == CLASS_32 || head.p[EI_CLASS] == CLASS_64) &&
	       (head.p[EI_DATA] == DATA_LE || head.p[EI_DATA] == DATA_BE);
}

/* One row per machine: its names for 64-bit little, 64-bit big, 32-bit little, 32-bit big. Numbers:
 * gABI e_machine; names: GOARCH, which OCI image-spec config.md refers to. */
static const struct machine {
	uint16_t number;
	const char *name[2][2];
} machines[] = {
    {2, {{"", ""}, {"", "sparc"}}},
    {3, {{"386", ""}, {"386", ""}}},
    {8, {{"mips64le", "mips64"}, {"mipsle", "mips"}}},
    {20, {{"", ""}, {"", "ppc"}}},
    {21, {{"ppc64le", "ppc64"}, {"", ""}}},
    {22, {{"", "s390x"}, {"", "s390"}}},
    {40, {{"", ""}, {"arm", "armbe"}}},
    {43, {{"", "sparc64"}, {"", ""}}},
    {62, {{"amd64", ""}, {"amd64", ""}}},
    {183, {{"arm64", "arm64be"}, {"arm64", ""}}},
    {243, {{"riscv64", ""}, {"riscv", ""}}},
    {258, {{"loong64", ""}, {"", ""}}},
};

bool elf_arch(struct span head, struct span *arch)
{
	struct shape s;
	struct rd r = rd_of(span_from(head, EI_NIDENT + 2));
	uint16_t machine;

	if (!elf_is(head))
		return false;
	s = (struct shape){.wide = head.p[EI_CLASS] == CLASS_64, .big = head.p[EI_DATA] == DATA_BE};
	machine = half(&r, s);
	if (rd_end(&r))
		return false;
	*arch = S("");
	for (size_t i = 0; i < COUNT_OF(machines); i++) {
		if (machines[i].number == machine)
			*arch = span_cstr(machines[i].name[!s.wide][s.big]);
	}
	return true;
}

/* Whole rows of a table that lies inside the file: as many as fit, where the count says more. */
static struct span table(const struct elf *e, uint64_t off, uint64_t count, uint64_t each,
			 size_t least, size_t *n)
{
	struct span t;

	*n = 0;
	if (off == 0 || each < least || !span_at(e->bytes, off, 0, &t))
		return S("");
	t = span_from(e->bytes, (size_t)off);
	*n = (size_t)MIN_OF(count, t.n / each);
	return span_head(t, *n * (size_t)each);
}

static struct rd row(struct span t, size_t each, size_t i)
{
	return rd_of(span_head(span_from(t, i * each), each));
}

/* The strings of the section names: section number strings, if it is there. */
static struct span names_of(const struct elf *e, uint64_t strings)
{
	struct elf_section s;

	if (strings == 0 || strings > SIZE_MAX || !elf_section(e, (size_t)strings, &s))
		return S("");
	return s.data;
}

/* Counts too large for the header's fields stand in section 0 (gABI, "ELF Header"). */
static void extend(const struct elf *e, uint64_t section_off, uint64_t *segments,
		   uint64_t *sections, uint64_t *strings)
{
	struct span first;
	struct shape s = shape_of(e);
	uint64_t size;
	uint32_t link, info;
	struct rd r;

	if (section_off == 0 || !span_at(e->bytes, section_off, e->wide ? 64 : 40, &first))
		return;
	r = rd_of(first);
	rd_skip(&r, e->wide ? 32 : 20);
	size = addr(&r, s);
	link = word(&r, s);
	info = word(&r, s);
	if (*sections == 0)
		*sections = size;
	if (*strings == SHN_XINDEX)
		*strings = link;
	if (*segments == PN_XNUM)
		*segments = info;
}

enum rmg_rc elf_open(struct span bytes, struct elf *out, struct rmg_err *err)
{
	struct elf e = {.bytes = bytes};
	uint64_t segment_off, section_off, segments, sections, strings;
	struct rd r = rd_of(span_from(bytes, EI_NIDENT));
	struct shape s;

	if (!elf_is(bytes))
		return err_set(err, RMG_E_FORMAT, "not an ELF file");
	e.wide = bytes.p[EI_CLASS] == CLASS_64;
	e.big = bytes.p[EI_DATA] == DATA_BE;
	s = shape_of(&e);
	e.type = half(&r, s);
	e.machine = half(&r, s);
	rd_skip(&r, 4); /* e_version */
	e.entry = addr(&r, s);
	segment_off = addr(&r, s);
	section_off = addr(&r, s);
	rd_skip(&r, 4 + 2); /* e_flags, e_ehsize */
	e.segment_bytes = half(&r, s);
	segments = half(&r, s);
	e.section_bytes = half(&r, s);
	sections = half(&r, s);
	strings = half(&r, s);
	if (rd_end(&r))
		return err_set(err, RMG_E_FORMAT, "ELF header cut short after %zu bytes", bytes.n);

	extend(&e, section_off, &segments, &sections, &strings);
	segments = MIN_OF(segments, (uint64_t)SEGMENTS_MAX);
	e.segments =
	    table(&e, segment_off, segments, e.segment_bytes, e.wide ? 56 : 32, &e.n_segments);
	e.sections =
	    table(&e, section_off, sections, e.section_bytes, e.wide ? 64 : 40, &e.n_sections);
	e.names = names_of(&e, strings);
	*out = e;
	return RMG_OK;
}

/* The string at off up to its NUL; "" where it has none near: a table without any must not cost its
 * length for each section. */
static struct span string_at(struct span strings, uint32_t off)
{
	struct span s = span_head(span_from(strings, off), NAME_BYTES);
	size_t end = span_chr(s, 0);

	return end == SIZE_MAX ? S("") : span_head(s, end);
}

bool elf_section(const struct elf *e, size_t i, struct elf_section *out)
{
	struct shape s = shape_of(e);
	struct elf_section x = {0};
	uint32_t name;
	struct rd r;

	if (i >= e->n_sections)
		return false;
	r = row(e->sections, e->section_bytes, i);
	name = word(&r, s);
	x.type = word(&r, s);
	x.flags = addr(&r, s);
	x.addr = addr(&r, s);
	x.off = addr(&r, s);
	x.size = addr(&r, s);
	x.name = string_at(e->names, name);
	if (x.type == ELF_SHT_NOBITS || !span_at(e->bytes, x.off, x.size, &x.data))
		x.data = S("");
	*out = x;
	return true;
}

bool elf_segment(const struct elf *e, size_t i, struct elf_segment *out)
{
	struct shape s = shape_of(e);
	struct elf_segment x = {0};
	struct rd r;

	if (i >= e->n_segments)
		return false;
	r = row(e->segments, e->segment_bytes, i);
	x.type = word(&r, s);
	if (e->wide) /* the fields' order differs between the classes, for alignment */
		x.flags = word(&r, s);
	x.off = addr(&r, s);
	x.addr = addr(&r, s);
	(void)addr(&r, s); /* p_paddr */
	x.file_bytes = addr(&r, s);
	x.mem_bytes = addr(&r, s);
	if (!e->wide)
		x.flags = word(&r, s);
	if (x.off < e->bytes.n) {
		x.data = span_from(e->bytes, (size_t)x.off);
		x.data = span_head(x.data, (size_t)MIN_OF(x.file_bytes, x.data.n));
	}
	*out = x;
	return true;
}

bool elf_find(const struct elf *e, struct span name, struct elf_section *out)
{
	struct elf_section s;

	for (size_t i = 0; elf_section(e, i, &s); i++) {
		if (span_is(s.name, name)) {
			*out = s;
			return true;
		}
	}
	return false;
}

bool elf_read(const struct elf *e, uint64_t at, uint64_t n, struct span *out)
{
	struct elf_segment s;

	for (size_t i = 0; elf_segment(e, i, &s); i++) {
		if (s.type == ELF_PT_LOAD && at >= s.addr && span_at(s.data, at - s.addr, n, out))
			return true;
	}
	return false;
}
