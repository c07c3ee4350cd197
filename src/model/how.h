/* SPDX-License-Identifier: Apache-2.0 */
/* how.h - the words of EVENT_HOWS. */
#ifndef MODEL_HOW_H
#define MODEL_HOW_H

#include "base/strbuf.h"
#include "model/event.h"

const char *how_name(enum event_how h); /* "new" */

/* One word; false where it is none. */
bool how_of(struct span word, uint32_t *bit);

/* All known words of a list that spaces divide. */
uint32_t how_bits(struct span words);

/* "new setuid". */
void how_write(uint32_t bits, struct strbuf *out);

#endif
