/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/login.h"

#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/say.h"

enum { PASSWORD_BYTES = 65536 };

static int read_password(struct options *o)
{
	char *line = arena_alloc(&o->arena, PASSWORD_BYTES);

	if (line == NULL || fgets(line, PASSWORD_BYTES, stdin) == NULL) {
		say("--password-stdin: standard input has no line");
		return EXIT_NOT_DONE;
	}
	line[strcspn(line, "\r\n")] = '\0';
	o->password = line;
	return EXIT_WHOLE;
}

int login_check(const char *verb, struct options *o)
{
	if (o->client_key && !o->client_cert)
		return say_usage(verb, "--client-key without --client-cert");
	if (o->password_stdin && !o->username)
		return say_usage(verb, "--password-stdin without --username");
	return o->password_stdin ? read_password(o) : EXIT_WHOLE;
}

static uint32_t stall_seconds(const struct options *o)
{
	return (uint32_t)MIN_OF(o->stall_seconds, UINT64_C(0xffffffff));
}

void login_put(const struct options *o, struct rmg_opts *opts)
{
	opts->username = o->username;
	opts->password = o->password;
	opts->insecure_registries = o->insecure.v;
	opts->mirrors = o->mirror.v;
	opts->ca_cert = o->ca_cert;
	opts->client_cert = o->client_cert;
	opts->client_key = o->client_key;
	opts->stall_seconds = stall_seconds(o);
}

void login_put_db(const struct options *o, struct rmg_db_opts *opts)
{
	opts->username = o->username;
	opts->password = o->password;
	opts->insecure_registries = o->insecure.v;
	opts->mirrors = o->mirror.v;
	opts->ca_cert = o->ca_cert;
	opts->client_cert = o->client_cert;
	opts->client_key = o->client_key;
	opts->stall_seconds = stall_seconds(o);
}
