/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/db_text.h"

void db_text_age(int64_t age_s, struct strbuf *out)
{
	static const struct {
		int64_t seconds;
		const char *name;
	} units[] = {{86400, "days"}, {3600, "hours"}, {60, "minutes"}};

	for (size_t i = 0; i < COUNT_OF(units); i++) {
		if (age_s >= 2 * units[i].seconds) {
			strbuf_printf(out, "%lld %s old", (long long)(age_s / units[i].seconds),
				      units[i].name);
			return;
		}
	}
	strbuf_puts(out, age_s < 0 ? "from the future" : "new");
}

void db_text_table(const struct rmg_db *db, struct strbuf *out)
{
	const struct rmg_db_source *s;
	struct rmg_db_info info;
	bool starter = false;

	rmg_db_about(db, &info);
	strbuf_printf(out, "Database    %s\nBuilt       %s (", info.path, info.built);
	db_text_age(info.age_s, out);
	strbuf_printf(out, ")\nDigest      %s\nSize        %.1f MiB\n", info.digest,
		      (double)info.bytes / 1048576);
	strbuf_printf(out, "Holds       %llu advisories, %llu rules about %llu packages\n\n",
		      (unsigned long long)info.advisories, (unsigned long long)info.rules,
		      (unsigned long long)info.packages);
	strbuf_printf(out, "%-14s %12s  %s\n", "SOURCE", "RECORDS", "FETCHED");
	for (size_t i = 0; (s = rmg_db_source_at(db, i)) != NULL; i++) {
		strbuf_printf(out, "%-14s %12llu  %s\n", s->name, (unsigned long long)s->count,
			      s->fetched && *s->fetched ? s->fetched : "-");
		starter = starter || s->starter;
	}
	if (starter)
		strbuf_puts(out,
			    "\nSTARTER SET: a few famous advisories. Nothing found with it means "
			    "nothing.\n");
}

static void put_source(const struct rmg_db_source *s, struct jsonw *w)
{
	jsonw_object(w);
	jsonw_put_cstr(w, "name", s->name);
	jsonw_put(w, "fetched", span_cstr(s->fetched));
	jsonw_put_u64(w, "count", s->count);
	jsonw_put_bool(w, "starter", s->starter);
	jsonw_object_end(w);
}

void db_text_object(const struct rmg_db *db, struct jsonw *w)
{
	const struct rmg_db_source *s;
	struct rmg_db_info info;

	rmg_db_about(db, &info);
	jsonw_object(w);
	jsonw_put_cstr(w, "path", info.path);
	jsonw_put_cstr(w, "built", info.built);
	jsonw_key(w, "age_s");
	jsonw_i64(w, info.age_s);
	jsonw_put_cstr(w, "digest", info.digest);
	jsonw_put_u64(w, "bytes", info.bytes);
	jsonw_put_u64(w, "advisories", info.advisories);
	jsonw_put_u64(w, "packages", info.packages);
	jsonw_put_u64(w, "rules", info.rules);
	jsonw_key(w, "sources");
	jsonw_array(w);
	for (size_t i = 0; (s = rmg_db_source_at(db, i)) != NULL; i++)
		put_source(s, w);
	jsonw_array_end(w);
	jsonw_object_end(w);
}

void db_text_json(const struct rmg_db *db, struct strbuf *out)
{
	struct jsonw w = jsonw_of(out);

	db_text_object(db, &w);
	strbuf_putc(out, '\n');
}
