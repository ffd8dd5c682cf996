"""The part of the tailnet's policy that the link needs, with tests that refuse a policy which opens more (distributed.md 2.8).

Printed, never applied: editing a tailnet is its administrator's.
"""

import json
import re

from bootstrap.files import Problem

__all__ = ["WARNING", "checked_tag", "policy"]

_TAG = re.compile(r"tag:[a-z][a-z0-9-]*")
WARNING = (
    "A grant only ever allows. The default policy allows everybody everything: take its * -> * rule out, or this narrows nothing;"
    " the deny tests below refuse to save such a policy."
)


def checked_tag(tag: str) -> str:
    """tag:NAME, the prefix being optional. Raises Problem."""
    full = tag if tag.startswith("tag:") else f"tag:{tag}"
    if not _TAG.fullmatch(full):
        raise Problem(f"tag {tag!r}: a lower-case letter, then letters, digits and dashes, as tag:arb-trader")
    return full


def policy(controller_tag: str, trader_tag: str, port: int) -> str:
    """JSON to merge into the policy file: traders reach the controller's port and the next one, where `bootstrap pair` waits while
    the controller runs, and nothing else in either direction."""
    controller, trader = checked_tag(controller_tag), checked_tag(trader_tag)
    if controller == trader:
        raise Problem("controller and trader need different tags: the link tells them apart by these")
    rows = {
        "tagOwners": {controller: ["autogroup:admin"], trader: ["autogroup:admin"]},
        "grants": [{"src": [trader], "dst": [controller], "ip": [f"tcp:{port}-{port + 1}"]}],
        "tests": [
            {
                "src": trader,
                "proto": "tcp",
                "accept": [f"{controller}:{port}", f"{controller}:{port + 1}"],
                "deny": [f"{controller}:22", f"{trader}:{port}"],
            },
            {"src": controller, "proto": "tcp", "deny": [f"{trader}:22", f"{trader}:{port}"]},
        ],
    }
    return json.dumps(rows, indent=2)
