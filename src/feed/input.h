/* SPDX-License-Identifier: Apache-2.0 */
/* input.h - what a feed's reader works with: its source in the database, buffers that are kept from
 * record to record, and a place for complaints. */
#ifndef FEED_INPUT_H
#define FEED_INPUT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/vec.h"
#include "format/json.h"
#include "io/file.h"
#include "vuln/advdb_build.h"
#include "vuln/ecosystem.h"

enum { INPUT_WARNINGS = 20 }; /* told one by one; the rest is counted */

struct input {
	struct advdb_builder *b;
	const struct rmg_db_opts *opts;
	const char *feed; /* its name */
	const char *dir;  /* the folder of all feeds */
	const char *file; /* being read: for complaints */
	uint32_t source;  /* in the database */
	uint64_t count;   /* records taken */
	uint64_t warnings;
	int64_t newest; /* modification time of the newest file read */
	struct json_doc doc;
	struct file_buf buf;
	struct arena scratch; /* of one record */

	/* Lists of one record. */
	VEC(struct span) aliases;
	VEC(struct span) symbols;
	VEC(struct span) versions;
	VEC(struct adv_cvss) cvss;
	VEC(struct adv_event) events;
	VEC(struct span) skipped; /* ecosystems that were told of, in names */
	struct arena names;
};

/* A zeroed input is made ready; b and opts are borrowed (opts may be NULL). */
void input_init(struct input *in, struct advdb_builder *b, const struct rmg_db_opts *opts,
		const char *feed, const char *dir);
void input_done(struct input *in);

/* "feed: file: text", to opts->warn. */
void input_warn(struct input *in, const char *fmt, ...) PRINTF(2, 3);
/* Says how many warnings were not told. */
void input_end(struct input *in);

/* The path of a name below the folder of feeds, in scratch; NULL where memory ran out. */
MUST const char *input_path(struct input *in, const char *name);

/* Reads and parses dir/name into in->doc. RMG_E_NOTFOUND: there is no such file. */
MUST enum rmg_rc input_json(struct input *in, const char *name, struct rmg_err *err);

/* Notes the time of a file for the source's "fetched". */
void input_saw(struct input *in, const char *path);

/* Polled by readers between records. */
MUST enum rmg_rc input_stop(const struct input *in, struct rmg_err *err);

/* "CVE-2024-1234": four digits, four or more. */
bool is_cve(struct span id);

/* A severity word of any publisher. */
MUST bool severity_word(struct span word, enum adv_severity *out);

/* From "0" up to a fix (empty: there is none). */
void rule_until(struct input *in, struct span ecosystem, struct span package, struct adv_rule *rule,
		struct span fixed);

#define X(name, url) MUST enum rmg_rc name##_read(struct input *in, struct rmg_err *err);
#include "feed/feed.def"
#undef X

/* The parts of readers that see bytes only, for their fuzzers. */
void osv_record(struct input *in, json *root);
void debian_tracker(struct input *in, json *root);
void secdb_take(struct input *in, json *root, struct span ecosystem);
void kev_take(struct input *in, json *root);
MUST enum rmg_rc epss_take(struct input *in, struct span csv, struct rmg_err *err);
void severity_take(struct input *in, struct span tsv);

/* The starter set's text, one advisory a line (data/starter.tsv). */
MUST enum rmg_rc starter_take(struct input *in, struct span tsv, struct rmg_err *err);

#endif
