/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/vex.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/rfc3339.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "format/json.h"
#include "model/purl.h"

struct parser {
	struct vex *vex;
	struct rmg_err *err;
	VEC(struct vex_claim) claims;
	struct map seen; /* hash of what a claim is about, to its index */
	int64_t at_ms;   /* of the document */
	unsigned statement;
};

static enum rmg_rc bad(struct parser *p, const char *what)
{
	return err_set(p->err, RMG_E_FORMAT, "statement %u: %s", p->statement, what);
}

static struct span keep(struct parser *p, struct span s)
{
	return arena_dup(&p->vex->arena, s);
}

/* Products. */

/* "a%2Fb" as "a/b"; what is no escape stays. */
static struct span unescaped(struct arena *a, struct span s)
{
	uint8_t *out = arena_bytes(a, s.n);
	size_t n = 0;

	for (size_t i = 0; out && i < s.n; i++) {
		if (s.p[i] == '%' && i + 2 < s.n &&
		    span_unhex(span_of(s.p + i + 1, 2), out + n, 1)) {
			n++;
			i += 2;
		} else {
			out[n++] = s.p[i];
		}
	}
	return span_of(out, out ? n : 0);
}

static struct span qualifier_of(struct arena *a, struct span qualifiers, struct span key)
{
	struct span one, name, value;

	while (span_next(&qualifiers, '&', &one)) {
		if (span_cut(one, '=', &name, &value) && span_is(name, key))
			return unescaped(a, value);
	}
	return (struct span){0};
}

/* The image of pkg:oci/NAME@sha256:...?repository_url=HOST/NAME&tag=1 as an exception names it. */
static struct span image_of_purl(struct parser *p, const struct purl *purl)
{
	struct arena *a = &p->vex->arena;
	struct span url = qualifier_of(a, purl->qualifiers, S("repository_url"));
	struct span tag = qualifier_of(a, purl->qualifiers, S("tag"));

	if (span_starts(purl->version, S("sha256:")))
		return keep(p, purl->version);
	if (span_is(purl->type, S("docker"))) {
		tag = purl->version;
		url = purl->ns.n ? ARENA_JOIN(a, purl->ns, S("/"), purl->name) : purl->name;
	}
	if (url.n == 0)
		return (struct span){0};
	return ARENA_JOIN(a, url, S(":"), tag.n ? tag : S("*"));
}

/* What a component says it is: its purl, or its hash as "sha256:...". */
static struct span component_id(struct parser *p, json *v)
{
	struct span purl = json_get_str(json_get(v, "identifiers"), "purl");
	struct span id = json_get_str(v, "@id");
	struct span hash = json_get_str(json_get(v, "hashes"), "sha-256");
	uint8_t bytes[32];

	if (span_starts(purl, S("pkg:")))
		return purl;
	if (span_starts(id, S("pkg:")) || span_starts(id, S("sha256:")))
		return id;
	return hash.n == 64 && span_unhex(hash, bytes, 32)
		   ? ARENA_JOIN(&p->vex->arena, S("sha256:"), hash)
		   : (struct span){0};
}

/* Fills the scope; false where a product cannot be said. */
static bool scope_of(struct parser *p, json *product, struct exception_row *row)
{
	struct span id = component_id(p, product);
	struct purl purl;

	if (span_starts(id, S("sha256:"))) {
		row->image = keep(p, id);
		return true;
	}
	if (!purl_parse(id, &p->vex->arena, &purl))
		return false;
	if (span_is(purl.type, S("oci")) || span_is(purl.type, S("docker"))) {
		row->image = image_of_purl(p, &purl);
		return row->image.n != 0;
	}
	row->purl = keep(p, id);
	return true;
}

/* Claims. */

static uint64_t about(const struct exception_row *row)
{
	return hash_mix(hash_mix(hash_span(row->advisory) * 3 + hash_span(row->purl)) * 3 +
			hash_span(row->image));
}

static bool same_subject(const struct exception_row *a, const struct exception_row *b)
{
	return span_is(a->advisory, b->advisory) && span_is(a->purl, b->purl) &&
	       span_is(a->image, b->image);
}

static enum rmg_rc add_claim(struct parser *p, const struct exception_row *row)
{
	struct vex_claim claim = {.row = *row};
	uint32_t at = map_find(&p->seen, about(row));

	claim.excepts =
	    span_is(row->vex_status, S("not_affected")) || span_is(row->vex_status, S("fixed"));
	if (at != MAP_NONE && same_subject(&p->claims.v[at].row, row)) {
		if (row->created_ms >= p->claims.v[at].row.created_ms)
			p->claims.v[at] = claim;
		return RMG_OK;
	}
	if (p->claims.n == LIMIT_VEX_CLAIMS)
		return err_set(p->err, RMG_E_LIMIT, "too many claims in one document");
	if (!VEC_PUSH(&p->claims, claim) ||
	    !map_set(&p->seen, about(row), (uint32_t)p->claims.n - 1))
		return err_set(p->err, RMG_E_NOMEM, "no memory for a document");
	return RMG_OK;
}

