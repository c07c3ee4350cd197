/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_verify_image.c - verify-image: containerd's image verifier (its docs/image-verification.md,
 * "bindir"): called at a pull with -name, -digest and -stdin-media-type and a descriptor on
 * standard input. The first line of standard output is the reason, exit code 0 allows, any other
 * one blocks. */
#include <rummage.h>

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "cmd/cmd.h"
#include "cmd/hub_client.h"
#include "cmd/say.h"
#include "format/json.h"
#include "oci/digest.h"

enum { DEADLINE_S = 8, MOST_S = 3600, DESCRIPTOR_BYTES = 1 << 20, NAMED = 5 };

static const char *const severities[] = {"critical", "high", "medium", "low", "negligible"};
static const char by_policy[] = "policy"; /* of --fail-on: the hub's rules */

struct asking {
	int64_t end_ms;
};

static bool is_late(void *user)
{
	const struct asking *a = user;

	return clock_tick_ms() >= a->end_ms || cmd_stopped(NULL);
}

static int verdict(bool allowed, const char *why)
{
	printf("%s: %s\n", allowed ? "allowed" : "denied", why);
	return allowed ? EXIT_WHOLE : EXIT_POLICY;
}

/* What the hub cannot answer is for the local rule. */
static int unknown(const struct options *o, const char *why)
{
	char text[600];

	snprintf(text, sizeof text, "%s, and what is not known is %s", why,
		 o->fail_closed ? "blocked" : "let through");
	return verdict(!o->fail_closed, text);
}

/* Findings of the severity or above; *named: what severities there are among them. */
static uint64_t count(json *counts, const char *fail_on, char *named, size_t size)
{
	uint64_t all = 0, n;
	size_t used = 0;

	for (size_t i = 0; i < COUNT_OF(severities); i++) {
		if (json_get_u64(counts, severities[i], &n) && n && used < size) {
			used +=
			    (size_t)snprintf(named + used, size - used, "%s%llu %s",
					     all ? ", " : "", (unsigned long long)n, severities[i]);
			all += n;
		}
		if (strcmp(severities[i], fail_on) == 0)
			break;
	}
	return all;
}

/* Findings that the first rule which asks for them denies, or warns of; *named: the first. */
static uint64_t count_by_rule(json *findings, struct span admission, char *named, size_t size)
{
	size_t used = 0;
	uint64_t all = 0;

	for (struct json_iter it = json_iter(findings); json_next(&it);) {
		if (!span_is(json_get_str(it.value, "admission"), admission))
			continue;
		if (all++ < NAMED && used < size)
			used += (size_t)snprintf(
			    named + used, size - used, "%s" SPAN_FMT " (rule " SPAN_FMT ")",
			    all > 1 ? ", " : "",
			    SPAN_ARG(span_head(json_get_str(it.value, "id"), 60)),
			    SPAN_ARG(span_head(json_get_str(it.value, "rule"), 60)));
	}
	if (all > NAMED && used < size)
		snprintf(named + used, size - used, " and %llu more",
			 (unsigned long long)all - NAMED);
	return all;
}

static int judge(const struct options *o, const char *fail_on, struct span body)
{
	bool policy = strcmp(fail_on, by_policy) == 0;
	json *findings;
	struct json_doc doc = {0};
	char named[600] = "", text[700];
	uint64_t n = 0;
	bool read, complete;

	if (json_parse(&doc, body, (size_t)256 << 20, NULL) != RMG_OK)
		return unknown(o, "the hub's answer cannot be read");
	read = json_is_str(json_get(doc.root, "read"));
	complete = json_get_bool(doc.root, "complete");
	findings = json_get(doc.root, "findings");
	n = policy ? count_by_rule(findings, S("deny"), named, sizeof named)
		   : count(json_get(doc.root, "counts"), fail_on, named, sizeof named);
	if (policy && n == 0)
		(void)count_by_rule(findings, S("warn"), named, sizeof named);
	json_done(&doc);
	if (!read)
		return unknown(o, "the hub knows the image, but nobody has read it");
	if (n) {
		snprintf(text, sizeof text, "%s (--fail-on %s)", named, fail_on);
		return verdict(false, text);
	}
	if (!complete)
		return unknown(o, "part of the image could not be read");
	if (policy)
		snprintf(text, sizeof text, "the hub's policy denies nothing of it%s%s",
			 named[0] ? ", but warns of " : "", named);
	else
		snprintf(text, sizeof text, "nothing of severity %s or above is known of it",
			 fail_on);
	return verdict(true, text);
}

