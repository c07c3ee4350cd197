/* SPDX-License-Identifier: Apache-2.0 */
/* output.h - where reports go: "-o FORMAT[=FILE]". A FILE appears whole, or not at all (unless it
 * is a pipe or a device, which is written as it comes). Several reports follow each other in one
 * place. */
#ifndef CMD_OUTPUT_H
#define CMD_OUTPUT_H

#include "base/err.h"
#include "cmd/options.h"
#include "io/file.h"

struct output {
	const char *format;
	const char *path; /* NULL: standard output */
	struct file_writer file;
	int fd;     /* of standard output, a pipe or a device; -1: file is used */
	int failed; /* errno of the write to it that failed */
};

struct outputs {
	struct output *v;
	size_t n;
};

/* fallback is the format where none is asked for; formats are those that are known,
 * NULL-terminated. Opens all files, so that one that cannot be written is known before the work. */
MUST enum rmg_rc outputs_open(struct outputs *out, struct options *o, const struct opt_list *asked,
			      const char *fallback, const char *const *formats,
			      struct rmg_err *err);

/* An rmg_write_fn; user is a struct output. */
bool output_write(void *user, const void *bytes, size_t n);

/* Why output_write() returned false. Always RMG_E_IO. */
enum rmg_rc output_error(const struct output *out, struct rmg_err *err);

/* Puts the files in place. */
MUST enum rmg_rc outputs_commit(struct outputs *out, struct rmg_err *err);
void outputs_done(struct outputs *out); /* removes what was not committed */

unsigned output_columns(const struct output *out); /* 0: not a terminal */
bool output_color(const struct output *out);       /* a terminal, and NO_COLOR is not set */

#endif