static enum rmg_rc add_subcomponents(struct parser *p, json *list, struct exception_row row)
{
	enum rmg_rc rc = RMG_OK;

	for (struct json_iter it = json_iter(list); rc == RMG_OK && json_next(&it);) {
		struct exception_row one = row;

		/* Of a package only the whole can be said. */
		if (row.image.n == 0 || !scope_of(p, it.value, &one) ||
		    !span_is(one.image, row.image)) {
			p->vex->n_skipped++;
			continue;
		}
		rc = add_claim(p, &one);
	}
	return rc;
}

static enum rmg_rc add_products(struct parser *p, json *products, const struct exception_row *row)
{
	enum rmg_rc rc = RMG_OK;

	for (struct json_iter it = json_iter(products); rc == RMG_OK && json_next(&it);) {
		json *inner = json_get(it.value, "subcomponents");
		struct exception_row one = *row;

		if (!json_is_object(it.value))
			return bad(p, "a product is not an object");
		if (!scope_of(p, it.value, &one))
			p->vex->n_skipped++;
		else if (json_len(inner))
			rc = add_subcomponents(p, inner, one);
		else
			rc = add_claim(p, &one);
	}
	return rc;
}

static bool is_name(struct span s)
{
	return s.n && s.n <= LIMIT_TEXT_BYTES && utf8_is_clean(s) && span_chr(s, '*') == SIZE_MAX;
}

static enum rmg_rc add_names(struct parser *p, json *vulnerability, json *products,
			     struct exception_row *row)
{
	struct span name = json_get_str(vulnerability, "name");
	enum rmg_rc rc;

	if (json_is_str(vulnerability)) /* as version 0.0.1 wrote it */
		name = json_str(vulnerability);
	if (!is_name(name))
		return bad(p, "a vulnerability without a name");
	row->advisory = keep(p, name);
	rc = add_products(p, products, row);
	for (struct json_iter it = json_iter(json_get(vulnerability, "aliases"));
	     json_is_object(vulnerability) && rc == RMG_OK && json_next(&it);) {
		if (!is_name(json_str(it.value)))
			return bad(p, "an alias that is no name");
		row->advisory = keep(p, json_str(it.value));
		rc = add_products(p, products, row);
	}
	return rc;
}

/* Statements. */

static struct span clean(struct parser *p, struct span s)
{
	char *text = arena_cstr(&p->vex->arena, span_head(s, LIMIT_TEXT_BYTES));
	size_t n = MIN_OF(s.n, (size_t)LIMIT_TEXT_BYTES);

	if (text == NULL || s.n == 0)
		return (struct span){0};
	for (size_t i = 0; i < n; i++)
		text[i] = text[i] == '\0' ? '?' : text[i];
	utf8_clean_cstr(text, n + 1);
	return span_of(text, n);
}

static bool is_among(struct span s, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (span_is(s, span_cstr(names[i])))
			return true;
	}
	return false;
}

static enum rmg_rc read_status(struct parser *p, json *v, struct exception_row *row)
{
	static const char *const statuses[] = {"not_affected", "affected", "fixed",
					       "under_investigation"};
	static const char *const justifications[] = {
	    "component_not_present",
	    "vulnerable_code_not_present",
	    "vulnerable_code_not_in_execute_path",
	    "vulnerable_code_cannot_be_controlled_by_adversary",
	    "inline_mitigations_already_exist",
	};
	struct span why = clean(p, json_get_str(v, "impact_statement"));

	row->vex_status = keep(p, json_get_str(v, "status"));
	row->justification = keep(p, json_get_str(v, "justification"));
	if (!is_among(row->vex_status, statuses, COUNT_OF(statuses)))
		return bad(p, "no such status");
	if (row->justification.n &&
	    !is_among(row->justification, justifications, COUNT_OF(justifications)))
		return bad(p, "no such justification");
	if (span_is(row->vex_status, S("not_affected")) && why.n + row->justification.n == 0)
		return bad(p, "not affected, and neither a justification nor an impact statement");
	if (why.n == 0)
		why = clean(p, json_get_str(v, "status_notes"));
	row->reason = why.n ? why : row->justification.n ? row->justification : row->vex_status;
	return RMG_OK;
}

static enum rmg_rc read_statement(struct parser *p, json *v)
{
	struct exception_row row = {.owner = p->vex->author, .created_ms = p->at_ms};
	struct span time = json_get_str(v, "timestamp");
	json *products = json_get(v, "products");
	enum rmg_rc rc;

