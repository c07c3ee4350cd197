/* SPDX-License-Identifier: Apache-2.0 */
/* report.c - the public face of the writers, and the threshold as a policy. */
#include "report/report.h"

#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/rfc3339.h"
#include "base/strbuf.h"
#include "lib/lib.h"

struct job {
	struct report_input in;
	struct arena arena;
	double begun;
	char created[RFC3339_BYTES];
};

static double elapsed(void *user)
{
	return clock_tick_exact_ms() - ((const struct job *)user)->begun;
}

static struct policy_violation violation_of(struct job *job, const struct finding *f,
					    struct span rule)
{
	const struct component *c = &job->in.inv->components[f->component];

	return (struct policy_violation){
	    .rule = rule,
	    .subject = c->purl,
	    .text = ARENA_JOIN(&job->arena, f->id, S(" is "), span_cstr(severity_name(f->severity)),
			       S(" in "), c->pkg.name, S(" "), c->pkg.version),
	};
}

static enum rmg_rc judge(struct job *job, const struct verdict *v, enum rmg_severity fail_on)
{
	static const char *const names[] = {"unknown", "negligible", "low",
					    "medium",  "high",       "critical"};
	struct policy_violation *list;
	struct span rule;
	size_t n = 0;

	job->in.policy_passed = true;
	if (v == NULL || fail_on == RMG_SEV_UNKNOWN || (size_t)fail_on >= COUNT_OF(names))
		return RMG_OK;
	rule = ARENA_JOIN(&job->arena, S("fail-on "), span_cstr(names[fail_on]));
	list = ARENA_ARRAY(&job->arena, v->n_findings, struct policy_violation);
	for (size_t i = 0; list && i < v->n_findings; i++) {
		if (lib_breaks(&v->findings[i], fail_on))
			list[n++] = violation_of(job, &v->findings[i], rule);
	}
	job->in.violations = list;
	job->in.n_violations = n;
	job->in.policy_passed = n == 0;
	return arena_rc(&job->arena);
}

static void set_times(struct job *job, const struct rmg_report_opts *opts, const struct verdict *v)
{
	int64_t created, built;

	if (opts->created) {
		job->in.created = span_cstr(opts->created);
	} else {
		job->in.created = span_cstr(rfc3339_text((int64_t)time(NULL) * 1000, job->created));
	}
	if (v && rfc3339_parse(job->in.created, &created) && rfc3339_parse(v->db->built, &built))
		job->in.db_age_s = (created - built) / 1000;
}

static enum rmg_rc write_out(struct job *job, const struct report_format *format,
			     rmg_write_fn *write, void *user, struct rmg_err *err)
{
	struct strbuf text = strbuf_of(LIMIT_REPORT_BYTES);
	enum rmg_rc rc;

	format->write(&job->in, &text);
	rc = strbuf_rc(&text);
	if (rc != RMG_OK)
		err_set(err, rc, "the report does not fit in memory");
	else if (!write(user, strbuf_cstr(&text), text.n))
		rc = err_set(err, RMG_E_IO, "the report could not be written");
	strbuf_done(&text);
	return rc;
}

static enum rmg_rc run(const struct rmg_inventory *inventory, const struct rmg_verdict *verdict,
		       const char *name, const struct rmg_report_opts *opts, rmg_write_fn *write,
		       void *user, struct rmg_err *err)
{
	static const struct rmg_report_opts defaults = RMG_REPORT_OPTS;
	const struct report_format *format = report_format_of(span_cstr(name));
	struct job job = {.begun = clock_tick_exact_ms()};
	enum rmg_rc rc;

	if (format == NULL)
		return err_set(err, RMG_E_ARG, "no report format is called \"%s\"", name);
	if (format->needs_verdict && verdict == NULL)
		return err_set(err, RMG_E_ARG, "the format %s needs findings", name);
	opts = opts ? opts : &defaults;
	arena_init(&job.arena, LIMIT_REPORT_BYTES);
	job.in = (struct report_input){
	    .inv = inventory->inv,
	    .verdict = verdict ? verdict->v : NULL,
	    .version = rmg_version(),
	    .policy_file = span_cstr(opts->policy_file),
	    .ms_fetch = inventory->ms_fetch,
	    .ms_read = inventory->ms_read,
	    .ms_catalog = inventory->ms_catalog,
	    .ms_match = verdict ? verdict->ms_match : 0,
	    .report_ms = elapsed,
	    .user = &job,
	    .columns = opts->columns,
	    .color = opts->color,
	    .only_fixed = verdict && verdict->only_fixed,
	};
	set_times(&job, opts, job.in.verdict);
	rc = judge(&job, job.in.verdict, opts->fail_on);
	if (rc != RMG_OK)
		err_set(err, rc, "no memory for the policy's result");
	else
		rc = write_out(&job, format, write, user, err);
	arena_done(&job.arena);
	return rc;
}

enum rmg_rc rmg_report(const struct rmg_verdict *verdict, const char *format,
		       const struct rmg_report_opts *opts, rmg_write_fn *write, void *user,
		       struct rmg_err *err)
{
	return run(verdict->inventory, verdict, format, opts, write, user, err);
}

enum rmg_rc rmg_report_inventory(const struct rmg_inventory *inventory, const char *format,
				 const struct rmg_report_opts *opts, rmg_write_fn *write,
				 void *user, struct rmg_err *err)
{
	return run(inventory, NULL, format, opts, write, user, err);
}

const char *rmg_format_at(size_t i)
{
	for (size_t at = 0; report_formats[at]; at++) {
		if (at == i)
			return report_formats[at]->name;
	}
	return NULL;
}
