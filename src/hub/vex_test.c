/* SPDX-License-Identifier: Apache-2.0 */
/* Expectations are those of the OpenVEX specification, v0.2.0. */
#include "hub/vex.h"

#include "../tests/made.h"
#include "../tests/sample.h"
#include "format/json.h"

static struct vex *taken(const char *name)
{
	struct span text = sample_read("hub/vex", name);
	struct rmg_err err = {0};
	struct vex *v = NULL;

	if (vex_parse(text, &v, &err) != RMG_OK)
		fail_msg("%s: %s", name, err.msg);
	sample_free(text); /* nothing of it is borrowed */
	return v;
}

static const struct vex_claim *claim_of(const struct vex *v, const char *advisory, const char *purl)
{
	for (size_t i = 0; i < v->n_claims; i++) {
		if (span_is(v->claims[i].row.advisory, made_span(advisory)) &&
		    span_is(v->claims[i].row.purl, made_span(purl)))
			return &v->claims[i];
	}
	fail_msg("no claim about %s %s", advisory, purl);
	return NULL;
}

static void statements_become_claims(void **state)
{
	struct vex *v = taken("ok-image.json");
	const struct exception_row *row;

	(void)state;
	assert_int_equal(v->n_claims, 7);
	assert_int_equal(v->n_skipped, 1); /* what only a CPE names */
	row = &claim_of(v, "CVE-2026-0001", "pkg:deb/debian/openssl@3.0.1")->row;
	assert_true(
	    span_is(row->image, S("sha256:11111111111111111111111111111111111111111111111111"
				  "11111111111111")));
	assert_true(span_is(row->owner, S("security@example.com")));
	assert_true(span_is(row->reason, S("we never call it")));
	assert_true(span_is(row->vex_status, S("not_affected")));
	assert_true(span_is(row->justification, S("vulnerable_code_not_in_execute_path")));
	assert_int_equal(row->created_ms, MADE_NOW - 23 * INT64_C(86400000) + 36000000);
	assert_int_equal(row->until_ms, 0);
	claim_of(v, "GHSA-aaaa-bbbb-cccc", "pkg:npm/left-pad@1.0.0");
	row = &claim_of(v, "CVE-2026-0002", "")->row;
	assert_true(span_is(row->image, S("registry.example.com/shop/web:1.9")));
	assert_true(span_is(row->reason, S("fixed")));
	row = &claim_of(v, "CVE-2026-0003", "pkg:deb/debian/bash@5.2")->row;
	assert_int_equal(row->image.n, 0);
	assert_int_equal(row->created_ms, MADE_NOW - 22 * INT64_C(86400000) + 32400000);
	row = &claim_of(v, "CVE-2026-0004", "")->row;
	assert_true(span_starts(row->image, S("sha256:2222")));
	vex_free(v);
}

static void the_latest_statement_counts(void **state)
{
	struct vex *v = taken("ok-later.json");

	(void)state;
	assert_int_equal(v->n_claims, 2);
	assert_false(claim_of(v, "CVE-1", "pkg:deb/debian/a")->excepts);
	assert_true(claim_of(v, "CVE-2", "pkg:deb/debian/a")->excepts);
	vex_free(v);
}

