/* SPDX-License-Identifier: Apache-2.0 */
/* socket.h - Unix sockets of others.
 *
 * They are opened as their owner where we are root: who has given up the right to pass over
 * permissions is nobody in another user's folder, and who has not should not follow that user's
 * links with it. */
#ifndef IO_SOCKET_H
#define IO_SOCKET_H

#include <stdbool.h>

#include "base/attr.h"

/* What this thread does to files from now on, it does as the owner of a socket; false: that is us.
 */
MUST bool socket_as_owner(const char *path);
void socket_as_ourselves(void);

/* A connection that does not block, the caller's to close; -1: errno says why. Does not wait. */
MUST int socket_connect(const char *path);

/* true: a connection was taken (it is closed again at once). Does not wait. */
MUST bool socket_answers(const char *path);

#endif
