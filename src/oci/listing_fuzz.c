/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte chooses: a list of repositories, of tags, or a header Link. */
#include "oci/listing.h"

#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool take(void *user, struct span name)
{
	CHECK(name.n && name.n <= 255);
	CHECK(span_chr(name, ' ') == SIZE_MAX && span_chr(name, '?') == SIZE_MAX);
	return ++*(size_t *)user < 1000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = span_of(data + 1, size - (size != 0));
	struct arena a;
	size_t n = 0, odd = 0;
	char *next = NULL;
	enum rmg_rc rc;

	if (size == 0 || size > 65536)
		return 0;
	arena_init(&a, MIB(1));
	if (data[0] == 'l') {
		rc = listing_next(S("r.example"), S("/v2/_catalog?n=1000"), rest, &a, &next, NULL);
		CHECK(rc == RMG_OK || next == NULL);
		CHECK(next == NULL || span_starts(span_cstr(next), S("/v2/")));
	} else {
		rc = listing_parse(data[0] == 'r' ? LISTING_REPOSITORIES : LISTING_TAGS, rest, take,
				   &n, &odd, NULL);
		CHECK(rc == RMG_OK || n == 0);
	}
	arena_done(&a);
	return 0;
}
