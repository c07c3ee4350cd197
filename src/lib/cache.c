/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "box/facts_wire.h"
#include "catalog/catalog.h"
#include "format/sha256.h"
#include "io/file.h"
#include "oci/digest.h"

/* "RMGF", then the SHA-256 of what follows it, then the message. */
enum { MAGIC_BYTES = 4, HEAD_BYTES = MAGIC_BYTES + SHA256_BYTES, PATH_MAX_BYTES = 4096 };

static char *sub_dir(const char *dir, const char *name)
{
	char *path = file_join(dir, name);

	if (path && file_mkdirs(path, NULL) != RMG_OK && !file_exists(path)) {
		free(path);
		path = NULL;
	}
	return path;
}

static void trouble(struct cache *c, const struct rmg_err *err)
{
	pthread_mutex_lock(&c->lock);
	if (c->trouble.rc == RMG_OK)
		c->trouble = *err;
	pthread_mutex_unlock(&c->lock);
}

void cache_open(struct cache *c, const char *dir, bool no_cache)
{
	char user[PATH_MAX_BYTES];
	struct rmg_err err = {0};

	*c = (struct cache){0};
	pthread_mutex_init(&c->lock, NULL);
	if (no_cache)
		return;
	if (dir == NULL && file_cache_dir(user, sizeof user))
		dir = user;
	if (dir == NULL) {
		(void)err_set(&err, RMG_E_IO, "no home is known for the cache: set XDG_CACHE_HOME");
		trouble(c, &err);
		return;
	}
	c->facts_dir = sub_dir(dir, "facts");
	c->base_dir = sub_dir(dir, "bases");
	if (c->facts_dir == NULL || c->base_dir == NULL) {
		(void)err_os(&err, RMG_E_IO, "the cache folder %s cannot be used", dir);
		trouble(c, &err);
	}
}

/* The file of a digest: its name holds all that the facts depend on. */
static bool facts_path(const struct cache *c, const uint8_t sha256[32], char *buf, size_t n)
{
	char digest[DIGEST_TEXT];
	uint64_t made_by = hash_span(span_cstr(catalog_fingerprint())) + FACTS_VERSION;
	int got;

	if (c->facts_dir == NULL)
		return false;
	digest_text(sha256, digest);
	got = snprintf(buf, n, "%s/%s-%016llx", c->facts_dir, strchr(digest, ':') + 1,
		       (unsigned long long)made_by);
	return got > 0 && (size_t)got < n;
}

bool cache_get(struct cache *c, const uint8_t sha256[32], bool need_diff, struct arena *a,
	       struct facts **out)
{
	char path[PATH_MAX_BYTES];
	struct file_map map;
	uint8_t sum[SHA256_BYTES];
	struct facts *f = NULL;
	bool good;

	if (!facts_path(c, sha256, path, sizeof path) || file_map(path, &map, NULL) != RMG_OK)
		return false;
	good = map.bytes.n > HEAD_BYTES && span_starts(map.bytes, S("RMGF"));
	if (good) {
		struct span body = span_from(map.bytes, HEAD_BYTES);

		sha256_of(body, sum);
		good = span_is(span_of(map.bytes.p + MAGIC_BYTES, SHA256_BYTES),
			       span_of(sum, sizeof sum)) &&
		       facts_unpack(body, a, &f, NULL) == RMG_OK && (f->has_diff || !need_diff);
	}
	file_unmap(&map);
	if (!good)
		return false;
	(void)utimensat(AT_FDCWD, path, NULL, 0); /* used: not the first to be evicted */
	*out = f;
	return true;
}

static bool lost_something(const struct facts *f)
{
	for (size_t i = 0; i < f->n_notes; i++)
		if (f->notes[i].level == NOTE_LOST)
			return true;
	return f->notes_dropped != 0;
}

