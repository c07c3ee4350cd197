/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/output.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/env.h"

static enum rmg_rc check_format(const char *format, const char *const *formats, struct rmg_err *err)
{
	for (size_t i = 0; formats[i]; i++) {
		if (strcmp(format, formats[i]) == 0)
			return RMG_OK;
	}
	return err_set(err, RMG_E_ARG, "-o %s: no such format", format);
}

static enum rmg_rc split(struct output *out, struct options *o, const char *asked,
			 struct rmg_err *err)
{
	struct span text = span_cstr(asked), format, path;

	*out = (struct output){.fd = -1};
	if (!span_cut(text, '=', &format, &path)) {
		format = text;
		path = S("-");
	}
	out->format = arena_cstr(&o->arena, format);
	if (path.n == 0)
		return err_set(err, RMG_E_ARG, "-o %s: a file's name is missing", asked);
	if (!span_is(path, S("-")))
		out->path = arena_cstr(&o->arena, path);
	return arena_rc(&o->arena) == RMG_OK ? RMG_OK : err_set(err, RMG_E_NOMEM, "no memory");
}

static enum rmg_rc check_places(const struct outputs *out, struct rmg_err *err)
{
	for (size_t i = 0; i < out->n; i++) {
		for (size_t k = 0; k < i; k++) {
			const char *a = out->v[i].path, *b = out->v[k].path;

			if (a == NULL && b == NULL)
				return err_set(err, RMG_E_ARG,
					       "only one report can go to standard output");
			if (a && b && strcmp(a, b) == 0)
				return err_set(err, RMG_E_ARG, "two reports for one file, %s", a);
		}
	}
	return RMG_OK;
}

/* What is there already and is no regular file must not be replaced by one. */
static bool is_special(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

static enum rmg_rc open_one(struct output *out, struct rmg_err *err)
{
	if (out->path == NULL) {
		out->fd = STDOUT_FILENO;
		return RMG_OK;
	}
	if (!is_special(out->path))
		return file_writer_open(&out->file, out->path, err);
	out->fd = open(out->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (out->fd < 0)
		return err_os(err, RMG_E_IO, "open %s", out->path);
	return RMG_OK;
}

enum rmg_rc outputs_open(struct outputs *out, struct options *o, const struct opt_list *asked,
			 const char *fallback, const char *const *formats, struct rmg_err *err)
{
	size_t n = asked->n ? asked->n : 1;
	enum rmg_rc rc = RMG_OK;

	*out = (struct outputs){.v = ARENA_ARRAY(&o->arena, n, struct output)};
	if (out->v == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory");
	for (size_t i = 0; i < n && rc == RMG_OK; i++) {
		rc = split(&out->v[i], o, asked->n ? asked->v[i] : fallback, err);
		if (rc == RMG_OK)
			rc = check_format(out->v[i].format, formats, err);
		out->n += rc == RMG_OK;
	}
	if (rc == RMG_OK)
		rc = check_places(out, err);
	n = out->n;
	out->n = 0; /* only what was opened is to be ended */
	for (size_t i = 0; i < n && rc == RMG_OK; i++) {
		rc = open_one(&out->v[i], err);
		out->n += rc == RMG_OK;
	}
	if (rc != RMG_OK)
		outputs_done(out);
	return rc;
}

bool output_write(void *user, const void *bytes, size_t n)
{
	struct output *out = user;
	const char *p = bytes;

	if (out->fd < 0) {
		file_writer_put(&out->file, span_of(bytes, n));
		return true; /* failures are told by the commit */
	}
	while (n) {
		ssize_t put = write(out->fd, p, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0) {
			out->failed = put < 0 ? errno : EIO;
			return false;
		}
		p += put;
		n -= (size_t)put;
	}
	return true;
}

enum rmg_rc output_error(const struct output *out, struct rmg_err *err)
{
	errno = out->failed;
	return err_os(err, RMG_E_IO, "write %s", out->path ? out->path : "standard output");
}

enum rmg_rc outputs_commit(struct outputs *out, struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;

	for (size_t i = 0; i < out->n && rc == RMG_OK; i++) {
		if (out->v[i].fd < 0)
			rc = file_writer_commit(&out->v[i].file, err);
	}
	return rc;
}

void outputs_done(struct outputs *out)
{
	for (size_t i = 0; i < out->n; i++) {
		struct output *o = &out->v[i];

		if (o->fd < 0)
			file_writer_done(&o->file);
		else if (o->fd != STDOUT_FILENO)
			close(o->fd);
	}
	out->n = 0;
}

unsigned output_columns(const struct output *out)
{
	struct winsize w;

	if (out->fd != STDOUT_FILENO || !isatty(out->fd))
		return 0;
	return ioctl(out->fd, TIOCGWINSZ, &w) == 0 && w.ws_col ? w.ws_col : 80;
}

bool output_color(const struct output *out)
{
	const char *no = env_get("NO_COLOR"), *term = env_get("TERM");

	return out->fd == STDOUT_FILENO && isatty(out->fd) && no == NULL && term &&
	       strcmp(term, "dumb") != 0;
}
