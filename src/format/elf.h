/* SPDX-License-Identifier: Apache-2.0 */
/* elf.h - ELF of both classes and both byte orders, read in place (System V gABI, chapters 4 and
 * 5).
 *
 * A struct elf borrows the file's bytes and owns nothing. Offsets and sizes that the file gives are
 * checked where they are used: a table, section or segment that does not lie inside the file is not
 * there. Each call is linear in the number of table rows (at most what the file has room for). */
#ifndef FORMAT_ELF_H
#define FORMAT_ELF_H

#include <rummage.h>

#include "base/err.h"
#include "base/span.h"

enum {
	ELF_HEAD_BYTES = 64, /* that elf_arch() is content with */
	ELF_PT_LOAD = 1,
	ELF_PT_NOTE = 4,
	ELF_PF_X = 1,
	ELF_PF_W = 2,
	ELF_SHT_NOBITS = 8,
};

struct elf {
	struct span bytes;
	bool wide; /* 64-bit */
	bool big;  /* big-endian */
	uint16_t type, machine;
	uint64_t entry;
	struct span sections, segments;      /* the two tables, cut to whole rows */
	size_t section_bytes, segment_bytes; /* of one row */
	size_t n_sections, n_segments;
	struct span names; /* the section names' strings */
};

struct elf_section {
	struct span name; /* "" where it is longer than 255 bytes */
	uint32_t type;
	uint64_t flags, addr, off, size;
	struct span data; /* empty for SHT_NOBITS, and where it does not lie inside the file */
};

struct elf_segment {
	uint32_t type, flags;
	uint64_t off, addr, file_bytes, mem_bytes;
	struct span data; /* as much of file_bytes as the file has */
};

/* A file that begins as an ELF does. */
bool elf_is(struct span head);

/* The architecture as OCI names it ("amd64", "arm64", "ppc64le", ...) from a file's first bytes; ""
 * for one that has no such name. False where it is no ELF. */
bool elf_arch(struct span head, struct span *arch);

/* Fails where it is no ELF or its header is cut short; tables that lie outside the file are empty.
 */
MUST enum rmg_rc elf_open(struct span bytes, struct elf *out, struct rmg_err *err);

/* Row i; false behind the last one. */
bool elf_section(const struct elf *e, size_t i, struct elf_section *out);
bool elf_segment(const struct elf *e, size_t i, struct elf_segment *out);

/* The first section of that name. */
bool elf_find(const struct elf *e, struct span name, struct elf_section *out);

/* n bytes at a virtual address, as the loader would find them in the file. */
bool elf_read(const struct elf *e, uint64_t addr, uint64_t n, struct span *out);

#endif
