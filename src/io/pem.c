/* SPDX-License-Identifier: Apache-2.0 */
#include "io/pem.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <time.h>

#include "base/limits.h"
#include "io/file.h"

static enum rmg_rc open_file(const char *path, struct span *text, BIO **out, struct rmg_err *err)
{
	enum rmg_rc rc = file_read(path, MIB(1), text, err);

	if (rc != RMG_OK)
		return rc;
	*out = BIO_new_mem_buf(text->n ? (const void *)text->p : "", (int)text->n);
	if (*out)
		return RMG_OK;
	file_free(text);
	return err_set(err, RMG_E_NOMEM, "no memory for %s", path);
}

static void close_file(struct span *text, BIO *bio)
{
	BIO_free(bio);
	file_free(text);
	ERR_clear_error();
}

static int no_password(char *buf, int size, int writing, void *user)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)user;
	return -1;
}

/* *first: the caller ends it; NULL: it is not wanted. */
static enum rmg_rc read_certificates(const char *path, X509 **first, struct rmg_err *err)
{
	struct span text = {0};
	BIO *bio = NULL;
	enum rmg_rc rc = open_file(path, &text, &bio, err);
	X509 *one;
	size_t n = 0;

	if (rc != RMG_OK)
		return rc;
	ERR_clear_error();
	while ((one = PEM_read_bio_X509(bio, NULL, no_password, NULL)) != NULL) {
		if (n++ == 0 && first)
			*first = one;
		else
			X509_free(one);
	}
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		rc = err_set(err, RMG_E_FORMAT, "%s: certificate %zu is damaged", path, n + 1);
	else if (n == 0)
		rc = err_set(err, RMG_E_FORMAT, "%s holds no certificate (PEM)", path);
	close_file(&text, bio);
	return rc;
}

enum rmg_rc pem_certificates(const char *path, struct rmg_err *err)
{
	return read_certificates(path, NULL, err);
}

static enum rmg_rc read_key(const char *path, EVP_PKEY **out, struct rmg_err *err)
{
	struct span text = {0};
	BIO *bio = NULL;
	enum rmg_rc rc = open_file(path, &text, &bio, err);

	if (rc != RMG_OK)
		return rc;
	*out = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	if (*out == NULL)
		rc = err_set(err, RMG_E_FORMAT, "%s holds no key (PEM) that can be read", path);
	if (text.n)
		explicit_bzero((void *)(uintptr_t)text.p, text.n);
	close_file(&text, bio);
	return rc;
}

enum rmg_rc pem_pair(const char *certificate, const char *key, struct rmg_err *err)
{
	X509 *cert = NULL;
	EVP_PKEY *its = NULL;
	enum rmg_rc rc = read_certificates(certificate, &cert, err);

	if (rc == RMG_OK)
		rc = read_key(key, &its, err);
	if (rc == RMG_OK && X509_check_private_key(cert, its) != 1)
		rc = err_set(err, RMG_E_FORMAT, "%s is not the key of %s", key, certificate);
	ERR_clear_error();
	X509_free(cert);
	EVP_PKEY_free(its);
	return rc;
}

enum rmg_rc pem_ends(const char *path, int64_t *out_s, struct rmg_err *err)
{
	X509 *cert = NULL;
	struct tm tm = {0};
	enum rmg_rc rc = read_certificates(path, &cert, err);

	if (rc == RMG_OK && ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) != 1)
		rc = err_set(err, RMG_E_FORMAT, "%s does not say how long it is good", path);
	if (rc == RMG_OK)
		*out_s = timegm(&tm);
	X509_free(cert);
	return rc;
}

enum rmg_rc pem_is_for(const char *path, const char *host, bool *out, struct rmg_err *err)
{
	X509 *cert = NULL;
	enum rmg_rc rc = read_certificates(path, &cert, err);

	if (rc == RMG_OK)
		*out = X509_check_host(cert, host, 0, 0, NULL) == 1;
	X509_free(cert);
	return rc;
}
