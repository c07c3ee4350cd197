/* SPDX-License-Identifier: Apache-2.0 */
/* rpmdb.h - the headers in a database of installed rpm packages, whichever of rpm's three formats
 * it has: Berkeley DB hash ("Packages", rpm to 4.15), ndb ("Packages.db", SUSE) or SQLite
 * ("rpmdb.sqlite", Fedora 33 on).
 *
 * Works on the whole file as a span; a header that lies in one piece is handed out where it is,
 * others are gathered in scratch. Every header that cannot be had is told, and the walk goes on.
 * Damaged or hostile links can make no loop and no quadratic work: all gathered bytes together
 * are bounded by a small multiple of the file's. */
#ifndef FORMAT_RPMDB_H
#define FORMAT_RPMDB_H

#include "base/arena.h"

struct rpmdb_sink {
	void *user;
	/* One header, for rpm_header_read(); valid during the call. */
	void (*header)(void *user, struct span blob);
	/* Something could not be read: what, and the number of its page, slot or block. */
	void (*lost)(void *user, enum rmg_rc rc, const char *what, uint64_t where);
};

/* Fails where the file is no such database at all, or memory ran out; headers that are lost do not
 * make it fail. */
MUST enum rmg_rc rpmdb_walk(struct span file, struct arena *scratch, const struct rpmdb_sink *sink);

#endif
