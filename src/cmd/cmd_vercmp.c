/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_vercmp.c - the orders of versions, to ask by hand and to test against the tools themselves.
 */
#include <rummage.h>

#include <stdio.h>

#include "base/strbuf.h"
#include "cmd/cmd.h"
#include "cmd/say.h"

static int unknown_type(const char *type)
{
	struct strbuf list = strbuf_of(2000);

	for (size_t i = 0; rmg_vercmp_type_at(i); i++)
		strbuf_printf(&list, "%s%s", i ? " " : "", rmg_vercmp_type_at(i));
	say("vercmp: no order is called \"%s\"", type);
	fprintf(stderr, "  there are: %s\n", strbuf_cstr(&list));
	strbuf_done(&list);
	return EXIT_NOT_DONE;
}

/* One line of input, without its newline. */
static int compare_line(const char *type, char *line, unsigned long number)
{
	char *tab = strchr(line, '\t');
	int order;

	if (tab == NULL || strchr(tab + 1, '\t')) {
		say("vercmp: line %lu: two versions with a tab between them were expected", number);
		return EXIT_NOT_DONE;
	}
	*tab = '\0';
	if (rmg_vercmp(type, line, tab + 1, &order, NULL) != RMG_OK)
		return unknown_type(type);
	printf("%d\n", order);
	return EXIT_WHOLE;
}

static int compare_lines(const char *type)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	unsigned long number = 0;
	int code = EXIT_WHOLE;

	while (code == EXIT_WHOLE && (n = getline(&line, &cap, stdin)) > 0) {
		if (line[n - 1] == '\n')
			line[--n] = '\0';
		if (n && line[n - 1] == '\r')
			line[--n] = '\0';
		code = compare_line(type, line, ++number);
	}
	if (code == EXIT_WHOLE && ferror(stdin)) {
		say("vercmp: standard input could not be read");
		code = EXIT_NOT_DONE;
	}
	free(line);
	return code;
}

int cmd_vercmp(struct options *o)
{
	const char *type = o->operands[0];
	int order, code = EXIT_WHOLE;

	if (o->n_operands == 2)
		return say_usage("vercmp", "vercmp takes a type alone, or a type and two versions");
	if (rmg_vercmp(type, "1", "1", &order, NULL) != RMG_OK)
		return unknown_type(type);
	if (o->n_operands == 1)
		code = compare_lines(type);
	else if (rmg_vercmp(type, o->operands[1], o->operands[2], &order, NULL) == RMG_OK)
		printf("%d\n", order);
	return code;
}
