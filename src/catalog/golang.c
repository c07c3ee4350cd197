/* SPDX-License-Identifier: Apache-2.0 */
/* golang.c - Go programs, by the build information that the linker puts into them: Go's packages
 * debug/buildinfo and runtime/debug (BuildInfo.String).
 *
 * Nobody may hold every program of an image, so the first bytes decide. Go's linker writes a note
 * "Go" (its build ID), and section headers before everything else where it links alone; into PE
 * and Mach-O a text "Go build ID" before the code. A small ELF program that shows neither is taken
 * as well. What is missed: a program of more than SMALL_BYTES that another linker made
 * and whose build ID was taken out. */
#include "base/limits.h"
#include "catalog/catalog.h"
#include "catalog/golang_version.h"
#include "format/elf.h"

#define MAGIC S("\xff Go buildinf:")
#define SMALL_BYTES MIB(8)

enum {
	HEADER_BYTES = 32, /* magic, size of a pointer, flags; from 1.18 on the rest is unused */
	FLAG_BIG = 1,
	FLAG_INLINE = 2, /* 1.18: the texts follow; before: two pointers to strings do */
	SENTINEL_BYTES = 16,
	PACKED_BYTES = 1024,
	NOTES_BYTES = 4096, /* that are searched; Go's are about 100 */
	MARKS_TRIED = 64,
	TYPE_EXEC = 2,
	PT_INTERP = 3,
};

/* What the linker wrote: the toolchain's version, and the modules as lines. */
struct build {
	struct span go, modules;
};

/* UPX says so right behind the program headers. */
static bool is_packed(struct span head)
{
	return span_has(span_head(head, PACKED_BYTES), S("UPX!"));
}

/* A note of type 4 named "Go", in either byte order. */
static bool has_note(const struct elf *e)
{
	struct elf_segment s;

	for (size_t i = 0; elf_segment(e, i, &s); i++) {
		struct span notes = span_head(s.data, NOTES_BYTES);

		if (s.type == ELF_PT_NOTE &&
		    (span_has(notes, S("\4\0\0\0Go\0\0")) || span_has(notes, S("\0\0\0\4Go\0\0"))))
			return true;
	}
	return false;
}

static bool is_program(const struct elf *e)
{
	struct elf_segment s;

	if (e->type == TYPE_EXEC)
		return true;
	for (size_t i = 0; elf_segment(e, i, &s); i++) {
		if (s.type == PT_INTERP)
			return true;
	}
	return false;
}

/* Go's own linker puts section headers right behind the program headers, all others at the end. */
static bool is_linked_by_go(const struct elf *e)
{
	return e->n_sections > 1 && e->sections.p == e->segments.p + e->segments.n;
}

static bool is_go(const struct elf *e)
{
	return has_note(e) || is_linked_by_go(e);
}

/* PE and Mach-O, of one architecture. */
static bool is_foreign(struct span head)
{
	static const char magics[][5] = {
	    "\xcf\xfa\xed\xfe",
	    "\xce\xfa\xed\xfe",
	    "\xfe\xed\xfa\xcf",
	    "\xfe\xed\xfa\xce",
	};

	for (size_t i = 0; i < COUNT_OF(magics); i++) {
		if (span_starts(head, span_of(magics[i], 4)))
			return true;
	}
	return span_starts(head, S("MZ"));
}

static bool is_foreign_go(struct span head)
{
	return is_foreign(head) && span_has(head, S("\xff Go build ID: "));
}

static bool wants(const struct cat_file *f)
{
	struct elf e;

	if (elf_open(f->head, &e, NULL))
		return is_foreign_go(f->head);
	return is_go(&e) || is_packed(f->head) || (f->size <= SMALL_BYTES && is_program(&e));
}

/* A Go string's header lies at `at`: its bytes' address and length. */
static bool string_at(const struct elf *e, uint64_t at, struct span *out)
{
	size_t wide = e->wide ? 8 : 4;
	uint64_t p, n;
	struct span s;
	struct rd r;

	if (!elf_read(e, at, 2 * wide, &s))
		return false;
	r = rd_of(s);
	if (e->wide) {
		p = e->big ? rd_u64be(&r) : rd_u64le(&r);
		n = e->big ? rd_u64be(&r) : rd_u64le(&r);
	} else {
		p = e->big ? rd_u32be(&r) : rd_u32le(&r);
		n = e->big ? rd_u32be(&r) : rd_u32le(&r);
	}
	return elf_read(e, p, n, out);
}

/* Before 1.18: behind the header's 16 bytes two pointers. A program without modules has only the
 * first. */
static bool by_pointers(const struct elf *e, struct span header, struct build *out)
{
	size_t wide = header.p[14];
	bool big = header.p[15] & FLAG_BIG;
	struct rd r = rd_of(span_from(header, 16));
	struct build b = {.modules = S("")};
	uint64_t at[2] = {0};

	if (e == NULL || wide != (e->wide ? 8 : 4) || big != e->big)
		return false;
	for (size_t i = 0; i < COUNT_OF(at); i++) {
		if (wide == 8)
			at[i] = big ? rd_u64be(&r) : rd_u64le(&r);
		else
			at[i] = big ? rd_u32be(&r) : rd_u32le(&r);
	}
	if (!string_at(e, at[0], &b.go))
		return false;
	if (!string_at(e, at[1], &b.modules))
		b.modules = S("");
	*out = b;
	return true;
}

static bool by_lengths(struct span bytes, struct build *out)
{
	struct rd r = rd_of(span_from(bytes, HEADER_BYTES));
	struct build b = {0};

	b.go = rd_take(&r, rd_varint(&r));
	b.modules = rd_take(&r, rd_varint(&r));
	*out = b;
	return rd_ok(&r);
}

