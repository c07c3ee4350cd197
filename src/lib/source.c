/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/source.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/utf8.h"

static const struct source_ops *const sources[] = {
    &source_registry,   &source_oci_dir,         &source_oci_archive, &source_docker_archive,
    &source_containerd, &source_docker,          &source_podman,      &source_rootfs,
    &source_container,  &source_container_image, &source_crio,
};

/* Schemes of references that are agreed on but not read here: the message should not be about
 * hosts. */
static const char *const strangers[] = {"sbom"};

enum { ARENA_CAP = 64 << 20 };

static bool has_scheme(const char *ref, const char *scheme)
{
	size_t n = strlen(scheme);

	return strncmp(ref, scheme, n) == 0 && ref[n] == ':';
}

/* A folder is a layout if it says so, else the root of a file system. */
static const struct source_ops *folder_kind(const char *path)
{
	int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool layout = dir >= 0 && faccessat(dir, "oci-layout", F_OK, 0) == 0 &&
		      faccessat(dir, "index.json", F_OK, 0) == 0;

	if (dir >= 0)
		close(dir);
	return layout ? &source_oci_dir : &source_rootfs;
}

/* Which source a reference is for, and what of it the source is to read. */
static enum rmg_rc source_of(const char *ref, const struct source_ops **ops, const char **rest,
			     struct rmg_err *err)
{
	struct stat st;

	for (size_t i = 0; i < COUNT_OF(sources); i++) {
		if (!has_scheme(ref, sources[i]->scheme))
			continue;
		*ops = sources[i];
		*rest = ref + strlen(sources[i]->scheme) + 1;
		return RMG_OK;
	}
	*rest = ref;
	*ops = &source_registry;
	if (stat(ref, &st) == 0) {
		*ops = S_ISDIR(st.st_mode) ? folder_kind(ref) : &source_any_archive;
		return RMG_OK;
	}
	for (size_t i = 0; i < COUNT_OF(strangers); i++)
		if (has_scheme(ref, strangers[i]))
			return err_set(
			    err, RMG_E_UNSUPPORTED,
			    "'%s': this version does not read %s: (for an image of that name "
			    "write registry:%s)",
			    ref, strangers[i], ref);
	return RMG_OK;
}

enum rmg_rc source_open(const char *ref, const struct source_env *env, struct source **out,
			struct rmg_err *err)
{
	const struct source_ops *ops;
	const char *rest;
	struct source *s;
	enum rmg_rc rc;

	if (ref == NULL || *ref == '\0')
		return err_set(err, RMG_E_ARG, "no image is named");
	rc = source_of(ref, &ops, &rest, err);
	if (rc != RMG_OK)
		return rc;
	s = calloc(1, ops->bytes);
	if (s == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a source");
	s->ops = ops;
	s->env = *env;
	s->kind = span_cstr(ops->scheme);
	arena_init(&s->arena, ARENA_CAP);
	pthread_mutex_init(&s->lock, NULL);
	rc = *rest ? ops->open(s, rest, err)
		   : err_set(err, RMG_E_ARG, "'%s': nothing is named after the colon", ref);
	if (rc == RMG_OK && s->ref.n == 0)
		s->ref = ARENA_JOIN(&s->arena, s->kind, S(":"), span_cstr(rest));
	if (rc == RMG_OK && arena_rc(&s->arena) != RMG_OK)
		rc = err_set(err, arena_rc(&s->arena),
			     "%s: more is said about the image than is read", ref);
	if (rc != RMG_OK) {
		source_close(s);
		return rc;
	}
	*out = s;
	return RMG_OK;
}

void source_close(struct source *s)
{
	if (s == NULL)
		return;
	s->ops->close(s);
	VEC_DONE(&s->notes);
	pthread_mutex_destroy(&s->lock);
	arena_done(&s->arena);
	free(s);
}

/* Counts on the way: what is longer than it was said to be is cut off at once. */
struct counted {
	source_sink *sink;
	void *user;
	uint64_t bytes, max;
};

static enum rmg_rc count(void *user, struct span bytes, struct rmg_err *err)
{
	struct counted *c = user;

	if (bytes.n > c->max - c->bytes)
		return err_set(err, RMG_E_FORMAT,
			       "more bytes come than the %" PRIu64 " that the manifest promises",
			       c->max);
	c->bytes += bytes.n;
	return c->sink(c->user, bytes, err);
}

enum rmg_rc source_read_layer(struct source *s, size_t i, source_sink *sink, void *user,
			      struct rmg_err *err)
{
	const struct source_layer *l = &s->layers[i];
	bool sized = !l->synthetic && !l->unpacked;
	struct counted c = {sink, user, 0, sized ? l->size_bytes : UINT64_MAX};
	enum rmg_rc rc;

	CHECK(i < s->n_layers);
	rc = s->ops->read_layer(s, i, count, &c, err);
	if (rc == RMG_OK && sized && c.bytes != l->size_bytes)
		rc = err_set(err, RMG_E_FORMAT,
			     "%" PRIu64 " bytes came, and the manifest promises %" PRIu64, c.bytes,
			     l->size_bytes);
	if (rc != RMG_OK)
		err_add(err, "layer %zu " SPAN_FMT, i, SPAN_ARG(span_head(l->digest, 19)));
	return rc;
}

void source_note(struct source *s, enum note_level level, const char *code, struct span path,
		 const char *fmt, ...)
{
	char text[512];
	struct note n = {.level = level, .code = span_cstr(code), .cataloger = S("source")};
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	utf8_clean_cstr(text, sizeof text);
	pthread_mutex_lock(&s->lock);
	n.path = arena_dup(&s->arena, path);
	n.text = arena_dup(&s->arena, span_cstr(text));
	if (s->notes.n >= LIMIT_NOTES || !VEC_PUSH(&s->notes, n))
		s->notes_dropped++;
	pthread_mutex_unlock(&s->lock);
}
