/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/split_layer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/limits.h"
#include "format/codec.h"
#include "format/tarsplit.h"
#include "lib/extent.h"

enum { PIECE_BYTES = 256 << 10, PACKED_BYTES = 64 << 10 };

struct again {
	struct source *source;
	int record, dir;
	uint64_t at; /* in the record */
	struct codec *codec;
	struct tarsplit *split;
	uint8_t *packed, *plain, *piece;
	source_sink *sink;
	void *user;
	struct rmg_err *err;
};

static enum rmg_rc no_such(struct again *g, struct span name, const char *what)
{
	return err_set(g->err, RMG_E_FORMAT, SPAN_FMT ": %s", SPAN_ARG(name), what);
}

static enum rmg_rc open_file(struct again *g, const struct tarsplit_item *f, int *out)
{
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW,
			       .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	char name[LIMIT_PATH_BYTES_MAX + 1];
	struct stat st;
	int fd;

	snprintf(name, sizeof name, SPAN_FMT, SPAN_ARG(f->name));
	fd = (int)syscall(SYS_openat2, g->dir, name, &how, sizeof how);
	if (fd < 0)
		return err_os(g->err, errno == ENOMEM ? RMG_E_NOMEM : RMG_E_FORMAT, "%s", name);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size != f->size) {
		close(fd);
		return no_such(g, f->name, "is not the file that it was when it was unpacked");
	}
	*out = fd;
	return RMG_OK;
}

static enum rmg_rc send_file(struct again *g, const struct tarsplit_item *f)
{
	int fd = -1;
	enum rmg_rc rc = open_file(g, f, &fd);

	for (uint64_t at = 0; rc == RMG_OK && at < f->size;) {
		size_t want = (size_t)MIN_OF(f->size - at, (uint64_t)PIECE_BYTES), got = 0;

		if (extent_pread(fd, g->piece, want, at, &got, g->err) != RMG_OK || got < want)
			rc = no_such(g, f->name, "cannot be read, or became shorter");
		if (rc == RMG_OK)
			rc = g->sink(g->user, span_of(g->piece, got), g->err);
		if (rc == RMG_OK && source_stopped(g->source))
			rc = err_set(g->err, RMG_E_STOPPED, "stopped");
		at += got;
	}
	if (fd >= 0)
		close(fd);
	return rc;
}

static enum rmg_rc take_plain(struct again *g, struct span plain)
{
	struct tarsplit_item item;
	enum rmg_rc rc;

	do {
		rc = tarsplit_next(g->split, &plain, &item, g->err);
		if (rc == RMG_OK && item.kind == TARSPLIT_BYTES)
			rc = g->sink(g->user, item.bytes, g->err);
		if (rc == RMG_OK && item.kind == TARSPLIT_FILE)
			rc = send_file(g, &item);
	} while (rc == RMG_OK && item.kind != TARSPLIT_MORE);
	return rc;
}

static enum rmg_rc take_packed(struct again *g, struct span in)
{
	size_t n = 0;
	enum rmg_rc rc = RMG_OK;

	while (rc == RMG_OK && (in.n || n == PIECE_BYTES)) {
		rc = codec_step(g->codec, &in, g->plain, PIECE_BYTES, &n, g->err);
		if (rc == RMG_OK)
			rc = take_plain(g, span_of(g->plain, n));
		if (rc == RMG_OK && source_stopped(g->source))
			rc = err_set(g->err, RMG_E_STOPPED, "stopped");
	}
	return rc;
}

static enum rmg_rc read_record(struct again *g)
{
	size_t n = 0;
	enum rmg_rc rc;

	do {
		rc = extent_pread(g->record, g->packed, PACKED_BYTES, g->at, &n, g->err);
		if (rc == RMG_OK && g->codec == NULL)
			rc = codec_new(codec_detect(span_of(g->packed, n)), &g->codec, g->err);
		if (rc == RMG_OK)
			rc = take_packed(g, span_of(g->packed, n));
		g->at += n;
	} while (rc == RMG_OK && n == PACKED_BYTES);
	if (rc == RMG_OK)
		rc = codec_end(g->codec, g->err);
	if (rc == RMG_OK)
		rc = tarsplit_end(g->split, g->err);
	return rc;
}

enum rmg_rc split_layer_read(struct source *s, int record, int dir, source_sink *sink, void *user,
			     struct rmg_err *err)
{
	struct again g = {.source = s,
			  .record = record,
			  .dir = dir,
			  .packed = malloc(PACKED_BYTES),
			  .plain = malloc(PIECE_BYTES),
			  .piece = malloc(PIECE_BYTES),
			  .sink = sink,
			  .user = user,
			  .err = err};
	enum rmg_rc rc = tarsplit_new(&g.split, err);

	if (rc == RMG_OK && (g.packed == NULL || g.plain == NULL || g.piece == NULL))
		rc = err_set(err, RMG_E_NOMEM, "no memory to make a layer's tar again");
	if (rc == RMG_OK)
		rc = read_record(&g);
	codec_free(g.codec);
	tarsplit_free(g.split);
	free(g.packed);
	free(g.plain);
	free(g.piece);
	return rc;
}
