/* SPDX-License-Identifier: Apache-2.0 */
/* db_remote.h - the advisory database in a registry (oci/artifact.h says in which form): taken from
 * there, and put there.
 *
 * What comes is held against every digest and size that was promised, and against the database's
 * own hash and references, before it takes the place of the file at opts->out. Where patches lead
 * there from the file that is there, they are fetched and not the whole; where one fails, the whole
 * is all the same, and opts->warn says why. Belongs to one thread at a time. */
#ifndef LIB_DB_REMOTE_H
#define LIB_DB_REMOTE_H

#include <rummage.h>

#include "base/err.h"
#include "vuln/advdb.h"

struct db_remote;

/* "[registry:]HOST/REPOSITORY[:TAG][@DIGEST]". opts->out is set for pulling; its strings are
 * borrowed. */
MUST enum rmg_rc db_remote_open(const char *ref, const struct rmg_db_opts *opts,
				struct db_remote **out, struct rmg_err *err);
void db_remote_close(struct db_remote *r);

/* May be called again and again: it is first asked by HEAD whether the reference means something
 * new. What was refused is refused again without being fetched, for a while that doubles up to an
 * hour, as is a database that is older than the one that was taken from there before. */
MUST enum rmg_rc db_remote_pull(struct db_remote *r, bool *changed, struct rmg_err *err);

/* changed: false where the reference means this database already. */
MUST enum rmg_rc db_remote_push(struct db_remote *r, const struct advdb *db, bool *changed,
				struct rmg_err *err);

#endif
