/* SPDX-License-Identifier: Apache-2.0 */
/* rfc3339.h - times as text and as milliseconds since 1970 (RFC 3339; years 0 to 9999).
 *
 * Read: a day alone ("2026-11-24" is its beginning), a time with any zone or none (UTC), a fraction
 * of which the milliseconds count. A leap second is the second after it. */
#ifndef BASE_RFC3339_H
#define BASE_RFC3339_H

#include "base/span.h"

enum { RFC3339_BYTES = 32 };

MUST bool rfc3339_parse(struct span text, int64_t *out_ms);

/* UTC, with milliseconds where there are any; "" for a year that has no four digits. Gives buf. */
char *rfc3339_text(int64_t ms, char buf[RFC3339_BYTES]);

#endif
