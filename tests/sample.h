/* SPDX-License-Identifier: Apache-2.0 */
/* sample.h - for unit tests: a file below testdata (the environment's TESTDATA) as a span.
 * The bytes are malloc'd at their exact size, so that ASan sees reads past the end; sample_free().
 */
#ifndef TESTS_SAMPLE_H
#define TESTS_SAMPLE_H

#include <stdio.h>
#include <stdlib.h>

#include "base/span.h"

static inline struct span sample_read(const char *folder, const char *name)
{
	const char *root = getenv("TESTDATA");
	char path[4096];
	long n;
	uint8_t *p;
	FILE *f;

	snprintf(path, sizeof path, "%s/%s/%s", root ? root : "testdata", folder, name);
	f = fopen(path, "rb");
	if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (n = ftell(f)) < 0) {
		perror(path);
		abort();
	}
	rewind(f);
	p = malloc((size_t)n ? (size_t)n : 1);
	if (p == NULL || fread(p, 1, (size_t)n, f) != (size_t)n)
		abort();
	fclose(f);
	return span_of(p, (size_t)n);
}

static inline void sample_free(struct span s)
{
	void *p;

	memcpy(&p, &s.p, sizeof p);
	free(p);
}

#endif
