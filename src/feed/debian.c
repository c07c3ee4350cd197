/* SPDX-License-Identifier: Apache-2.0 */
/* debian.c - the Debian security tracker's JSON, debian/tracker.json:
 * { package: { CVE: { releases: { codename: { status, fixed_version, urgency, nodsa, nodsa_reason
 * }}}}} as security-tracker's bin/tracker_service.py writes it. A fixed_version of "0" says that
 * the release was never affected. */
#include "feed/input.h"

static const struct {
	const char *codename, *ecosystem;
} releases[] = {
    {"sid", "Debian:sid"},   {"duke", "Debian:15"},     {"forky", "Debian:14"},
    {"trixie", "Debian:13"}, {"bookworm", "Debian:12"}, {"bullseye", "Debian:11"},
    {"buster", "Debian:10"}, {"stretch", "Debian:9"},   {"jessie", "Debian:8"},
    {"wheezy", "Debian:7"},  {"squeeze", "Debian:6.0"},
};

static bool release_of(struct span codename, struct span *ecosystem)
{
	for (size_t i = 0; i < COUNT_OF(releases); i++) {
		if (span_is(codename, span_cstr(releases[i].codename))) {
			*ecosystem = span_cstr(releases[i].ecosystem);
			return true;
		}
	}
	return false;
}

/* "no-dsa: Minor issue", "ignored: ...", "postponed: ..." */
static struct span no_dsa(struct input *in, json *release)
{
	struct span why = json_get_str(release, "nodsa");
	struct span kind = json_get_str(release, "nodsa_reason");

	if (kind.n == 0)
		kind = S("no-dsa");
	return why.n ? ARENA_JOIN(&in->scratch, kind, S(": "), why) : kind;
}

static void urgency_of(struct span urgency, struct adv_rule *rule)
{
	/* Urgencies that were guessed end in "**". */
	urgency = span_rtrim_chr(urgency, '*');
	if (span_is(urgency, S("end-of-life"))) {
		rule->status = ADV_END_OF_LIFE;
		rule->status_text = urgency;
	} else if (!severity_word(urgency, &rule->severity)) {
		rule->severity = SEV_UNKNOWN;
	}
}

static void take_release(struct input *in, struct span package, struct span ecosystem,
			 json *release, uint32_t card)
{
	struct adv_rule rule = {.card = card, .source = in->source, .status = ADV_AFFECTED};
	struct span status = json_get_str(release, "status");
	struct span fixed = json_get_str(release, "fixed_version");

	urgency_of(json_get_str(release, "urgency"), &rule);
	if (span_is(status, S("resolved"))) {
		if (fixed.n == 0) {
			input_warn(in, SPAN_FMT ": resolved without a version", SPAN_ARG(package));
			return;
		}
		rule.status = span_is(fixed, S("0")) ? ADV_NOT_AFFECTED : ADV_AFFECTED;
		rule.status_text = (struct span){0};
		if (rule.status == ADV_NOT_AFFECTED)
			fixed = (struct span){0};
	} else if (span_is(status, S("open"))) {
		fixed = (struct span){0};
		if (json_get(release, "nodsa")) {
			rule.status = ADV_WONT_FIX;
			rule.status_text = no_dsa(in, release);
		}
	} else if (span_is(status, S("undetermined"))) {
		fixed = (struct span){0};
		rule.status = ADV_UNDER_INVESTIGATION;
		rule.status_text = status;
	} else {
		input_warn(in, SPAN_FMT ": status \"" SPAN_FMT "\" is not known", SPAN_ARG(package),
			   SPAN_ARG(status));
		return;
	}
	rule_until(in, ecosystem, package, &rule, fixed);
}

static void take_issue(struct input *in, struct span package, struct span id, json *issue)
{
	struct adv_card card = {.id = id, .source = in->source};
	json *by_release = json_get(issue, "releases");
	uint32_t ref;

	if (!json_is_object(by_release)) {
		input_warn(in, SPAN_FMT " " SPAN_FMT ": no releases", SPAN_ARG(package),
			   SPAN_ARG(id));
		return;
	}
	card.url = ARENA_JOIN(&in->scratch, S("https://security-tracker.debian.org/tracker/"), id);
	ref = advdb_add_card(in->b, &card, NULL, NULL, NULL);
	in->count++;
	for (struct json_iter it = json_iter(by_release); json_next(&it);) {
		struct span ecosystem;

		if (release_of(it.key, &ecosystem))
			take_release(in, package, ecosystem, it.value, ref);
		else
			input_warn(in, "release \"" SPAN_FMT "\" is not known", SPAN_ARG(it.key));
	}
}

void debian_tracker(struct input *in, json *root)
{
	if (!json_is_object(root)) {
		input_refuse(in, "not the tracker's JSON");
		return;
	}
	for (struct json_iter pkg = json_iter(root); json_next(&pkg);) {
		arena_reset(&in->scratch);
		if (!json_is_object(pkg.value)) {
			input_warn(in, SPAN_FMT " is not an object", SPAN_ARG(pkg.key));
			continue;
		}
		for (struct json_iter it = json_iter(pkg.value); json_next(&it);)
			take_issue(in, pkg.key, it.key, it.value);
	}
}

enum rmg_rc debian_read(struct input *in, const struct feed_file *file, struct rmg_err *err)
{
	enum rmg_rc rc = input_json(in, file, err);

	if (rc != RMG_OK)
		return rc;
	debian_tracker(in, in->doc.root);
	return input_verdict(in, err);
}
