/* SPDX-License-Identifier: Apache-2.0 */
#include "model/vendor.h"

/* Parts of Maintainer fields, in lower case, of who publishes .deb packages beside the
 * distributions. */
static const char *const deb_others[] = {
    "docker",
    "nvidia",
    "google cloud cli",
    "sap ",
    "hashicorp",
    "microsoft",
    "mongodb",
    "mariadb.org",
    "couchdb",
    "elastic.co",
    "nginx-packaging@f5",
    "konghq",
    "cloudflare",
    "influxdb",
    "gitlab",
    "grafana",
    "datadoghq",
    "nodesource",
    "tailscale",
    "openrobotics",
};

/* rpm's Vendor of the distributions. */
static const char *const rpm_distributions[] = {
    "red hat",    "centos", "fedora project", "oracle america", "almalinux",
    "cloudlinux", "vmware", "suse",           "opensuse",       "microsoft corporation",
    "rocky",      "amazon", "rpm fusion",     "mageia",         "photon",
    "openeuler",
};

static bool has_icase(struct span text, struct span part)
{
	for (size_t i = 0; i + part.n <= text.n; i++)
		if (span_starts_icase(span_from(text, i), part))
			return true;
	return false;
}

static bool any(struct span text, const char *const *parts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (has_icase(text, span_cstr(parts[i])))
			return true;
	return false;
}

bool vendor_is_distribution(const struct pkg *p)
{
	if (span_is(p->type, S("deb")))
		return !span_is_icase(p->vendor, S("github")) &&
		       !any(p->vendor, deb_others, COUNT_OF(deb_others));
	if (span_is(p->type, S("rpm")))
		return p->vendor.n == 0 ||
		       any(p->vendor, rpm_distributions, COUNT_OF(rpm_distributions));
	return true;
}
