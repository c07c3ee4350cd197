/* SPDX-License-Identifier: Apache-2.0 */
/* grid.h - a table of JSON items for a terminal: columns as wide as what is in them, those that are
 * empty throughout left out, the last one cut to fit. */
#ifndef CMD_GRID_H
#define CMD_GRID_H

#include "base/strbuf.h"
#include "format/json.h"

struct grid;
/* columns: "TITLE=member.member ...". NULL: no memory. */
struct grid *grid_new(const char *columns);
void grid_free(struct grid *g);
void grid_row(struct grid *g, json *item);
void grid_write(const struct grid *g, unsigned columns, struct strbuf *out); /* 0: unlimited */

#endif
