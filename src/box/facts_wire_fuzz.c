/* SPDX-License-Identifier: Apache-2.0 */
/* facts_wire_fuzz.c - any message is refused or gives facts that hold what facts.h promises, and
 * that pack into a message which is read as the same. */
#include "base/utf8.h"
#include "box/facts_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_BYTES = 1 << 20 };

static void promises(const struct facts *f)
{
	for (size_t i = 0; i < f->n_pkgs; i++) {
		CHECK(f->pkgs[i].dir < f->n_dirs);
		CHECK(f->pkgs[i].pkg.name.n && utf8_is_clean(f->pkgs[i].pkg.name));
	}
	for (size_t i = 0; i < f->n_execs; i++)
		CHECK(f->execs[i].dir < f->n_dirs && f->execs[i].format <= EXEC_MACHO);
	for (size_t i = 0; i < f->n_owned; i++) {
		size_t names = 0;

		for (size_t d = 0; d < f->owned[i].n_dirs; d++) {
			CHECK(f->owned[i].dirs[d] < f->n_paths);
			names += f->owned[i].counts[d];
		}
		CHECK(names == f->owned[i].n_names);
	}
	for (size_t i = 0; i < f->n_notes; i++)
		CHECK(f->notes[i].level <= NOTE_LOST && utf8_is_clean(f->notes[i].text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a, b;
	struct facts *f, *again;
	struct span packed;

	if (size > MOST_BYTES)
		return 0;
	arena_init(&a, 64 << 20);
	arena_init(&b, 64 << 20);
	if (facts_unpack(span_of(data, size), &a, &f, NULL) == RMG_OK) {
		promises(f);
		CHECK(facts_pack(f, &packed, NULL) == RMG_OK);
		CHECK(facts_unpack(packed, &b, &again, NULL) == RMG_OK);
		CHECK(f->n_pkgs == again->n_pkgs && f->n_dirs == again->n_dirs &&
		      f->n_notes == again->n_notes && f->n_paths == again->n_paths);
		free((void *)(uintptr_t)packed.p);
	}
	arena_done(&a);
	arena_done(&b);
	return 0;
}
