/* SPDX-License-Identifier: Apache-2.0 */
/* limits.h - every bound on hostile input, in one table. docs/LIMITS.md explains each row and a
 * test compares the two. Reaching one is a note of lost data, never silence.
 *
 * X(NAME, value, unit, what) */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#define KIB(n) (UINT64_C(1024) * (n))
#define MIB(n) (UINT64_C(1048576) * (n))
#define GIB(n) (UINT64_C(1073741824) * (n))

/* Sizes of buffers must be constants of their own. */
#define LIMIT_PATH_BYTES_MAX 4096
#define LIMIT_PATH_DEPTH_MAX 256
#define LIMIT_KUBE_KINDS_MAX 256
#define LIMIT_KUBE_NAMESPACES_MAX 16
#define LIMIT_TAG_MEANINGS_MAX 32
#define LIMIT_CRAWLS_MAX 16

#define RMG_LIMITS(X)                                                                              \
	X(LAYER_BYTES, GIB(64), "bytes", "one layer, decompressed")                                \
	X(LAYER_RATIO, 2000, "times", "decompressed to compressed bytes, beyond 64 MiB")           \
	X(CODEC_WINDOW_BYTES, MIB(128), "bytes", "window (dictionary) of zstd and xz")             \
	X(LAYER_ENTRIES, 4000000, "entries", "entries of one layer's tar")                         \
	X(LAYERS, 1000, "layers", "layers of one image")                                           \
	X(PATH_BYTES, LIMIT_PATH_BYTES_MAX, "bytes", "one path in an image")                       \
	X(PATH_DEPTH, LIMIT_PATH_DEPTH_MAX, "components", "components of one path")                \
	X(LINK_DEPTH, 40, "links", "symbolic links followed for one path")                         \
	X(PAX_BYTES, MIB(1), "bytes", "one PAX header or GNU long name")                           \
	X(TAR_SPLIT_BYTES, MIB(16), "bytes", "one line of what tar-split keeps of a layer")        \
	X(SPARSE_BYTES, GIB(16), "bytes", "holes of one layer's sparse files, read as zeros")      \
	X(FILE_HELD_BYTES, MIB(768), "bytes", "one file held in memory for a cataloger")           \
	X(HEAD_BYTES, KIB(64), "bytes", "the beginning of a file that a cataloger may ask for")    \
	X(NEST_DEPTH, 8, "archives", "archives inside archives")                                   \
	X(ZIP_ENTRIES, 1000000, "entries", "entries of one zip")                                   \
	X(ZIP_MEMBER_BYTES, MIB(256), "bytes", "one zip member, decompressed")                     \
	X(ZIP_TOTAL_BYTES, GIB(2), "bytes", "all members of one outermost zip that are read")      \
	X(RPM_HEADER_BYTES, MIB(256), "bytes", "one rpm header")                                   \
	X(OWNED_BYTES, MIB(512), "bytes", "paths in one package database's lists of files")        \
	X(FACTS_BYTES, MIB(512), "bytes", "facts of one layer, in memory and as a message")        \
	X(NOTES, 1000, "notes", "notes of one layer; further ones are counted")                    \
	X(TEXT_BYTES, KIB(4), "bytes", "one name, version or other text of a package")             \
	X(LICENSE_BYTES, KIB(1), "bytes", "licences of one package")                               \
	X(JSON_BYTES, MIB(64), "bytes", "one JSON document of an image or a feed")                 \
	X(MANIFEST_BYTES, MIB(8), "bytes", "one manifest, index or configuration")                 \
	X(INDEX_DEPTH, 4, "indexes", "indexes inside indexes")                                     \
	X(WORKER_AS_BYTES, GIB(3), "bytes", "address space of the worker")                         \
	X(WORKER_CPU_S, 900, "seconds", "processor time of the worker for one layer")              \
	X(WORKER_STALL_S, 120, "seconds", "silence of the worker")                                 \
	X(SCAN_MEMORY_BYTES, GIB(2), "bytes", "all workers of an agent, by their control group")   \
	X(NET_STALL_S, 30, "seconds", "silence of a registry, a publisher or an engine")           \
	X(NET_STALL_MAX_S, 3600, "seconds", "the same, where --stall-seconds says another")        \
	X(CACHE_BYTES, GIB(2), "bytes", "layer facts kept on disk; the oldest go first")           \
	X(STORE_KEY_BYTES, 1024, "bytes", "a text that the store finds rows by")                   \
	X(FEED_JSON_BYTES, GIB(1), "bytes", "one JSON document or table that holds a whole feed")  \
	X(FEED_PATHS_BYTES, GIB(1), "bytes", "names of the files of a folder of feeds")            \
	X(FEED_FILE_BYTES, GIB(4), "bytes", "one file of a feed, packed or unpacked")              \
	X(DB_BYTES, GIB(4), "bytes", "texts of an advisory database that is being built")          \
	X(DB_FILE_BYTES, GIB(2), "bytes", "an advisory database that is pulled or pushed")         \
	X(DB_PACKED_BYTES, GIB(1), "bytes", "the same, or a patch of it, packed")                  \
	X(REPORT_BYTES, GIB(1), "bytes", "one report, and what is prepared for it")                \
	X(SETTINGS_BYTES, MIB(1), "bytes", "one settings file")                                    \
	X(IGNORE_BYTES, MIB(1), "bytes", "one ignore file")                                        \
	X(IGNORE_ROWS, 10000, "rows", "rows of one ignore file")                                   \
	X(DIFFERENCE_ITEMS, 10000, "items", "what one image has and another has not, one by one")  \
	X(WORLD_BYTES, GIB(8), "bytes", "texts that the hub holds in memory")                      \
	X(READING_BYTES, MIB(256), "bytes", "an inventory on its way to the hub that leads")       \
	X(POLICY_BYTES, MIB(1), "bytes", "one policy file")                                        \
	X(POLICY_RULES, 1000, "rules", "rules of one policy file")                                 \
	X(RULES_BYTES, MIB(8), "bytes", "what an agent is told of its hub's policy")               \
	X(VEX_BYTES, MIB(16), "bytes", "one OpenVEX document")                                     \
	X(VEX_CLAIMS, 100000, "claims", "vulnerabilities by products of one OpenVEX document")     \
	X(JWT_BYTES, KIB(16), "bytes", "one token of an identity provider")                        \
	X(JWKS_BYTES, MIB(1), "bytes", "keys of an identity provider, one document")               \
	X(JWKS_KEYS, 64, "keys", "keys of an identity provider")                                   \
	X(NODE_CONTAINERS, 20000, "containers", "containers that a node looks into")               \
	X(UPPER_FILES, 200000, "files", "names that are looked at in what a container wrote")      \
	X(UPPER_FOLDERS, 8192, "folders", "folders of one container that are watched")             \
	X(DRIFT_FINDINGS, 1000, "findings", "changes of one container that are told")              \
	X(EXEC_VERDICTS, 32768, "files", "executed files that a node remembers the verdict of")    \
	X(EXEC_FINDINGS, 1000, "findings", "odd programs started in one container that are told")  \
	X(EXEC_ANSWER_MS, 500, "milliseconds", "judging a program whose start waits for it")       \
	X(PROFILE_IMAGES, 256, "images", "images whose profiles are held while none of them runs") \
	X(PROFILE_WAITING, 65536, "files", "opened files before their image is read")              \
	X(MAPS_BYTES, MIB(16), "bytes", "what one process has mapped")                             \
	X(PROFILE_KEYS, 100000, "keys", "components, or programs, of one image's profile")         \
	X(HASHED_BYTES, MIB(512), "bytes", "a file of a running container that is hashed")         \
	X(MOUNTS_BYTES, MIB(16), "bytes", "the mounts of one process")                             \
	X(MESSAGE_BYTES, MIB(32), "bytes", "one message to a sink, kept as JSON")                  \
	X(TAGS_ASKED, 100000, "references", "of which a hub remembers that it had them asked for") \
	X(BASES, 32, "references", "that one image is known to stand on")                          \
	X(BASE_TAGS, 64, "references", "of one base image that are looked at")                     \
	X(REGISTRIES, 1000, "registries", "that a hub keeps account of by name")                   \
	X(CRAWLS, LIMIT_CRAWLS_MAX, "registries", "that a hub walks through")                      \
	X(CRAWL_REPOSITORIES, 100000, "repositories", "of one of them")                            \
	X(CRAWL_TAGS, 1000000, "tags", "of one of them")                                           \
	X(CRAWL_PAGES, 100000, "pages", "of lists in one walk")                                    \
	X(LISTING_BYTES, MIB(16), "bytes", "one page of what a registry lists")                    \
	X(OTHER_BYTES, MIB(16), "bytes", "what a registry's own scanner says of one image")        \
	X(OTHER_FINDINGS, 5000, "findings", "of a registry's own scanner on one image")            \
	X(HOOK_BYTES, MIB(1), "bytes", "what a registry sends of its own accord")                  \
	X(HOOK_HINTS, 256, "hints", "of one message of a registry that are looked at")             \
	X(WATCH_ROUND_S, 300, "seconds", "silence of a runtime until all is listed anew")          \
	X(KUBECONFIG_BYTES, MIB(1), "bytes", "one kubeconfig, one certificate, one token")         \
	X(KUBE_OBJECT_BYTES, MIB(4), "bytes", "one object of Kubernetes' API")                     \
	X(KUBE_KINDS, LIMIT_KUBE_KINDS_MAX, "kinds", "kinds of objects of one cluster")            \
	X(KUBE_NAMESPACES, LIMIT_KUBE_NAMESPACES_MAX, "namespaces", "watched alone, or left out")  \
	X(TAG_MEANINGS, LIMIT_TAG_MEANINGS_MAX, "meanings", "of one tag of an image stream")       \
	X(KUBE_QUIET_S, 150, "seconds", "silence of a watch of Kubernetes' API")                   \
	X(KUBE_WRITES_S, 20, "writes", "of a hub into one cluster, in a second")                   \
	X(KUBE_RESULTS, 25, "findings", "that a report in a cluster names, of one workload")       \
	X(REVIEW_BYTES, MIB(8), "bytes", "one question of Kubernetes' admission")                  \
	X(ADMISSION_TOLD, 4096, "events", "what admission was asked and the hub was not told yet") \
	X(NAMESPACES_KNOWN, 50000, "namespaces", "namespaces of a cluster whose webhook this is")  \
	X(REVIEWS_KEPT, 65536, "pods", "pods of which it is known that they were reviewed")        \
	X(REVIEWS_MISSED, 4096, "pods", "pods that may have started without a review, until told") \
	X(PULLS_WAITING, 64, "images", "images that ask to start and wait to be read")             \
	X(PULL_S, 600, "seconds", "reading an image that asks to start")                           \
	X(GRPC_BYTES, MIB(64), "bytes", "one message of a gRPC server (a runtime's socket)")       \
	X(EVENT_BYTES, MIB(1), "bytes", "one event, and one message of a runtime's stream")        \
	X(EVENTS_BYTES, MIB(64), "bytes", "the events of one request, unpacked")                   \
	X(EVENT_BATCH, 20000, "events", "events of one request")                                   \
	X(SPOOL_BYTES, MIB(64), "bytes", "events that wait for an agent's hub; detail goes first")

#define X(name, value, unit, what) static const uint64_t LIMIT_##name UNUSED = (value);
#include <stdint.h>

#include "base/attr.h"
RMG_LIMITS(X)
#undef X

#endif
