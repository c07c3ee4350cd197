/* SPDX-License-Identifier: Apache-2.0 */
/* alert_send - for people who set up a sink and for tests.
 *
 *   alert_send                       prints kinds and settings: "KIND NAME required|- secret|-
 * what" alert_send KIND NAME=VALUE...    sends each message (a line of JSON) of standard input, and
 *                                    prints how it went as a line of JSON on standard error
 *
 * Ends with 0 where all were taken. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "alert/sink.h"
#include "base/limits.h"
#include "format/jsonw.h"

struct args {
	char **argv;
	int argc;
};

static const char *value_of(void *user, const char *name)
{
	struct args *a = user;
	size_t n = strlen(name);

	for (int i = 2; i < a->argc; i++)
		if (strncmp(a->argv[i], name, n) == 0 && a->argv[i][n] == '=')
			return a->argv[i] + n + 1;
	return NULL;
}

static bool orphaned(void *user)
{
	(void)user;
	return getppid() == 1;
}

static int print_kinds(void)
{
	for (size_t i = 0; sink_kind_at(i); i++) {
		const struct sink_kind *k = sink_kind_at(i);

		printf("%s - - - %s\n", k->name, k->what);
		for (const struct sink_setting *s = k->settings; s->name; s++)
			printf("%s %s %s %s %s\n", k->name, s->name, s->required ? "required" : "-",
			       s->secret ? "secret" : "-", s->what);
	}
	return 0;
}

static void print_result(enum rmg_rc rc, const struct sink_retry *retry, const struct rmg_err *err)
{
	struct strbuf out = strbuf_of(KIB(16));
	struct jsonw w = jsonw_of(&out);

	jsonw_object(&w);
	jsonw_put_bool(&w, "ok", rc == RMG_OK);
	jsonw_put_bool(&w, "again", retry->again);
	jsonw_put_u64(&w, "after_s", retry->after_s);
	jsonw_put_cstr(&w, "error", rc == RMG_OK ? "" : err->msg);
	jsonw_object_end(&w);
	fprintf(stderr, "%s\n", strbuf_cstr(&out));
	strbuf_done(&out);
}

static bool send_one(const struct sink_kind *kind, struct sink *s, struct span text)
{
	struct sink_retry retry = {0};
	struct rmg_err err = {0};
	struct message *m = NULL;
	enum rmg_rc rc = message_parse(text, &m, &err);

	if (rc == RMG_OK)
		rc = kind->send(s, m, &retry, &err);
	message_free(m);
	print_result(rc, &retry, &err);
	return rc == RMG_OK;
}

int main(int argc, char **argv)
{
	struct args args = {.argv = argv, .argc = argc};
	struct sink_values values = {.value = value_of, .user = &args, .stop = orphaned};
	const struct sink_kind *kind = argc > 1 ? sink_kind_of(argv[1]) : NULL;
	struct sink_retry none = {0};
	struct rmg_err err = {0};
	struct sink *s = NULL;
	char *line = NULL;
	size_t size = 0;
	bool ok = true;
	ssize_t n;

	signal(SIGPIPE, SIG_IGN);
	if (argc == 1)
		return print_kinds();
	if (kind == NULL) {
		fprintf(stderr, "alert_send: no sink is of the kind \"%s\"\n", argv[1]);
		return 1;
	}
	if (kind->open(&values, &s, &err) != RMG_OK) {
		print_result(err.rc, &none, &err);
		return 1;
	}
	while ((n = getline(&line, &size, stdin)) > 0)
		ok = send_one(kind, s, span_rtrim_chr(span_of(line, (size_t)n), '\n')) && ok;
	free(line);
	kind->close(s);
	return ok ? 0 : 1;
}
