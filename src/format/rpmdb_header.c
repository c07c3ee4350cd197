/* SPDX-License-Identifier: Apache-2.0 */
#include "format/rpmdb_header.h"

#include "base/limits.h"
#include "base/rd.h"

#define ENTRY_BYTES 16
#define MAX_ENTRIES 65535

enum type { INT16 = 3, INT32 = 4, STRING = 6, STRING_ARRAY = 8, I18N_STRING = 9 };

static const struct {
	uint32_t tag;
	bool is_text;
	uint8_t width; /* of a number */
} wanted[RPM_TAGS] = {
    [RPM_NAME] = {1000, true, 0},        [RPM_VERSION] = {1001, true, 0},
    [RPM_RELEASE] = {1002, true, 0},     [RPM_EPOCH] = {1003, false, 4},
    [RPM_VENDOR] = {1011, true, 0},      [RPM_LICENSE] = {1014, true, 0},
    [RPM_ARCH] = {1022, true, 0},        [RPM_OLDFILENAMES] = {1027, true, 0},
    [RPM_FILEMODES] = {1030, false, 2},  [RPM_SOURCERPM] = {1044, true, 0},
    [RPM_DIRINDEXES] = {1116, false, 4}, [RPM_BASENAMES] = {1117, true, 0},
    [RPM_DIRNAMES] = {1118, true, 0},    [RPM_MODULARITYLABEL] = {5096, true, 0},
};

static bool is_type(unsigned i, uint32_t type)
{
	if (wanted[i].is_text)
		return type == STRING || type == STRING_ARRAY || type == I18N_STRING;
	return type == (wanted[i].width == 2 ? INT16 : INT32);
}

static bool value_at(unsigned i, struct span store, uint32_t type, uint32_t off, uint32_t count,
		     struct rpm_value *out)
{
	struct rpm_value v = {.count = count};

	if (!is_type(i, type) || count == 0 || off >= store.n)
		return false;
	v.bytes = span_from(store, off);
	if (wanted[i].is_text) {
		if (count > v.bytes.n)
			return false;
	} else if (!span_at(store, off, (uint64_t)count * wanted[i].width, &v.bytes)) {
		return false;
	}
	*out = v;
	return true;
}

enum rmg_rc rpm_header_read(struct span blob, struct rpm_header *out)
{
	struct rd r = rd_of(blob), index;
	uint32_t n = rd_u32be(&r), store_bytes = rd_u32be(&r);
	struct rpm_header h = {0};
	struct span store;

	if (blob.n > LIMIT_RPM_HEADER_BYTES)
		return RMG_E_LIMIT;
	if (n == 0 || n > MAX_ENTRIES)
		return RMG_E_FORMAT;
	index = rd_sub(&r, (uint64_t)n * ENTRY_BYTES);
	store = rd_take(&r, store_bytes);
	if (!rd_ok(&r))
		return RMG_E_FORMAT;
	while (rd_more(&index)) {
		uint32_t tag = rd_u32be(&index), type = rd_u32be(&index);
		uint32_t off = rd_u32be(&index), count = rd_u32be(&index);

		for (unsigned i = 0; i < RPM_TAGS; i++)
			if (wanted[i].tag == tag &&
			    !value_at(i, store, type, off, count, &h.values[i]))
				h.damaged = true;
	}
	*out = h;
	return RMG_OK;
}

bool rpm_value_next(struct rpm_value *left, struct span *out)
{
	if (left->count == 0 || !span_cut(left->bytes, 0, out, &left->bytes))
		return false;
	left->count--;
	return true;
}

struct span rpm_header_text(const struct rpm_header *h, enum rpm_tag tag)
{
	struct rpm_value v = h->values[tag];
	struct span text = {0};

	return rpm_value_next(&v, &text) ? text : (struct span){0};
}

bool rpm_header_number(const struct rpm_header *h, enum rpm_tag tag, uint32_t i, uint32_t *out)
{
	const struct rpm_value *v = &h->values[tag];
	unsigned width = wanted[tag].width;
	struct rd r;

	if (i >= v->count || wanted[tag].is_text)
		return false;
	r = rd_of(span_from(v->bytes, (size_t)i * width));
	*out = width == 2 ? rd_u16be(&r) : rd_u32be(&r);
	return rd_ok(&r);
}

bool rpm_source_cut(struct span file, struct span *name, struct span *version)
{
	struct span head, release, v;

	if (span_ends(file, S(".src.rpm")))
		file.n -= strlen(".src.rpm");
	else if (span_ends(file, S(".nosrc.rpm")))
		file.n -= strlen(".nosrc.rpm");
	else
		return false;
	if (!span_rcut(file, '-', &head, &release) || !span_rcut(head, '-', &head, &v))
		return false;
	*name = head;
	*version = span_of(v.p, v.n + 1 + release.n);
	return true;
}
