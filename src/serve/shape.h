/* SPDX-License-Identifier: Apache-2.0 */
/* shape.h - shape.def as JSON Schema, in the words of OpenAPI 3.0. */
#ifndef SERVE_SHAPE_H
#define SERVE_SHAPE_H

#include "format/jsonw.h"

/* What a route is sent, or answers, for shape_put(); NULL: the table does not say. */
const char *shape_sent(const char *route);
const char *shape_answered(const char *route);

/* The members of a schema for one of these words, "a|b"; "|a": or for none. */
void shape_put_words(struct jsonw *w, struct span words);
/* The schema of a list of members, or of "#Name". */
void shape_put(struct jsonw *w, const char *members);
/* All that have names, as the members of an object. */
void shape_put_named(struct jsonw *w);

#endif
