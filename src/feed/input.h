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
	const char *file; /* being read: for complaints */
	uint32_t source;  /* in the database */
	uint64_t count;   /* records taken */
	uint64_t warnings;
	struct file_id id;      /* of the file that is being read */
	struct rmg_err refused; /* why the file is not what its name promises */
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
		const char *feed);
void input_done(struct input *in);

/* "feed: file: text", to opts->warn. */
void input_warn(struct input *in, const char *fmt, ...) PRINTF(2, 3);
/* Says how many warnings were not told. */
void input_end(struct input *in);

/* The file that is being read is not what its name promises, and nothing was taken of it. */
void input_refuse(struct input *in, const char *fmt, ...) PRINTF(2, 3);
/* What came of it. */
MUST enum rmg_rc input_verdict(const struct input *in, struct rmg_err *err);

/* A publisher's file: where it is and what it is called. */
struct feed_file {
	int dir_fd;       /* the folder that it lies in */
	const char *name; /* in there */
	const char *path; /* below the folder of all feeds */
};

/* Reads and parses it into in->doc. */
MUST enum rmg_rc input_json(struct input *in, const struct feed_file *file, struct rmg_err *err);

/* Polled by readers between records. */
MUST enum rmg_rc input_stop(const struct input *in, struct rmg_err *err);

/* "CVE-2024-1234": four digits, four or more. */
bool is_cve(struct span id);

/* A severity word of any publisher. */
MUST bool severity_word(struct span word, enum adv_severity *out);

/* From "0" up to a fix (empty: there is none). */
void rule_until(struct input *in, struct span ecosystem, struct span package, struct adv_rule *rule,
		struct span fixed);

/* Takes in one file. Where that fails, what of it was added is to be dropped (advdb_part_drop). */
typedef enum rmg_rc feed_read_fn(struct input *in, const struct feed_file *file,
				 struct rmg_err *err);
#define X(name, url) feed_read_fn name##_read;
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
