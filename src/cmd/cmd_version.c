/* SPDX-License-Identifier: Apache-2.0 */
#include <rummage.h>

#include "cmd/cmd.h"
#include "cmd/db_text.h"
#include "cmd/output.h"
#include "cmd/say.h"

struct about {
	char sandbox[128], path[4096];
	struct rmg_db *db; /* NULL: none */
};

static void put_text(const struct about *a, struct strbuf *out)
{
	struct rmg_db_info info;

	strbuf_printf(out, "rummage     %s\nbuild       %s\nsandbox     %s\ncatalogers  %s\n",
		      rmg_version(), rmg_build(), a->sandbox, rmg_catalogers());
	if (a->db == NULL) {
		strbuf_printf(out, "database    none at %s; get one: rummage db update\n", a->path);
		return;
	}
	rmg_db_about(a->db, &info);
	strbuf_printf(out, "database    %s, ", info.path);
	db_text_age(info.age_s, out);
	strbuf_printf(out, ", %llu advisories\n", (unsigned long long)info.advisories);
}

static void put_json(const struct about *a, struct strbuf *out)
{
	struct jsonw w = jsonw_of(out);

	jsonw_object(&w);
	jsonw_put_cstr(&w, "rummage", rmg_version());
	jsonw_put_cstr(&w, "build", rmg_build());
	jsonw_put_cstr(&w, "sandbox", a->sandbox);
	jsonw_put_cstr(&w, "catalogers", rmg_catalogers());
	jsonw_key(&w, "db");
	if (a->db)
		db_text_object(a->db, &w);
	else
		jsonw_null(&w);
	jsonw_object_end(&w);
	strbuf_putc(out, '\n');
}

int cmd_version(struct options *o)
{
	static const char *const formats[] = {"table", "json", NULL};
	struct rmg_opts opts = RMG_OPTS;
	struct rmg_err err = {0};
	struct strbuf text = strbuf_of(1 << 20);
	struct about a = {0};
	struct outputs out;
	int code = EXIT_WHOLE;

	if (outputs_open(&out, o, &o->output, "table", formats, &err) != RMG_OK)
		return say_failure(NULL, &err, "formats are table and json; -o FORMAT=FILE");
	rmg_sandbox_level(&opts, a.sandbox, sizeof a.sandbox);
	rmg_db_default_path(o->cache_dir, a.path, sizeof a.path);
	if (rmg_db_open(o->db ? o->db : a.path, &a.db, NULL) != RMG_OK)
		a.db = NULL;
	for (size_t i = 0; i < out.n; i++) {
		strbuf_clear(&text);
		if (strcmp(out.v[i].format, "json") == 0)
			put_json(&a, &text);
		else
			put_text(&a, &text);
		if (!output_write(&out.v[i], strbuf_cstr(&text), text.n)) {
			(void)output_error(&out.v[i], &err);
			code = say_failure("version", &err, NULL);
		}
	}
	if (code == EXIT_WHOLE && outputs_commit(&out, &err) != RMG_OK)
		code = say_failure("version", &err, NULL);
	outputs_done(&out);
	strbuf_done(&text);
	rmg_db_free(a.db);
	return code;
}
