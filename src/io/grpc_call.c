/* SPDX-License-Identifier: Apache-2.0 */
/* grpc_call - for people who debug and for tests: grpc_call SOCKET METHOD [NAME=VALUE]... sends the
 * bytes of standard input as a message, with headers NAME, and prints each message that comes back
 * as a line of hexadecimal digits. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/strbuf.h"
#include "io/grpc.h"

enum { MOST_HEADERS = 8 };

static enum rmg_rc print(void *user, struct span message, struct rmg_err *err)
{
	(void)user;
	for (size_t i = 0; i < message.n; i++)
		printf("%02x", message.p[i]);
	putchar('\n');
	return fflush(stdout) == 0 ? RMG_OK : err_os(err, RMG_E_IO, "write");
}

int main(int argc, char **argv)
{
	struct grpc_header headers[MOST_HEADERS];
	struct grpc_call call = {.headers = headers, .stream = true, .sink = print};
	struct strbuf in = strbuf_of(LIMIT_GRPC_BYTES);
	struct grpc_opts opts = {0};
	struct grpc *g = NULL;
	struct rmg_err err = {0};
	char piece[4096];
	size_t n;
	enum rmg_rc rc;

	if (argc < 3 || argc > 3 + MOST_HEADERS) {
		fprintf(stderr, "grpc_call SOCKET METHOD [NAME=VALUE]...\n");
		return 1;
	}
	opts.socket = argv[1];
	call.method = argv[2];
	for (int i = 3; i < argc; i++) {
		char *value = strchr(argv[i], '=');

		if (value == NULL)
			continue;
		*value = '\0';
		headers[call.n_headers++] = (struct grpc_header){argv[i], value + 1};
	}
	while ((n = fread(piece, 1, sizeof piece, stdin)) > 0)
		strbuf_put(&in, span_of(piece, n));
	call.request = strbuf_span(&in);
	rc = grpc_new(&opts, &g, &err);
	if (rc == RMG_OK)
		rc = grpc_do(g, &call, NULL, &err);
	grpc_free(g);
	strbuf_done(&in);
	if (rc != RMG_OK)
		fprintf(stderr, "grpc_call: %s\n", err.msg);
	return rc != RMG_OK;
}
