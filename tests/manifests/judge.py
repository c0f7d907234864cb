"""Renders kustomize folders as `kubectl` does and judges every object.

    judge.py FOLDER...      prints {"objects", "valid", "problems"}

Kubernetes' own objects are compared with the schemas that `kubernetes-validate` ships, for the oldest version that the manifests are
meant for and for the newest that is known, unknown fields being errors. ServiceMonitor and PrometheusRule
are compared with servicemonitor.schema.json and prometheusrule.schema.json. What no schema says (that names which objects use of each other exist) is looked up.
"""

import json
import pathlib
import re
import subprocess
import sys

import jsonschema
import kubernetes_validate
import yaml

OLDEST = "1.33"
HERE = pathlib.Path(__file__).parent
KUBECTL = pathlib.Path(sys.executable).parent / "kubectl"
# Made by people or by cert-manager, and so in no folder.
SECRETS = re.compile(r"stentor-(coordinator|worker|labeler|admin)-tls|stentor-token|stentor-signing-key|stentor-((coordinator|worker|labeler)-)?store")


def render(folder):
    command = [KUBECTL, "kustomize", folder]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{folder}: {done.stderr.strip()}")
    # What kustomize warns of, it will not do one day.
    if done.stderr.strip():
        sys.exit(f"{folder}: {done.stderr.strip()}")
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def of_schema(thing):
    """What its schema says is wrong with an object."""
    if thing["kind"] in ("ServiceMonitor", "PrometheusRule"):
        schema = json.loads((HERE / f"{thing['kind'].lower()}.schema.json").read_text())
        errors = jsonschema.Draft7Validator(schema).iter_errors(thing)
        return [f"{place(error)}{error.message}" for error in errors]
    problems = []
    for version in (OLDEST, kubernetes_validate.latest_version()):
        try:
            kubernetes_validate.validate(thing, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            problems.append(f"Kubernetes {version}: {place(error)}{error.message}")
        except kubernetes_validate.SchemaNotFoundError as error:
            problems.append(error.message)
    return problems


def place(error):
    path = ".".join(str(part) for part in error.path)
    return f"{path}: " if path else ""


def selects(selector, labels):
    """Whether a selector takes these labels."""
    for expression in selector.get("matchExpressions", []):
        value, values = labels.get(expression["key"]), expression.get("values", [])
        holds = {
            "In": value in values,
            "NotIn": value not in values,
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }[expression["operator"]]
        if not holds:
            return False
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())


