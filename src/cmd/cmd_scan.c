/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_scan.c - scan and sbom: inventories side by side, reports in the order of the references. */
#include <rummage.h>

#include <stdio.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/login.h"
#include "cmd/output.h"
#include "cmd/say.h"
#include "cmd/scan_jobs.h"

enum { FORMATS = 16 };

struct scan {
	struct options *o;
	bool judge; /* findings are asked for, not the inventory alone */
	enum rmg_severity fail_on;
	struct rmg_db *db;
	struct progress *bars;
	struct outputs outputs;
	size_t reports; /* references that were reported on */
};

/* Worse codes come first: 1, 2, 3, 0. */
static int worse(int a, int b)
{
	static const int order[] = {
	    [EXIT_WHOLE] = 0, [EXIT_NOT_DONE] = 3, [EXIT_POLICY] = 2, [EXIT_INCOMPLETE] = 1};

	return order[a] >= order[b] ? a : b;
}

static void formats_known(const char *list[FORMATS])
{
	size_t n = 0;

	while (n + 1 < FORMATS && (list[n] = rmg_format_at(n)) != NULL)
		n++;
	list[n] = NULL;
}

static int check_options(struct scan *s)
{
	const struct options *o = s->o;
	const char *verb = s->judge || o->inventory_only ? "scan" : "sbom";

	if (o->fail_on && (!rmg_severity_of(o->fail_on, &s->fail_on) || s->fail_on == 0))
		return say_usage(verb,
				 "--fail-on %s: a severity is negligible, low, medium, high or "
				 "critical",
				 o->fail_on);
	if (o->inventory_only && (o->fail_on || o->only_fixed || o->ignore_file))
		return say_usage(verb,
				 "--inventory-only finds nothing that --fail-on, --only-fixed "
				 "or --ignore-file could be about");
	for (size_t i = 0; !s->judge && i < o->output.n; i++) {
		if (span_starts(span_cstr(o->output.v[i]), S("sarif")))
			return say_usage(verb, "sarif is a format for findings");
	}
	return login_check(verb, s->o);
}

static int open_db(struct scan *s)
{
	struct rmg_err err = {0};
	char path[4096];
	enum rmg_rc rc;

	rmg_db_default_path(s->o->cache_dir, path, sizeof path);
	rc = rmg_db_open(s->o->db ? s->o->db : path, &s->db, &err);
	if (rc == RMG_OK)
		return EXIT_WHOLE;
	return say_failure(
	    "advisory database", &err,
	    "get one: rummage db update; without a network: rummage db build --from DIR; "
	    "to try things out: rummage db build --starter; or do without: "
	    "--inventory-only");
}

static int judge_policy(const struct scan *s, const struct rmg_verdict *verdict, bool complete)
{
	if (!rmg_verdict_within(verdict, s->fail_on))
		return EXIT_POLICY;
	return complete || s->o->allow_incomplete ? EXIT_WHOLE : EXIT_INCOMPLETE;
}

static int match(const struct scan *s, const struct rmg_inventory *inventory, const char *ref,
		 struct rmg_verdict **out)
{
	struct rmg_err err = {0};
	struct rmg_verdict *v;

	if (rmg_match(inventory, s->db, &v, &err) != RMG_OK)
		return say_failure(ref, &err, NULL);
	if (s->o->ignore_file && rmg_verdict_ignore(v, s->o->ignore_file, &err) != RMG_OK) {
		rmg_verdict_free(v);
		return say_failure("ignore file", &err, "see rummage-ignore(5)");
	}
	if (s->o->only_fixed)
		rmg_verdict_only_fixed(v);
	*out = v;
	return EXIT_WHOLE;
}

