/* SPDX-License-Identifier: Apache-2.0 */
/* A score lies between 0 and 10. */
#include "vuln/match.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span version;
	double score;

	if (size <= 1024 && cvss_score(span_of(data, size), &score, &version))
		CHECK(score >= 0 && score <= 10 && version.n == 3);
	return 0;
}