static void an_incomplete_document_is_refused(void **state)
{
	static const struct {
		const char *name, *says;
	} rows[] = {
	    {"bad-no-product.json", "product"}, {"bad-no-justification.json", "justification"},
	    {"bad-status.json", "status"},      {"bad-justification.json", "justification"},
	    {"bad-name.json", "name"},          {"bad-time.json", "timestamp"},
	    {"bad-empty.json", "statements"},   {"bad-context.json", "OpenVEX"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct span text = sample_read("hub/vex", rows[i].name);
		struct rmg_err err = {0};
		struct vex *v;

		if (vex_parse(text, &v, &err) != RMG_E_FORMAT || !strstr(err.msg, rows[i].says))
			fail_msg("%s: %s", rows[i].name, err.msg);
		sample_free(text);
	}
}

static void claims_multiply_within_a_bound(void **state)
{
	struct strbuf text = strbuf_of(MIB(16));
	struct rmg_err err = {0};
	struct vex *v;

	(void)state;
	strbuf_puts(&text, "{\"@context\":\"https://openvex.dev/ns/v0.2.0\",\"author\":\"a\","
			   "\"timestamp\":\"2026-11-01T10:00:00Z\",\"statements\":[{\"status\":"
			   "\"fixed\",\"vulnerability\":{\"name\":\"x\",\"aliases\":[\"y\"");
	for (int i = 0; i < 5000; i++)
		strbuf_printf(&text, ",\"a%d\"", i);
	strbuf_puts(&text, "]},\"products\":[{\"@id\":\"pkg:npm/a\"}");
	for (int i = 0; i < 5000; i++)
		strbuf_printf(&text, ",{\"@id\":\"pkg:npm/a%d\"}", i);
	strbuf_puts(&text, "]}]}");
	assert_int_equal(vex_parse(strbuf_span(&text), &v, &err), RMG_E_LIMIT);
	strbuf_done(&text);
}

/* Into the store, over the alerts, and away again. */

static size_t applied(struct made *m, const char *author, const char *status, const char *when)
{
	struct strbuf text = strbuf_of(KIB(4));
	struct vex *v;
	size_t n = 0;

	strbuf_printf(&text,
		      "{\"@context\":\"https://openvex.dev/ns/v0.2.0\",\"@id\":\"x\","
		      "\"author\":\"%s\",\"timestamp\":\"%s\",\"version\":1,\"statements\":["
		      "{\"vulnerability\":{\"name\":\"CVE-1\"},\"status\":\"%s\","
		      "\"action_statement\":\"x\",\"impact_statement\":\"not reachable\","
		      "\"products\":[{\"@id\":\"pkg:deb/debian/xz@1.0\"}]}]}",
		      author, when, status);
	GOOD(m, vex_parse(strbuf_span(&text), &v, &m->err));
	made_begin(m);
	GOOD(m, vex_apply(v, m->st, m->env.now_ms, &n, &m->err));
	GOOD(m, alerts_exceptions(m->a, &m->env, &m->err));
	made_commit(m);
	vex_free(v);
	strbuf_done(&text);
	return n;
}

static enum rmg_rc count(void *user, const struct exception_row *row)
{
	(void)row;
	++*(size_t *)user;
	return RMG_OK;
}

static size_t exceptions(struct made *m)
{
	size_t n = 0;

	GOOD(m, store_exception_each(m->st, count, &n, &m->err));
	return n;
}

static void a_document_suppresses_until_a_later_one_says_other(void **state)
{
	static const struct made_says says = {"CVE-1", "xz", SEV_CRITICAL};
	struct made m;

	(void)state;
	made_open(&m, NULL);
	made_database(&m, &says, 1);
	made_use(&m, made_image(&m, "shop/web:1", "xz"), 0);
	assert_int_equal(made_alert(&m)->state, ALERT_FIRING);
	assert_int_equal(applied(&m, "a", "not_affected", "2026-11-02T00:00:00Z"), 1);
	assert_int_equal(made_alert(&m)->state, ALERT_SUPPRESSED);
	assert_int_equal(exceptions(&m), 1);
	/* the same again is no second exception; an older or another's word ends nothing */
	assert_int_equal(applied(&m, "a", "not_affected", "2026-11-02T00:00:00Z"), 1);
	assert_int_equal(exceptions(&m), 1);
	applied(&m, "a", "affected", "2026-11-01T00:00:00Z");
	applied(&m, "b", "affected", "2026-11-03T00:00:00Z");
	assert_int_equal(made_alert(&m)->state, ALERT_SUPPRESSED);
	assert_int_equal(applied(&m, "a", "affected", "2026-11-03T00:00:00Z"), 0);
	assert_int_equal(exceptions(&m), 0);
	assert_int_equal(made_alert(&m)->state, ALERT_FIRING);
	made_close(&m);
}

static void exceptions_become_statements(void **state)
{
	const struct exception_row own = {.owner = S("alice"),
					  .reason = S("internal only"),
					  .advisory = S("CVE-1"),
					  .created_ms = MADE_NOW,
					  .until_ms = MADE_NOW + 86400000},
				   said = {.owner = S("b"),
					   .reason = S("no"),
					   .advisory = S("CVE-2"),
					   .purl = S("pkg:npm/a@1"),
					   .vex_status = S("not_affected"),
					   .justification = S("component_not_present")};
	const struct exception_row narrow = {.advisory = S("CVE-3"),
					     .ns = S("shop"),
					     .purl = S("pkg:npm/a")},
				   wide = {.purl = S("pkg:npm/a")};
	struct strbuf text = strbuf_of(KIB(64));
	struct rmg_err err = {0};
	struct json_doc doc = {0};
	struct vex_writer w;
	struct vex *v = NULL;
	json *first;

	(void)state;
	vex_begin(&w, &text, S("urn:x"), S("hub"), MADE_NOW);
	assert_true(vex_put(&w, &own, S("sha256:ab"), S("registry.example.com:5000/shop/web:1.9")));
	assert_true(vex_put(&w, &said, S("sha256:cd"), S("")));
	assert_true(vex_put(&w, &said, S(""), S("")));
	assert_false(vex_put(&w, &narrow, S("sha256:ab"), S("")));
	assert_false(vex_put(&w, &wide, S("sha256:ab"), S("")));
	assert_false(vex_put(&w, &own, S(""), S("")));
	vex_end(&w);
	assert_int_equal(json_parse(&doc, strbuf_span(&text), MIB(1), &err), RMG_OK);
	first = json_at(json_get(doc.root, "statements"), 0);
	/* who takes a risk does not say that there is none */
	assert_true(span_is(json_get_str(first, "status"), S("affected")));
	assert_true(span_is(json_get_str(first, "action_statement"),
			    S("The risk is taken by alice until 2026-11-25T00:00:00Z: "
			      "internal only")));
	assert_true(span_is(
	    json_get_str(json_at(json_get(first, "products"), 0), "@id"),
	    S("pkg:oci/web@sha256%3Aab?repository_url=registry.example.com%3A5000/shop/web")));
	if (vex_parse(strbuf_span(&text), &v, &err) != RMG_OK)
		fail_msg("%s", err.msg);
	assert_int_equal(v->n_claims, 3);
	json_done(&doc);
	vex_free(v);
	strbuf_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(statements_become_claims),
	    cmocka_unit_test(the_latest_statement_counts),
	    cmocka_unit_test(an_incomplete_document_is_refused),
	    cmocka_unit_test(claims_multiply_within_a_bound),
	    cmocka_unit_test(a_document_suppresses_until_a_later_one_says_other),
	    cmocka_unit_test(exceptions_become_statements),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
