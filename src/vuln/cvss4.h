/* SPDX-License-Identifier: Apache-2.0 */
/* cvss4.h - the score of a CVSS v4.0 vector: specification section 8, by MacroVectors. */
#ifndef VULN_CVSS4_H
#define VULN_CVSS4_H

#include <stdint.h>

/* In the order of the equivalence classes. A level is 0 for the worst value. SC, SI and SA have
 * "safety" as level 0; only modified metrics can say that. */
enum cvss4_metric {
	CVSS4_AV,
	CVSS4_PR,
	CVSS4_UI,
	CVSS4_AC,
	CVSS4_AT,
	CVSS4_VC,
	CVSS4_VI,
	CVSS4_VA,
	CVSS4_SC,
	CVSS4_SI,
	CVSS4_SA,
	CVSS4_CR,
	CVSS4_IR,
	CVSS4_AR,
	CVSS4_E,
	CVSS4_METRICS,
};

double cvss4_score(const uint8_t m[CVSS4_METRICS]);

#endif
