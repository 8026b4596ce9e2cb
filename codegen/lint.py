"""Rules that contracts keep beyond being valid: those chosen for Avro, and buf's for Protobuf."""

from codegen.avro import rules as avro_rules
from codegen.errors import ContractError
from codegen.plan import retired
from codegen.proto.gone import names_of
from codegen.proto.lint import proto_findings
from codegen.subjects import claims, older_versions
from codegen.tree import Contracts


def findings(contracts: Contracts, *, fix: bool = False) -> list[ContractError]:
    """Return everything that lint tells: what is ignored as notes, and each broken rule with file and place.

    ``fix`` formats the Protobuf files. Older versions in files stay as they were released.
    Raises ContractError when codegen.yaml chooses rules that there are not.
    """
    rules = avro_rules.chosen(contracts.project.lint)
    named = claims(contracts.topics, contracts.avro, contracts.proto, contracts.project.subjects)
    released = older_versions(named)
    found = [
        finding
        for path, schema in contracts.avro.items()
        if path not in released
        for finding in avro_rules.findings(schema, rules)
    ]
    if "widths" in rules:
        found += avro_rules.width_findings(contracts.topics, contracts.avro)
    held = names_of(contracts.descriptors, contracts.proto) if contracts.proto else {}
    found += retired.wrong(contracts.retired, held)
    found += retired.astray(contracts.retired, contracts.names | held.keys())
    if contracts.proto:
        found += proto_findings(contracts, fix=fix)
    return found
