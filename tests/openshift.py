# SPDX-License-Identifier: Apache-2.0
"""OpenShift's kinds on the tests' API server, as custom resources, and what its controllers would make of them.

    install(cluster)
    web = Config(cluster, namespace, "web", "app:1")
    web.roll("app:2")"""

import base64
import json
import time

from hubkit import wait_for
from kube import sha, template

APPS, IMAGES, BUILDS = "apps.openshift.io", "image.openshift.io", "build.openshift.io"
REGISTRY = "image-registry.openshift-image-registry.svc:5000"
OUTSIDE = "default-route-openshift-image-registry.apps.example.com"
KINDS = ((APPS, "deploymentconfigs", "DeploymentConfig", "Namespaced"), (IMAGES, "imagestreams", "ImageStream", "Namespaced"),
         (IMAGES, "images", "Image", "Cluster"), (BUILDS, "builds", "Build", "Namespaced"))


def install(cluster):
    """Each is there when this ends."""
    for group, resource, kind, scope in KINDS:
        if cluster.request("GET", cluster.at(group + "/v1", resource))[0] == 200:
            continue
        cluster.create("apiextensions.k8s.io/v1", "customresourcedefinitions", None, {
            "metadata": {"name": "%s.%s" % (resource, group)}, "spec": {
                "group": group, "scope": scope, "names": {"kind": kind, "plural": resource},
                "versions": [{"name": "v1", "served": True, "storage": True,
                              "subresources": {"scale": {"specReplicasPath": ".spec.replicas",
                                                         "statusReplicasPath": ".status.replicas"}},
                              "schema": {"openAPIV3Schema": {"type": "object",
                                                             "x-kubernetes-preserve-unknown-fields": True}}}]}})
    for group, resource, _, _ in KINDS:
        wait_for(lambda g=group, r=resource: cluster.request("GET", cluster.at(g + "/v1", r))[0] == 200, 60, 0.1)


def utc(ago_s=0):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - ago_s))


class Config:
    """A DeploymentConfig, and the ReplicationController of each of its versions."""

    def __init__(self, cluster, namespace, name, image):
        self.cluster, self.namespace, self.name, self.version = cluster, namespace, name, 0
        self.made = cluster.create(APPS + "/v1", "deploymentconfigs", namespace, {
            "apiVersion": APPS + "/v1", "kind": "DeploymentConfig", "metadata": {"name": name, "labels": {"app": name}},
            "spec": {"replicas": 1, "selector": {"deploymentconfig": name}, "strategy": {"type": "Rolling"},
                     "template": self.template(image), "test": False, "triggers": [
                         {"type": "ConfigChange"},
                         {"type": "ImageChange", "imageChangeParams": {
                             "automatic": False, "containerNames": ["main"],
                             "from": {"kind": "ImageStreamTag", "name": name + ":latest", "namespace": namespace}}}]},
            "status": {"latestVersion": 0, "observedGeneration": 1}})
        self.roll(image)

    def template(self, image):
        made = template(image)
        made["metadata"]["labels"] = {"deploymentconfig": self.name}
        return made

    def roll(self, image, details=None):
        """The next version; `oc rollback` makes one of an older template."""
        self.version += 1
        self.cluster.patch(APPS + "/v1", "deploymentconfigs", self.namespace, self.name, {
            "spec": {"template": self.template(image)},
            "status": {"latestVersion": self.version, "details": {"message": details or "config change", "causes": [
                {"type": "ConfigChange"}]}}})
        made = self.template(image)
        made["metadata"]["labels"]["deployment"] = "%s-%d" % (self.name, self.version)
        self.cluster.create("v1", "replicationcontrollers", self.namespace, {
            "metadata": {
                "name": "%s-%d" % (self.name, self.version), "labels": {"openshift.io/deployment-config.name": self.name},
                "annotations": {"openshift.io/deployment-config.name": self.name,
                                "openshift.io/deployment-config.latest-version": str(self.version),
                                "openshift.io/deployment.phase": "Complete"},
                "ownerReferences": [{"apiVersion": APPS + "/v1", "kind": "DeploymentConfig", "name": self.name,
                                     "uid": self.made["metadata"]["uid"], "controller": True,
                                     "blockOwnerDeletion": True}]},
            "spec": {"replicas": 1, "template": made, "selector": made["metadata"]["labels"]}})
        if self.version > 1:
            self.cluster.patch("v1", "replicationcontrollers", self.namespace,
                               "%s-%d" % (self.name, self.version - 1), {"spec": {"replicas": 0}})

    def delete(self):
        for version in range(1, self.version + 1):
            self.cluster.delete("v1", "replicationcontrollers", self.namespace, "%s-%d" % (self.name, version))
        self.cluster.delete(APPS + "/v1", "deploymentconfigs", self.namespace, self.name)


