/* SPDX-License-Identifier: Apache-2.0 */
#include "format/procmaps.h"

enum { WORDS = 5 }; /* before the path: addresses, rights, offset, device, inode */

static bool path_of(struct span line, struct span *path)
{
	struct span word;

	for (size_t i = 0; i < WORDS; i++)
		if (!span_word(&line, &word))
			return false;
	*path = span_trim(line);
	return span_starts(*path, S("/")) && !span_ends(*path, S(" (deleted)")) &&
	       !span_has(*path, S("\\012"));
}

bool procmaps_next(struct span *text, struct span *before)
{
	struct span line, path;

	while (span_next(text, '\n', &line)) {
		if (!path_of(line, &path) || span_is(path, *before))
			continue;
		*before = path;
		return true;
	}
	return false;
}