/* The magic alone proves nothing: programs that read build information hold it as well. */
static bool read_build(const struct elf *e, struct span bytes, struct build *out)
{
	struct build b;
	struct span header;

	if (!span_at(bytes, 0, HEADER_BYTES, &header))
		return false;
	if (!(header.p[15] & FLAG_INLINE ? by_lengths(bytes, &b) : by_pointers(e, header, &b)))
		return false;
	if (!span_starts(b.go, S("go")) && !span_starts(b.go, S("devel")))
		return false;
	/* The runtime finds the lines by a mark of 16 bytes on either side. */
	if (b.modules.n > 2 * SENTINEL_BYTES &&
	    b.modules.p[b.modules.n - SENTINEL_BYTES - 1] == '\n')
		b.modules = span_of(b.modules.p + SENTINEL_BYTES, b.modules.n - 2 * SENTINEL_BYTES);
	else
		b.modules = S("");
	*out = b;
	return true;
}

/* Following pointers costs a look at each segment, so only so many marks are tried. */
static bool search(const struct elf *e, struct span bytes, struct build *out)
{
	size_t at = 0;

	for (unsigned tries = 0; tries < MARKS_TRIED; tries++) {
		at = span_find_from(bytes, at, MAGIC);
		if (at == SIZE_MAX)
			return false;
		if (read_build(e, span_from(bytes, at), out))
			return true;
		at++;
	}
	return false;
}

/* The section; where sections are stripped, the first segment that may be written to. */
static struct span likely_place(const struct elf *e)
{
	struct elf_section section;
	struct elf_segment segment;

	if (elf_find(e, S(".go.buildinfo"), &section) && section.data.n)
		return section.data;
	for (size_t i = 0; elf_segment(e, i, &segment); i++) {
		if (segment.type == ELF_PT_LOAD && segment.flags & ELF_PF_W)
			return segment.data;
	}
	return S("");
}

static void emit(struct cat *c, struct span path, struct span version)
{
	struct pkg p = {.type = S("golang"), .name = path, .version = version};

	(void)span_rcut(path, '/', &p.ns, &p.name);
	if (p.name.n)
		cat_emit(c, &p);
}

/* The version as `go version -m` prints it, "go1.21.3". */
static void emit_toolchain(struct cat *c, struct span go)
{
	struct span version = go, rest;

	if (span_starts(go, S("devel ")))
		version = span_from(go, 6);
	(void)span_cut(version, ' ', &version, &rest);
	version = span_head(version, MIN_OF(version.n, span_find(version, S("-X:"))));
	emit(c, S("stdlib"), version);
}

static bool is_folder(struct span path)
{
	return span_starts(path, S("./")) || span_starts(path, S("../")) ||
	       span_starts(path, S("/"));
}

/* One module: "dep path version sum", and perhaps "=> path version sum" for what stood in for it.
 */
struct module {
	struct span path, version;
	bool main;
};

static struct module module_of(struct span fields, bool is_main)
{
	struct module m = {.main = is_main};

	(void)span_next(&fields, '\t', &m.path);
	(void)span_next(&fields, '\t', &m.version);
	return m;
}

static void emit_module(struct cat *c, const struct module *m, struct span modules)
{
	struct span version = m->version;

	if (m->path.n == 0)
		return;
	if (m->main && (version.n == 0 || span_is(version, S("(devel)"))))
		version = golang_main_version(m->path, modules, cat_scratch(c));
	emit(c, m->path, span_is(version, S("(devel)")) ? S("") : version);
}

static void emit_modules(struct cat *c, struct span modules)
{
	struct rd r = rd_of(modules);
	struct module last = {0};
	bool seen_main = false;

	while (rd_more(&r)) {
		struct span line = rd_line(&r), key, rest;

		if (!span_cut(line, '\t', &key, &rest))
			continue;
		if (span_is(key, S("=>"))) {
			struct module with = module_of(rest, last.main);

			/* A folder of the builder's machine says less than what it replaced. */
			if (!is_folder(with.path))
				last = with;
		} else if (span_is(key, S("mod")) || span_is(key, S("dep"))) {
			emit_module(c, &last, modules);
			last = module_of(rest, span_is(key, S("mod")) && !seen_main);
			seen_main = seen_main || last.main;
		}
	}
	emit_module(c, &last, modules);
}

/* The likely place first; all of the file where it is a Go program without doubt. */
static bool find_build(const struct elf *e, bool go, struct span bytes, struct build *out)
{
	return (e && search(e, likely_place(e), out)) || (go && search(e, bytes, out));
}

static enum rmg_rc parse(struct cat *c, struct span bytes)
{
	struct elf elf, *e = elf_open(bytes, &elf, NULL) == RMG_OK ? &elf : NULL;
	bool go = e ? is_go(e) : is_foreign_go(span_head(bytes, LIMIT_HEAD_BYTES));
	struct build b;

	if (find_build(e, go, bytes, &b)) {
		emit_toolchain(c, b.go);
		emit_modules(c, b.modules);
	} else if (is_packed(bytes)) {
		cat_note(c, RMG_E_FORMAT, "packed-program",
			 "program packed by UPX: what it is made of cannot be read", S(""));
	} else if (go) {
		cat_note(c, RMG_E_UNSUPPORTED, "golang-no-buildinfo",
			 "Go program without build information: its modules are not known", S(""));
	}
	return RMG_OK;
}

const struct cataloger catalog_golang = {
    .name = "golang",
    .wants = wants,
    .parse = parse,
    .max_bytes = LIMIT_FILE_HELD_BYTES,
};
