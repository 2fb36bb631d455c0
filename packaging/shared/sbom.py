"""A software bill of materials in CycloneDX 1.5's JSON."""

import json
import time
import uuid

from shared.dependencies import Crate
from shared.licences import works
from shared.project import RUNTIME_VERSION, VERSION, epoch


def of(crates: list[Crate], target: str) -> str:
    """The bill: the crates by name, version and checksum, and the other works in the packages."""
    components = [of_crate(crate) for crate in crates]
    for work in works():
        if work["name"] not in ("Heschl", "Crates"):
            version = {"ONNX Runtime": RUNTIME_VERSION}.get(work["name"])
            kind = "machine-learning-model" if work["name"] == "Whisper" else "library"
            component = {"type": kind, "name": work["name"], "licenses": [{"license": {"name": work["licence"]}}]}
            components.append(component | ({"version": version} if version else {}))
    name = f"heschl@{VERSION} for {target}"
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name + json.dumps(components))}",
        "version": 1,
        "metadata": {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch())),
            "component": {
                "type": "application",
                "bom-ref": "heschl",
                "name": "heschl",
                "version": VERSION,
                "licenses": [{"expression": "MIT OR Apache-2.0"}],
            },
        },
        "components": components,
    }
    return json.dumps(bill, indent=1) + "\n"


def of_crate(crate: Crate) -> dict:
    purl = f"pkg:cargo/{crate.name}@{crate.version}"
    component = {"type": "library", "bom-ref": purl, "name": crate.name, "version": crate.version, "purl": purl}
    # Older manifests write a choice with a stroke.
    component["licenses"] = [{"expression": crate.licence.replace("/", " OR ")}]
    if crate.checksum:
        component["hashes"] = [{"alg": "SHA-256", "content": crate.checksum}]
    if crate.repository:
        component["externalReferences"] = [{"type": "vcs", "url": crate.repository}]
    return component
