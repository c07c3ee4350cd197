/* SPDX-License-Identifier: Apache-2.0 */
/* elf_fuzz.c - whatever the header claims, what is handed out lies inside the file. */
#include "format/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct span whole, struct span part)
{
	if (part.n != 0)
		CHECK(part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = span_of(data, MIN_OF(size, (size_t)65536)), arch, got;
	struct elf_section section;
	struct elf_segment segment;
	struct elf e;

	if (elf_open(bytes, &e, NULL))
		return 0;
	CHECK(elf_arch(bytes, &arch));
	for (size_t i = 0; elf_section(&e, i, &section); i++) {
		inside(bytes, section.name);
		inside(bytes, section.data);
	}
	for (size_t i = 0; elf_segment(&e, i, &segment); i++)
		inside(bytes, segment.data);
	if (elf_find(&e, S(".text"), &section) && elf_read(&e, section.addr, section.size, &got)) {
		CHECK(got.n == section.size);
		inside(bytes, got);
	}
	return 0;
}
