/* SPDX-License-Identifier: Apache-2.0 */
/* way.h - the words for how an image came to be on a machine (EVENT_WAYS of event.h). */
#ifndef MODEL_WAY_H
#define MODEL_WAY_H

#include "model/event.h"

const char *way_name(enum event_way w);             /* "commit"; "" not known */
bool way_of(struct span word, enum event_way *out); /* false: there is no such word */

#endif
