/* SPDX-License-Identifier: Apache-2.0 */
/* floor.c - the least that a scan of an image must cost, to be measured beside it:
 *
 *	floor BLOB...        layer blobs of an OCI layout
 *
 * Each blob is read and hashed, decompressed, and the bytes of its executables (ELF, "#!") are
 *hashed, on one core, and nothing else is done. The walk over tar headers is ours; it is small
 *beside that. Prints one line of JSON: processor seconds (user and system), wall seconds, bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "format/codec.h"
#include "format/sha256.h"
#include "format/tar.h"

enum { IN = 256 << 10, OUT = 1 << 20 };

struct floor {
	struct sha256 *blob, *file;
	struct tar *tar;
	struct codec *codec;
	uint64_t blob_bytes, tar_bytes, hashed_bytes, entries, executables;
	bool wanted, begun; /* the entry is hashed; its first bytes were judged */
	uint8_t *in, *out;
};

static void die(const char *what, const struct rmg_err *err)
{
	fprintf(stderr, "floor: %s%s%s\n", what, err ? ": " : "", err ? err->msg : "");
	exit(1);
}

static bool is_executable(const struct tar_entry *e, struct span head)
{
	return e->type == TAR_FILE &&
	       (span_starts(head, S("\177ELF")) || (e->mode & 0111 && span_starts(head, S("#!"))));
}

static void event(struct floor *f, const struct tar_item *item)
{
	uint8_t digest[SHA256_BYTES];

	if (item->event == TAR_ENTRY) {
		f->entries++;
		f->begun = f->wanted = false;
	} else if (item->event == TAR_DATA) {
		if (!f->begun) {
			f->begun = true;
			f->wanted = is_executable(item->entry, item->data);
			f->executables += f->wanted;
			if (f->wanted)
				sha256_begin(f->file);
			else
				tar_skip(f->tar);
		}
		if (!f->wanted)
			return;
		sha256_put(f->file, item->data);
		f->hashed_bytes += item->data.n;
	} else if (item->event == TAR_ENTRY_END && f->wanted) {
		sha256_end(f->file, digest);
	}
}

static void walk(struct floor *f, struct span in)
{
	struct tar_item item;
	struct rmg_err err;

	f->tar_bytes += in.n;
	do {
		if (tar_next(f->tar, &in, &item, &err) != RMG_OK)
			die("tar", &err);
		event(f, &item);
	} while (item.event != TAR_MORE);
}

static void decode(struct floor *f, struct span in)
{
	size_t n = 0;
	struct rmg_err err;

	do {
		if (codec_step(f->codec, &in, f->out, OUT, &n, &err) != RMG_OK)
			die("blob", &err);
		walk(f, span_of(f->out, n));
	} while (in.n || n == OUT);
}

static void blob(struct floor *f, const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t digest[SHA256_BYTES];
	struct rmg_err err;
	size_t n;

	if (file == NULL)
		die(path, NULL);
	setvbuf(file, NULL, _IONBF, 0);
	sha256_begin(f->blob);
	if (tar_new(&f->tar, &err) != RMG_OK)
		die(path, &err);
	while ((n = fread(f->in, 1, IN, file)) != 0) {
		struct span in = span_of(f->in, n);

		if (f->codec == NULL && codec_new(codec_detect(in), &f->codec, &err) != RMG_OK)
			die(path, &err);
		sha256_put(f->blob, in);
		f->blob_bytes += n;
		decode(f, in);
	}
	if (f->codec == NULL || codec_end(f->codec, &err) != RMG_OK || tar_end(f->tar, &err))
		die(path, f->codec ? &err : NULL);
	sha256_end(f->blob, digest);
	tar_free(f->tar);
	codec_free(f->codec);
	f->codec = NULL;
	fclose(file);
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static double wall(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	struct floor f = {.blob = sha256_new(), .file = sha256_new()};
	double begin = wall();
	struct rusage used;

	f.in = malloc(IN);
	f.out = malloc(OUT);
	if (f.blob == NULL || f.file == NULL || f.in == NULL || f.out == NULL)
		die("no memory", NULL);
	for (int i = 1; i < argc; i++)
		blob(&f, argv[i]);
	getrusage(RUSAGE_SELF, &used);
	printf("{\"cpu_s\": %.4f, \"user_s\": %.4f, \"system_s\": %.4f, \"wall_s\": %.4f, "
	       "\"blob_bytes\": %llu, \"tar_bytes\": %llu, \"hashed_bytes\": %llu, "
	       "\"entries\": %llu, \"executables\": %llu}\n",
	       seconds(used.ru_utime) + seconds(used.ru_stime), seconds(used.ru_utime),
	       seconds(used.ru_stime), wall() - begin, (unsigned long long)f.blob_bytes,
	       (unsigned long long)f.tar_bytes, (unsigned long long)f.hashed_bytes,
	       (unsigned long long)f.entries, (unsigned long long)f.executables);
	sha256_free(f.blob);
	sha256_free(f.file);
	free(f.in);
	free(f.out);
	return 0;
}
