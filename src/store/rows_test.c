/* SPDX-License-Identifier: Apache-2.0 */
#include "store/rows.h"

#include "../tests/store_fixture.h"

static void test_rows_are_put_replaced_and_read(void **state)
{
	struct component_row row = {.id = 1, .os = 3, .is_os = true};
	enum rmg_rc answer = RMG_E_STOPPED;
	struct store *st = *state;

	row.pkg = (struct pkg){.type = S("deb"), .name = S("xz"), .version = S("5.6.1-1")};
	OK(store_begin(st, &err));
	OK(store_component_put(st, &row, &err));
	row.id = 2;
	row.purl = S("pkg:deb/debian/xz@5.6.1-1");
	OK(store_component_put(st, &row, &err));
	row.pkg.version = S("5.6.2");
	OK(store_component_put(st, &row, &err));
	OK(store_component_each(st, say_component, NULL, &err));
	expect("1 3 1 deb xz 5.6.1-1 \n2 3 1 deb xz 5.6.2 pkg:deb/debian/xz@5.6.1-1\n");
	OK(store_commit(st, &err));

	*state = st = reopen(st);
	OK(store_component_each(st, say_component, &answer, &err));
	expect("1 3 1 deb xz 5.6.1-1 \n");
	answer = RMG_E_NOMEM;
	assert_int_equal(store_component_each(st, say_component, &answer, &err), RMG_E_NOMEM);
	got[0] = '\0';
	OK(store_component_each(st, say_component, NULL, &err)); /* it is of use afterwards */
	expect("1 3 1 deb xz 5.6.1-1 \n2 3 1 deb xz 5.6.2 pkg:deb/debian/xz@5.6.1-1\n");
}

static void test_images_and_what_they_are_of(void **state)
{
	const struct place_row place = {7, {S("prod"), S("node-a"), S("shop")}};
	const struct os_row os = {1,
				  {.id = S("debian"), .version_id = S("12.4"), .eol = S("2028")}};
	struct image_row image = {.id = 1,
				  .digest = S("sha256:aa"),
				  .ref = S("app:1"),
				  .size_bytes = UINT64_MAX,
				  .about = S("{\"a\":\"\\n\"}")};
	struct alias_row alias = {S("sha256:bb"), S("index"), 1};
	struct store *st = *state;

	OK(store_begin(st, &err));
	OK(store_place_put(st, &place, &err));
	OK(store_os_put(st, &os, &err));
	OK(store_image_put(st, &image, &err));
	image.read_ms = INT64_MAX;
	image.complete = true;
	image.components = S("\xff\x00z"); /* packed: any bytes */
	OK(store_image_put(st, &image, &err));
	OK(store_alias_put(st, &alias, &err));
	alias.image = 2; /* an index means several */
	OK(store_alias_put(st, &alias, &err));
	alias.kind = S("manifest");
	OK(store_alias_put(st, &alias, &err));
	OK(store_commit(st, &err));

	OK(store_place_each(st, say_place, NULL, &err));
	expect("7 prod node-a shop\n");
	OK(store_os_each(st, say_os, NULL, &err));
	expect("1 debian 12.4 2028\n");
	OK(store_image_each(st, say_image, NULL, &err));
	expect("1 sha256:aa app:1 9223372036854775807 1 18446744073709551615 3:\xff "
	       "{\"a\":\"\\n\"}\n");
	OK(store_image_get(st, 1, say_image, NULL, &err));
	expect("1 sha256:aa app:1 9223372036854775807 1 18446744073709551615 3:\xff "
	       "{\"a\":\"\\n\"}\n");
	assert_int_equal(store_image_get(st, 2, say_image, NULL, &err), RMG_E_NOTFOUND);
	OK(store_alias_each(st, say_alias, NULL, &err));
	expect("sha256:bb index 1\nsha256:bb manifest 2\n");
}

static enum rmg_rc say_ended(void *user, uint32_t place, int64_t ended_ms)
{
	(void)user;
	say("%u %lld\n", place, LL(ended_ms));
	return RMG_OK;
}

static enum rmg_rc say_names(void *user, const struct use_row *r)
{
	(void)user;
	say("%u " F " " F "\n", r->id, T(r->ref), T(r->name));
	return RMG_OK;
}