static int write_reports(struct scan *s, const struct rmg_inventory *inventory,
			 const struct rmg_verdict *verdict, const char *ref)
{
	struct rmg_err err = {0};

	progress_clear(s->bars);
	for (size_t i = 0; i < s->outputs.n; i++) {
		struct output *out = &s->outputs.v[i];
		struct rmg_report_opts opts = RMG_REPORT_OPTS;
		enum rmg_rc rc;

		opts.created = s->o->created;
		opts.fail_on = s->fail_on;
		opts.columns = output_columns(out);
		opts.color = output_color(out);
		rc = verdict ? rmg_report(verdict, out->format, &opts, output_write, out, &err)
			     : rmg_report_inventory(inventory, out->format, &opts, output_write,
						    out, &err);
		if (rc == RMG_E_IO && out->failed)
			(void)output_error(out, &err);
		if (rc != RMG_OK)
			return say_failure(ref, &err, NULL);
	}
	s->reports++;
	return EXIT_WHOLE;
}

/* What is to be done with one inventory. */
static int finish(struct scan *s, const struct rmg_inventory *inventory, const char *ref)
{
	struct rmg_verdict *verdict = NULL;
	bool complete = rmg_inventory_complete(inventory);
	int code = s->judge ? match(s, inventory, ref, &verdict) : EXIT_WHOLE;

	if (code != EXIT_WHOLE)
		return code;
	code = write_reports(s, inventory, verdict, ref);
	if (code == EXIT_WHOLE && verdict)
		code = judge_policy(s, verdict, rmg_verdict_complete(verdict));
	else if (code == EXIT_WHOLE && !complete && !s->o->allow_incomplete)
		code = EXIT_INCOMPLETE;
	rmg_verdict_free(verdict);
	return code;
}

static int run_all(struct scan *s)
{
	struct scan_jobs *jobs = scan_jobs_new(s->o, s->bars);
	int code = EXIT_WHOLE;

	if (jobs == NULL) {
		say("no memory, or no thread, to begin with");
		return EXIT_NOT_DONE;
	}
	for (size_t i = 0; i < s->o->n_operands; i++) {
		const char *ref = s->o->operands[i];
		struct rmg_inventory *inventory = NULL;
		struct rmg_err err = {0};

		if (scan_jobs_take(jobs, i, &inventory, &err) == RMG_OK) {
			code = worse(code, finish(s, inventory, ref));
			rmg_inventory_free(inventory);
			continue;
		}
		code = EXIT_NOT_DONE;
		progress_clear(s->bars);
		if (!cmd_stopped(NULL))
			say_failure(ref, &err, NULL);
	}
	scan_jobs_free(jobs);
	return code;
}

/* After Ctrl-C nothing is put in place; nor where no report came about, for an empty file would
 * take the place of an old report. */
static int commit(struct scan *s, int code)
{
	struct rmg_err err = {0};

	if (cmd_stopped(NULL)) {
		say("stopped; nothing was written to files");
		return EXIT_NOT_DONE;
	}
	if (s->reports && outputs_commit(&s->outputs, &err) != RMG_OK)
		return say_failure("report", &err, NULL);
	return code;
}

static int run(struct scan *s, const char *fallback)
{
	const char *formats[FORMATS];
	struct rmg_err err = {0};
	int code = check_options(s);

	if (code == EXIT_WHOLE && s->judge)
		code = open_db(s);
	if (code != EXIT_WHOLE)
		return code;
	if (s->o->no_sandbox)
		say("NO SANDBOX: bytes of the image are parsed without protection");
	formats_known(formats);
	if (outputs_open(&s->outputs, s->o, &s->o->output, fallback, formats, &err) != RMG_OK) {
		rmg_db_free(s->db);
		return say_failure(
		    NULL, &err,
		    err.rc == RMG_E_ARG
			? "formats are table, json, cyclonedx-json and sarif; -o FORMAT=FILE"
			: NULL);
	}
	s->bars = progress_new(!s->o->quiet && progress_possible());
	code = run_all(s);
	progress_free(s->bars);
	code = commit(s, code);
	outputs_done(&s->outputs);
	rmg_db_free(s->db);
	return code;
}

int cmd_scan(struct options *o)
{
	struct scan s = {.o = o, .judge = !o->inventory_only};

	return run(&s, "table");
}

int cmd_sbom(struct options *o)
{
	struct scan s = {.o = o};

	return run(&s, "cyclonedx-json");
}