void cache_put(struct cache *c, const uint8_t key[32], const struct facts *f, struct span packed)
{
	char path[PATH_MAX_BYTES];
	uint8_t sum[SHA256_BYTES];
	struct file_writer w;
	struct rmg_err err = {0};

	if (lost_something(f) || !facts_path(c, key, path, sizeof path))
		return;
	sha256_of(packed, sum);
	if (file_writer_open(&w, path, &err) != RMG_OK) {
		trouble(c, &err);
		return;
	}
	file_writer_put(&w, S("RMGF"));
	file_writer_put(&w, span_of(sum, sizeof sum));
	file_writer_put(&w, packed);
	if (file_writer_commit(&w, &err) != RMG_OK)
		trouble(c, &err);
	file_writer_done(&w);
	c->wrote = true;
}

static bool base_path(const struct cache *c, const uint8_t chain[32], char *buf, size_t n)
{
	char digest[DIGEST_TEXT];
	int got;

	if (c->base_dir == NULL)
		return false;
	digest_text(chain, digest);
	got = snprintf(buf, n, "%s/%s", c->base_dir, strchr(digest, ':') + 1);
	return got > 0 && (size_t)got < n;
}

bool cache_base_get(struct cache *c, const uint8_t chain[32], struct arena *a,
		    struct cached_base *out)
{
	char path[PATH_MAX_BYTES];
	struct span content, left, name, digest;
	bool good;

	if (!base_path(c, chain, path, sizeof path) ||
	    file_read(path, LIMIT_TEXT_BYTES, &content, NULL) != RMG_OK)
		return false;
	left = content;
	good = span_next(&left, '\n', &name) && span_next(&left, '\n', &digest);
	if (good) {
		out->name = arena_dup(a, name);
		out->digest = arena_dup(a, digest);
	}
	file_free(&content);
	return good;
}

void cache_base_put(struct cache *c, const uint8_t chain[32], const struct cached_base *base)
{
	char path[PATH_MAX_BYTES];
	struct strbuf text = strbuf_of(LIMIT_TEXT_BYTES);
	struct rmg_err err = {0};

	if (!base_path(c, chain, path, sizeof path) || file_exists(path))
		return;
	strbuf_put(&text, base->name);
	strbuf_putc(&text, '\n');
	strbuf_put(&text, base->digest);
	strbuf_putc(&text, '\n');
	if (strbuf_rc(&text) == RMG_OK && file_write(path, strbuf_span(&text), &err) != RMG_OK)
		trouble(c, &err);
	strbuf_done(&text);
}

struct old_file {
	char name[256];
	uint64_t bytes;
	int64_t used;
};

static int by_age(const void *a, const void *b)
{
	const struct old_file *x = a, *y = b;

	return (x->used > y->used) - (x->used < y->used);
}

/* Names are copied first: a folder that changes while it is listed lists anything. */
static void evict(const char *dir)
{
	VEC(struct old_file) files = {0};
	uint64_t total = 0;
	DIR *d = opendir(dir);
	struct dirent *e;
	struct stat st;

	while (d && (e = readdir(d)) != NULL) {
		struct old_file *f;

		if (e->d_name[0] == '.' || fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) ||
		    !S_ISREG(st.st_mode) || (f = VEC_ADD(&files)) == NULL)
			continue;
		snprintf(f->name, sizeof f->name, "%s", e->d_name);
		f->bytes = (uint64_t)st.st_size;
		f->used = st.st_mtim.tv_sec;
		total += f->bytes;
	}
	if (total > LIMIT_CACHE_BYTES)
		qsort(files.v, files.n, sizeof *files.v, by_age);
	for (size_t i = 0; d && i < files.n && total > LIMIT_CACHE_BYTES / 10 * 9; i++) {
		if (total <= LIMIT_CACHE_BYTES && i == 0)
			break;
		if (unlinkat(dirfd(d), files.v[i].name, 0) == 0)
			total -= files.v[i].bytes;
	}
	if (d)
		closedir(d);
	VEC_DONE(&files);
}

void cache_close(struct cache *c)
{
	if (c->facts_dir && c->wrote)
		evict(c->facts_dir);
	free(c->facts_dir);
	free(c->base_dir);
	pthread_mutex_destroy(&c->lock);
	*c = (struct cache){0};
}
