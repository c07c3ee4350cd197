/* SPDX-License-Identifier: Apache-2.0 */
/* kev.c - CISA's catalogue of vulnerabilities that are known to be exploited, kev.json. */
#include "feed/input.h"

void kev_take(struct input *in, json *root)
{
	json *list = json_get(root, "vulnerabilities");

	if (!json_is_array(list)) {
		input_refuse(in, "no list of vulnerabilities");
		return;
	}
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		struct span cve = json_get_str(it.value, "cveID");

		if (!is_cve(cve)) {
			input_warn(in, "\"" SPAN_FMT "\" is not a CVE", SPAN_ARG(cve));
			continue;
		}
		advdb_add_kev(in->b, cve, json_get_str(it.value, "dateAdded"),
			      json_get_str(it.value, "dueDate"));
		in->count++;
	}
}

enum rmg_rc kev_read(struct input *in, const struct feed_file *file, struct rmg_err *err)
{
	enum rmg_rc rc = input_json(in, file, err);

	if (rc != RMG_OK)
		return rc;
	kev_take(in, in->doc.root);
	return input_verdict(in, err);
}
