/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever is mounted: rows lie inside the text, paths hold no NUL, and there are so many layers at
 * most. */
#include "format/mountinfo.h"

#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_path(struct span path)
{
	if (path.n && span_chr(path, '\0') != SIZE_MAX)
		__builtin_trap();
}

static void check_overlay(struct arena *a, struct span super)
{
	struct overlay_dirs dirs;

	if (!overlay_dirs(a, super, &dirs))
		return;
	if (dirs.n_lower == 0 || dirs.n_lower > LIMIT_LAYERS)
		__builtin_trap();
	for (size_t i = 0; i < dirs.n_lower; i++) {
		if (dirs.lower[i].n == 0)
			__builtin_trap();
		check_path(dirs.lower[i]);
	}
	check_path(dirs.upper);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of(data, size);
	struct mount_row row;
	struct arena a;

	if (size > KIB(64))
		return 0;
	arena_init(&a, MIB(16));
	check_overlay(&a, text);
	while (mount_next(&text, &row)) {
		if (row.point.n && (row.point.p < data || row.point.p + row.point.n > data + size))
			__builtin_trap();
		check_path(mount_path(&a, row.point));
		if (span_is(row.fs, S("overlay")))
			check_overlay(&a, row.super);
	}
	arena_done(&a);
	return 0;
}