static void test_uses_and_what_happened_to_them(void **state)
{
	struct workload_row workload = {.id = 1,
					.place = 7,
					.kind = S("Deployment"),
					.name = S("web"),
					.replicas = 3,
					.labels = S("{}")};
	struct use_row use = {.workload = 1, .image = 1, .container = S("c1"), .began_ms = 10};
	struct change_row change = {.use = 2, .at_ms = 5, .change = {.kind = S("file")}};
	struct lineage_row lineage = {.workload = 1, .image = 2, .from = 1, .what = S("updated")};
	struct store *st = *state;
	uint32_t last = 9;

	OK(store_use_last_id(st, &last, &err));
	assert_int_equal(last, 0);
	OK(store_begin(st, &err));
	workload.declared = true;
	OK(store_workload_put(st, &workload, &err));
	for (use.id = 1; use.id <= 3; use.id++)
		OK(store_use_put(st, &use, &err));
	use.id = 1;
	use.ended_ms = 20;
	OK(store_use_put(st, &use, &err));
	change.change.path = S("usr/bin/x");
	OK(store_change_put(st, &change, &err));
	change.use = 1;
	OK(store_change_put(st, &change, &err));
	change.use = 2;
	change.at_ms = 7;
	change.change.text = S("again");
	OK(store_change_put(st, &change, &err));
	change.change.path = S("usr/bin/y");
	OK(store_change_put(st, &change, &err));
	OK(store_lineage_add(st, &lineage, &err));
	lineage.workload = 2;
	OK(store_lineage_add(st, &lineage, &err));
	OK(store_commit(st, &err));

	OK(store_workload_each(st, say_workload, NULL, &err));
	expect("1 7 Deployment/web 10 3 {}\n");
	OK(store_use_open_each(st, say_use, NULL, &err));
	expect("2 1 1 c1 10-0\n3 1 1 c1 10-0\n");
	OK(store_use_of_workload(st, 1, say_use, NULL, &err));
	expect("3 1 1 c1 10-0\n2 1 1 c1 10-0\n1 1 1 c1 10-20\n");
	OK(store_use_ended_of_image(st, 1, say_ended, NULL, &err));
	expect("0 20\n");
	OK(store_use_ended_of_image(st, 2, say_ended, NULL, &err));
	expect("");
	OK(store_begin(st, &err));
	OK(store_use_name(st, 3, S("app:2"), S("app:2 app:3"), &err));
	OK(store_commit(st, &err));
	OK(store_use_open_each(st, say_names, NULL, &err));
	expect("2  \n3 app:2 app:2 app:3\n");
	OK(store_use_of_workload(st, 2, say_use, NULL, &err));
	OK(store_use_last_id(st, &last, &err));
	assert_int_equal(last, 3);
	OK(store_change_each(st, 1, say_change, NULL, &err));
	expect("1 file usr/bin/x  5\n");
	OK(store_change_each(st, 0, say_change, NULL, &err));
	expect("2 file usr/bin/x again 7\n2 file usr/bin/y again 7\n");
	OK(store_lineage_each(st, 0, say_lineage, NULL, &err));
	expect("1 1 2<-1 updated \n2 2 2<-1 updated \n");
	OK(store_lineage_each(st, 2, say_lineage, NULL, &err));
	expect("2 2 2<-1 updated \n");
}

static enum rmg_rc say_said(void *user, const struct said_row *r)
{
	(void)user;
	say("%u " SPAN_FMT " " SPAN_FMT "=" SPAN_FMT " %d\n", r->image, SPAN_ARG(r->source),
	    SPAN_ARG(r->key), SPAN_ARG(r->value), (int)r->at_ms);
	return RMG_OK;
}

