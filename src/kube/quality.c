/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/quality.h"

#include <stdio.h>

#include "base/hash.h"
#include "format/jsonw.h"
#include "kube/openshift.h"

/* Of a state the lowest bits: QUALITY_OURS is there; OPENSHIFT_DENY is, and says "true", or
 * anything else. Above them is the sum of what the annotation says. */
enum { OURS = 1, DENIES = 2, OTHERWISE = 4, DENY_BITS = OURS | DENIES | OTHERWISE };

static const char *const labels[QUALITY_ROWS] = {"low", "moderate", "important", "critical"};

/* Of all but when it was written. */
static uint64_t sum_of(struct span text)
{
	size_t from = span_find(text, S("\"timestamp\":\"")), until = SIZE_MAX;
	uint64_t sum = hash_mix(text.n ? 1 : 0);

	if (from != SIZE_MAX)
		until = span_find_from(text, from + strlen("\"timestamp\":\""), S("\""));
	if (until == SIZE_MAX)
		from = until = text.n;
	sum = hash_mix(sum * 3 + hash_span(span_head(text, from)));
	sum = hash_mix(sum * 3 + hash_span(span_from(text, until)));
	return (sum & ~(uint64_t)DENY_BITS) | (DENY_BITS + 1);
}

static void put_row(struct jsonw *w, unsigned severity, uint32_t n)
{
	char text[16];

	snprintf(text, sizeof text, "%u", n);
	jsonw_object(w);
	jsonw_put_cstr(w, "label", labels[severity]);
	jsonw_put_cstr(w, "data", text);
	jsonw_put_u64(w, "severityIndex", severity);
	jsonw_put_null(w, "reference");
	jsonw_object_end(w);
}

static void put_value(const struct quality *q, const char *at, struct strbuf *out)
{
	struct jsonw w = jsonw_of(out);

	jsonw_object(&w);
	jsonw_put_cstr(&w, "name", "Rummage");
	jsonw_put_cstr(&w, "timestamp", at);
	jsonw_put_cstr(&w, "description",
		       q->whole ? "known vulnerabilities"
				: "known vulnerabilities; part of the image could not be read");
	jsonw_put_cstr(&w, "reference", q->reference);
	jsonw_put_cstr(&w, "scannerVersion", q->version);
	jsonw_put_bool(&w, "compliant", q->whole && !q->deny);
	jsonw_key(&w, "summary");
	jsonw_array(&w);
	for (unsigned i = QUALITY_ROWS; i-- > 0;)
		put_row(&w, i, q->rows[i]);
	jsonw_array_end(&w);
	jsonw_object_end(&w);
}

uint64_t quality_seen(json *annotations)
{
	json *said = json_get(annotations, QUALITY_KEY), *deny;
	uint64_t state = said ? sum_of(json_str(said)) : 0;

	deny = json_get(annotations, OPENSHIFT_DENY);
	if (json_get(annotations, QUALITY_OURS))
		state |= OURS;
	if (deny)
		state |= span_is(json_str(deny), S("true")) ? DENIES : OTHERWISE;
	return state;
}

/* Somebody else says whether it is to run. */
static bool is_somebodys(uint64_t seen)
{
	return seen & OTHERWISE || (seen & DENY_BITS) == DENIES;
}

uint64_t quality_wanted(uint64_t seen, const struct quality *q)
{
	struct strbuf text = strbuf_of(KIB(8));
	uint64_t state = 0;

	if (q) {
		put_value(q, "", &text);
		state = sum_of(strbuf_span(&text));
	}
	strbuf_done(&text);
	if (is_somebodys(seen))
		return state | (seen & (DENIES | OTHERWISE));
	return q && q->deny ? state | OURS | DENIES : state;
}

void quality_patch(uint64_t seen, const struct quality *q, struct span uid, struct span version,
		   const char *at, struct strbuf *out)
{
	struct strbuf text = strbuf_of(KIB(8));
	struct jsonw w = jsonw_of(out);
	uint64_t want = quality_wanted(seen, q);

	if (q)
		put_value(q, at, &text);
	jsonw_object(&w);
	jsonw_key(&w, "metadata");
	jsonw_object(&w);
	jsonw_put(&w, "uid", uid);
	jsonw_put(&w, "resourceVersion", version);
	jsonw_key(&w, "annotations");
	jsonw_object(&w);
	jsonw_put(&w, QUALITY_KEY, strbuf_span(&text));
	if ((want ^ seen) & OURS)
		jsonw_put(&w, QUALITY_OURS, want & OURS ? S("true") : S(""));
	if ((want ^ seen) & DENIES)
		jsonw_put(&w, OPENSHIFT_DENY, want & DENIES ? S("true") : S(""));
	jsonw_object_end(&w);
	jsonw_object_end(&w);
	jsonw_object_end(&w);
	strbuf_done(&text);
}
