/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - the program: the verb, its options out of settings, environment and command line, and
 * what Ctrl-C does. */
#include "cmd/verb.h"

#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cmd/opt.h"
#include "cmd/say.h"
#include "cmd/settings.h"

enum { OPTIONS_BYTES = 64 << 20 };

/* The one thing that a signal handler can reach. */
static volatile sig_atomic_t stopped;

bool cmd_stopped(void *user)
{
	(void)user;
	return stopped != 0;
}

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

/* The first one asks the work to end; the handler is then gone, and the second one kills. */
static void catch_signals(void)
{
	struct sigaction a = {.sa_handler = stop, .sa_flags = (int)SA_RESETHAND};

	sigaction(SIGINT, &a, NULL);
	sigaction(SIGTERM, &a, NULL);
	signal(SIGPIPE, SIG_IGN); /* writing then fails, and is told */
	signal(SIGXFSZ, SIG_IGN);
}

static int check_operands(const struct verb *v, const struct options *o)
{
	if (o->n_operands < v->least)
		return say_usage(v->typed, "%s wants %s", v->typed, v->operands);
	if (o->n_operands > v->most && v->most == 0)
		return say_usage(v->typed, "%s takes no operand: %s", v->typed, o->operands[0]);
	if (o->n_operands > v->most)
		return say_usage(v->typed, "%s takes only %s", v->typed, v->operands);
	return EXIT_WHOLE;
}

/* The command line is read twice: first to know --config and --help, then over the settings. */
static int run_verb(enum verb_id verb, int argc, char **argv)
{
	struct options first = {0}, o = {0};
	struct rmg_err err = {0};
	int code;

	arena_init(&first.arena, OPTIONS_BYTES);
	arena_init(&o.arena, OPTIONS_BYTES);
	if (opt_parse(&first, verb, argc, argv, &err) != RMG_OK) {
		code = say_usage(verbs[verb].typed, "%s", err.msg);
	} else if (first.help) {
		opt_help(stdout, verb);
		code = EXIT_WHOLE;
	} else if (settings_load(&o, verb, first.config, &err) != RMG_OK) {
		code = say_failure("settings", &err, "see SETTINGS in rummage(1)");
	} else if (opt_parse(&o, verb, argc, argv, &err) != RMG_OK) {
		code = say_usage(verbs[verb].typed, "%s", err.msg);
	} else {
		code = check_operands(&verbs[verb], &o);
		if (code == EXIT_WHOLE)
			code = verbs[verb].run(&o);
	}
	arena_done(&first.arena);
	arena_done(&o.arena);
	return code;
}

/* containerd's long options have one hyphen. */
static void lengthen(int argc, char **argv)
{
	static const char *const longer[] = {"--name", "--digest", "--stdin-media-type"};

	for (int i = 0; i < argc; i++)
		for (size_t k = 0; k < COUNT_OF(longer); k++)
			if (strcmp(argv[i], longer[k] + 1) == 0)
				argv[i] = (char *)(uintptr_t)longer[k];
}

/* Called by the name that a link in containerd's folder of verifiers has. */
static bool is_verifier(const char *program)
{
	return span_is(span_basename(span_cstr(program)), S("rummage-verify-image"));
}

static int run_program(int argc, char **argv)
{
	static const char *const version[] = {"version"};
	const char *const *words = (const char *const *)argv + 1;
	enum verb_id verb;
	size_t n = argc > 0 ? (size_t)argc - 1 : 0, used;

	if (argc > 0 && is_verifier(argv[0])) {
		lengthen(argc - 1, argv + 1);
		return run_verb(VERB_verify_image, argc - 1, argv + 1);
	}
	if (n == 0) {
		opt_usage(stderr);
		return EXIT_NOT_DONE;
	}
	if (strcmp(words[0], "--help") == 0 || strcmp(words[0], "-h") == 0) {
		opt_usage(stdout);
		return EXIT_WHOLE;
	}
	if (strcmp(words[0], "--version") == 0 && verb_find(1, version, &verb, &used))
		return run_verb(verb, argc - 2, argv + 2);
	if (!verb_find(n, words, &verb, &used)) {
		bool asks =
		    n == 2 && (strcmp(words[1], "--help") == 0 || strcmp(words[1], "-h") == 0);

		return asks && help_of_words(words[0]) ? EXIT_WHOLE : verb_unknown(n, words);
	}
	if (verb == VERB_verify_image)
		lengthen((int)(n - used), argv + 1 + used);
	return run_verb(verb, (int)(n - used), argv + 1 + used);
}

int main(int argc, char **argv)
{
	int code;

	setlocale(LC_CTYPE, "");
	catch_signals();
	code = run_program(argc, argv);
	if ((fflush(stdout) != 0 || ferror(stdout)) && code == EXIT_WHOLE) {
		say("standard output could not be written");
		code = EXIT_NOT_DONE;
	}
	return code;
}
