/* SPDX-License-Identifier: Apache-2.0 */
/* java_name_test.c - manifests as the JAR File Specification writes them; names and groups as the
 * artifacts have them in Maven's central repository. */
#include "catalog/java_name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/limits.h"

#define IS(got, want) assert_true(span_is((got), span_cstr(want)))

static struct arena arena;

static int begin(void **state)
{
	(void)state;
	arena_init(&arena, MIB(64));
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

static struct manifest manifest(const char *text)
{
	struct manifest m;

	manifest_read(span_cstr(text), &arena, &m);
	return m;
}

static void manifests(void **state)
{
	struct manifest m = manifest("\xef\xbb\xbfManifest-Version: 1.0\r\n"
				     "implementation-TITLE: acme\r\n"
				     "Implementation-Ver\r\n"
				     "Implementation-Version: 1.2\r\n .3\r\n -rc1\r\n"
				     "Bundle-SymbolicName: org.acme.x ;singleton:=true\r\n"
				     "Bundle-Version: %version\r\n"
				     "Plugin-Version: ${project.version}\r\n"
				     "\r\n"
				     "Name: org/acme/\r\n"
				     "Implementation-Vendor-Id: of.a.section\r\n");

	(void)state;
	IS(m.implementation_title, "acme");
	IS(m.implementation_version, "1.2.3-rc1");
	IS(m.symbolic_name, "org.acme.x");
	IS(m.bundle_version, "");
	IS(m.plugin_version, "");
	IS(m.implementation_vendor_id, "");
	m = manifest("Implementation-Title: old\rImplementation-Version: 9\r 8\r");
	IS(m.implementation_title, "old");
	IS(m.implementation_version, "98");
}

static void properties(void **state)
{
	struct gav g = {0};

	(void)state;
	assert_true(
	    gav_read(S("#Generated\n!x\n groupId = org.acme\r\nartifactId:core\nversion=1.0"), &g));
	IS(g.group, "org.acme");
	IS(g.artifact, "core");
	IS(g.version, "1.0");
	assert_false(gav_read(S("groupId=org.acme\nversion=${v}\n#artifactId=x\n"), &g));
}

static void file(const char *name, const char *version, const char *artifact, const char *want)
{
	struct manifest m = {.implementation_version = span_cstr(version)};
	struct gav g = gav_of_file(span_cstr(name), &m);

	print_message("%s\n", name);
	IS(g.artifact, artifact);
	IS(g.version, want);
}

static void file_names(void **state)
{
	(void)state;
	file("opt/lib/guava-30.1-jre.jar", "", "guava", "30.1-jre");
	file("zstd-jni-1.4.9-1.jar", "", "zstd-jni", "1.4.9-1");
	file("kafka_2.13-2.8.0.jar", "", "kafka_2.13", "2.8.0");
	file("log4j-1.2-api-2.13.3.jar", "2.13.3", "log4j-1.2-api", "2.13.3");
	file("app.war", "", "app", "");
	file("x-.jar", "", "x-", "");
	file("-1.jar", "", "-1", "");
	file(".jar", "", "", "");
	file("", "", "", "");
}

static void group(const char *artifact, const char *fields, const char *packages, const char *want)
{
	struct manifest m = manifest(fields);

	print_message("%s\n", artifact);
	IS(java_group(span_cstr(artifact), &m, span_cstr(packages), &arena), want);
}

static void groups(void **state)
{
	(void)state;
	group("spring-web", "Implementation-Title: spring-web\n", "org/springframework",
	      "org.springframework");
	group("spring-boot-starter-json", "", "", "org.springframework.boot");
	group("spring-own-thing", "", "com/acme/own", "com.acme");
	group("elasticsearch-geo",
	      "Implementation-Title: org.elasticsearch#elasticsearch-geo;7.10.0\n",
	      "org/elasticsearch/geometry", "org.elasticsearch");
	group("reactive-streams-x", "Bundle-SymbolicName: org.reactivestreams.reactive-streams-x\n",
	      "", "org.reactivestreams");
	group("jackson-thing", "Bundle-SymbolicName: com.fasterxml.more.jackson.thing\n", "",
	      "com.fasterxml.more");
	group("attoparser",
	      "Implementation-Vendor-Id: org.attoparser\n"
	      "Bundle-SymbolicName: org.attoparser\n",
	      "org/attoparser", "org.attoparser");
	group("own", "Implementation-Vendor: The Own Project\n", "org/apache/own/x",
	      "org.apache.own");
	group("own", "", "", "");
}

/* A field of n lines, many times: what it costs may not grow faster than its bytes. */
static void unfolding_takes_no_more_than_its_bytes(void **state)
{
	size_t n = MIB(1), at = 0;
	char *text = malloc(n + 64);
	struct manifest m;

	(void)state;
	assert_non_null(text);
	while (at < n) {
		size_t lines = 5000;

		at += (size_t)snprintf(text + at, 64, "Implementation-Title: x\n");
		for (; lines && at < n; lines--, at += 3)
			memcpy(text + at, " y\n", 3);
	}
	manifest_read(span_of(text, at), &arena, &m);
	assert_true(m.implementation_title.n <= LIMIT_TEXT_BYTES);
	assert_true(arena.used_bytes < 2 * n);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(manifests, begin, end),
	    cmocka_unit_test_setup_teardown(properties, begin, end),
	    cmocka_unit_test_setup_teardown(file_names, begin, end),
	    cmocka_unit_test_setup_teardown(groups, begin, end),
	    cmocka_unit_test_setup_teardown(unfolding_takes_no_more_than_its_bytes, begin, end),
	};

	return cmocka_run_group_tests_name("java_name", tests, NULL, NULL);
}
