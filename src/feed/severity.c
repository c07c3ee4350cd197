/* SPDX-License-Identifier: Apache-2.0 */
/* severity.c - CVSS vectors per CVE for publishers that give none, severity/NAME.tsv: a first line
 * "#cve" and names of columns, of which "provider" and "vector" or "cvss3_vector" are read. */
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
		input_refuse(in, "no table of CVEs with vectors");
		return;
	}
	while (rd_more(&r)) {
		struct span line = rd_line(&r);

		if (line.n)
			take_line(in, line, c);
	}
}

enum rmg_rc severity_read(struct input *in, const struct feed_file *file, struct rmg_err *err)
{
	struct file_map map;
	enum rmg_rc rc = file_map_at(file->dir_fd, file->name, &map, err);

	if (rc != RMG_OK)
		return rc;
	in->id = map.id;
	severity_take(in, map.bytes);
	file_unmap(&map);
	return input_verdict(in, err);
}
