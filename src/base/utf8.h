/* SPDX-License-Identifier: Apache-2.0 */
/* utf8.h - UTF-8 (RFC 3629) checked and made safe to show.
 *
 * "Clean" text is valid UTF-8 without C0/C1 controls (tab and newline are controls too).
 * Surrogates, overlong forms and values above U+10FFFF are not valid. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

/* Length in bytes (1..4) of the valid sequence that p begins, 0 where it is not one. */
size_t utf8_len(const uint8_t *p, size_t n);

bool utf8_valid(struct span s);
bool utf8_is_clean(struct span s);

/* Replaces every byte that is not part of clean text by '?', in place; the string stays as long.
 * A sequence cut by the end of the buffer is replaced as well. */
void utf8_clean_cstr(char *s, size_t size);

/* Columns that clean text takes on a terminal: East Asian wide characters count two,
 * combining marks none. */
size_t utf8_width(struct span s);

#endif