static void test_what_is_said_of_images(void **state)
{
	struct said_row row = {1, S("k/images"), S("deny"), S("x"), 10};
	struct store *st = *state;

	OK(store_begin(st, &err));
	OK(store_said_put(st, &row, &err));
	row.value = S("y");
	OK(store_said_put(st, &row, &err));
	row.source = S("k/builds");
	row.key = S("built.by");
	OK(store_said_put(st, &row, &err));
	row.image = 2;
	OK(store_said_put(st, &row, &err));
	OK(store_said_delete(st, 2, S("k/images"), &err));
	OK(store_commit(st, &err));
	OK(store_said_of(st, 1, say_said, NULL, &err));
	expect("1 k/builds built.by=y 10\n1 k/images deny=y 10\n");
	OK(store_begin(st, &err));
	OK(store_said_delete(st, 1, S("k/images"), &err));
	OK(store_commit(st, &err));
	OK(store_said_each(st, say_said, NULL, &err));
	expect("1 k/builds built.by=y 10\n2 k/builds built.by=y 10\n");
}

static void test_tags_and_sources(void **state)
{
	struct tag_row tag = {S("app:1"), S("sha256:aa"), S("node-a"), 10, 20};
	struct source_row source = {.source = S("node-a/docker"), .epoch = UINT64_MAX, .seq = 1};
	struct generation_row generation = {.digest = S("sha256:db"), .advisories = 3};
	struct token_row token = {.name = S("ann"), .role = S("admin")};
	struct store *st = *state;

	OK(store_begin(st, &err));
	OK(store_tag_put(st, &tag, &err));
	tag.last_ms = 30;
	OK(store_tag_put(st, &tag, &err));
	tag = (struct tag_row){S("app:1"), S("sha256:bb"), S("node-b"), 40, 40};
	OK(store_tag_put(st, &tag, &err));
	tag.ref = S("Zoo:1"); /* by bytes, whatever the server's language */
	OK(store_tag_put(st, &tag, &err));
	OK(store_source_put(st, &source, &err));
	source.seq = 2;
	OK(store_source_put(st, &source, &err));
	OK(store_generation_add(st, &generation, &err));
	OK(store_generation_add(st, &generation, &err));
	token.hash[31] = 1;
	OK(store_token_put(st, &token, &err));
	token.hash[31] = 2;
	token.name = S("bob");
	OK(store_token_put(st, &token, &err));
	OK(store_token_delete(st, S("ann"), &err));
	OK(store_commit(st, &err));

	OK(store_tag_history(st, S("app:1"), say_tag, NULL, &err));
	expect("app:1 sha256:bb node-b 40-40\napp:1 sha256:aa node-a 10-30\n");
	OK(store_tag_current_each(st, say_tag, NULL, &err));
	expect("Zoo:1 sha256:bb node-b 40-40\napp:1 sha256:bb node-b 40-40\n");
	tag = (struct tag_row){S("app:1"), S(""), S("node-b/tags"), 50, 60};
	OK(store_begin(st, &err));
	OK(store_tag_put(st, &tag, &err));
	OK(store_commit(st, &err));
	OK(store_tag_history(st, S("app:1"), say_tag, NULL, &err));
	expect("app:1  node-b/tags 50-60\napp:1 sha256:bb node-b 40-40\napp:1 sha256:aa node-a "
	       "10-30\n");
	OK(store_tag_current_each(st, say_tag, NULL, &err));
	expect("Zoo:1 sha256:bb node-b 40-40\napp:1  node-b/tags 50-60\n");
	OK(store_tag_meant_each(st, say_tag, NULL, &err));
	expect("app:1 sha256:bb node-b 40-40\n");
	OK(store_begin(st, &err));
	tag.ref = S("never:1");
	OK(store_tag_put(st, &tag, &err));
	tag = (struct tag_row){S("app:1"), S("sha256:cc"), S("node-b/tags"), 70, 70};
	OK(store_tag_put(st, &tag, &err));
	OK(store_commit(st, &err));
	OK(store_tag_meant_each(st, say_tag, NULL, &err));
	expect("app:1 sha256:cc node-b/tags 70-70\n");
	OK(store_source_each(st, say_source, NULL, &err));
	expect("node-a/docker  18446744073709551615 2\n");
	OK(store_generation_each(st, say_generation, NULL, &err));
	expect("1 sha256:db 3\n2 sha256:db 3\n");
	OK(store_token_each(st, say_token, NULL, &err));
	expect("bob admin  02\n");
}

