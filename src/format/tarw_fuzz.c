/* SPDX-License-Identifier: Apache-2.0 */
/* Entries made of any bytes come back from our own reader as they were written. The input is a row
 * of entries: type, five bytes that make mode, owner and lengths, then path, link and content. */
#include "base/limits.h"
#include "base/rd.h"
#include "base/strbuf.h"
#include "format/tarw.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ENTRIES = 16 };

struct made {
	struct tar_entry entry;
	struct span content;
};

static bool write_to(void *user, struct span bytes)
{
	strbuf_put(user, bytes);
	return strbuf_rc(user) == RMG_OK;
}

static struct span some(struct rd *r, uint64_t want)
{
	return rd_take(r, want < r->s.n ? want : r->s.n);
}

static struct made next_made(struct rd *r)
{
	struct made m = {.entry.type = (enum tar_type)(rd_u8(r) % TAR_OTHER)};
	uint8_t owner = rd_u8(r);
	uint64_t path_bytes, link_bytes, content_bytes;

	m.entry.mode = rd_u16le(r) & 07777;
	m.entry.uid = (uint64_t)owner << (owner & 31);
	m.entry.gid = UINT32_MAX >> (owner & 31);
	path_bytes = rd_u8(r) * UINT64_C(3);
	link_bytes = rd_u8(r);
	content_bytes = rd_u16le(r) % 1500;
	m.entry.path = some(r, path_bytes);
	m.entry.link = some(r, link_bytes);
	m.content = some(r, m.entry.type == TAR_FILE ? content_bytes : 0);
	m.entry.size = m.content.n;
	return m;
}

static bool has_link(const struct tar_entry *e)
{
	return e->type == TAR_HARDLINK || e->type == TAR_SYMLINK;
}

static void check_entry(const struct tar_entry *got, const struct made *want)
{
	CHECK(got->rc == RMG_OK && got->type == want->entry.type);
	CHECK(span_is(got->path, want->entry.path));
	CHECK(span_is(got->link, has_link(got) ? want->entry.link : (struct span){0}));
	CHECK(got->mode == want->entry.mode && got->size == want->content.n);
	CHECK(got->uid == want->entry.uid && got->gid == want->entry.gid);
}

static void read_back(struct span in, const struct made *made, size_t n)
{
	struct tar_item item;
	struct span left = {0};
	size_t at = 0;
	struct tar *t;

	CHECK(tar_new(&t, NULL) == RMG_OK);
	do {
		CHECK(tar_next(t, &in, &item, NULL) == RMG_OK);
		if (item.event == TAR_ENTRY) {
			CHECK(at < n);
			left = made[at].content;
			check_entry(item.entry, &made[at++]);
		} else if (item.event == TAR_DATA) {
			CHECK(span_starts(left, item.data));
			left = span_from(left, item.data.n);
		} else if (item.event == TAR_ENTRY_END) {
			CHECK(left.n == 0);
		}
	} while (item.event != TAR_MORE);
	CHECK(at == n && tar_end(t, NULL) == RMG_OK && !tar_odd(t).no_end);
	tar_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf out = strbuf_of(1 << 20);
	struct rd r = rd_of(span_of(data, size));
	struct made made[ENTRIES];
	struct tarw w;
	size_t n = 0;

	if (size > 16384)
		return 0;
	tarw_init(&w, write_to, &out);
	while (rd_more(&r) && n < ENTRIES) {
		struct made m = next_made(&r);
		enum rmg_rc rc;

		if (!rd_ok(&r))
			break;
		rc = tarw_entry(&w, &m.entry, NULL);
		CHECK((rc == RMG_E_ARG) ==
		      (m.entry.path.n == 0 || span_chr(m.entry.path, 0) != SIZE_MAX ||
		       span_chr(m.entry.link, 0) != SIZE_MAX));
		if (rc != RMG_OK) {
			CHECK(tarw_end(&w, NULL) == rc);
			strbuf_done(&out);
			return 0;
		}
		if (m.content.n)
			CHECK(tarw_data(&w, m.content, NULL) == RMG_OK);
		made[n++] = m;
	}
	CHECK(tarw_end(&w, NULL) == RMG_OK);
	read_back(strbuf_span(&out), made, n);
	strbuf_done(&out);
	return 0;
}
