/* SPDX-License-Identifier: Apache-2.0 */
#include "format/jwt.h"

#include "base/limits.h"
#include "base/utf8.h"
#include "format/jwt_base64.h"

/* Of two members with one name parsers take this or that one (RFC 8725 section 2.4): those that
 * matter stand there once. */
static bool each_once(json *object, const char *const *names, size_t n)
{
	unsigned seen = 0;

	for (struct json_iter it = json_iter(object); json_next(&it);) {
		for (size_t i = 0; i < n; i++) {
			if (!span_is(it.key, span_cstr(names[i])))
				continue;
			if (seen & 1u << i)
				return false;
			seen |= 1u << i;
		}
	}
	return true;
}

static enum rmg_rc object_parse(struct json_doc *doc, struct span bytes, const char *what,
				const char *const *names, size_t n, struct rmg_err *err)
{
	enum rmg_rc rc = json_parse(doc, bytes, LIMIT_JWT_BYTES, err);

	if (rc == RMG_OK && !json_is_object(doc->root))
		rc = err_set(err, RMG_E_FORMAT, "not an object");
	if (rc == RMG_OK && !each_once(doc->root, names, n))
		rc = err_set(err, RMG_E_FORMAT, "a member stands there twice");
	if (rc != RMG_OK) {
		err_add(err, "%s of the token", what);
		json_done(doc);
	}
	return rc;
}

static bool alg_of(struct span name, enum jwt_alg *out)
{
	static const char *const names[] = {
	    [JWT_RS256] = "RS256", [JWT_PS256] = "PS256", [JWT_ES256] = "ES256",
	    [JWT_ES384] = "ES384", [JWT_EDDSA] = "EdDSA",
	};

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		if (span_is(name, span_cstr(names[i]))) {
			*out = (enum jwt_alg)i;
			return true;
		}
	}
	return false;
}

/* RFC 9068 section 2.1 and RFC 8725 section 3.11: one issuer signs logout tokens, proofs and the
 * like with the same keys. */
static bool typ_is_ours(struct span typ)
{
	if (span_starts_icase(typ, S("application/")))
		typ = span_from(typ, sizeof "application/" - 1);
	return typ.n == 0 || span_is_icase(typ, S("JWT")) || span_is_icase(typ, S("at+jwt"));
}

static bool str_or_absent(json *object, const char *name)
{
	json *v = json_get(object, name);

	return v == NULL || json_is_str(v);
}

static enum rmg_rc header_parse(struct jwt *t, struct span bytes, struct rmg_err *err)
{
	static const char *const names[] = {"alg", "kid", "typ", "crit"};
	enum rmg_rc rc = object_parse(&t->header_doc, bytes, "header", names, COUNT_OF(names), err);
	json *header = t->header_doc.root;
	struct span alg;

	if (rc != RMG_OK)
		return rc;
	alg = json_get_str(header, "alg");
	t->kid = json_get_str(header, "kid");
	if (!str_or_absent(header, "kid") || !str_or_absent(header, "typ"))
		return err_set(err, RMG_E_FORMAT, "header of the token: kid or typ is not text");
	if (!alg_of(alg, &t->alg))
		return err_set(err, RMG_E_UNSUPPORTED,
			       "tokens signed with \"" SPAN_FMT "\" are not taken",
			       SPAN_ARG(span_head(alg, 20)));
	if (json_get(header, "crit"))
		return err_set(err, RMG_E_UNSUPPORTED,
			       "the token asks for an extension (crit) that is not known");
	if (!typ_is_ours(json_get_str(header, "typ")))
		return err_set(err, RMG_E_UNSUPPORTED, "a token of the type \"" SPAN_FMT "\"",
			       SPAN_ARG(span_head(json_get_str(header, "typ"), 40)));
	return RMG_OK;
}

static bool cut_parts(struct span token, struct span parts[3])
{
	struct span rest;

	return span_cut(token, '.', &parts[0], &rest) &&
	       span_cut(rest, '.', &parts[1], &parts[2]) && parts[0].n && parts[2].n;
}

/* The parts one behind the other: together they need less room than the token's text. */
static enum rmg_rc decode_parts(struct jwt *t, struct span token, struct span parts[3],
				struct rmg_err *err)
{
	size_t at = 0, n;

	t->bytes = malloc(token.n + 8);
	if (t->bytes == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a token");
	for (size_t i = 0; i < 3; i++) {
		if (!jwt_base64_decode(parts[i], t->bytes + at, &n))
			return err_set(err, RMG_E_FORMAT, "the token is not base64url");
		parts[i] = span_of(t->bytes + at, n);
		at += n;
	}
	return RMG_OK;
}

enum rmg_rc jwt_parse(struct span token, struct jwt *out, struct rmg_err *err)
{
	struct jwt t = {0};
	struct span parts[3];
	enum rmg_rc rc;

