/* SPDX-License-Identifier: Apache-2.0 */
#include "io/server_tls.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>

enum { DAYS_VALID = 3650 };

static bool dns_name(gnutls_x509_crt_t cert, char *name, size_t size)
{
	for (unsigned i = 0; i < 16; i++) {
		size_t n = size - 1;
		int type = gnutls_x509_crt_get_subject_alt_name(cert, i, name, &n, NULL);

		if (type == GNUTLS_SAN_DNSNAME && n < size) {
			name[n] = '\0';
			return strlen(name) == n;
		}
		if (type == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			break;
	}
	return false;
}

static bool common_name(gnutls_x509_crt_t cert, char *name, size_t size)
{
	size_t n = size;

	return gnutls_x509_crt_get_dn_by_oid(cert, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &n) ==
		   0 &&
	       strlen(name) == n;
}

void server_tls_peer(void *session, char *name, size_t size)
{
	/* A server's certificate of the same authority says who answers, not who asks. */
	static const char purpose[] = GNUTLS_KP_TLS_WWW_CLIENT;
	gnutls_typed_vdata_st want = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
				      .data = (unsigned char *)(uintptr_t)purpose};
	unsigned status = 1, n = 0;
	const gnutls_datum_t *chain;
	gnutls_x509_crt_t cert;

	name[0] = '\0';
	if (gnutls_certificate_verify_peers(session, &want, 1, &status) != 0 || status != 0)
		return;
	chain = gnutls_certificate_get_peers(session, &n);
	if (chain == NULL || n == 0 || gnutls_x509_crt_init(&cert) != 0)
		return;
	if (gnutls_x509_crt_import(cert, &chain[0], GNUTLS_X509_FMT_DER) != 0 ||
	    (!dns_name(cert, name, size) && !common_name(cert, name, size)))
		name[0] = '\0';
	gnutls_x509_crt_deinit(cert);
}

/* "DNS:a,IP:127.0.0.1" */
static void alt_names(const char *const *names, struct strbuf *out)
{
	for (; *names; names++) {
		uint8_t address[16];
		bool ip = inet_pton(AF_INET, *names, address) == 1 ||
			  inet_pton(AF_INET6, *names, address) == 1;

		strbuf_printf(out, "%s%s:%s", out->n ? "," : "", ip ? "IP" : "DNS", *names);
	}
}

static bool add_extension(X509 *cert, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;
	bool added;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	added = e && X509_add_ext(cert, e, -1) == 1;
	X509_EXTENSION_free(e);
	return added;
}

static bool fill(X509 *cert, EVP_PKEY *key, const char *const *names)
{
	struct strbuf alt = strbuf_of(4096);
	X509_NAME *subject = X509_get_subject_name(cert);
	uint64_t serial = 0;
	bool good;

	alt_names(names, &alt);
	good = RAND_bytes((uint8_t *)&serial, sizeof serial) == 1 &&
	       ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial >> 1) == 1 &&
	       X509_set_version(cert, X509_VERSION_3) == 1 &&
	       X509_gmtime_adj(X509_getm_notBefore(cert), -300) &&
	       X509_gmtime_adj(X509_getm_notAfter(cert), DAYS_VALID * 86400L) &&
	       X509_set_pubkey(cert, key) == 1 &&
	       X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
					  (const unsigned char *)"rummage hub", -1, -1, 0) == 1 &&
	       X509_set_issuer_name(cert, subject) == 1 && strbuf_rc(&alt) == RMG_OK &&
	       add_extension(cert, NID_subject_alt_name, strbuf_cstr(&alt)) &&
	       add_extension(cert, NID_basic_constraints, "critical,CA:TRUE") &&
	       X509_sign(cert, key, EVP_sha256()) > 0;
	strbuf_done(&alt);
	return good;
}

static bool put_bio(BIO *bio, struct strbuf *out)
{
	char *p = NULL;
	long n = BIO_get_mem_data(bio, &p);

	if (n <= 0)
		return false;
	strbuf_put(out, span_of(p, (size_t)n));
	return strbuf_rc(out) == RMG_OK;
}

enum rmg_rc server_tls_make(const char *const *names, struct strbuf *cert_out,
			    struct strbuf *key_out, struct rmg_err *err)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	BIO *cert_pem = BIO_new(BIO_s_mem()), *key_pem = BIO_new(BIO_s_mem());
	bool good = key && cert && cert_pem && key_pem && fill(cert, key, names) &&
		    PEM_write_bio_X509(cert_pem, cert) == 1 &&
		    PEM_write_bio_PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL) == 1 &&
		    put_bio(cert_pem, cert_out) && put_bio(key_pem, key_out);

	BIO_free(cert_pem);
	BIO_free(key_pem);
	X509_free(cert);
	EVP_PKEY_free(key);
	return good ? RMG_OK : err_set(err, RMG_E_NOMEM, "a certificate could not be made");
}

enum rmg_rc server_tls_fingerprint(struct span pem, char *out, size_t size, struct rmg_err *err)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)MIN_OF(pem.n, (size_t)INT32_MAX));
	X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	bool good = cert && X509_digest(cert, EVP_sha256(), digest, &n) == 1;
	size_t at = 0;

	if (good && size > 8 + (size_t)n * 3) {
		at = (size_t)snprintf(out, size, "SHA256");
		for (unsigned i = 0; i < n; i++)
			at += (size_t)snprintf(out + at, size - at, ":%02X", digest[i]);
	}
	X509_free(cert);
	BIO_free(bio);
	return at ? RMG_OK : err_set(err, RMG_E_FORMAT, "not a PEM certificate");
}
