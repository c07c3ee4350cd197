/* SPDX-License-Identifier: Apache-2.0 */
/* hash_fd.h - the SHA-256 of a file that is open. */
#ifndef NODE_HASH_FD_H
#define NODE_HASH_FD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

/* Of a regular file from its beginning, wherever the descriptor stands; false where it cannot be
 * read, or is longer than LIMIT_HASHED_BYTES. */
MUST bool hash_fd(int fd, uint8_t out[32]);

#endif
