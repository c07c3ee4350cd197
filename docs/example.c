/* SPDX-License-Identifier: Apache-2.0 */
/* example.c - lists what is in an image. cc example.c $(pkg-config --cflags --libs librummage) */
#include <rummage.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	struct rmg_opts opts = RMG_OPTS;
	struct rmg_image *image = NULL;
	struct rmg_inventory *inventory = NULL;
	const struct rmg_pkg *p;
	struct rmg_err err;
	int status = 1;

	if (argc != 2) {
		fprintf(stderr, "usage: example REF\n");
		return 1;
	}
	if (rmg_image_open(argv[1], &opts, &image, &err) != RMG_OK ||
	    rmg_inventory_take(image, &opts, &inventory, &err) != RMG_OK) {
		fprintf(stderr, "example: %s\n", err.msg);
	} else {
		for (size_t i = 0; (p = rmg_inventory_pkg(inventory, i)) != NULL; i++)
			printf("%s\t%s\n", p->purl, p->path);
		status = rmg_inventory_complete(inventory) ? 0 : 3;
	}
	rmg_inventory_free(inventory);
	rmg_image_free(image);
	return status;
}
