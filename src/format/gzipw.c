/* SPDX-License-Identifier: Apache-2.0 */
#include "format/gzipw.h"

#include <libdeflate.h>
#include <stdlib.h>

/* Of JSON the fastest level leaves little more than the others, in a fraction of their time. */
enum { LEVEL = 1 };

bool gzipw_pack(struct strbuf *b, size_t most)
{
	struct libdeflate_compressor *c;
	char *packed, *fitting;
	size_t n = 0;

	if (strbuf_rc(b) != RMG_OK || most == SIZE_MAX)
		return false;
	c = libdeflate_alloc_compressor(LEVEL);
	packed = malloc(most + 1);
	if (c && packed)
		n = libdeflate_gzip_compress(c, strbuf_cstr(b), b->n, packed, most);
	libdeflate_free_compressor(c);
	if (n == 0) { /* it does not fit */
		free(packed);
		return false;
	}
	packed[n] = '\0';
	fitting = realloc(packed, n + 1);
	free(b->p);
	b->p = fitting ? fitting : packed;
	b->n = n;
	b->cap = n + 1;
	return true;
}
