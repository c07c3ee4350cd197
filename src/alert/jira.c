/* SPDX-License-Identifier: Apache-2.0 */
/* jira.c - an issue of Jira an alert, REST API 2 (Data Center and Cloud).
 *
 * The alert's key, hashed, is a label of its issue: it is searched for before one is made, so that
 * what is told again becomes a comment. A comment ends with the message's id and is not made twice.
 * Data Center searches at /rest/api/2/search; Cloud has taken that away (410) and searches at
 * /rest/api/2/search/jql. */
#include "alert/sink_inside.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "format/json.h"
#include "format/jsonw.h"
#include "format/sha256.h"

enum { LABEL_HASH_BYTES = 10, SUMMARY_BYTES = 250, TEXT_BYTES = 30000, PATH_BYTES = 256 };

static const struct sink_setting settings[] = {
    {"url", true, false, "address of Jira, such as https://jira.example.com"},
    {"project", true, false, "key of the project"},
    {"token", true, true, "a personal access token, or with \"user\" an API token or password"},
    {"user", false, false, "whose token it is (Cloud: the e-mail address); basic authentication"},
    {"issue_type", false, false, "default: Bug"},
    SINK_NET_SETTINGS,
    {0},
};

void jira_label(const struct message_item *item, char out[32])
{
	uint8_t hash[SHA256_BYTES];
	struct strbuf text = strbuf_of(64);

	sha256_of(item->key, hash);
	strbuf_hex(&text, hash, LABEL_HASH_BYTES);
	snprintf(out, 32, "rummage-%s", strbuf_cstr(&text));
	strbuf_done(&text);
}

/* Wiki text that is shown as it is: nothing inside may end the block. */
static void put_text(const struct message *m, const struct message_item *item, struct strbuf *out)
{
	struct strbuf text = strbuf_of(2 * TEXT_BYTES);
	struct span link = brief_link(m, item);

	brief_text(m, item, TEXT_BYTES - MESSAGE_TEXT_BYTES, &text);
	strbuf_puts(out, "{noformat}\n");
	for (size_t i = 0; i < text.n; i++)
		strbuf_putc(out, text.p[i] == '{' ? '(' : text.p[i]);
	strbuf_puts(out, "{noformat}\n");
	strbuf_put(out, link);
	strbuf_done(&text);
}

void jira_issue_body(const struct message *m, const struct message_item *item, const char *project,
		     const char *type, struct strbuf *out)
{
	struct strbuf text = strbuf_of(2 * TEXT_BYTES);
	struct jsonw w = jsonw_of(out);
	char label[32];

	jira_label(item, label);
	jsonw_object(&w);
	jsonw_key(&w, "fields");
	jsonw_object(&w);
	jsonw_key(&w, "project");
	jsonw_object(&w);
	jsonw_put_cstr(&w, "key", project);
	jsonw_object_end(&w);
	jsonw_key(&w, "issuetype");
	jsonw_object(&w);
	jsonw_put_cstr(&w, "name", type);
	jsonw_object_end(&w);
	brief_title(m, item, &text);
	jsonw_put(&w, "summary", brief_cut(strbuf_span(&text), SUMMARY_BYTES));
	strbuf_clear(&text);
	put_text(m, item, &text);
	jsonw_put(&w, "description", strbuf_span(&text));
	jsonw_key(&w, "labels");
	jsonw_array(&w);
	jsonw_cstr(&w, "rummage");
	jsonw_cstr(&w, label);
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	jsonw_object_end(&w);
	strbuf_done(&text);
}

static void comment_body(const struct message *m, const struct message_item *item,
			 struct strbuf *out)
{
	struct strbuf text = strbuf_of(2 * TEXT_BYTES);
	struct jsonw w = jsonw_of(out);

	put_text(m, item, &text);
	strbuf_printf(&text, "\n{noformat}\n[" SPAN_FMT "]\n{noformat}", SPAN_ARG(m->id));
	jsonw_object(&w);
	jsonw_put(&w, "body", strbuf_span(&text));
	jsonw_object_end(&w);
	strbuf_done(&text);
}

static bool keep(void *user, const struct http_response *resp, struct span bytes)
{
	struct strbuf *out = user;

	(void)resp;
	strbuf_put(out, bytes);
	return strbuf_rc(out) == RMG_OK;
}

/* One call; answer NULL: the body is not wanted. s->body is sent where there is one. */
static enum rmg_rc call(struct sink *s, const char *path, struct strbuf *answer, unsigned *status,
			struct sink_retry *retry, struct rmg_err *err)
{
	struct strbuf url = strbuf_of(KIB(16)), bearer = strbuf_of(KIB(16));
	const char *headers[4] = {"Accept: application/json", "Content-Type: application/json"};
	struct http_request req = {.method = s->body.n ? "POST" : "GET",
				   .headers = headers,
				   .body = strbuf_span(&s->body),
				   .username = sink_get(s, "user")};
	enum rmg_rc rc;

	strbuf_printf(&url, SPAN_FMT "%s",
		      SPAN_ARG(span_rtrim_chr(span_cstr(sink_get(s, "url")), '/')), path);
	req.url = strbuf_cstr(&url);
	if (answer) {
		req.sink = keep;
		req.user = answer;
	}
	if (req.username) {
		req.password = sink_get(s, "token");
	} else {
		strbuf_printf(&bearer, "Authorization: Bearer %s", sink_get(s, "token"));
		headers[2] = strbuf_cstr(&bearer);
	}
	rc = sink_body_rc(s, err);
	if (rc == RMG_OK)
		rc = sink_request(s, &req, status, retry, err);
	strbuf_done(&url);
	strbuf_done(&bearer);
	return rc;
}

