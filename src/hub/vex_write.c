/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rfc3339.h"
#include "format/jsonw.h"
#include "hub/vex.h"
#include "model/ref.h"

void vex_begin(struct vex_writer *w, struct strbuf *out, struct span id, struct span author,
	       int64_t now_ms)
{
	struct jsonw j = jsonw_of(out);

	*w = (struct vex_writer){.out = out, .now_ms = now_ms};
	jsonw_object(&j);
	jsonw_put_cstr(&j, "@context", "https://openvex.dev/ns/v0.2.0");
	jsonw_put(&j, "@id", id);
	jsonw_put(&j, "author", author);
	jsonw_put_u64(&j, "version", 1);
	jsonw_key(&j, "statements");
	jsonw_array(&j);
}

static void put_escaped(struct strbuf *out, struct span s)
{
	strbuf_percent(out, s, S("-._~/"));
}

/* pkg:oci/NAME@sha256%3A...?repository_url=... */
static void put_image(struct strbuf *out, struct span image, struct span ref)
{
	struct span repository, tag;

	ref_cut(ref, &repository, &tag);
	strbuf_puts(out, "pkg:oci/");
	put_escaped(out, repository.n ? span_basename(repository) : S("image"));
	strbuf_putc(out, '@');
	put_escaped(out, image);
	if (repository.n) {
		strbuf_puts(out, "?repository_url=");
		put_escaped(out, repository);
	}
}

static void put_products(struct jsonw *j, const struct exception_row *row, struct span image,
			 struct span ref)
{
	struct strbuf id = strbuf_of(1 << 16);

	jsonw_key(j, "products");
	jsonw_array(j);
	jsonw_object(j);
	if (image.n)
		put_image(&id, image, ref);
	else
		strbuf_put(&id, row->purl);
	jsonw_put(j, "@id", strbuf_span(&id));
	if (image.n && row->purl.n) {
		jsonw_key(j, "subcomponents");
		jsonw_array(j);
		jsonw_object(j);
		jsonw_put(j, "@id", row->purl);
		jsonw_object_end(j);
		jsonw_array_end(j);
	}
	jsonw_object_end(j);
	jsonw_array_end(j);
	strbuf_done(&id);
}

static void put_decision(struct jsonw *j, const struct exception_row *row)
{
	struct strbuf text = strbuf_of(1 << 16);
	char until[RFC3339_BYTES];

	jsonw_put_cstr(j, "status", "affected");
	strbuf_printf(&text, "The risk is taken by " SPAN_FMT, SPAN_ARG(row->owner));
	if (row->until_ms)
		strbuf_printf(&text, " until %s", rfc3339_text(row->until_ms, until));
	strbuf_printf(&text, ": " SPAN_FMT, SPAN_ARG(row->reason));
	jsonw_put(j, "action_statement", strbuf_span(&text));
	strbuf_done(&text);
}

static void put_status(struct jsonw *j, const struct exception_row *row)
{
	jsonw_put(j, "status", row->vex_status);
	if (row->justification.n)
		jsonw_put(j, "justification", row->justification);
	if (span_is(row->vex_status, S("not_affected")))
		jsonw_put(j, "impact_statement", row->reason.n ? row->reason : S("not affected"));
	else if (row->reason.n)
		jsonw_put(j, "status_notes", row->reason);
}

bool vex_put(struct vex_writer *w, const struct exception_row *row, struct span image,
	     struct span ref)
{
	struct jsonw j = {.out = w->out, .comma = w->n != 0};
	char time[RFC3339_BYTES];

	if (row->ns.n || row->workload.n || row->advisory.n == 0 ||
	    span_ends(row->advisory, S("*")) || span_ends(row->purl, S("*")) ||
	    (image.n == 0 && row->purl.n == 0))
		return false;
	jsonw_object(&j);
	jsonw_key(&j, "vulnerability");
	jsonw_object(&j);
	jsonw_put(&j, "name", row->advisory);
	jsonw_object_end(&j);
	if (row->created_ms)
		jsonw_put_cstr(&j, "timestamp", rfc3339_text(row->created_ms, time));
	put_products(&j, row, image, ref);
	if (row->owner.n)
		jsonw_put(&j, "supplier", row->owner);
	if (row->vex_status.n)
		put_status(&j, row);
	else
		put_decision(&j, row);
	jsonw_object_end(&j);
	w->n++;
	return true;
}

/* The time stands last, where whoever compares two documents finds it. */
void vex_end(struct vex_writer *w)
{
	char time[RFC3339_BYTES];

	strbuf_printf(w->out, "],\"timestamp\":\"%s\"}", rfc3339_text(w->now_ms, time));
}