static int ask(const struct options *o, const char *fail_on, struct asking *a)
{
	struct hubline_opts hub = hub_of_agent(o);
	char path[200];
	struct hub_ask question = {.path = path};
	struct hub_answer answer = {0};
	struct rmg_err err = {0};
	struct hubline *l = NULL;
	enum rmg_rc rc;
	int code;

	hub.stop = is_late;
	hub.user = a;
	snprintf(path, sizeof path, "/api/v1/images/%s", o->digest);
	rc = hubline_open(&hub, &l, &err);
	if (rc == RMG_E_ARG || rc == RMG_E_NOTFOUND || rc == RMG_E_IO)
		return say_failure("verify-image", &err, NULL);
	if (rc == RMG_OK)
		rc = hubline_do(l, &question, &answer, &err);
	if (rc == RMG_OK)
		code = judge(o, fail_on, answer.body);
	else if (answer.status == 404)
		code = unknown(o, "the hub does not know the image");
	else
		code = unknown(o, rc == RMG_E_STOPPED ? "the hub did not answer in time" : err.msg);
	hubline_close(l);
	return code;
}

/* Names that the hub is not asked about. */

/* An asterisk at the end stands for anything, but not for the rest of a host's name. */
static bool is_pattern(const char *s)
{
	size_t n = strlen(s);

	return n && (s[n - 1] != '*' || n == 1 || memchr(s, '/', n - 1) != NULL);
}

static const char *naming(const struct opt_list *patterns, const char *name)
{
	for (size_t i = 0; name && i < patterns->n; i++) {
		const char *p = patterns->v[i];
		size_t n = strlen(p);

		if (p[n - 1] == '*' ? strncmp(p, name, n - 1) == 0 : strcmp(p, name) == 0)
			return p;
	}
	return NULL;
}

static int by_name(const struct options *o, const char *pattern, bool allowed)
{
	char text[600];

	snprintf(text, sizeof text, "%.250s is of --%s %.250s", o->image_name,
		 allowed ? "allow" : "deny", pattern);
	return verdict(allowed, text);
}

/* The caller writes it, and may take it amiss that nobody reads. */
static void read_descriptor(void)
{
	char buf[4096];
	size_t all = 0;
	ssize_t n;

	while (!isatty(STDIN_FILENO) && all < DESCRIPTOR_BYTES &&
	       (n = read(STDIN_FILENO, buf, sizeof buf)) > 0)
		all += (size_t)n;
}

int cmd_verify_image(struct options *o)
{
	struct asking a = {clock_tick_ms() +
			   1000 * (int64_t)(o->deadline ? o->deadline : DEADLINE_S)};
	const char *fail_on = o->fail_on ? o->fail_on : "critical", *pattern;
	bool known = strcmp(fail_on, by_policy) == 0;

	for (size_t i = 0; i < COUNT_OF(severities); i++)
		known |= strcmp(severities[i], fail_on) == 0;
	if (!known)
		return say_usage("verify-image", "--fail-on %s: there is no such severity",
				 fail_on);
	for (size_t i = 0; i < o->allow.n + o->deny.n; i++) {
		pattern = i < o->allow.n ? o->allow.v[i] : o->deny.v[i - o->allow.n];
		if (!is_pattern(pattern))
			return say_usage("verify-image", "%s: an asterisk comes after a slash",
					 pattern);
	}
	if (o->hub_url == NULL && o->allow.n + o->deny.n == 0)
		return say_usage("verify-image", "--hub URL says where the hub is");
	if (o->digest == NULL || !digest_valid(span_cstr(o->digest)))
		return say_usage("verify-image", "--digest names the image: sha256:...");
	if (o->deadline > MOST_S)
		return say_usage("verify-image", "--deadline is at most an hour");
	read_descriptor();
	if ((pattern = naming(&o->deny, o->image_name)) != NULL)
		return by_name(o, pattern, false);
	if ((pattern = naming(&o->allow, o->image_name)) != NULL)
		return by_name(o, pattern, true);
	if (o->hub_url == NULL)
		return unknown(o, "neither --allow nor --deny names it");
	return ask(o, fail_on, &a);
}