static bool told_before(json *issue, const struct message *m)
{
	json *comments = json_get(json_get(json_get(issue, "fields"), "comment"), "comments");
	struct strbuf mark = strbuf_of(KIB(8));
	bool found = false;

	strbuf_printf(&mark, "[" SPAN_FMT "]", SPAN_ARG(m->id));
	for (struct json_iter it = json_iter(comments); json_next(&it);)
		found = found || span_has(json_get_str(it.value, "body"), strbuf_span(&mark));
	strbuf_done(&mark);
	return found;
}

/* What a search found; key stays empty where that is nothing. */
struct found {
	char key[64];
	bool done, told;
};

static enum rmg_rc read_found(struct span text, const struct message *m, struct found *out,
			      struct rmg_err *err)
{
	struct json_doc doc = {0};
	enum rmg_rc rc = json_parse(&doc, text, LIMIT_MANIFEST_BYTES, err);
	json *issue = json_at(json_get(doc.root, "issues"), 0);
	json *status = json_get(json_get(issue, "fields"), "status");
	struct span key = json_get_str(issue, "key");

	for (size_t i = 0; i < key.n; i++)
		if (!is_alnum(key.p[i]) && key.p[i] != '-' && key.p[i] != '_')
			key.n = 0;
	if (rc == RMG_OK && !json_is_array(json_get(doc.root, "issues")))
		rc = err_set(err, RMG_E_FORMAT, "Jira's search answers without \"issues\"");
	else if (rc == RMG_OK && issue && (key.n == 0 || key.n >= sizeof out->key))
		rc =
		    err_set(err, RMG_E_FORMAT, "Jira's search answers with an issue without a key");
	else if (rc == RMG_OK && issue) {
		snprintf(out->key, sizeof out->key, SPAN_FMT, SPAN_ARG(key));
		out->done =
		    span_is(json_get_str(json_get(status, "statusCategory"), "key"), S("done"));
		out->told = told_before(issue, m);
	}
	json_done(&doc);
	return rc;
}

static enum rmg_rc search(struct sink *s, const struct message *m, const char *label,
			  struct found *out, struct sink_retry *retry, struct rmg_err *err)
{
	static const char *const places[] = {"/rest/api/2/search", "/rest/api/2/search/jql"};
	struct strbuf answer = strbuf_of(LIMIT_MANIFEST_BYTES);
	enum rmg_rc rc = RMG_E_NOTFOUND;
	unsigned status = 410;
	char path[PATH_BYTES];

	for (size_t i = 0; i < COUNT_OF(places) && (status == 410 || status == 404); i++) {
		snprintf(path, sizeof path,
			 "%s?jql=labels%%3D%%22%s%%22%%20ORDER%%20BY%%20created%%20DESC"
			 "&maxResults=1&fields=status,comment",
			 places[i], label);
		strbuf_clear(&answer);
		rc = call(s, path, &answer, &status, retry, err);
	}
	if (rc == RMG_OK)
		rc = read_found(strbuf_span(&answer), m, out, err);
	if (rc != RMG_OK)
		err_add(err, "search for an issue");
	strbuf_done(&answer);
	return rc;
}

/* Told again of what is open already says nothing new, if it is the first message. */
static bool wants_comment(const struct message *m, const struct found *found)
{
	if (found->told)
		return false;
	if (m->kind == MESSAGE_FIRED || m->kind == MESSAGE_TEST)
		return found->done;
	return true;
}

static enum rmg_rc send_item(struct sink *s, const struct message *m,
			     const struct message_item *item, struct sink_retry *retry,
			     struct rmg_err *err)
{
	struct found found = {0};
	char label[32], path[PATH_BYTES];
	enum rmg_rc rc;

	jira_label(item, label);
	rc = search(s, m, label, &found, retry, err);
	if (rc != RMG_OK)
		return rc;
	if (found.key[0] == '\0') {
		if (m->kind == MESSAGE_RESOLVED)
			return RMG_OK; /* nobody was told of it */
		jira_issue_body(m, item, sink_get(s, "project"),
				sink_get_or(s, "issue_type", "Bug"), &s->body);
		return call(s, "/rest/api/2/issue", NULL, NULL, retry, err);
	}
	if (!wants_comment(m, &found))
		return RMG_OK;
	comment_body(m, item, &s->body);
	snprintf(path, sizeof path, "/rest/api/2/issue/%s/comment", found.key);
	return call(s, path, NULL, NULL, retry, err);
}

static enum rmg_rc open_jira(const struct sink_values *v, struct sink **out, struct rmg_err *err)
{
	return sink_open_http(&sink_jira, v, out, err);
}

static enum rmg_rc send_jira(struct sink *s, const struct message *m, struct sink_retry *retry,
			     struct rmg_err *err)
{
	sink_begin(s);
	return sink_each(s, m, send_item, retry, err);
}

const struct sink_kind sink_jira = {
    .name = "jira",
    .what = "issues of Jira, REST API 2",
    .settings = settings,
    .each = true,
    .open = open_jira,
    .send = send_jira,
    .close = sink_close,
};
