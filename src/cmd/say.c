/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "base/utf8.h"
#include "cmd/cmd.h"

static const char *advice_of(const struct rmg_err *err)
{
	switch (err->rc) {
	case RMG_E_AUTH:
		return "log in: --username NAME --password-stdin, or docker, podman or skopeo "
		       "login";
	case RMG_E_NET:
		if (strstr(err->msg, "no byte came for"))
			return "try again later; --stall-seconds N waits longer, --mirror asks "
			       "another "
			       "server first";
		return "check the name, the network, HTTPS_PROXY and --ca-cert; "
		       "--insecure-registry HOST allows plain HTTP";
	case RMG_E_SANDBOX:
		return "see SANDBOX in rummage(1); --no-sandbox only for images that you trust";
	case RMG_E_DB:
		return "get a new database: rummage db update";
	case RMG_E_ARG:
		return "see rummage help";
	case RMG_E_LIMIT:
		return "see docs/LIMITS.md for what is bounded, and why";
	case RMG_OK:
	case RMG_E_NOMEM:
	case RMG_E_NOTFOUND:
	case RMG_E_IO:
	case RMG_E_FORMAT:
	case RMG_E_UNSUPPORTED:
	case RMG_E_STOPPED:
		break;
	}
	return NULL;
}

/* Arguments and names are shown as text only. */
static void put(const char *head, const char *text)
{
	char line[1200];

	snprintf(line, sizeof line, "%s%s", head, text);
	utf8_clean_cstr(line, sizeof line);
	fprintf(stderr, "%s\n", line);
}

int say_failure(const char *what, const struct rmg_err *err, const char *advice)
{
	char line[1024];

	snprintf(line, sizeof line, "%s%s%s", what ? what : "", what ? ": " : "",
		 err->msg[0] ? err->msg : "failed");
	put("rummage: ", line);
	if (advice == NULL)
		advice = advice_of(err);
	if (advice)
		put("  ", advice);
	return EXIT_NOT_DONE;
}

void say(const char *fmt, ...)
{
	char line[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof line, fmt, args);
	va_end(args);
	put("rummage: ", line);
}

int say_usage(const char *verb, const char *fmt, ...)
{
	char line[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof line, fmt, args);
	va_end(args);
	put("rummage: ", line);
	fprintf(stderr, "  see rummage %s%s--help\n", verb ? verb : "", verb ? " " : "");
	return EXIT_NOT_DONE;
}

void say_log(void *options, const char *level, const char *text)
{
	const struct options *o = options;
	time_t now = time(NULL);
	char head[64] = "", line[1024];
	struct tm tm;

	if (o->quiet && strcmp(level, "info") == 0)
		return;
	if (gmtime_r(&now, &tm))
		strftime(head, sizeof head, "%Y-%m-%dT%H:%M:%SZ ", &tm);
	snprintf(line, sizeof line, "%s %s", level, text);
	put(head, line);
}
