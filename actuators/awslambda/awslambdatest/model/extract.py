#!/usr/bin/env python3
"""Cut the operations that awslambdatest serves, and the shapes they use, out of the published API model of AWS Lambda.

Usage: extract.py lambda-2015-03-31.json > lambda.json
"""
import json
import sys

NAMESPACE = "com.amazonaws.lambda#"
OPERATIONS = [
    "DeleteProvisionedConcurrencyConfig", "GetAccountSettings", "GetAlias", "GetFunctionConcurrency",
    "GetProvisionedConcurrencyConfig", "ListProvisionedConcurrencyConfigs", "PutProvisionedConcurrencyConfig",
]
DROPPED_TRAITS = {"smithy.api#documentation", "smithy.api#examples"}


def targets(node):
    """Yield the names of the shapes that a part of a shape points to."""
    if isinstance(node, dict):
        if isinstance(node.get("target"), str):
            yield node["target"]
        for key, value in node.items():
            if key != "traits":
                yield from targets(value)
    elif isinstance(node, list):
        for value in node:
            yield from targets(value)


def without_docs(node):
    if isinstance(node, dict):
        return {k: without_docs(v) for k, v in node.items() if k not in DROPPED_TRAITS}
    if isinstance(node, list):
        return [without_docs(v) for v in node]
    return node


def main():
    with open(sys.argv[1], encoding="utf-8") as source:
        model = json.load(source)
    shapes, wanted, todo = model["shapes"], {}, [NAMESPACE + name for name in OPERATIONS]
    while todo:
        name = todo.pop()
        if name not in wanted and name in shapes:
            wanted[name] = without_docs(shapes[name])
            todo.extend(targets(shapes[name]))
    json.dump({"smithy": model["smithy"], "shapes": dict(sorted(wanted.items()))}, sys.stdout, indent=1)
    print()


main()
