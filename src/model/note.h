/* SPDX-License-Identifier: Apache-2.0 */
/* note.h - doubt about a result. A note of lost data makes the result incomplete. */
#ifndef MODEL_NOTE_H
#define MODEL_NOTE_H

#include "base/span.h"

enum note_level {
	NOTE_INFO, /* worth knowing; nothing is missing */
	NOTE_WARN, /* suspicious or repaired; nothing is missing */
	NOTE_LOST, /* something could not be read: complete is false */
};

struct note {
	enum note_level level;
	struct span code; /* stable, docs/ERRORS.md: "dpkg-no-version", "gzip-truncated" */
	/* who says it: a cataloger's name, or "tar", "layer", "worker", "source" */
	struct span cataloger;
	struct span path; /* in the image; "" where it is about no file */
	struct span text; /* a sentence: what, and what it means for the result */
};

#endif