	p->statement++;
	if (!json_is_object(v))
		return bad(p, "it is not an object");
	if (time.n && !rfc3339_parse(time, &row.created_ms))
		return bad(p, "its timestamp is none");
	if (!json_is_array(products) || json_len(products) == 0)
		return bad(p, "it names no product");
	rc = read_status(p, v, &row);
	return rc == RMG_OK ? add_names(p, json_get(v, "vulnerability"), products, &row) : rc;
}

static enum rmg_rc read_document(struct parser *p, json *root)
{
	json *statements = json_get(root, "statements");
	enum rmg_rc rc = RMG_OK;

	if (!span_starts(json_get_str(root, "@context"), S("https://openvex.dev/ns")))
		return err_set(p->err, RMG_E_FORMAT, "not an OpenVEX document");
	p->vex->author = clean(p, json_get_str(root, "author"));
	if (p->vex->author.n == 0)
		return err_set(p->err, RMG_E_FORMAT, "a document without an author");
	if (!rfc3339_parse(json_get_str(root, "timestamp"), &p->at_ms))
		return err_set(p->err, RMG_E_FORMAT, "a document without a timestamp");
	if (!json_is_array(statements) || json_len(statements) == 0)
		return err_set(p->err, RMG_E_FORMAT, "a document without statements");
	for (struct json_iter it = json_iter(statements); rc == RMG_OK && json_next(&it);)
		rc = read_statement(p, it.value);
	return rc;
}

static enum rmg_rc keep_claims(struct parser *p)
{
	struct vex *v = p->vex;

	v->claims = ARENA_ARRAY(&v->arena, p->claims.n, struct vex_claim);
	if (arena_rc(&v->arena) != RMG_OK)
		return err_set(p->err, arena_rc(&v->arena), "no memory for a document");
	if (p->claims.n)
		memcpy(v->claims, p->claims.v, p->claims.n * sizeof *v->claims);
	v->n_claims = p->claims.n;
	return RMG_OK;
}

enum rmg_rc vex_parse(struct span text, struct vex **out, struct rmg_err *err)
{
	struct parser p = {.vex = calloc(1, sizeof *p.vex), .err = err};
	struct json_doc doc = {0};
	enum rmg_rc rc;

	if (p.vex == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a document");
	arena_init(&p.vex->arena, 16 * LIMIT_VEX_BYTES);
	rc = json_parse(&doc, text, LIMIT_VEX_BYTES, err);
	if (rc == RMG_OK)
		rc = read_document(&p, doc.root);
	if (rc == RMG_OK)
		rc = keep_claims(&p);
	json_done(&doc);
	map_done(&p.seen);
	VEC_DONE(&p.claims);
	if (rc != RMG_OK)
		vex_free(p.vex);
	else
		*out = p.vex;
	return rc;
}

void vex_free(struct vex *v)
{
	if (v == NULL)
		return;
	arena_done(&v->arena);
	free(v);
}

/* Applying. */

struct applier {
	const struct vex *vex;
	struct map claims; /* hash of what a claim is about, to its index */
	uint64_t *ids;     /* of the exception that a claim has already; 0: none */
};

/* Exceptions that documents of the same author made. */
static enum rmg_rc find_ours(void *user, const struct exception_row *row)
{
	struct applier *a = user;
	uint32_t at = map_find(&a->claims, about(row));

	if (at != MAP_NONE && row->vex_status.n && row->ns.n + row->workload.n == 0 &&
	    span_is(row->owner, a->vex->author) && same_subject(row, &a->vex->claims[at].row) &&
	    row->created_ms <= a->vex->claims[at].row.created_ms)
		a->ids[at] = row->id;
	return RMG_OK;
}

static enum rmg_rc apply_claim(struct store *st, const struct vex_claim *claim, uint64_t id,
			       int64_t now_ms, struct rmg_err *err)
{
	struct exception_row row = claim->row;

	if (!claim->excepts)
		return id ? store_exception_delete(st, id, err) : RMG_OK;
	row.id = id;
	row.created_ms = MIN_OF(row.created_ms, now_ms);
	return store_exception_put(st, &row, err);
}

enum rmg_rc vex_apply(const struct vex *v, struct store *st, int64_t now_ms, size_t *taken,
		      struct rmg_err *err)
{
	struct applier a = {.vex = v, .ids = calloc(v->n_claims + 1, sizeof *a.ids)};
	bool ok = a.ids != NULL;
	enum rmg_rc rc;

	for (size_t i = 0; ok && i < v->n_claims; i++)
		ok = map_set(&a.claims, about(&v->claims[i].row), (uint32_t)i);
	rc = ok ? store_exception_each(st, find_ours, &a, err)
		: err_set(err, RMG_E_NOMEM, "no memory for a document");
	*taken = 0;
	for (size_t i = 0; rc == RMG_OK && i < v->n_claims; i++) {
		rc = apply_claim(st, &v->claims[i], a.ids[i], now_ms, err);
		*taken += v->claims[i].excepts;
	}
	map_done(&a.claims);
	free(a.ids);
	return rc;
}