	if (token.n > LIMIT_JWT_BYTES)
		return err_set(err, RMG_E_LIMIT, "a token of %zu bytes; at most %zu are read",
			       token.n, (size_t)LIMIT_JWT_BYTES);
	if (!cut_parts(token, parts))
		return err_set(err, RMG_E_FORMAT, "not a signed token of three parts");
	t.signed_part = span_head(token, parts[0].n + 1 + parts[1].n);
	rc = decode_parts(&t, token, parts, err);
	t.payload = parts[1];
	t.signature = parts[2];
	if (rc == RMG_OK)
		rc = header_parse(&t, parts[0], err);
	if (rc == RMG_OK)
		*out = t;
	else
		jwt_done(&t);
	return rc;
}

void jwt_done(struct jwt *t)
{
	json_done(&t->header_doc);
	json_done(&t->claims_doc);
	free(t->bytes);
	*t = (struct jwt){0};
}

/* NumericDate may have a fraction (RFC 7519 section 2). Absent: there is false. */
static bool time_claim(json *claims, const char *name, bool *there, double *out)
{
	json *v = json_get(claims, name);

	*there = v != NULL;
	*out = json_num(v);
	return v == NULL || (yyjson_is_num(v) && *out >= 0 && *out < 9e15);
}

static enum rmg_rc check_times(json *claims, const struct jwt_want *want, struct rmg_err *err)
{
	double exp, nbf, iat, now = (double)want->now_s, grace = want->grace_s;
	bool has_exp, has_nbf, has_iat;

	if (!time_claim(claims, "exp", &has_exp, &exp) ||
	    !time_claim(claims, "nbf", &has_nbf, &nbf) ||
	    !time_claim(claims, "iat", &has_iat, &iat))
		return err_set(err, RMG_E_AUTH, "a time of the token is not a time");
	if (!has_exp)
		return err_set(err, RMG_E_AUTH, "the token never expires (it has no exp)");
	if (now >= exp + grace)
		return err_set(err, RMG_E_AUTH, "the token has expired");
	if ((has_nbf && now + grace < nbf) || (has_iat && now + grace < iat))
		return err_set(err, RMG_E_AUTH, "the token is not valid yet");
	return RMG_OK;
}

static bool is_for(json *aud, struct span audience)
{
	if (json_is_str(aud))
		return span_is(json_str(aud), audience);
	if (!json_is_array(aud))
		return false;
	for (struct json_iter it = json_iter(aud); json_next(&it);)
		if (json_is_str(it.value) && span_is(json_str(it.value), audience))
			return true;
	return false;
}

static enum rmg_rc check_names(json *claims, const struct jwt_want *want, struct rmg_err *err)
{
	struct span iss = json_get_str(claims, "iss"), sub = json_get_str(claims, "sub");

	if (iss.n == 0 || !span_is(iss, want->issuer))
		return err_set(err, RMG_E_AUTH, "the token is of another issuer, \"" SPAN_FMT "\"",
			       SPAN_ARG(span_head(iss, 120)));
	if (want->audience.n == 0 || !is_for(json_get(claims, "aud"), want->audience))
		return err_set(err, RMG_E_AUTH, "the token is for another audience");
	if (sub.n == 0 || !utf8_is_clean(sub))
		return err_set(err, RMG_E_AUTH, "the token has no subject");
	return RMG_OK;
}

enum rmg_rc jwt_check(struct jwt *t, const struct jwt_want *want, struct rmg_err *err)
{
	static const char *const names[] = {"iss", "sub", "aud", "exp", "nbf", "iat"};
	enum rmg_rc rc;

	CHECK(t->claims == NULL);
	rc = object_parse(&t->claims_doc, t->payload, "claims", names, COUNT_OF(names), err);
	if (rc != RMG_OK)
		return rc;
	t->claims = t->claims_doc.root;
	rc = check_names(t->claims, want, err);
	return rc == RMG_OK ? check_times(t->claims, want, err) : rc;
}

struct span jwt_subject(const struct jwt *t)
{
	return json_get_str(t->claims, "sub");
}

json *jwt_claim(const struct jwt *t, struct span path)
{
	json *at = t->claims;
	struct span head, rest = path;

	while (json_is_object(at)) {
		json *whole = json_get_span(at, rest);

		if (whole || !span_cut(rest, '.', &head, &rest))
			return whole;
		at = json_get_span(at, head);
	}
	return NULL;
}
