/* SPDX-License-Identifier: Apache-2.0 */
#include "format/tar_pax.h"

/* Names may not hold NULs, other values may. */
static bool nul_is_allowed(struct span key)
{
	return !span_is(key, S("path")) && !span_is(key, S("linkpath")) &&
	       !span_is(key, S("uname")) && !span_is(key, S("gname"));
}

/* Takes the next "LENGTH KEY=VALUE\n" off *records; false where it is not one. */
static bool next_record(struct span *records, struct span *key, struct span *value)
{
	struct span digits, record, k, v;
	uint64_t n;

	/* The length counts itself: "5 a=\n" is the shortest record there can be. */
	if (!span_cut(span_head(*records, 20), ' ', &digits, &record) ||
	    !span_u64(digits, 10, records->n, &n) || n < 5 || n < digits.n + 2)
		return false;
	if (records->p[n - 1] != '\n')
		return false;
	record = span_from(span_head(*records, n - 1), digits.n + 1);
	if (!span_cut(record, '=', &k, &v) || k.n == 0)
		return false;
	if (span_chr(nul_is_allowed(k) ? k : v, 0) != SIZE_MAX)
		return false;
	*key = k;
	*value = v;
	*records = span_from(*records, n);
	return true;
}

/* An empty value takes back what an earlier record said. */
static bool number(struct span value, bool *has, uint64_t *out)
{
	*has = value.n != 0;
	return value.n == 0 || span_u64(value, 10, INT64_MAX, out);
}

/* Version 0.0 has a record for every number. */
static enum rmg_rc sparse_number(struct tar_sparse *sparse, struct span value, bool is_length)
{
	uint64_t v;

	if (sparse->numbers.n % 2 != (size_t)is_length || !span_u64(value, 10, INT64_MAX, &v))
		return RMG_E_ARG;
	return tar_sparse_add(sparse, v);
}

static enum rmg_rc sparse_key(struct tar_pax *p, struct tar_sparse *sparse, struct span key,
			      struct span value)
{
	if (span_is(key, S("offset")) || span_is(key, S("numbytes")))
		return sparse_number(sparse, value, key.p[0] == 'n');
	if (span_is(key, S("major")))
		p->major = value;
	else if (span_is(key, S("minor")))
		p->minor = value;
	else if (span_is(key, S("name")))
		p->name = value;
	else if (span_is(key, S("size")))
		p->size = value;
	else if (span_is(key, S("realsize")) && p->size.n == 0)
		p->size = value;
	else if (span_is(key, S("map")))
		p->map = value;
	else if (span_is(key, S("numblocks")))
		p->count = value;
	return RMG_OK;
}

/* RMG_E_ARG: a number that is none, but not the one on which all depends. */
static enum rmg_rc one_key(struct tar_pax *p, struct tar_sparse *sparse, struct span key,
			   struct span value)
{
	bool good = true;

	if (span_is(key, S("path")))
		p->path = value;
	else if (span_is(key, S("linkpath")))
		p->link = value;
	else if (span_is(key, S("size")))
		return number(value, &p->has_stored, &p->stored_bytes) ? RMG_OK : RMG_E_FORMAT;
	else if (span_is(key, S("uid")))
		good = number(value, &p->has_uid, &p->uid);
	else if (span_is(key, S("gid")))
		good = number(value, &p->has_gid, &p->gid);
	else if (span_is(key, S("SCHILY.xattr.security.capability")))
		p->has_capability = value.n != 0;
	else if (span_starts(key, S("GNU.sparse.")))
		return sparse_key(p, sparse, span_from(key, 11), value);
	return good ? RMG_OK : RMG_E_ARG;
}

enum rmg_rc tar_pax_read(struct span records, struct tar_pax *out, struct tar_sparse *sparse,
			 const char **damage)
{
	struct span key, value;

	while (records.n) {
		enum rmg_rc rc;

		if (!next_record(&records, &key, &value)) {
			*damage = "its PAX header is damaged";
			return RMG_OK;
		}
		rc = one_key(out, sparse, key, value);
		if (rc == RMG_E_ARG)
			*damage = "its PAX header has a number that is none";
		else if (rc != RMG_OK)
			return rc;
	}
	return RMG_OK;
}

bool tar_pax_is_whole(struct span records, bool *meddles)
{
	struct span key, value;

	while (records.n) {
		if (!next_record(&records, &key, &value))
			return false;
		*meddles |= span_is(key, S("path")) || span_is(key, S("linkpath")) ||
			    span_is(key, S("size")) || span_starts(key, S("GNU.sparse."));
	}
	return true;
}

enum tar_pax_sparse tar_pax_sparse(const struct tar_pax *p, const struct tar_sparse *sparse)
{
	if (span_is(p->major, S("0")) && (span_is(p->minor, S("0")) || span_is(p->minor, S("1"))))
		return TAR_PAX_SPARSE_HERE;
	if (span_is(p->major, S("1")) && span_is(p->minor, S("0")))
		return TAR_PAX_SPARSE_DATA;
	if (p->major.n || p->minor.n)
		return TAR_PAX_DENSE;
	return p->map.n || sparse->numbers.n ? TAR_PAX_SPARSE_HERE : TAR_PAX_DENSE;
}

enum rmg_rc tar_pax_map(const struct tar_pax *p, struct tar_sparse *sparse)
{
	enum rmg_rc rc = RMG_OK;
	uint64_t pairs;

	if (sparse->numbers.n == 0)
		rc = tar_sparse_commas(sparse, p->map);
	if (rc == RMG_OK && (!span_u64(p->count, 10, INT64_MAX, &pairs) || sparse->numbers.n % 2 ||
			     sparse->numbers.n / 2 != pairs))
		rc = RMG_E_FORMAT;
	return rc;
}