static enum rmg_rc say_base(void *user, const struct base_row *r)
{
	(void)user;
	say("%u " SPAN_FMT " %u " SPAN_FMT " %u " SPAN_FMT " " SPAN_FMT " %d\n", r->image,
	    SPAN_ARG(r->ref), r->parent, SPAN_ARG(r->how), r->layers, SPAN_ARG(r->was),
	    SPAN_ARG(r->now), (int)r->since_ms);
	return RMG_OK;
}

static enum rmg_rc say_prefix(void *user, uint32_t image, uint32_t layers)
{
	(void)user;
	say("%u:%u\n", image, layers);
	return RMG_OK;
}

static enum rmg_rc say_meaning(void *user, const struct tag_row *r)
{
	(void)user;
	say(SPAN_FMT " " SPAN_FMT "\n", SPAN_ARG(r->ref), SPAN_ARG(r->digest));
	return RMG_OK;
}

static enum rmg_rc say_chain(void *user, const struct alias_row *r)
{
	(void)user;
	say(SPAN_FMT "\n", SPAN_ARG(r->digest));
	return RMG_OK;
}

static enum rmg_rc say_other(void *user, const struct other_row *r)
{
	(void)user;
	say("%u " SPAN_FMT " %d " SPAN_FMT "\n", r->image, SPAN_ARG(r->source), (int)r->at_ms,
	    SPAN_ARG(r->report));
	return RMG_OK;
}

static void test_others(void **state)
{
	struct other_row row = {3, S("harbor:h"), S("{}"), 5};
	struct store *st = *state;

	OK(store_begin(st, &err));
	OK(store_other_put(st, &row, &err));
	row.at_ms = 6;
	row.report = S("{\"x\":1}");
	OK(store_other_put(st, &row, &err));
	OK(store_commit(st, &err));
	OK(store_other_of(st, 3, say_other, NULL, &err));
	expect("3 harbor:h 6 {\"x\":1}\n");
	OK(store_other_of(st, 4, say_other, NULL, &err));
	expect("");
}

/* What images stand on, and by what tags they were known. */
static void test_bases(void **state)
{
	struct base_row base = {.image = 3,
				.parent = 1,
				.layers = 2,
				.ref = S("b:1"),
				.how = S("layers"),
				.was = S("sha256:a")};
	struct alias_row alias[] = {{S("sha256:a"), S("config"), 1},
				    {S("sha256:c"), S("chain"), 1}};
	struct tag_row tag = {
	    .ref = S("b:1"), .digest = S("sha256:a"), .source = S("x/tags"), .first_ms = 5};
	struct store *st = *state;

	OK(store_begin(st, &err));
	OK(store_base_put(st, &base, &err));
	base.now = S("sha256:d");
	base.since_ms = 7;
	OK(store_base_put(st, &base, &err));
	OK(store_prefix_put(st, UINT64_MAX, 3, 2, &err));
	OK(store_prefix_put(st, UINT64_MAX, 2, 2, &err));
	OK(store_prefix_put(st, 1, 2, 1, &err));
	for (size_t i = 0; i < COUNT_OF(alias); i++)
		OK(store_alias_put(st, &alias[i], &err));
	OK(store_tag_put(st, &tag, &err));
	tag.ref = S("b:2");
	tag.first_ms = 9;
	OK(store_tag_put(st, &tag, &err));
	OK(store_commit(st, &err));
	OK(store_base_each(st, say_base, NULL, &err));
	expect("3 b:1 1 layers 2 sha256:a sha256:d 7\n");
	OK(store_prefix_of(st, UINT64_MAX, say_prefix, NULL, &err));
	expect("2:2\n3:2\n");
	OK(store_tag_of_image(st, 1, say_meaning, NULL, &err));
	expect("b:2 sha256:a\nb:1 sha256:a\n");
	OK(store_alias_chain(st, 1, say_chain, NULL, &err));
	expect("sha256:c\n");
}

static enum rmg_rc say_log(void *user, const struct alert_log_row *r)
{
	return say_alert_log(user, r);
}

