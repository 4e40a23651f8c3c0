#!/usr/bin/env python3
"""docs/configuration.md, made from the CustomResourceDefinition: `make docs`.

    reference.py          writes it
    reference.py --check  fails where it is not what the definition says
"""

import pathlib
import re
import sys

import yaml

HERE = pathlib.Path(__file__).resolve().parent
DEFINITION = HERE / "jobqueues.drover.dev.yaml"
PAGE = HERE.parent / "docs" / "configuration.md"

HEAD = """# Every field of a JobQueue

This page is made from the [CustomResourceDefinition](../crds/jobqueues.drover.dev.yaml) by `make docs`: it says what the API
server takes, and what it fills in. `drover validate` agrees with it. [queue.md](queue.md) explains the same fields in
words: what they do together, and which of them change running pods without a restart.

`kubectl explain jobqueue.spec.delivery` shows the same on a cluster.
"""


def one_line(text):
    return " ".join(str(text).split()).replace("|", "\\|")


def as_code(value):
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{value}`"


def type_of(schema):
    if schema.get("x-kubernetes-int-or-string"):
        return "integer or string"
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {type_of(schema['items'])}s"
    if kind == "object" and "additionalProperties" in schema:
        return f"map of {type_of(schema['additionalProperties'])}s"
    return kind


def limits_of(schema):
    """What a value may be: choices, a range, and the rules' own words."""
    items = schema.get("items", {})
    said = []
    if choices := schema.get("enum", items.get("enum")):
        said.append(", ".join(as_code(each) for each in choices))
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        said.append(f"{low:,} to {high:,}")
    elif low is not None:
        said.append(f"at least {low:,}")
    fewest, most = schema.get("minItems"), schema.get("maxItems", schema.get("maxProperties"))
    if most is not None:
        said.append(f"{fewest} to {most} of them" if fewest else f"at most {most} of them")
    rules = [*schema.get("x-kubernetes-validations", []), *items.get("x-kubernetes-validations", [])]
    said += [rule["message"] for rule in rules if "oldSelf" not in rule["rule"] and "fieldPath" not in rule]
    if "x-kubernetes-validations" not in schema and type_of(schema) == "string" and "enum" not in schema and "maxLength" in schema:
        said.append(f"at most {schema['maxLength']} characters")
    return one_line("; ".join(each.removeprefix("must be ") for each in said))


def leaves(schema, path=""):
    """(path, schema, whether it has to be given) of each field that has a value of its own."""
    for name, child in schema.get("properties", {}).items():
        own = f"{path}{name}"
        needed = name in schema.get("required", [])
        if child.get("properties"):
            yield own, child, needed
            yield from leaves(child, f"{own}.")
        elif child.get("items", {}).get("properties"):
            yield own, child, needed
            yield from leaves(child["items"], f"{own}[].")
        else:
            yield own, child, needed


def row(path, schema, needed):
    groups = schema.get("properties") or schema.get("items", {}).get("properties")
    default = "required" if needed else as_code(schema["default"]) if schema.get("default") not in (None, {}) else ""
    return (f"| `{path}` | {type_of(schema) if not groups or schema.get('type') == 'array' else ''} | {default} "
            f"| {limits_of(schema)} | {one_line(schema.get('description', ''))} |")


def table(fields):
    return ["| field | type | default | may be | meaning |", "|---|---|---|---|---|", *(row(*each) for each in fields)]


def rules_about_several(schema, path):
    """Rules that name a field below the one that they stand at, or compare with what was there before."""
    for rule in schema.get("x-kubernetes-validations", []):
        if "fieldPath" in rule or "oldSelf" in rule["rule"]:
            yield f"- `{path}{rule.get('fieldPath', '')}` {one_line(rule['message'])}"
    for name, child in schema.get("properties", {}).items():
        yield from rules_about_several(child, f"{path}.{name}")
        yield from rules_about_several(child.get("items", {}), f"{path}.{name}[]")


def page():
    version, = yaml.safe_load(DEFINITION.read_text())["spec"]["versions"]
    whole = version["schema"]["openAPIV3Schema"]["properties"]
    spec, status = whole["spec"], whole["status"]
    lines = [HEAD, f"`apiVersion: drover.dev/{version['name']}`, `kind: JobQueue`.", ""]
    sections = {name: child for name, child in spec["properties"].items() if child.get("properties")}
    for name, section in sections.items():
        lines += [f"## spec.{name}", section.get("description", ""), "", *table(leaves(section)), ""]
    rest = {name: child for name, child in spec["properties"].items() if name not in sections}
    lines += ["## The rest of spec", "", *table(leaves({"properties": rest})), ""]
    lines += ["## Rules about several fields, and about changes",
              *rules_about_several(version["schema"]["openAPIV3Schema"], ""), ""]
    lines += ["## status", status["description"], "", "| field | type | meaning |", "|---|---|---|"]
    lines += [f"| `{path}` | {type_of(field)} | {one_line(field.get('description', ''))} |" for path, field, _ in leaves(status)]
    text = "\n".join(lines) + "\n"
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"(`)\.(metadata|spec)", r"\1\2", text))


def main():
    if sys.argv[1:] == ["--check"]:
        if PAGE.read_text() != page():
            sys.exit(f"{PAGE.name} is not what {DEFINITION.name} says: make docs")
    else:
        PAGE.write_text(page())


if __name__ == "__main__":
    main()
