/* SPDX-License-Identifier: Apache-2.0 */
#include "node/hash_fd.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "format/sha256.h"

enum { PIECE_BYTES = 256 << 10 };

static bool feed(int fd, struct sha256 *h, uint8_t *piece)
{
	uint64_t at = 0;

	while (at <= LIMIT_HASHED_BYTES) {
		ssize_t n = pread(fd, piece, PIECE_BYTES, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0;
		sha256_put(h, span_of(piece, (size_t)n));
		at += (uint64_t)n;
	}
	return false;
}

bool hash_fd(int fd, uint8_t out[32])
{
	struct sha256 *h = sha256_new();
	uint8_t *piece = malloc(PIECE_BYTES);
	struct stat st;
	bool good = h && piece && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && feed(fd, h, piece);

	if (good)
		sha256_end(h, out);
	sha256_free(h);
	free(piece);
	return good;
}