static void test_alerts_and_exceptions(void **state)
{
	struct alert_row alert = {.id = 1,
				  .image = 4,
				  .key = S("vuln:a:CVE-1"),
				  .state = S("firing"),
				  .kev = true,
				  .epss_permille = 999,
				  .until_ms = 5};
	struct alert_log_row log = {1, 10, S("opened"), S(""), S("said")};
	struct exception_row exception = {.owner = S("ann"), .advisory = S("CVE-1")};
	struct store *st = *state;

	OK(store_begin(st, &err));
	OK(store_alert_put(st, &alert, &err));
	alert.state = S("acknowledged");
	alert.by = S("ann");
	OK(store_alert_put(st, &alert, &err));
	OK(store_alert_log_add(st, &log, &err));
	log.what = S("acknowledged");
	OK(store_alert_log_add(st, &log, &err));
	OK(store_exception_put(st, &exception, &err));
	assert_int_equal(exception.id, 1);
	exception.until_ms = 99;
	OK(store_exception_put(st, &exception, &err));
	exception.id = 0;
	OK(store_exception_put(st, &exception, &err));
	assert_int_equal(exception.id, 2);
	OK(store_exception_delete(st, 1, &err));
	OK(store_commit(st, &err));

	OK(store_alert_each(st, say_alert, NULL, &err));
	expect("1 4 vuln:a:CVE-1 acknowledged 10 999 5 ann\n");
	OK(store_alert_log_each(st, 1, say_log, NULL, &err));
	expect("1 opened  said\n1 acknowledged  said\n");
	OK(store_exception_each(st, say_exception, NULL, &err));
	expect("2 ann CVE-1 99\n");
}

static void test_outbox_takes_a_message_once(void **state)
{
	struct outbox_row row = {.sink = S("hook"),
				 .dedupe = S("a"),
				 .message = S("{}"),
				 .state = S("waiting"),
				 .next_ms = 10};
	struct store *st = *state;
	bool added = false;

	OK(store_begin(st, &err));
	OK(store_outbox_add(st, &row, &added, &err));
	assert_true(added);
	OK(store_outbox_add(st, &row, &added, &err));
	assert_false(added);
	row.sink = S("mail");
	OK(store_outbox_add(st, &row, &added, &err));
	assert_true(added);
	row.sink = S("hook");
	row.dedupe = S("b");
	row.next_ms = 20;
	OK(store_outbox_add(st, &row, NULL, &err));
	OK(store_commit(st, &err));

	OK(store_outbox_due(st, S("hook"), 10, 9, say_outbox, NULL, &err));
	expect("1 hook a waiting 0 \n");
	OK(store_outbox_due(st, S("hook"), 20, 9, say_outbox, NULL, &err));
	expect("1 hook a waiting 0 \n4 hook b waiting 0 \n");
	OK(store_outbox_due(st, S("hook"), 20, 1, say_outbox, NULL, &err));
	expect("1 hook a waiting 0 \n");
	OK(store_begin(st, &err));
	row = (struct outbox_row){.id = 1, .state = S("dead"), .attempts = 3, .error = S("410")};
	OK(store_outbox_update(st, &row, &err));
	OK(store_commit(st, &err));
	OK(store_outbox_each(st, S("dead"), say_outbox, NULL, &err));
	expect("1 hook a dead 3 410\n");
	OK(store_outbox_each(st, S(""), say_outbox, NULL, &err));
	expect("1 hook a dead 3 410\n3 mail a waiting 0 \n4 hook b waiting 0 \n");
}

static void test_audit_keeps_its_chain(void **state)
{
	struct audit_row row = {.seq = 1, .action = S("login")}, last;
	struct store *st = *state;

	OK(store_audit_last(st, &last, &err));
	assert_int_equal(last.seq, 0);
	OK(store_begin(st, &err));
	OK(store_audit_last(st, &last, &err));
	row.hash[0] = 0xab;
	OK(store_audit_add(st, &row, &err));
	row.seq = 2;
	memcpy(row.prev, row.hash, 32);
	row.prev[31] = 0xcd;
	OK(store_audit_add(st, &row, &err));
	OK(store_commit(st, &err));
	OK(store_audit_last(st, &last, &err));
	assert_int_equal(last.seq, 2);
	assert_int_equal(last.prev[0], 0xab);
	assert_int_equal(last.action.n, 0);
	OK(store_audit_each(st, 0, say_audit, NULL, &err));
	expect("1 login 00 ab\n2 login cd ab\n");
	OK(store_audit_each(st, 2, say_audit, NULL, &err));
	expect("2 login cd ab\n");
	OK(store_begin(st, &err));
	(void)!store_audit_add(st, &row, &err); /* there is a record 2 already */
	assert_int_equal(store_commit(st, &err), RMG_E_DB);
}

