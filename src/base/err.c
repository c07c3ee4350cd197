/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

/* Those of the analyzer. */
#undef err_set
#undef err_os

void check_failed(const char *what, const char *file, int line)
{
	fprintf(stderr, "rummage: bug: %s is false at %s:%d\n", what, file, line);
	abort();
}

PRINTF(4, 0)
static void put(struct rmg_err *err, enum rmg_rc rc, int os, const char *fmt, va_list args)
{
	int n;

	if (err == NULL)
		return;
	err->rc = rc;
	err->os_errno = os;
	n = vsnprintf(err->msg, sizeof err->msg, fmt, args);
	if (n > 0 && os != 0 && (size_t)n < sizeof err->msg) {
		/* glibc 2.32 and musl keep it per thread; strerror_r has two incompatible forms. */
		const char *why = strerror(os);

		snprintf(err->msg + n, sizeof err->msg - (size_t)n, ": %s", why);
	}
	utf8_clean_cstr(err->msg, sizeof err->msg);
}

enum rmg_rc err_set(struct rmg_err *err, enum rmg_rc rc, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put(err, rc, 0, fmt, args);
	va_end(args);
	return rc;
}

enum rmg_rc err_os(struct rmg_err *err, enum rmg_rc rc, const char *fmt, ...)
{
	int os = errno;
	va_list args;

	va_start(args, fmt);
	put(err, rc, os, fmt, args);
	va_end(args);
	return rc;
}

void err_add(struct rmg_err *err, const char *fmt, ...)
{
	char context[sizeof err->msg];
	char old[sizeof err->msg];
	int n;
	va_list args;

	if (err == NULL)
		return;
	va_start(args, fmt);
	vsnprintf(context, sizeof context, fmt, args);
	va_end(args);
	memcpy(old, err->msg, sizeof old);
	n = snprintf(err->msg, sizeof err->msg, "%s", context);
	if (n >= 0 && (size_t)n < sizeof err->msg)
		snprintf(err->msg + n, sizeof err->msg - (size_t)n, ": %s", old);
	utf8_clean_cstr(err->msg, sizeof err->msg);
}
