/* SPDX-License-Identifier: Apache-2.0 */
/* severity.c - CVSS vectors per CVE for publishers that give none, severity/NAME.tsv: a first line
 * "#cve" and names of columns, of which "provider" and "vector" or "cvss3_vector" are read. */
#include <dirent.h>
#include <errno.h>

#include "base/rd.h"
#include "feed/input.h"
#include "vuln/match.h"

struct columns {
	size_t vector, provider;
};

static struct columns columns_of(struct span head)
{
	struct columns c = {SIZE_MAX, SIZE_MAX};
	struct span name;

	for (size_t i = 0; span_next(&head, '\t', &name); i++) {
		if (span_is(name, S("vector")) || span_is(name, S("cvss3_vector")))
			c.vector = i;
		else if (span_is(name, S("provider")))
			c.provider = i;
	}
	return c;
}

/* "adp:CISA-ADP" is CISA's own score; anyone else's is the CVE's issuer's. */
static void take_line(struct input *in, struct span line, struct columns c)
{
	struct adv_cvss cvss = {.source = S("cve")};
	struct span cve = {0}, field;

	for (size_t i = 0; span_next(&line, '\t', &field); i++) {
		if (i == 0)
			cve = field;
		if (i == c.vector)
			cvss.vector = field;
		if (i == c.provider && span_starts(field, S("adp:")))
			cvss.source = S("cisa");
	}
	if (!is_cve(cve)) {
		input_warn(in, "\"" SPAN_FMT "\" is not a CVE", SPAN_ARG(span_head(cve, 40)));
		return;
	}
	if (cvss.vector.n == 0)
		return;
	if (!cvss_score(cvss.vector, &cvss.score, &cvss.version)) {
		input_warn(in, "\"" SPAN_FMT "\" is no CVSS vector",
			   SPAN_ARG(span_head(cvss.vector, 120)));
		return;
	}
	advdb_add_cvss(in->b, cve, &cvss);
	in->count++;
}

void severity_take(struct input *in, struct span tsv)
{
	struct rd r = rd_of(tsv);
	struct span head = rd_line(&r);
	struct columns c = columns_of(head);

	if (!span_starts(head, S("#cve\t")) || c.vector == SIZE_MAX) {
		input_warn(in, "no table of CVEs with vectors");
		return;
	}
	while (rd_more(&r)) {
		struct span line = rd_line(&r);

		if (line.n)
			take_line(in, line, c);
	}
}

static enum rmg_rc read_file(struct input *in, const char *dir, const char *name,
			     struct rmg_err *err)
{
	char *path = file_join(dir, name);
	struct file_map map;
	enum rmg_rc rc;

	if (path == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for %s", name);
	rc = file_map(path, &map, err);
	if (rc == RMG_OK) {
		in->file = name;
		severity_take(in, map.bytes);
		in->file = NULL;
		input_saw(in, path);
		file_unmap(&map);
	}
	free(path);
	return rc;
}

enum rmg_rc severity_read(struct input *in, struct rmg_err *err)
{
	char *path = file_join(in->dir, "severity");
	enum rmg_rc rc = RMG_OK;
	DIR *dir = path ? opendir(path) : NULL;

	if (dir == NULL) {
		free(path);
		return err_os(err, errno == ENOENT ? RMG_E_NOTFOUND : RMG_E_IO, "severity");
	}
	for (struct dirent *e; rc == RMG_OK && (e = readdir(dir)) != NULL;)
		if (span_ends(span_cstr(e->d_name), S(".tsv")))
			rc = read_file(in, path, e->d_name, err);
	closedir(dir);
	free(path);
	return rc;
}
