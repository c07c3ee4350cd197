/* SPDX-License-Identifier: Apache-2.0 */
/* field.h - lists in the header fields of HTTP requests (RFC 9110): what a client takes, and what
 * it has already. A field that is not as it should be says nothing: the answer is false. */
#ifndef FORMAT_FIELD_H
#define FORMAT_FIELD_H

#include "base/span.h"

/* Accept-Encoding (12.5.3): whether this coding is taken, by its name or by "*", and not with the
 * weight 0. An empty field takes none. */
bool field_accepts(struct span value, struct span coding);

/* If-None-Match (13.1.2): whether it is "*" or names this tag, given with its quotes. Tags are
 * compared weakly (8.8.3.2): W/ makes no difference. */
bool field_has_tag(struct span value, struct span tag);

#endif
