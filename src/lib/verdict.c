/* SPDX-License-Identifier: Apache-2.0 */
/* verdict.c - the public face of matching: rmg_match() and what is asked of its result. */
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"
#include "io/file.h"
#include "lib/ignore.h"
#include "lib/lib.h"

/* One finding as the header shows it. */
static void view_of(struct rmg_verdict *v, const struct finding *f, struct rmg_finding *out)
{
	const struct rmg_pkg *pkg = rmg_inventory_pkg(v->inventory, f->component);

	*out = (struct rmg_finding){
	    .pkg = pkg,
	    .advisory = lib_text(&v->arena, f->id),
	    .severity = severity_name(f->severity),
	    .fixed_in = lib_text(&v->arena, f->n_fixed ? f->fixed[0] : S("")),
	    .why = lib_text(&v->arena, f->why),
	    .status = lib_status(f->status),
	    .level = lib_severity(f->severity),
	    .suppressed = f->suppressed != NULL,
	};
}

static enum rmg_rc make_views(struct rmg_verdict *v, struct rmg_err *err)
{
	v->findings = ARENA_ARRAY(&v->arena, v->v->n_findings, struct rmg_finding);
	for (size_t i = 0; v->findings && i < v->v->n_findings; i++)
		view_of(v, &v->v->findings[i], &v->findings[i]);
	if (arena_rc(&v->arena) != RMG_OK)
		return err_set(err, arena_rc(&v->arena), "no memory for the findings");
	return RMG_OK;
}

enum rmg_rc rmg_match(const struct rmg_inventory *inventory, const struct rmg_db *db,
		      struct rmg_verdict **out, struct rmg_err *err)
{
	struct rmg_verdict *v;
	double begun = clock_tick_exact_ms();
	enum rmg_rc rc;

	if (inventory == NULL || db == NULL)
		return err_set(err, RMG_E_ARG, "matching needs an inventory and a database");
	v = calloc(1, sizeof *v);
	if (v == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a verdict");
	arena_init(&v->arena, LIMIT_REPORT_BYTES);
	v->inventory = inventory;
	v->adv = db->adv;
	rc = match_inventory(inventory->inv, &v->adv, &v->v, err);
	if (rc == RMG_OK)
		rc = make_views(v, err);
	if (rc != RMG_OK) {
		rmg_verdict_free(v);
		return rc;
	}
	v->ms_match = clock_tick_exact_ms() - begun;
	*out = v;
	return RMG_OK;
}

static void today_of(char day[11])
{
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(day, 11, "%Y-%m-%d", &tm);
}

enum rmg_rc rmg_verdict_ignore(struct rmg_verdict *verdict, const char *file, struct rmg_err *err)
{
	struct span text;
	struct ignore ig = {0};
	char today[11];
	enum rmg_rc rc = file_read(file, LIMIT_IGNORE_BYTES, &text, err);

	if (rc != RMG_OK)
		return rc;
	rc = ignore_load(text, &ig, err);
	if (rc != RMG_OK)
		err_add(err, "%s", file);
	file_free(&text);
	if (rc == RMG_OK) {
		today_of(today);
		rc = ignore_apply(&ig, verdict->v, span_cstr(today), err);
	}
	for (size_t i = 0; rc == RMG_OK && i < verdict->v->n_findings; i++)
		verdict->findings[i].suppressed = verdict->v->findings[i].suppressed != NULL;
	ignore_done(&ig);
	return rc;
}

void rmg_verdict_only_fixed(struct rmg_verdict *verdict)
{
	struct verdict *v = verdict->v;
	size_t kept = 0;

	for (size_t i = 0; i < v->n_findings; i++) {
		if (v->findings[i].n_fixed == 0)
			continue;
		v->findings[kept] = v->findings[i];
		verdict->findings[kept++] = verdict->findings[i];
	}
	v->n_findings = kept;
	verdict->only_fixed = true;
}

const struct rmg_finding *rmg_verdict_at(const struct rmg_verdict *verdict, size_t i)
{
	return i < verdict->v->n_findings ? &verdict->findings[i] : NULL;
}

bool lib_breaks(const struct finding *f, enum rmg_severity fail_on)
{
	if (fail_on == RMG_SEV_UNKNOWN || f->suppressed || f->status == ADV_NOT_AFFECTED)
		return false;
	return fail_on == RMG_SEV_NEGLIGIBLE || lib_severity(f->severity) >= fail_on;
}

bool rmg_verdict_within(const struct rmg_verdict *verdict, enum rmg_severity fail_on)
{
	for (size_t i = 0; i < verdict->v->n_findings; i++) {
		if (lib_breaks(&verdict->v->findings[i], fail_on))
			return false;
	}
	return true;
}

bool rmg_verdict_complete(const struct rmg_verdict *verdict)
{
	return verdict->v->complete;
}

void rmg_verdict_free(struct rmg_verdict *verdict)
{
	if (verdict == NULL)
		return;
	verdict_free(verdict->v);
	arena_done(&verdict->arena);
	free(verdict);
}

bool rmg_severity_of(const char *name, enum rmg_severity *out)
{
	enum adv_severity s;

	if (!severity_of(span_cstr(name), &s))
		return false;
	*out = lib_severity(s);
	return true;
}

enum rmg_rc rmg_vercmp(const char *type, const char *a, const char *b, int *order,
		       struct rmg_err *err)
{
	enum version_order how;
	int n;

	if (!version_order_of(span_cstr(type), &how))
		return err_set(err, RMG_E_ARG, "no version order is called \"%s\"", type);
	n = version_cmp(how, span_cstr(a), span_cstr(b));
	*order = (n > 0) - (n < 0);
	return RMG_OK;
}

const char *rmg_vercmp_type_at(size_t i)
{
	return i < ORDER_COUNT ? version_order_name((enum version_order)i) : NULL;
}
