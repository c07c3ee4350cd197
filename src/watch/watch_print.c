/* SPDX-License-Identifier: Apache-2.0 */
/* watch_print - for people who debug and for tests: watch_print KIND ADDRESS prints events as lines
 * until it is ended. */
#include <stdio.h>
#include <unistd.h>

#include "base/limits.h"
#include "watch/event_json.h"
#include "watch/watch.h"

static enum rmg_rc print(void *user, const struct event *e, size_t n, struct rmg_err *err)
{
	struct strbuf out = strbuf_of(MIB(16));

	(void)user;
	for (size_t i = 0; i < n; i++)
		event_write(&e[i], &out);
	fwrite(strbuf_cstr(&out), 1, out.n, stdout);
	strbuf_done(&out);
	return fflush(stdout) == 0 ? RMG_OK : err_os(err, RMG_E_IO, "write");
}

static void warn(void *user, const char *text)
{
	(void)user;
	fprintf(stderr, "watch_print: %s\n", text);
}

static bool orphaned(void *user)
{
	(void)user;
	return getppid() == 1;
}

int main(int argc, char **argv)
{
	struct rmg_err err = {0};
	struct watch_opts opts = {.events = print, .warn = warn, .stop = orphaned};

	if (argc != 3) {
		fprintf(stderr, "watch_print KIND ADDRESS\n");
		return 1;
	}
	opts.kind = argv[1];
	opts.address = argv[2];
	opts.place.node = S("here");
	if (watch_run(&opts, &err) == RMG_OK)
		return 0;
	fprintf(stderr, "watch_print: %s\n", err.msg);
	return 1;
}
