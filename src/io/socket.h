/* SPDX-License-Identifier: Apache-2.0 */
/* socket.h - whether somebody listens at a Unix socket. */
#ifndef IO_SOCKET_H
#define IO_SOCKET_H

#include <stdbool.h>

#include "base/attr.h"

/* true: a connection was taken (it is closed again at once). Does not wait. */
MUST bool socket_answers(const char *path);

#endif
