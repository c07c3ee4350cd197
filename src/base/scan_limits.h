/* SPDX-License-Identifier: Apache-2.0 */
/* scan_limits.h - what a caller may lower for one scan, of the bounds in base/limits.h; they cannot
 * be raised. A field of 0 is the bound itself. */
#ifndef BASE_SCAN_LIMITS_H
#define BASE_SCAN_LIMITS_H

#include "base/limits.h"

struct scan_limits {
	uint64_t layer_bytes; /* LAYER_BYTES: unpacked, of each layer */
	uint64_t
	    file_bytes;   /* FILE_HELD_BYTES: of one file, or of one member of an archive in it */
	uint32_t entries; /* LAYER_ENTRIES: of each layer */
	uint32_t depth;   /* NEST_DEPTH: archives inside archives */
};

static inline uint64_t limit_within(uint64_t wanted, uint64_t most)
{
	return wanted && wanted < most ? wanted : most;
}

static inline struct scan_limits scan_limits_within(struct scan_limits l)
{
	return (struct scan_limits){
	    .layer_bytes = limit_within(l.layer_bytes, LIMIT_LAYER_BYTES),
	    .file_bytes = limit_within(l.file_bytes, LIMIT_FILE_HELD_BYTES),
	    .entries = (uint32_t)limit_within(l.entries, LIMIT_LAYER_ENTRIES),
	    .depth = (uint32_t)limit_within(l.depth, LIMIT_NEST_DEPTH),
	};
}

#endif
