/* SPDX-License-Identifier: Apache-2.0 */
/* hangup.h - SIGHUP: what was read at the start is to be read again. */
#ifndef CMD_HANGUP_H
#define CMD_HANGUP_H

#include <stdbool.h>

void hangup_listen(void);
bool hangup_asked(void *user); /* once each time, or for several of them */

#endif
