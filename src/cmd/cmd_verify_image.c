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
#include "cmd/say.h"
#include "format/json.h"
#include "node/hubline.h"
#include "oci/digest.h"

enum { DEADLINE_S = 8, MOST_S = 3600, DESCRIPTOR_BYTES = 1 << 20 };

static const char *const severities[] = {"critical", "high", "medium", "low", "negligible"};

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

static int judge(const struct options *o, const char *fail_on, struct span body)
{
	struct json_doc doc = {0};
	char named[200] = "", text[400];
	uint64_t n = 0;
	bool read, complete;

	if (json_parse(&doc, body, (size_t)256 << 20, NULL) != RMG_OK)
		return unknown(o, "the hub's answer cannot be read");
	read = json_is_str(json_get(doc.root, "read"));
	complete = json_get_bool(doc.root, "complete");
	n = count(json_get(doc.root, "counts"), fail_on, named, sizeof named);
	json_done(&doc);
	if (!read)
		return unknown(o, "the hub knows the image, but nobody has read it");
	if (n) {
		snprintf(text, sizeof text, "%s (--fail-on %s)", named, fail_on);
		return verdict(false, text);
	}
	if (!complete)
		return unknown(o, "part of the image could not be read");
	snprintf(text, sizeof text, "nothing of severity %s or above is known of it", fail_on);
	return verdict(true, text);
}

static int ask(const struct options *o, const char *fail_on, struct asking *a)
{
	struct hubline_opts hub = {.hub = o->hub_url,
				   .token = o->token_file ? NULL : o->token,
				   .token_file = o->token_file,
				   .ca_file = o->ca_cert,
				   .fingerprint = o->hub_fingerprint,
				   .client_cert = o->client_cert,
				   .client_key = o->client_key,
				   .plain_http = o->plain_http,
				   .stop = is_late,
				   .user = a};
	char path[200];
	struct hub_ask question = {.path = path};
	struct hub_answer answer = {0};
	struct rmg_err err = {0};
	struct hubline *l = NULL;
	enum rmg_rc rc;
	int code;

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
	const char *fail_on = o->fail_on ? o->fail_on : "critical";
	bool known = false;

	for (size_t i = 0; i < COUNT_OF(severities); i++)
		known |= strcmp(severities[i], fail_on) == 0;
	if (!known)
		return say_usage("verify-image", "--fail-on %s: there is no such severity",
				 fail_on);
	if (o->hub_url == NULL)
		return say_usage("verify-image", "--hub URL says where the hub is");
	if (o->digest == NULL || !digest_valid(span_cstr(o->digest)))
		return say_usage("verify-image", "--digest names the image: sha256:...");
	if (o->deadline > MOST_S)
		return say_usage("verify-image", "--deadline is at most an hour");
	read_descriptor();
	return ask(o, fail_on, &a);
}
