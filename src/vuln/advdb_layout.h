/* SPDX-License-Identifier: Apache-2.0 */
/* advdb_layout.h - where things are in an advisory database, for its reader and its writer.
 *
 *     0   "RMGADVDB"   8 version u32, 0 u32   16 size of the file u64, 0 u64   32 sha256 of [64,
 * size) 64  built: string u32, sections u32     72 per section: offset u64, elements u64
 *
 * All little-endian, nothing aligned. A string is its offset in STRINGS (length as LEB128, then the
 * bytes; 0 is
 * ""). A list is its index in LISTS (a count, then so many elements; 0 is the empty list).
 * docs/advdb-format.md explains it for readers in other languages. */
#ifndef VULN_ADVDB_LAYOUT_H
#define VULN_ADVDB_LAYOUT_H

#include "base/span.h"

#define ADVDB_MAGIC "RMGADVDB"

enum {
	AT_VERSION = 8,
	AT_SIZE = 16,
	AT_SHA256 = 32,
	AT_CONTENT = 64, /* what the hash covers */
	AT_BUILT = 64,
	AT_SECTIONS = 68,
	AT_TABLE = 72,
};

/* X(section, bytes of an element) */
#define ADVDB_SECTIONS_X                                                                           \
	X(STRINGS, 1)                                                                              \
	X(SOURCES, 24)    /* name, fetched, flags u32, 0 u32, count u64 */                         \
	X(ECOSYSTEMS, 12) /* in order: name, first key u32, keys u32 */                            \
	X(KEYS,                                                                                    \
	  32) /* in order: ecosystem, name, first rule u32, rules u32, content u64, scores u64 */  \
	X(SLOTS, 4)  /* open addressing: 0, or a key + 1; their number is a power of two */        \
	X(RULES, 24) /* card u32, events, versions, status text, module, status u8, severity u8,   \
			source u16 */                                                              \
	X(CARDS, 64) /* see card_put() and advdb_card() */                                         \
	X(LISTS, 4)

enum advdb_section {
#define X(name, bytes) AT_##name,
	ADVDB_SECTIONS_X
#undef X
	    ADVDB_SECTIONS,
};

enum { ADVDB_START = AT_TABLE + 16 * ADVDB_SECTIONS };

/* Flags of a source and of a card. */
enum { SOURCE_STARTER = 1, CARD_EPSS = 1, CARD_KEV = 2 };

/* EPSS is stored in units of 1e-9, CVSS scores of 1e-2: the nearest double comes back. */
#define EPSS_UNIT 1e9
#define CVSS_UNIT 1e2

/* An event is the offset of its version times four, plus its kind; so strings end below this. */
#define ADVDB_STRINGS_MAX ((size_t)1 << 30)

enum { CVSS_WORDS = 4 }; /* version, vector, source, score */

#endif