class Stream:
    """An ImageStream; each push is a meaning more of a tag."""

    def __init__(self, cluster, namespace, name):
        self.cluster, self.namespace, self.name, self.tags = cluster, namespace, name, {}
        self.repository, self.outside = ("%s/%s/%s" % (host, namespace, name) for host in (REGISTRY, OUTSIDE))
        cluster.create(IMAGES + "/v1", "imagestreams", namespace, {
            "apiVersion": IMAGES + "/v1", "kind": "ImageStream", "metadata": {"name": name},
            "spec": {"lookupPolicy": {"local": False}}, "status": self.status()})

    def status(self):
        return {"dockerImageRepository": self.repository, "publicDockerImageRepository": self.outside,
                "tags": [{"tag": tag, "items": items} for tag, items in sorted(self.tags.items())]}

    def push(self, tag, digest, ago_s=0, write=True):
        items = self.tags.setdefault(tag, [])
        items.insert(0, {"created": utc(ago_s), "dockerImageReference": "%s@%s" % (self.repository, digest),
                         "image": digest, "generation": len(items) + 1})
        if write:
            self.cluster.patch(IMAGES + "/v1", "imagestreams", self.namespace, self.name, {"status": self.status()})


    def drop(self, tag):
        """`oc tag -d`; what it meant comes back with a push alone."""
        del self.tags[tag]
        self.cluster.patch(IMAGES + "/v1", "imagestreams", self.namespace, self.name, {"status": self.status()})


def put_image(cluster, digest, config, ref, annotations=None):
    """An Image; its name is no name of a custom resource, so that it is written where the server keeps them."""
    what = {"apiVersion": IMAGES + "/v1", "kind": "Image",
            "metadata": {"name": digest, "uid": sha("image " + digest)[:32], "creationTimestamp": utc(),
                         "generation": 1, "annotations": dict({"openshift.io/image.managed": "true",
                                                               "image.openshift.io/dockerLayersOrder": "ascending"},
                                                              **(annotations or {}))},
            "dockerImageReference": ref, "dockerImageMetadataVersion": "1.0",
            "dockerImageManifestMediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "dockerImageMetadata": {"kind": "DockerImage", "apiVersion": "1.0", "Id": config, "Created": utc(),
                                    "Architecture": "amd64", "Config": {"Cmd": ["/bin/sh"]}, "Size": 1000},
            "dockerImageLayers": [{"name": "sha256:" + sha("layer of " + digest), "size": 1000,
                                   "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip"}]}
    cluster.put([("/registry/%s/images/%s" % (IMAGES, digest), what)])


def delete_image(cluster, digest):
    key = "/registry/%s/images/%s" % (IMAGES, digest)
    cluster.etcd("/v3/kv/deleterange", {"key": base64.b64encode(key.encode()).decode()})


def put_build(cluster, namespace, config, number, digest, ref, commit="c0ffee"):
    """A Build that is over."""
    name = "%s-%d" % (config, number)
    return cluster.create(BUILDS + "/v1", "builds", namespace, {
        "apiVersion": BUILDS + "/v1", "kind": "Build",
        "metadata": {"name": name, "labels": {"buildconfig": config, "openshift.io/build-config.name": config},
                     "annotations": {"openshift.io/build-config.name": config, "openshift.io/build.number": str(number),
                                     "openshift.io/build.pod-name": name + "-build"}},
        "spec": {"source": {"type": "Git", "git": {"uri": "https://git.example.com/%s.git" % config, "ref": "main"}},
                 "revision": {"type": "Git", "git": {"commit": commit, "author": {"name": "A"}}},
                 "strategy": {"type": "Docker", "dockerStrategy": {}},
                 "output": {"to": {"kind": "ImageStreamTag", "name": config + ":latest"}}},
        "status": {"phase": "Complete", "config": {"kind": "BuildConfig", "namespace": namespace, "name": config},
                   "outputDockerImageReference": ref, "completionTimestamp": utc(),
                   "output": {"to": {"imageDigest": digest}}}})


def vulnerability(provider, summary):
    """The annotation that OpenShift reserves for what a scanner says."""
    return {"quality.images.openshift.io/vulnerability." + provider: json.dumps({
        "name": provider, "timestamp": utc(), "description": "vulnerabilities", "reference": "https://scan.example.com",
        "compliant": False, "summary": [{"label": label, "data": str(n), "severityIndex": i} for i, (label, n) in
                                        enumerate(summary)]})}
