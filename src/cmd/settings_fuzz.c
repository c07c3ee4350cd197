/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a settings file, and its lines as the environment, for two verbs: a refusal says
 * why, what is taken is text without NUL in lists that end, and the same bytes say the same. */
#include "base/utf8.h"
#include "cmd/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINES = 64, OPTIONS_BYTES = 1 << 22 };

#define X(id, typed_, operands_, least_, most_, what_) [VERB_##id] = {.typed = typed_},
const struct verb verbs[VERBS] = {
#include "cmd/cmd.def"
};
#undef X

static void check_list(const struct opt_list *list)
{
	CHECK((list->v == NULL) == (list->n == 0));
	for (size_t i = 0; i < list->n; i++)
		CHECK(list->v[i] != NULL);
	CHECK(list->n == 0 || list->v[list->n] == NULL);
}

static void check_same(const struct options *a, const struct options *b)
{
	for (size_t i = 0; i < opt_n_specs; i++) {
		const void *x = (const char *)a + opt_specs[i].offset;
		const void *y = (const char *)b + opt_specs[i].offset;
		const char *const *s = x, *const *t = y;

		if (opt_specs[i].kind == OPT_LIST) {
			check_list(x);
			CHECK(((const struct opt_list *)x)->n == ((const struct opt_list *)y)->n);
		} else if (opt_specs[i].kind == OPT_TEXT) {
			CHECK((*s == NULL) == (*t == NULL) && (*s == NULL || !strcmp(*s, *t)));
			CHECK(*s == NULL || utf8_valid(span_cstr(*s)));
		}
	}
}

static void parse(enum verb_id verb, struct span text)
{
	struct options o[2] = {0};
	struct rmg_err err[2] = {0};
	enum rmg_rc rc[2];

	for (size_t i = 0; i < 2; i++) {
		arena_init(&o[i].arena, OPTIONS_BYTES);
		rc[i] = settings_parse(&o[i], verb, text, "file", LEVEL_CONFIG, &err[i]);
		CHECK(rc[i] == RMG_OK || err[i].msg[0]);
	}
	CHECK(rc[0] == rc[1]);
	check_same(&o[0], &o[1]);
	arena_done(&o[0].arena);
	arena_done(&o[1].arena);
}

/* Variables come from the system as they are: only their count and their ends are ours. */
static void parse_lines(struct span text)
{
	char *lines[LINES + 1] = {0};
	struct options o = {0};
	struct rmg_err err = {0};
	struct span line;
	size_t n = 0;

	arena_init(&o.arena, OPTIONS_BYTES);
	while (n < LINES && span_next(&text, '\n', &line) &&
	       (lines[n] = arena_cstr(&o.arena, line)) != NULL)
		n++;
	if (settings_environment(&o, VERB_scan, lines, &err) != RMG_OK)
		CHECK(err.msg[0]);
	check_list(&o.output);
	check_list(&o.mirror);
	arena_done(&o.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 1 << 16)
		return 0;
	parse(VERB_scan, span_of(data, size));
	parse(VERB_db_update, span_of(data, size));
	parse_lines(span_of(data, size));
	return 0;
}