static void test_ids_ascend_without_gaps(void **state)
{
	struct stream_row stream = {.at_ms = 1, .kind = S("event"), .body = S("{}")};
	struct inbox_row inbox = {.kind = S("events"), .body = S("\x00\xff")};
	struct store *st = *state;
	uint64_t seq = 9;

	OK(store_stream_last(st, &seq, &err));
	assert_int_equal(seq, 0);
	OK(store_begin(st, &err));
	OK(store_stream_add(st, &stream, &err));
	OK(store_stream_add(st, &stream, &err));
	assert_int_equal(stream.seq, 2);
	OK(store_inbox_add(st, &inbox, &err));
	OK(store_commit(st, &err));
	OK(store_begin(st, &err));
	OK(store_stream_add(st, &stream, &err));
	store_rollback(st);
	OK(store_begin(st, &err));
	OK(store_stream_add(st, &stream, &err));
	assert_int_equal(stream.seq, 3); /* what was rolled back leaves no gap */
	OK(store_inbox_each(st, 9, say_inbox, NULL, &err));
	expect("1 events 2\n");
	OK(store_inbox_delete(st, 1, &err));
	OK(store_inbox_add(st, &inbox, &err));
	assert_int_equal(inbox.id, 2); /* nor is an id given twice */
	OK(store_commit(st, &err));
	OK(store_stream_each(st, 1, 1, say_stream, NULL, &err));
	expect("2 event {}\n");
	OK(store_stream_each(st, 2, 9, say_stream, NULL, &err));
	expect("3 event {}\n");
	OK(store_stream_last(st, &seq, &err));
	assert_int_equal(seq, 3);
}

static void test_facts_and_their_readers(void **state)
{
	struct facts_row row = {S("sha256:l1"), S("\x01\x02"), S("node-a"), 10};
	const uint8_t one[32] = {1}, two[32] = {2};
	struct store *st = *state;
	bool has = true, agrees = false;

	OK(store_facts_has(st, row.digest, &has, &err));
	assert_false(has);
	assert_int_equal(store_facts_get(st, row.digest, say_facts, NULL, &err), RMG_E_NOTFOUND);
	OK(store_begin(st, &err));
	OK(store_facts_put(st, &row, &err));
	row.reader = S("node-b");
	OK(store_facts_put(st, &row, &err)); /* the first stays */
	OK(store_facts_reading(st, row.digest, S("node-a"), one, 10, &agrees, &err));
	assert_true(agrees);
	OK(store_facts_reading(st, row.digest, S("node-b"), two, 5, &agrees, &err));
	assert_false(agrees);
	OK(store_facts_reading(st, row.digest, S("node-c"), one, 30, &agrees, &err));
	assert_true(agrees);
	OK(store_facts_reading(st, row.digest, S("node-a"), two, 40, &agrees, &err));
	assert_false(agrees); /* nor does the first one change its mind */
	OK(store_commit(st, &err));
	OK(store_facts_has(st, row.digest, &has, &err));
	assert_true(has);
	OK(store_facts_get(st, row.digest, say_facts, NULL, &err));
	expect("sha256:l1 2 node-a 10\n");
}

static struct executable executable_at(struct span path, uint8_t first, uint32_t layer)
{
	return (struct executable){.path = path,
				   .sha256 = {first},
				   .size = 10,
				   .mode = 0755,
				   .format = EXEC_ELF,
				   .arch = S("amd64"),
				   .owner = 3,
				   .layer = layer,
				   .origin = ORIGIN_APP};
}

static enum rmg_rc count_executable(void *user, const struct executable_row *r)
{
	(void)r;
	++*(size_t *)user;
	return RMG_OK;
}