class Folder:
    """All objects of a folder, and what they refer to."""

    def __init__(self, things):
        self.names = {(thing["kind"], thing["metadata"]["name"]) for thing in things}
        self.pods = [thing["spec"]["template"] for thing in things if "template" in thing.get("spec", {})]
        self.services = [thing for thing in things if thing["kind"] == "Service"]

    def problems(self, thing):
        """What is wrong with what an object says about others."""
        spec = thing.get("spec", {})
        found = []
        if "template" in spec:
            found += self.of_pod(spec["template"]["spec"])
        if thing["kind"] == "StatefulSet":
            found += self.missing("Service", spec["serviceName"])
        if thing["kind"] == "Service":
            found += self.of_service(spec)
        if thing["kind"] == "PodDisruptionBudget":
            found += self.nobody(spec["selector"])
        if thing["kind"] == "NetworkPolicy":
            found += self.of_policy(spec)
        if thing["kind"] == "ServiceMonitor":
            found += self.of_monitor(spec)
        if thing["kind"] == "Job":
            found += of_job(spec)
        return found

    def missing(self, kind, name):
        return [] if (kind, name) in self.names else [f"there is no {kind} `{name}`"]

    def nobody(self, selector):
        taken = any(selects(selector, pod["metadata"]["labels"]) for pod in self.pods)
        return [] if taken else [f"no pod has the labels {selector}"]

    def of_pod(self, pod):
        found = self.missing("ServiceAccount", pod["serviceAccountName"])
        found += [] if pod["securityContext"].get("runAsNonRoot") else ["the pod may run as root"]
        volumes = {volume["name"]: volume for volume in pod.get("volumes", [])}
        for volume in volumes.values():
            found += self.missing("ConfigMap", volume["configMap"]["name"]) if "configMap" in volume else []
            found += secret(volume["secret"]["secretName"]) if "secret" in volume else []
            claim = volume.get("persistentVolumeClaim")
            found += self.missing("PersistentVolumeClaim", claim["claimName"]) if claim else []
        for container in pod["containers"]:
            mounts = [mount["name"] for mount in container.get("volumeMounts", [])]
            found += [f"there is no volume `{name}`" for name in mounts if name not in volumes]
            for source in container.get("envFrom", []):
                found += secret(source["secretRef"]["name"]) if "secretRef" in source else []
                found += self.missing("ConfigMap", source["configMapRef"]["name"]) if "configMapRef" in source else []
            ports = {port["name"] for port in container.get("ports", [])}
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                port = container.get(probe, {}).get("httpGet", {}).get("port")
                found += [f"{probe}: there is no port `{port}`"] if port not in ports | {None} else []
            found += [] if container["securityContext"].get("readOnlyRootFilesystem") else ["the root can be written"]
        return found

    def of_service(self, spec):
        found = self.nobody({"matchLabels": spec["selector"]})
        taken = [pod for pod in self.pods if selects({"matchLabels": spec["selector"]}, pod["metadata"]["labels"])]
        there = {port["name"] for pod in taken for container in pod["spec"]["containers"] for port in container["ports"]}
        wanted = {port["targetPort"] for port in spec["ports"]}
        return found + [f"no pod has a port `{port}`" for port in sorted(wanted - there)]

    def of_policy(self, spec):
        """A line that no policy opens stays closed, and nothing says so."""
        found = self.nobody(spec["podSelector"])
        for rule in spec.get("ingress", []):
            found += self.closed(spec["podSelector"], rule)
        for rule in spec.get("egress", []):
            # Pods of other namespaces are not ours to know.
            for peer in [peer for peer in rule.get("to", []) if "podSelector" in peer and "namespaceSelector" not in peer]:
                found += self.nobody(peer["podSelector"]) + self.closed(peer["podSelector"], rule)
        return found

    def closed(self, selector, rule):
        """Ports of a rule that pods do not have."""
        taken = [pod for pod in self.pods if selects(selector, pod["metadata"]["labels"])]
        ports = [port for pod in taken for container in pod["spec"]["containers"] for port in container["ports"]]
        there = {port["name"] for port in ports} | {port["containerPort"] for port in ports}
        wanted = [port["port"] for port in rule.get("ports", [])]
        return [f"no pod that {selector} takes has a port `{port}`" for port in wanted if taken and port not in there]

    def of_monitor(self, spec):
        taken = [service for service in self.services if selects(spec["selector"], service["metadata"]["labels"])]
        found = [] if taken else ["it selects no service"]
        for endpoint in spec["endpoints"]:
            for service in taken:
                ports = {port["name"] for port in service["spec"]["ports"]}
                if endpoint["port"] not in ports:
                    found.append(f"service `{service['metadata']['name']}` has no port `{endpoint['port']}`")
                if spec["jobLabel"] not in service["metadata"]["labels"]:
                    found.append(f"service `{service['metadata']['name']}` has no label `{spec['jobLabel']}`")
        return found


def secret(name):
    return [] if SECRETS.fullmatch(name) else [f"nobody makes a Secret `{name}`"]


def of_job(spec):
    """Rules of the server that its schema does not hold."""
    found = []
    containers = {container["name"] for container in spec["template"]["spec"]["containers"]}
    if "podFailurePolicy" in spec:
        if spec["template"]["spec"]["restartPolicy"] != "Never":
            found.append("podFailurePolicy wants restartPolicy Never")
        if spec.get("podReplacementPolicy", "Failed") != "Failed":
            found.append("podFailurePolicy wants podReplacementPolicy Failed")
        for rule in spec["podFailurePolicy"]["rules"]:
            name = rule.get("onExitCodes", {}).get("containerName")
            found += [f"there is no container `{name}`"] if name not in containers | {None} else []
    if spec.get("completionMode") == "Indexed" and spec["completions"] != spec["parallelism"]:
        found.append("only where parallelism equals completions can their number be changed")
    return found


def main(folders):
    objects = valid = 0
    problems = []
    for folder in folders:
        things = render(folder)
        together = Folder(things)
        for thing in things:
            objects += 1
            found = of_schema(thing)
            # Whoever is not what its schema says may lack what is looked for.
            found = found or together.problems(thing)
            valid += not found
            title = f"{folder}: {thing['kind']} {thing['metadata']['name']}"
            problems += [f"{title}: {problem}" for problem in found]
    print(json.dumps({"objects": objects, "valid": valid, "problems": problems}))


if __name__ == "__main__":
    main(sys.argv[1:])
