/* SPDX-License-Identifier: Apache-2.0 */
/* db_remote_inside.h - what pulling and pushing a database share. The inside of db_remote.h. */
#ifndef LIB_DB_REMOTE_INSIDE_H
#define LIB_DB_REMOTE_INSIDE_H

#include "lib/client.h"
#include "lib/db_remote.h"
#include "oci/artifact.h"
#include "oci/digest.h"

/* What a reference turned out to mean. */
struct db_seen {
	char manifest[DIGEST_TEXT]; /* "": nothing yet */
	char database[DIGEST_TEXT];
};

struct db_refused {
	char manifest[DIGEST_TEXT]; /* "": nothing is */
	struct rmg_err why;
	unsigned times;
	int64_t again_ms; /* by the tick: when it is fetched once more */
};

struct db_remote {
	struct rmg_db_opts opts;
	struct rmg_opts registry; /* the client's */
	struct arena arena;
	struct reference ref;
	struct db_seen seen;
	struct db_refused refused;
	int64_t built_ms; /* of what was taken from there last; 0: nothing yet */
};

static inline struct span db_remote_name(const struct db_remote *r)
{
	return r->ref.digest.n ? r->ref.digest : r->ref.tag;
}

/* "sha256:..." as it is named by itself. */
const char *db_digest(const struct advdb *db, char buf[DIGEST_TEXT]);

void db_remote_warn(const struct db_remote *r, const char *what, const struct rmg_err *why);

#endif
