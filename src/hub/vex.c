/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub.h"

enum rmg_rc hub_vex_in(struct hub *h, struct span json, struct span actor, size_t *taken,
		       struct rmg_err *err)
{
	(void)h;
	(void)json;
	(void)actor;
	(void)taken;
	return err_set(err, RMG_E_UNSUPPORTED, "OpenVEX documents are not taken");
}

enum rmg_rc hub_vex_out(struct hub *h, struct strbuf *out, struct rmg_err *err)
{
	(void)h;
	(void)out;
	return err_set(err, RMG_E_UNSUPPORTED, "OpenVEX documents are not written");
}
