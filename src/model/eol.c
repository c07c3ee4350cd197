/* SPDX-License-Identifier: Apache-2.0 */
#include "model/eol.h"

/* The publishers' own release pages; where there is paid support beyond, the date before it. */
static const struct {
	const char *id, *version, *date;
} ends[] = {
    {"alpine", "3.10", "2021-05-01"},  {"alpine", "3.11", "2021-11-01"},
    {"alpine", "3.12", "2022-05-01"},  {"alpine", "3.13", "2022-11-01"},
    {"alpine", "3.14", "2023-05-01"},  {"alpine", "3.15", "2023-11-01"},
    {"alpine", "3.16", "2024-05-23"},  {"alpine", "3.17", "2024-11-22"},
    {"alpine", "3.18", "2025-05-09"},  {"alpine", "3.19", "2025-11-01"},
    {"alpine", "3.20", "2026-04-01"},  {"alpine", "3.21", "2026-11-01"},
    {"alpine", "3.22", "2027-05-01"},  {"alpine", "3.23", "2027-11-01"},
    {"alpine", "3.4", "2018-05-01"},   {"alpine", "3.8", "2020-05-01"},
    {"alpine", "3.9", "2020-11-01"},   {"debian", "8", "2020-06-30"},
    {"debian", "9", "2022-06-30"},     {"debian", "10", "2024-06-30"},
    {"debian", "11", "2026-08-31"},    {"debian", "12", "2028-06-30"},
    {"debian", "13", "2030-06-30"},    {"ubuntu", "16.04", "2021-04-30"},
    {"ubuntu", "18.04", "2023-05-31"}, {"ubuntu", "20.04", "2025-05-31"},
    {"ubuntu", "22.04", "2027-04-01"}, {"ubuntu", "24.04", "2029-05-31"},
    {"centos", "5", "2017-03-31"},     {"centos", "6", "2020-11-30"},
    {"centos", "7", "2024-06-30"},     {"centos", "8", "2021-12-31"},
    {"rhel", "6", "2020-11-30"},       {"rhel", "7", "2024-06-30"},
    {"rhel", "8", "2029-05-31"},       {"rhel", "9", "2032-05-31"},
    {"rocky", "8", "2029-05-31"},      {"rocky", "9", "2032-05-31"},
    {"almalinux", "8", "2029-03-01"},  {"almalinux", "9", "2032-05-31"},
    {"fedora", "35", "2022-12-13"},    {"fedora", "36", "2023-05-16"},
    {"fedora", "37", "2023-12-05"},    {"fedora", "38", "2024-05-21"},
    {"fedora", "39", "2024-11-26"},    {"fedora", "40", "2025-05-13"},
    {"mariner", "2.0", "2025-07-31"},  {"amzn", "2", "2026-06-30"},
    {"sles", "15.3", "2022-12-31"},    {"sles", "15.4", "2023-12-31"},
};

struct span eol_of(const struct os *os)
{
	size_t best = 0;
	struct span date = {0};

	for (size_t i = 0; i < COUNT_OF(ends); i++) {
		struct span version = span_cstr(ends[i].version);

		if (span_is(os->id, span_cstr(ends[i].id)) && version.n > best &&
		    span_starts(os->version_id, version) &&
		    (os->version_id.n == version.n || os->version_id.p[version.n] == '.')) {
			best = version.n;
			date = span_cstr(ends[i].date);
		}
	}
	return date;
}
