/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_main.c - replays samples through a fuzz target without libFuzzer: every file below the
 * folders (or files) that are named. No sample at all is a failure: a fuzz target has seeds. */
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned replayed;

static int replay(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	size_t size = (size_t)st->st_size, got;
	uint8_t *data;
	FILE *f;

	(void)at;
	if (kind != FTW_F)
		return 0;
	f = fopen(path, "rb");
	data = malloc(size ? size : 1);
	if (f == NULL || data == NULL) {
		perror(path);
		exit(1);
	}
	got = fread(data, 1, size, f);
	fclose(f);
	if (got != size) {
		fprintf(stderr, "%s: short read\n", path);
		exit(1);
	}
	(void)LLVMFuzzerTestOneInput(data, size);
	free(data);
	replayed++;
	return 0;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (nftw(argv[i], replay, 16, FTW_PHYS) != 0) {
			perror(argv[i]);
			return 1;
		}
	}
	printf("%u samples replayed\n", replayed);
	return replayed == 0;
}
