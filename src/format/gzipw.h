/* SPDX-License-Identifier: Apache-2.0 */
/* gzipw.h - text as one member of gzip (RFC 1952) by libdeflate, where that makes it smaller. */
#ifndef FORMAT_GZIPW_H
#define FORMAT_GZIPW_H

#include "base/strbuf.h"

/* What is in b, packed, in its place. false, and b is as it was, where that would be more than
 * `most` bytes or memory ran out. Needs `most` bytes beside b, and the compressor's own few hundred
 * kilobytes. */
bool gzipw_pack(struct strbuf *b, size_t most);

#endif
