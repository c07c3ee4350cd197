/* SPDX-License-Identifier: Apache-2.0 */
/* db_text.h - a database's age and sources, for db status and version. */
#ifndef CMD_DB_TEXT_H
#define CMD_DB_TEXT_H

#include <rummage.h>

#include "base/strbuf.h"
#include "format/jsonw.h"

void db_text_table(const struct rmg_db *db, struct strbuf *out);
void db_text_json(const struct rmg_db *db, struct strbuf *out); /* a document */
void db_text_object(const struct rmg_db *db, struct jsonw *w);  /* the same as a value */

/* "3 hours old" */
void db_text_age(int64_t age_s, struct strbuf *out);

#endif
