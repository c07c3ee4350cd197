/* SPDX-License-Identifier: Apache-2.0 */
/* wire.h - what passes between rummage and rummage-parse.
 *
 *	rummage                                  rummage-parse
 *	  ring, written by it alone   ---------->  the same pages, mapped read-only     (fd 3)
 *	  struct wire_order           ---------->  what to do, then one per full slot   (fd 0)
 *	                              <----------  one byte per slot that is free again (fd 0)
 *	                              <----------  struct wire_answer, then its bytes   (fd 1)
 *
 * Bytes are hashed by the parent in the ring where the worker reads them: both see the same ones,
 * and a file that changes meanwhile cannot make facts for a digest that it does not have. A worker
 * does one job and ends. Both sides are one build: integers are the machine's own. */
#ifndef BOX_WIRE_H
#define BOX_WIRE_H

#include "base/scan_limits.h"

enum {
	WIRE_SLOTS = 8,
	WIRE_SLOT_BYTES = 256 * 1024,
	WIRE_RING_BYTES = WIRE_SLOTS * WIRE_SLOT_BYTES
};
enum { WIRE_FD_CONTROL = 0, WIRE_FD_ANSWER = 1, WIRE_FD_RING = 3 };
enum { WIRE_MAGIC = 0x524d4731 };

enum wire_job {
	JOB_LAYER = 1, /* a layer's blob in, packed facts out */
	/* a tar in, its members out: struct wire_member, path, a link's target, and so on */
	JOB_INDEX,
	/* compressed bytes in, decompressed bytes out, as they come, without an answer's head */
	JOB_INFLATE,
	JOB_LEVEL, /* nothing in; the answer's level is all that is wanted */
};

enum wire_op { OP_JOB = 1, OP_SLOT, OP_END };

enum wire_flag { WIRE_NO_SANDBOX = 1, WIRE_DIFF_ID = 2 };

struct wire_order {
	uint32_t op;
	uint32_t value; /* OP_JOB: wire_job; OP_SLOT: bytes in the next slot */
	uint32_t flags; /* OP_JOB: wire_flag */
	uint32_t unused;
	uint64_t max_bytes;        /* OP_JOB: how much may come out */
	struct scan_limits limits; /* OP_JOB: JOB_LAYER */
};

struct wire_answer {
	uint32_t magic;
	uint32_t rc;    /* enum rmg_rc */
	uint64_t bytes; /* that follow: the result, or with another rc than RMG_OK the message */
	char level[32];
};

struct wire_member {
	/* of the content in the stream; of a link, size is its target's */
	uint64_t offset, size;
	uint32_t type;       /* enum tar_type */
	uint32_t path_bytes; /* that follow, and then a link's target */
};

#endif
