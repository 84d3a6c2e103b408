#!/usr/bin/env python3
"""Cut the operations that awslambdatest serves, and the shapes they use, out of the published API models.

Usage: extract.py lambda-2015-03-31.json > lambda.json
       extract.py application-auto-scaling-2016-02-06.json > scaling.json
"""
import json
import sys

OPERATIONS = {
    "com.amazonaws.lambda#": [
        "DeleteFunctionConcurrency", "DeleteProvisionedConcurrencyConfig", "GetAccountSettings", "GetAlias",
        "GetEventSourceMapping", "GetFunctionConcurrency", "GetFunctionConfiguration", "GetProvisionedConcurrencyConfig",
        "ListProvisionedConcurrencyConfigs", "PublishVersion", "PutFunctionConcurrency", "PutProvisionedConcurrencyConfig",
        "TagResource", "UntagResource", "UpdateAlias", "UpdateEventSourceMapping", "UpdateFunctionConfiguration",
    ],
    "com.amazonaws.applicationautoscaling#": ["DescribeScalableTargets", "RegisterScalableTarget"],
}
# Its pattern has a look-ahead that Go's expressions lack, and no request that the server takes holds one.
NO_PATTERN = "com.amazonaws.lambda#CollectionName"
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
    shapes, wanted = model["shapes"], {}
    todo = [ns + name for ns, names in OPERATIONS.items() for name in names if ns + name in shapes]
    while todo:
        name = todo.pop()
        if name not in wanted and name in shapes:
            wanted[name] = without_docs(shapes[name])
            if name == NO_PATTERN:
                del wanted[name]["traits"]["smithy.api#pattern"]
            todo.extend(targets(shapes[name]))
    json.dump({"smithy": model["smithy"], "shapes": dict(sorted(wanted.items()))}, sys.stdout, indent=1)
    print()


main()
