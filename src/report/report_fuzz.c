/* SPDX-License-Identifier: Apache-2.0 */
/* Every writer on an inventory whose texts are any bytes: what comes out is UTF-8 without controls
 * (lines apart), JSON documents are one line whose brackets balance, and a second run gives the
 * same. */
#include "base/utf8.h"
#include "report/report_sample.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The next text of the input, up to a 0xfe byte: every other byte may be inside. */
static struct span take(struct span *rest)
{
	struct span s = {0};

	(void)span_next(rest, 0xfe, &s);
	return s;
}

static void check_json(struct span text)
{
	size_t depth = 0;
	bool string = false;

	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];

		if (string && c == '\\')
			i++;
		else if (c == '"')
			string = !string;
		else if (!string && (c == '{' || c == '['))
			depth++;
		else if (!string && (c == '}' || c == ']'))
			CHECK(depth-- > 0);
		else if (c == '\n')
			CHECK(!string && depth == 0 && i == text.n - 1);
	}
	CHECK(!string && depth == 0);
}

static void check_writer(const struct report_sample *s, const struct report_format *format)
{
	struct strbuf out = strbuf_of(1 << 24), again = strbuf_of(1 << 24);

	format->write(&s->in, &out);
	format->write(&s->in, &again);
	CHECK(strbuf_rc(&out) == RMG_OK && out.n && out.p[out.n - 1] == '\n');
	CHECK(span_is(strbuf_span(&out), strbuf_span(&again)));
	CHECK(utf8_valid(strbuf_span(&out)));
	for (size_t i = 0; i < out.n; i++)
		CHECK((uint8_t)out.p[i] >= 0x20 || out.p[i] == '\n' || out.p[i] == '\t');
	if (strcmp(format->name, "table") != 0)
		check_json(strbuf_span(&out));
	strbuf_done(&out);
	strbuf_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = span_of(data, size), path;
	struct report_sample s;
	struct layer_note note = {.layer = NO_LAYER};

	if (size > 1 << 14)
		return 0;
	report_sample_large(&s, 2);
	s.components[0].pkg = (struct pkg){.type = take(&rest),
					   .ns = take(&rest),
					   .name = take(&rest),
					   .version = take(&rest),
					   .license = take(&rest)};
	s.components[0].purl = take(&rest);
	path = take(&rest);
	s.components[0].paths = &path;
	s.components[0].n_paths = 1;
	s.findings[0].id = take(&rest);
	s.findings[0].url = take(&rest);
	s.findings[0].published = take(&rest);
	s.findings[0].why = take(&rest);
	note.note = (struct note){.code = take(&rest), .path = take(&rest), .text = take(&rest)};
	s.inv.notes = &note;
	s.inv.n_notes = 1;
	s.inv.ref = s.inv.os.name = take(&rest);
	s.in.columns = rest.n ? rest.p[0] : 0;
	for (size_t i = 0; report_formats[i]; i++)
		check_writer(&s, report_formats[i]);
	report_sample_done(&s);
	return 0;
}