static void test_executables_share_sets(void **state)
{
	char far[3000], farther[3000];
	struct executable e[5];
	struct store *st = *state;
	uint8_t sha256[32] = {2};
	size_t n = 0;

	memset(far, 'a', sizeof far);
	memset(farther, 'a', sizeof farther);
	farther[sizeof farther - 1] = 'b';
	e[0] = executable_at(S("usr/bin/b"), 2, 0);
	e[1] = executable_at(S("usr/bin/a\xff"), 1, 0); /* paths are any bytes */
	e[2] = executable_at(span_of(far, sizeof far), 2, 1);
	e[3] = executable_at(span_of(farther, sizeof farther), 3, 1);
	e[4] = executable_at(S("usr/bin/b"), 9, NO_LAYER);
	OK(store_begin(st, &err));
	OK(store_executables_put(st, 1, e, 4, &err));
	OK(store_executables_put(st, 2, e, 2, &err));
	OK(store_executables_put(st, 3, e + 4, 1, &err));
	OK(store_executables_put(st, 4, e, 0, &err));
	OK(store_commit(st, &err));
	if (is_sqlite(st)) {
		assert_int_equal(rows_of(st, "executable_set"), 3);
		assert_int_equal(rows_of(st, "executable"), 5);
		assert_int_equal(rows_of(st, "executable_image"), 4);
	}
	OK(store_executables_of(st, 2, say_executable, NULL, &err));
	expect("2 usr/bin/a\xff 0100 10 755 0 amd64 3 0\n2 usr/bin/b 0200 10 755 0 amd64 3 0\n");
	OK(store_executables_by_path(st, S("usr/bin/b"), say_executable, NULL, &err));
	expect("1 usr/bin/b 0200 10 755 0 amd64 3 0\n2 usr/bin/b 0200 10 755 0 amd64 3 0\n"
	       "3 usr/bin/b 0900 10 755 0 amd64 3 4294967295\n");
	OK(store_executables_by_sha256(st, sha256, count_executable, &n, &err));
	assert_int_equal(n, 3);
	n = 0;
	OK(store_executables_by_path(st, e[2].path, count_executable, &n, &err));
	assert_int_equal(n, 1);
	n = 0;
	OK(store_begin(st, &err)); /* read anew: what was there before is not there now */
	OK(store_executables_put(st, 1, e, 2, &err));
	OK(store_executables_of(st, 1, count_executable, &n, &err));
	OK(store_commit(st, &err));
	assert_int_equal(n, 2);
}

static void test_texts_are_clean(void **state)
{
	struct place_row place = {1, {S("a\x00z"), S("\xc3\x28"), S("gr\xc3\xbc\xc3\x9f\n")}};
	struct source_row source = {.source = S("x")};
	struct store *st = *state;
	uint8_t key[1025];

	OK(store_begin(st, &err));
	OK(store_place_put(st, &place, &err));
	memset(key, 'k', sizeof key);
	source.source = span_of(key, 1024);
	OK(store_source_put(st, &source, &err));
	source.source = span_of(key, 1025); /* refused, and the transaction goes on */
	assert_int_equal(store_source_put(st, &source, &err), RMG_E_LIMIT);
	OK(store_commit(st, &err));
	OK(store_place_each(st, say_place, NULL, &err));
	expect("1 a?z ?( gr\xc3\xbc\xc3\x9f\n\n");
}

#define EVERY(X)                                                                                   \
	X(test_rows_are_put_replaced_and_read)                                                     \
	X(test_images_and_what_they_are_of)                                                        \
	X(test_uses_and_what_happened_to_them)                                                     \
	X(test_tags_and_sources)                                                                   \
	X(test_what_is_said_of_images)                                                             \
	X(test_alerts_and_exceptions)                                                              \
	X(test_bases)                                                                              \
	X(test_others)                                                                             \
	X(test_outbox_takes_a_message_once)                                                        \
	X(test_audit_keeps_its_chain)                                                              \
	X(test_ids_ascend_without_gaps)                                                            \
	X(test_facts_and_their_readers)                                                            \
	X(test_executables_share_sets)                                                             \
	X(test_texts_are_clean)

int main(void)
{
	const struct CMUnitTest sqlite[] = {EVERY(SQLITE)};
	const struct CMUnitTest pg[] = {EVERY(PG)};

	return cmocka_run_group_tests_name("sqlite", sqlite, NULL, NULL) + RUN_PG(pg);
}
