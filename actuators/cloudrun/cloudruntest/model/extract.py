#!/usr/bin/env python3
"""Cut the methods that cloudruntest serves, and the schemas they use, out of the discovery document of the Cloud Run Admin API.

Usage: extract.py run-api.json > run.json
"""
import json
import sys

METHODS = ["run.projects.locations.services.get", "run.projects.locations.services.patch", "run.projects.locations.operations.get"]
# Schemas that only words or the type of an answer's details point to.
MORE = ["GoogleRpcStatus"]
DROPPED = {"description", "enumDescriptions", "enumDeprecated"}


def methods(node):
    for method in node.get("methods", {}).values():
        yield method
    for resource in node.get("resources", {}).values():
        yield from methods(resource)


def refs(node):
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from refs(value)
    elif isinstance(node, list):
        for value in node:
            yield from refs(value)


def without_docs(node):
    """Drop documentation, but not the properties and parameters that have such a name."""
    if isinstance(node, dict):
        return {
            k: {name: without_docs(p) for name, p in v.items()} if k in ("properties", "parameters") else without_docs(v)
            for k, v in node.items() if k not in DROPPED
        }
    if isinstance(node, list):
        return [without_docs(v) for v in node]
    return node


def main():
    with open(sys.argv[1], encoding="utf-8") as source:
        document = json.load(source)
    kept = {m["id"]: without_docs(m) for m in methods(document) if m["id"] in METHODS}
    schemas, todo = {}, list(refs(kept)) + MORE
    while todo:
        name = todo.pop()
        if name not in schemas:
            schemas[name] = without_docs(document["schemas"][name])
            todo.extend(refs(schemas[name]))
    out = {"revision": document["revision"], "parameters": without_docs({"parameters": document["parameters"]})["parameters"],
           "methods": dict(sorted(kept.items())), "schemas": dict(sorted(schemas.items()))}
    json.dump(out, sys.stdout, indent=1)
    print()


main()
